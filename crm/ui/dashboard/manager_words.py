"""What figures of managers say, in the reader's sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crm.analytics.manager_times import FASTER, SLOWER
from crm.analytics.strengths import CLOSES, OPENS, STRONG, WEAK, Strength, Style
from crm.i18n import N_, _, ngettext
from crm.i18n.analytics_formats import grouped, hours_text, percent_text, rounded
from crm.i18n.analytics_texts import finding_sentence
from crm.ui.markdown import md

BETTER_ICON, WORSE_ICON = ":green[▲]", ":orange[▼]"
_STYLES = {
    OPENS: N_("**{owner}** opens well and closes badly"),
    CLOSES: N_("**{owner}** opens badly and closes well"),
    STRONG: N_("**{owner}** does better than the others from the first stage to the last"),
    WEAK: N_("**{owner}** does worse than the others from the first stage to the last"),
}


def style_sentence(style: Style, *, with_pipeline: bool) -> str:
    """Return how an owner opens and closes."""
    told = _(_STYLES[style.code], owner=md(style.owner))
    return f"{told} :gray[· {md(style.pipeline)}]" if with_pipeline else told


def strength_sentence(one: Strength, *, with_owner: bool, with_pipeline: bool) -> str:
    """Return a stage on which an owner is clearly better or worse, the figures that say so, who can help."""
    stage = f"{one.pipeline} · {one.stage}" if with_pipeline else one.stage
    points = f"{'+' if one.difference > 0 else '−'}{rounded(abs(one.difference))}"
    told = _(
        "{stage} {share} against {others} of the others ({points} points, of {decided})",
        stage=md(stage), share=percent_text(one.share), others=percent_text(one.others), points=points,
        decided=grouped(ngettext("{n} decided deal", "{n} decided deals", one.decided), one.decided),
    )  # fmt: skip
    icon = BETTER_ICON if one.is_better else WORSE_ICON
    told = f"{icon} **{md(one.owner)}**: {told}" if with_owner else f"{icon} {told}"
    return f"{told}. {_('Who can help: {helper}, the best there.', helper=md(one.helper))}" if one.helper else told


def conversion_title(found: Sequence[Strength], *, with_pipeline: bool) -> str | None:
    """Return where somebody is least like the others; None where chance explains all differences."""
    if not found:
        return None
    most = max(found, key=lambda one: abs(one.difference))
    stage = f"{most.pipeline} · {most.stage}" if with_pipeline else most.stage
    return finding_sentence(
        "most_unlike", {"stage": stage, "owner": most.owner, "percent": most.share, "others": most.others}
    )


def time_title(rows: Sequence[Mapping[str, Any]], *, with_pipeline: bool) -> str | None:
    """Return where somebody takes most unlike the others, clearly faster or slower; None where nobody does."""
    clear = [row for row in rows if row["time_verdict"] in (FASTER, SLOWER) and row["owner"]]
    if not clear:
        return None
    most = max(clear, key=_times_unlike)
    stage = f"{most['pipeline']} · {most['stage']}" if with_pipeline else most["stage"]
    times = {"hours": most["median_hours"], "team_hours": most["team_median_hours"]}
    return finding_sentence("most_unlike_time", {"stage": stage, "owner": most["owner"], **times})


def _times_unlike(row: Mapping[str, Any]) -> float:
    times: float = max(row["median_hours"], 0.01) / max(row["team_median_hours"], 0.01)
    return times if times > 1 else 1 / times


def time_sentences(
    rows: Sequence[Mapping[str, Any]], *, with_owner: bool, with_pipeline: bool
) -> list[tuple[float, str]]:
    """Return who is clearly faster or slower where, each with how many times; from rows of managers."""
    found = []
    for row in rows:
        if row["time_verdict"] not in (FASTER, SLOWER) or not row["owner"]:
            continue
        stage = f"{row['pipeline']} · {row['stage']}" if with_pipeline else row["stage"]
        told = _(
            "{stage} {own} against {team} of all ({visits})",
            stage=md(stage), own=hours_text(row["median_hours"]), team=hours_text(row["team_median_hours"]),
            visits=grouped(ngettext("{n} visit", "{n} visits", row["visits"]), row["visits"]),
        )  # fmt: skip
        icon = BETTER_ICON if row["time_verdict"] == FASTER else WORSE_ICON
        found.append((_times_unlike(row), f"{icon} **{md(row['owner'])}**: {told}" if with_owner else f"{icon} {told}"))
    return sorted(found, reverse=True)
