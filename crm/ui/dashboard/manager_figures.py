"""Managers on a page: who is strong where in words, maps of conversion and time, one manager's figures and trend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.kpi import CHART as KPI
from crm.analytics.charts.managers import CHART as MANAGERS
from crm.analytics.charts.managers import time_figure
from crm.analytics.frames import stage_rows
from crm.analytics.intervals import ENOUGH
from crm.analytics.scope import Scope
from crm.analytics.strengths import strengths, styles
from crm.analytics.values import Ask
from crm.i18n import _
from crm.i18n.analytics_formats import NOTHING, percent_text, rounded
from crm.i18n.analytics_texts import word
from crm.i18n.formats import short_money
from crm.models import StageKind
from crm.ui.dashboard.blocks import draw_open_list, load_block
from crm.ui.dashboard.cells import frame_rows
from crm.ui.dashboard.figure_row import TopFigure, draw_figures
from crm.ui.dashboard.kpi_figures import figures_before
from crm.ui.dashboard.loaders import kept_while_nothing_happens, load_frame
from crm.ui.dashboard.manager_trend import draw_trend, everybody
from crm.ui.dashboard.manager_words import (
    conversion_title,
    strength_sentence,
    style_sentence,
    time_sentences,
    time_title,
)

# The same figures drawn by time.
MANAGER_TIMES = replace(MANAGERS, name="manager-times", figure=time_figure)
CONVERSION_COLUMNS = (
    "owner", "pipeline", "stage", "passed", "lost", "conversion_decided", "low", "high", "others", "verdict",
)  # fmt: skip
TIME_COLUMNS = (
    "owner", "pipeline", "stage", "visits", "median_hours", "team_median_hours", "longer", "time_verdict",
)  # fmt: skip
SENTENCES = 5  # at once; the rest is folded


def draw_read_out(actor: Actor, scope: Scope, *, by_time: bool) -> None:
    """Tell who is clearly better or worse than the others, the clearest first."""
    all_frame = load_frame(actor, MANAGERS, Ask(everybody(scope)))
    shown = load_frame(actor, MANAGERS, Ask(scope))
    several = all_frame["pipeline"].nunique() > 1
    is_one = shown["owner_id"].nunique() == 1
    if by_time:
        rows = [row for row in frame_rows(shown) if row["owner_id"] is not None]
        told = [one for _weight, one in time_sentences(rows, with_owner=not is_one, with_pipeline=several)]
    else:
        told = _styles_told(actor, scope, all_frame, shown, with_pipeline=several)
        found = sorted(strengths(shown, all_frame), key=lambda one: -abs(one.difference))
        told += [strength_sentence(one, with_owner=not is_one, with_pipeline=several) for one in found]
    if told:
        _draw_sentences(told)
    elif all_frame["owner_id"].nunique() > 1:
        st.caption(_no_verdict(shown, by_time=by_time, is_one=is_one))


def map_title(actor: Actor, scope: Scope, *, by_time: bool) -> str | None:
    """Return what the map shows first; None for nothing clear."""
    shown = load_frame(actor, MANAGERS, Ask(scope))
    several = shown["pipeline"].nunique() > 1
    if by_time:
        return time_title(list(frame_rows(shown)), with_pipeline=several)
    return conversion_title(strengths(shown), with_pipeline=several)


def draw_one(actor: Actor, scope: Scope, name: str) -> None:
    """Draw one manager's figures against the period before and the team, with their months."""
    before, earlier = figures_before(actor)
    block = load_block(actor, KPI, Ask(scope), key="own")
    own, team = _only(block.frame), _only(load_frame(actor, KPI, Ask(everybody(scope))))
    columns = {one.code: one for one in KPI.columns}
    figures = [
        TopFigure(
            code, word(code), columns[code].kind, own[code], earlier[code] if earlier else None, _team_told(code, team),
            partial(block.open, 0, code) if columns[code].is_door else None,
            int(own["won" if code == "won_sum" else code] or 0) if columns[code].is_door else 0,
            less_is_better=code == "median_days",
        )
        for code in ("won", "won_sum", "win_rate", "median_days")
    ]  # fmt: skip
    draw_figures(figures, before=before, currency=scope.currency)
    if _has_others(actor, scope):
        st.caption(_against_team(team, scope.currency))
    draw_open_list(actor, block)
    draw_trend(actor, scope, name)


def alone_text() -> str:
    """Return the words for who sees nobody else's figures."""
    return _("You see your own figures. To compare them with the others', ask your head of sales for this page.")


def _styles_told(
    actor: Actor, scope: Scope, all_frame: pd.DataFrame, shown: pd.DataFrame, *, with_pipeline: bool
) -> list[str]:
    stages = kept_while_nothing_happens(actor, ("open stages", scope.pipeline_ids), partial(_open_stages, scope=scope))
    present = set(shown["owner_id"])
    found = [one for one in styles(all_frame, stages) if one.owner_id in present]
    return [style_sentence(one, with_pipeline=with_pipeline) for one in found]


def _open_stages(session: Session, *, scope: Scope) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in stage_rows(session, scope):
        if one.kind is StageKind.OPEN and not one.is_retired:
            found.setdefault(one.pipeline, []).append(one.stage_id)
    return found


def _draw_sentences(told: Sequence[str]) -> None:
    with st.container(border=True, key="read_out"):
        shown = len(told) if len(told) <= SENTENCES + 1 else SENTENCES  # a fold for one sentence saves nothing
        st.markdown("  \n".join(told[:shown]))
        if told[shown:]:
            with st.expander(_("{n} more", n=len(told) - shown)):
                st.markdown("  \n".join(told[shown:]))


def _no_verdict(shown: pd.DataFrame, *, by_time: bool, is_one: bool) -> str:
    verdict = "time_verdict" if by_time else "verdict"
    if (shown[verdict] == "few").all():
        return _("Too little is decided to tell anybody from the others: {n} on a stage are needed.", n=ENOUGH)
    if is_one:
        return _("No stage goes clearly better or worse than the others': chance explains the differences.")
    return _("Nobody does clearly better or worse than the others: chance explains the differences.")


def _only(frame: pd.DataFrame) -> dict[str, Any]:
    return next(frame_rows(frame))


def _has_others(actor: Actor, scope: Scope) -> bool:
    owners = load_frame(actor, MANAGERS, Ask(everybody(scope)))["owner_id"]
    return bool(owners.nunique() > 1)


def _team_told(code: str, team: Mapping[str, Any]) -> str | None:
    if code == "win_rate":
        return _("Won, of those won or lost in the period. All together: {value}", value=percent_text(team[code]))
    return None


def _against_team(team: Mapping[str, Any], currency: str) -> str:
    mean, days = team["mean_won"], team["median_days"]
    return _(
        "All together: {rate} won of those decided, mean sale {mean}, median days to a win {days}.",
        rate=percent_text(team["win_rate"]),
        mean=NOTHING if mean is None else short_money(round(mean), currency),
        days=NOTHING if days is None else rounded(days),
    )
