"""Names of charts, columns and codes of analytics, the definition of each in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crm.i18n import N_, _
from crm.i18n.analytics_formats import percent_text

# Columns of frames, parts of charts, values of splits.
WORDS: dict[str, str] = {
    "came": N_("Came"),
    "conversion": N_("Conversion"),
    "conversion_decided": N_("Of those decided"),
    "deals": N_("Deals"),
    "from_first": N_("From the first stage"),
    "lost": N_("Lost"),
    "month": N_("Month"),
    "off_path": N_("Went on otherwise"),
    "open": N_("Still here"),
    "owner": N_("Owner"),
    "passed": N_("Went on"),
    "pipeline": N_("Pipeline"),
    "priority": N_("Priority"),
    "source": N_("Source"),
    "stage": N_("Stage"),
    "team": N_("Team"),
    "total": N_("Total"),
    "week": N_("Week"),
    "won": N_("Won"),
}

# What a column of a table means, in a line; beside its name.
MEANS: dict[str, str] = {
    "came": N_("Deals that came to the stage; each is counted once."),
    "conversion": N_("Went on, of all that came. Deals still here make it look low."),
    "conversion_decided": N_("Went on, of those that went on or were lost: deals still here are left out."),
    "from_first": N_("Came here, of those that came to the pipeline's first stage."),
    "lost": N_("Lost without ever having gone on from the stage."),
    "off_path": N_("Went on past a stage, after a return, or after the period."),
    "open": N_("Neither went on nor lost until now."),
    "passed": N_("Came to a later stage or were won, until now."),
}

# Charts by name: title and definition in a line.
CHART_TITLES: dict[str, str] = {
    "conversion": N_("From stage to stage"),
    "transitions": N_("Transitions"),
    "time-on-stage": N_("Time on stages"),
    "cohorts": N_("Deals by the month they came in"),
}
CHART_TELLS: dict[str, str] = {
    "conversion": N_("Deals that came to each stage in the period, and what has become of them until now."),
    "transitions": N_("Where deals went from each stage, how many and how fast."),
    "time-on-stage": N_("How long deals stay on a stage: those that have left it, and those that wait there now."),
    "cohorts": N_("Deals by the month in which they came to the pipeline, and how far they have come until now."),
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
    "nothing_lost": N_("Nobody who was decided was lost on the way"),
}

# Where an id or a value is missing.
NOBODY: dict[str, str] = {
    "owner": N_("No owner"),
    "team": N_("No team"),
    "source": N_("No source"),
}


def word(code: str) -> str:
    """Return the reader's name of a column or a part; what is no code of ours, such as a source, is its own name."""
    return _(WORDS[code]) if code in WORDS else code


def meaning_of(code: str) -> str | None:
    """Return what a column means in one line; None where its name says it."""
    return _(MEANS[code]) if code in MEANS else None


def chart_title(name: str) -> str:
    """Return the title of a chart without a finding."""
    return _(CHART_TITLES[name])


def chart_tells(name: str) -> str:
    """Return the definition of a chart in one line."""
    return _(CHART_TELLS[name])


def nothing_stated(code: str) -> str:
    """Return the words for a missing value of a column."""
    return _(NOBODY[code]) if code in NOBODY else _("Not stated")


def finding_sentence(code: str, params: Mapping[str, Any]) -> str:
    """Return what a frame says, in the reader's language; shares are called percent."""
    values = {name: percent_text(value) if name == "percent" else value for name, value in params.items()}
    return _(FINDINGS[code], **values)
