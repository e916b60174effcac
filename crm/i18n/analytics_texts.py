"""Names of charts, columns and codes of analytics, the definition of each in one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crm.i18n import N_, _
from crm.i18n.analytics_formats import NOTHING, hours_text, percent_text

# Columns of frames, parts of charts, values of splits.
WORDS: dict[str, str] = {
    "again": N_("Came back to the same stage"),
    "alike": N_("As the others"),
    "amount_sum": N_("Amount"),
    "aside": N_("To a retired stage"),
    "back": N_("Back to an earlier stage"),
    "better": N_("Better than the others"),
    "at_risk": N_("Not come yet, and followed for so long"),
    "came": N_("Came"),
    "bought": N_("Bought"),
    "clients": N_("Clients"),
    "come": N_("Have come"),
    "conversion": N_("Conversion"),
    "conversion_decided": N_("Of those decided"),
    "credit": N_("For what"),
    "credit:first": N_("brought the client"),
    "credit:return": N_("brought the client back"),
    "days": N_("Days"),
    "days_since": N_("Days since coming to the pipeline"),
    "decided": N_("Decided deals"),
    "deals": N_("Deals"),
    "deals_lost": N_("Deals lost"),
    "deals_open": N_("Deals in progress"),
    "deals_won": N_("Deals won"),
    "difference": N_("Difference, points"),
    "due": N_("Expected"),
    "due:late": N_("Overdue"),
    "due:month": N_("in the month"),
    "due:none": N_("No date"),
    "faster": N_("Faster than the others"),
    "few": N_("Too few deals"),
    "first": N_("First sales"),
    "first_sum": N_("Sum of first sales"),
    "from_first": N_("From the first stage"),
    "half_hours": N_("Half come within"),
    "high": N_("At most"),
    "history_sum": N_("By history"),
    "hours_since": N_("Hours since coming to the pipeline"),
    "interval": N_("Likely between"),
    "invalid": N_("Not real deals"),
    "is_loss": N_("Counts as a loss"),
    "longer": N_("Longer than usual"),
    "loss_share": N_("Share of losses"),
    "lost": N_("Lost deals"),
    "lost_sum": N_("Lost money"),
    "low": N_("At least"),
    "mean_lost": N_("Mean lost amount"),
    "mean_won": N_("Mean sale"),
    "median_days": N_("Median days to a win"),
    "median_hours": N_("Median time"),
    "median_with_open_hours": N_("Median with those waiting"),
    "month": N_("Month"),
    "new": N_("New deals"),
    "next": N_("To the next stage"),
    "no_owner": N_("No owner"),
    "no_source": N_("No source"),
    "no_team": N_("No team"),
    "norm_hours": N_("Norm"),
    "not_overcome": N_("Not overcome"),
    "not_stated": N_("Not stated"),
    "objections": N_("Objections"),
    "off_path": N_("Went on otherwise"),
    "open": N_("Still in progress"),
    "open_hours": N_("Time of those waiting"),
    "others": N_("The others"),
    "over_norm": N_("Over the norm"),
    "over_norm_share": N_("Share over the norm"),
    "overcome": N_("Overcome"),
    "overcome_share": N_("Share overcome"),
    "owner": N_("Owner"),
    "p90_hours": N_("90% within"),
    "p90_with_open_hours": N_("90% with those waiting"),
    "passed": N_("Went on"),
    "pipeline": N_("Pipeline"),
    "plan_new": N_("Planned to come"),
    "plan_new_percent": N_("Plan of new deals done"),
    "plan_percent": N_("Plan of money done"),
    "plan_sum": N_("Plan of money"),
    "plan_won": N_("Planned to win"),
    "plan_won_percent": N_("Plan of wins done"),
    "pretended": N_("Pretended"),
    "priority": N_("Priority"),
    "real": N_("Real"),
    "reason": N_("Reason"),
    "reason_1": N_("First reason"),
    "reason_1_lost": N_("Lost for the first reason"),
    "reason_2": N_("Second reason"),
    "reason_2_lost": N_("Lost for the second reason"),
    "reason_3": N_("Third reason"),
    "reason_3_lost": N_("Lost for the third reason"),
    "repeat": N_("Repeat sales"),
    "repeat_sum": N_("Sum of repeat sales"),
    "share": N_("Share"),
    "size": N_("Came in the month"),
    "skip": N_("Past stages"),
    "slower": N_("Slower than the others"),
    "source": N_("Source"),
    "stage": N_("Stage"),
    "stage_sum": N_("By stages"),
    "stays": N_("Number of stays"),
    "stays_closed": N_("Stays that ended"),
    "stays_open": N_("Stays that last"),
    "step": N_("How far"),
    "step:lost": N_("Lost"),
    "step:open": N_("In progress"),
    "step:stage": N_("Came to the stage"),
    "step:won": N_("Won"),
    "sum_share": N_("Share of the money"),
    "team": N_("Team"),
    "team_median_hours": N_("Median time of all"),
    "time_verdict": N_("Time against the others"),
    "to_stage": N_("Where to"),
    "total": N_("Total"),
    "total_hours": N_("Time in all"),
    "unclear": N_("Not clear yet"),
    "unsettled": N_("Not settled"),
    "verdict": N_("Against the others"),
    "visit_median_hours": N_("Median time of an owner"),
    "visit_p90_hours": N_("90% of owners within"),
    "visits": N_("Owners' visits"),
    "visits_closed": N_("Visits that ended"),
    "way": N_("How"),
    "way:lost": N_("Loss"),
    "way:open": N_("Still there"),
    "way:won": N_("Win"),
    "week": N_("Week"),
    "win_rate": N_("Win rate"),
    "within_30": N_("Within 30 days"),
    "within_7": N_("Within 7 days"),
    "within_90": N_("Within 90 days"),
    "without_history": N_("Without history"),
    "without_percent": N_("Without a chance set"),
    "won": N_("Won deals"),
    "won_sum": N_("Won money"),
    "worse": N_("Worse than the others"),
    "utm_campaign": N_("Campaign"),
    "utm_content": N_("UTM content"),
    "utm_medium": N_("UTM medium"),
    "utm_source": N_("UTM source"),
    "utm_term": N_("UTM term"),
    "finding": N_("Finding"),
    "finding:no_step": N_("No next step"),
    "finding:late_step": N_("Step overdue"),
    "finding:empty_field": N_("Required field empty"),
    "finding:too_long": N_("Too long on a stage"),
    "finding:late_move": N_("Late moves"),
    "finding:late_close": N_("Late closing"),
    "finding:burst": N_("Moved in a heap"),
    "finding:skipped": N_("Stage skipped"),
    "finding:born_late": N_("Began on a late stage"),
    "finding:went_back": N_("Moved back"),
    "finding:rule_passed": N_("Rule passed with a reason"),
    "finding:sterile": N_("Won without a history"),
    "finding:no_amount": N_("Won without an amount"),
    "finding:invalid": N_("Closed as not a real deal"),
    "finding:no_source": N_("New without a source"),
    "finding:by_hand": N_("Typed by hand"),
    "found": N_("Found"),
    "linter_score": N_("Linter's score"),
    "looked_at": N_("Looked at"),
    "points": N_("Points lost"),
    "score": N_("Score"),
    "worst": N_("Costs most"),
}

# What a column of a table means, in a line; beside its name. One that a chart means otherwise has the chart before it.
MEANS: dict[str, str] = {
    "came": N_("Deals that came to the stage; each is counted once."),
    "clients:bought": N_("Clients with a won deal among these."),
    "clients:clients": N_("A client is the deal's company, else its main contact, else the deal itself."),
    "clients:conversion": N_("Clients that bought, of all."),
    "clients:deals": N_("Deals created in the period, invalid ones left out."),
    "clients:open": N_("Clients without a won deal, but with an open one."),
    "conversion-totals:conversion": N_("Won, of those that came."),
    "conversion": N_("Went on, of all that came. Deals still here make it look low."),
    "conversion_decided": N_("Went on, of those that went on or were lost: deals still here are left out."),
    "from_first": N_("Came here, of those that came to the pipeline's first stage."),
    "half_hours": N_("After so long half of all deals have come to the stage, lost ones counted as not come."),
    "lost": N_("Lost without ever having gone on from the stage."),
    "off_path": N_("Went on past a stage, after a return, or after the period."),
    "open": N_("Neither went on nor lost until now."),
    "passed": N_("Came to a later stage or were won, until now."),
    "invalid": N_("Closed as invalid, a duplicate or a test: no losses, in no share."),
    "loss_share": N_("Lost, of those won or lost in the period."),
    "mean_lost": N_("Of the lost deals with an amount."),
    "mean_won": N_("Of the won deals with an amount."),
    "overcome_share": N_("Overcome, of those overcome or not; unsettled ones are left out."),
    "share": N_("Of all losses shown. What was no loss has no share."),
    "sum_share": N_("Of the money of all losses shown."),
    "difference": N_("The own share less that of the others, in percentage points."),
    "high": N_("The true share is no higher, 95 times of 100."),
    "kpi:first": N_("Won, and the client had bought nothing before."),
    "kpi:invalid": N_("Created in the time and closed as invalid, a duplicate or a test."),
    "kpi:lost": N_("Closed as lost in the time, for a reason that counts as a loss."),
    "kpi:lost_sum": N_("Amounts of the lost deals: what was not earned."),
    "kpi:median_days": N_("From the creation to the win, of the deals won; half of them took less."),
    "kpi:new": N_("Created in the time, those that were no deals left out."),
    "kpi:repeat": N_("Won, of a client who had bought before."),
    "kpi:win_rate": N_("Won, of those won or lost in the time."),
    "kpi:won": N_("Closed as won in the time."),
    "longer": N_("Visits longer than the median of all, of those longer or shorter: about half is usual."),
    "low": N_("The true share is no lower, 95 times of 100."),
    "managers:came": N_("Deals on the stage whose decision, or present, is this owner's."),
    "managers:visits": N_("Visits of this owner to the stage, begun in the period, that are over."),
    "others": N_("The same share of all others in the scope."),
    "team_median_hours": N_("Of the visits of all owners; nothing where nobody else was on the stage."),
    "time_verdict": N_("Clearly more than half of the visits are shorter, or longer, than the median of all."),
    "verdict": N_("Better or worse where chance explains the difference less than 5 times of 100."),
    "within_30": N_("Of all deals; a dash where nobody was followed for so long."),
    "within_7": N_("Of all deals; a dash where nobody was followed for so long."),
    "within_90": N_("Of all deals; a dash where nobody was followed for so long."),
    "losses:lost": N_("Lost in the period and lost still, from this stage for this reason."),
    "loss-totals:lost": N_("Lost in the period and lost still, for a reason that counts as a loss."),
    "lost-money:lost": N_("Lost in the month and lost still, for a reason that counts as a loss."),
    "objections:deals": N_("Deals on which clients objected here, each once."),
    "sources:came": N_("Deals created in the period, invalid ones left out."),
    "sources:conversion_decided": N_("Won, of those won or lost: open deals are left out."),
    "sources:lost": N_("Of those that came, lost until now."),
    "sources:median_hours": N_("From the creation of a deal to its win."),
    "sources:open": N_("Of those that came, still open."),
    "found": N_("What the finding names: deals, stays on stages or stages, as its definition says."),
    "linter_score": N_("How well the pipeline itself is built, 100 is clean; the page of pipelines says what to mend."),
    "looked_at": N_("What the finding could have named."),
    "points": N_("What the finding takes off the score: its share, as heavy as the finding weighs."),
    "score": N_("100 where nothing is found, 0 where everything is."),
    "trust:share": N_("Found, of all looked at."),
    "finding:no_step": N_("Open deals without a step that lies ahead."),
    "finding:late_step": N_("Open deals whose step should have been done more than a day ago, of those with a step."),
    "finding:empty_field": N_("Open deals without a field that their stage asks for, of those on stages that ask."),
    "finding:too_long": N_("Open deals on a stage longer than its norm; without one, over three times its median."),
    "finding:late_move": N_("Moves more than two days after the last contact or done step, of those with one before."),
    "finding:late_close": N_("Deals won or lost more than two days after the last contact or done step."),
    "finding:burst": N_("Moves by the owner, five or more of them within ten minutes."),
    "finding:skipped": N_("Stages that deals went past without being on them, of all stages reached."),
    "finding:born_late": N_("Deals made here that began on a stage where none may begin."),
    "finding:went_back": N_("Stays begun in the period that ended by going back, of those that ended."),
    "finding:rule_passed": N_("Stays begun in the period that ended past a rule, with a reason, of those that ended."),
    "finding:sterile": N_("Deals won within an hour of creation, or without any contact or done step."),
    "finding:no_amount": N_("Won deals without an amount."),
    "finding:invalid": N_("Deals closed for a reason that is no loss, of all closed as lost."),
    "finding:no_source": N_("Deals created in the period that say no source."),
    "finding:by_hand": N_("Deals typed by somebody, not brought by the API, an import or a link. It costs no points."),
}

# Charts by name: title and definition in a line.
CHART_TITLES: dict[str, str] = {
    "clients": N_("Clients across pipelines"),
    "cohorts": N_("Deals by the month they came in"),
    "conversion": N_("From stage to stage"),
    "conversion-totals": N_("Conversion in all"),
    "forecast": N_("What open deals will bring"),
    "kpi": N_("Key figures"),
    "loss-totals": N_("Losses in all"),
    "losses": N_("Reasons by stage"),
    "lost-money": N_("Lost money by month"),
    "manager-times": N_("How long deals stay with each manager"),
    "managers": N_("Managers by stage"),
    "objections": N_("Objections by stage"),
    "sources": N_("Sources"),
    "time-on-stage": N_("Time on stages"),
    "time-to-stage": N_("How long until a deal comes so far"),
    "transitions": N_("Transitions"),
    "trust": N_("What can't be trusted"),
}
CHART_TELLS: dict[str, str] = {
    "clients": N_("Deals created in the period; a client with deals in several pipelines counts once in the total."),
    "cohorts": N_("Deals by the month in which they came to the pipeline, and how far they have come until now."),
    "conversion": N_("Deals that came to each stage in the period, and what has become of them until now."),
    "conversion-totals": N_("Deals that came to the pipelines and to their won ends in the period."),
    "forecast": N_("Open deals by the month they are expected to close in: as stages promise, and as history says."),
    "kpi": N_("New deals, sales and losses of the period, plan and fact. A deal is its last owner's."),
    "loss-totals": N_("Deals lost in the period; invalid ones and duplicates are counted apart."),
    "losses": N_("Deals lost in the period: for which reason, and on which stage they stood last."),
    "lost-money": N_("Amounts of the deals lost in each month, and the reasons that took most of them."),
    "manager-times": N_("Median time of each owner's visits to a stage; a hand-over ends one and begins another."),
    "managers": N_("Deals each owner took further, of those decided on a stage, against all others in the scope."),
    "objections": N_("What clients objected to on each stage, and what became of it and of the deal."),
    "sources": N_("Deals created in the period by the source that brought the client, and what became of them."),
    "time-on-stage": N_("How long deals stay on a stage: those that have left it, and those that wait there now."),
    "time-to-stage": N_("Share of the deals that came in the period and were on a stage, or past it, after so long."),
    "transitions": N_("Stays on each stage by where they led, how many and how fast."),
    "trust": N_("What is kept wrong in deals: open ones as they are now, the rest as it happened in the period."),
}

MEANINGS: dict[str, tuple[str, str]] = {
    "real-path": (
        N_("Real path"),
        N_("Deals that reached a stage within the period and were really on it. A stage skipped is not counted."),
    ),
    "reached-at-least": (
        N_("Reached at least"),
        N_("Deals that reached a stage within the period or were past it already: skipped stages count as reached."),
    ),
    "strict-cohort": (
        N_("Strict cohort"),
        N_("Deals that came to the pipeline within the period and then to every stage in its order, all within it."),
    ),
}

# Titles that say what a frame shows, by the codes of findings.
FINDINGS: dict[str, str] = {
    "most_lost_on": N_("Most is lost on “{stage}”: {percent} of those decided go no further"),
    "dearest_month": N_("Most money was lost in {month}: {money}"),
    "few_losses": N_("“{stage}” lost {lost} of {all} deals, mostly for: {reason}"),
    "most_lost_by": N_("Most losses: {name}, {lost}"),
    "most_losses": N_("“{stage}” loses the most: {percent} of all losses, mostly for: {reason}"),
    "most_objections": N_("Clients object most on “{stage}”: {percent} are overcome"),
    "nothing_lost": N_("No decided deal was lost on the way"),
    "most_back": N_("From “{stage}” {percent} of the stays go back"),
    "slowest": N_("Deals wait longest on “{stage}”: half of them more than {hours}"),
    "half_won_within": N_("Half of the deals are won within {hours}"),
    "won_within": N_("{percent} of the deals are won within {hours}"),
    "best_source": N_("“{source}” sells best: {percent} of its decided deals are won"),
    "most_from": N_("Most deals come from “{source}”: {percent}"),
    "most_unlike_time": N_("“{stage}” takes {owner} {hours}, all together {team_hours}"),
    "most_unlike": N_("Managers differ most on “{stage}”: {owner} {percent}, the others {others}"),
    "trust_worst": N_("“{finding}” spoils the data most: {percent} of those looked at"),
    "trust_clean": N_("Nothing to mend: what was looked at can be trusted"),
}

# Where an id or a value is missing.
NOBODY: dict[str, str] = {
    "owner": N_("No owner"),
    "team": N_("No team"),
    "source": N_("No source"),
    "pipeline": N_("All pipelines"),
    "to_stage": N_("nowhere yet"),
}


_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "percent": percent_text, "others": percent_text, "hours": hours_text, "team_hours": hours_text,
}  # fmt: skip
PATHS_IN_THE_MAKING = N_(
    "A worker works out anew how far deals came; until then figures may be those of before or be missing."
)


def word(code: str) -> str:
    """Return the reader's name of a column or a part; what is no code of ours, such as a source, is its own name."""
    return _(WORDS[code]) if code in WORDS else code


def value_word(column: str, value: str) -> str:
    """Return the reader's name of a column's code; some codes mean something else in another column."""
    return word(f"{column}:{value}" if f"{column}:{value}" in WORDS else value)


def meaning_of(code: str, chart: str) -> str | None:
    """Return what a column of a chart means in one line; None where its name says it."""
    told = MEANS.get(f"{chart}:{code}") or MEANS.get(code)
    return _(told) if told else None


def chart_title(name: str) -> str:
    """Return the title of a chart without a finding."""
    return _(CHART_TITLES[name])


def chart_tells(name: str) -> str:
    """Return the definition of a chart in one line."""
    return _(CHART_TELLS[name])


def nothing_stated(code: str) -> str:
    """Return the words for a missing value of a column."""
    if code == "stage":  # of an end, which is no stage's, too
        return NOTHING
    return _(NOBODY[code]) if code in NOBODY else _("Not stated")


def finding_sentence(code: str, params: Mapping[str, Any]) -> str:
    """Return what a frame says, in the reader's language; shares and times are known by their names."""
    return _(FINDINGS[code], **{name: _WRITTEN.get(name, str)(value) for name, value in params.items()})
