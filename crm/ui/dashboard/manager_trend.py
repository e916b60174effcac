"""One manager month by month against the others: the win rate, or the share that goes on from a stage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.charts.kpi import CHART as KPI
from crm.analytics.monthly import OTHERS, OWN, against_others, figure
from crm.analytics.population import MONTH
from crm.analytics.scope import Scope
from crm.analytics.theme import CELL
from crm.analytics.values import Ask, Chart
from crm.i18n import _
from crm.i18n.analytics_texts import word
from crm.ui.dashboard.address import addressed_choice
from crm.ui.dashboard.blocks import FIGURE, Block, draw_open_list, load_block
from crm.ui.dashboard.figures import drawn
from crm.ui.dashboard.loaders import load_frame
from crm.ui.markdown import md

_KEY = "trend"
_WHOLE = ""


def everybody(scope: Scope) -> Scope:
    """Return the scope without its narrowing to people."""
    return replace(scope, owner_ids=(), team_ids=())


def draw_trend(actor: Actor, scope: Scope, name: str) -> None:
    """Draw the shares of the scope's one manager by month; a click on a month opens its deals."""
    months = [one.day for one in scope.months()]
    if len(months) < 2:
        return
    stages = _stages(load_frame(actor, CONVERSION, Ask(scope)))
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        st.markdown(f"#### {_('{name} month by month', name=md(name))}")
        stage = addressed_choice(
            word("stage"), [_WHOLE, *stages], param=_KEY,
            format_func=lambda one: stages[one] if one else _("All the way to the win"),
        )  # fmt: skip
    chart, door = (CONVERSION, "came") if stage else (KPI, "won")
    block = load_block(actor, chart, Ask(scope, MONTH), key=_KEY)
    shares = _shares(actor, block, chart, stage)
    st.caption(
        _("Deals that reached the stage in the month: went on, of those that went on or were lost. Hollow points: "
          "fewer than ten.")
        if stage
        else _("Won, of those won or lost in the month. Hollow points: fewer than ten.")
    )  # fmt: skip
    if shares.empty or not (shares["side"] == OWN).any():
        st.info(_("Nothing was decided in these months."), icon=":material/query_stats:")
        return
    key = block.widget_key(FIGURE)

    def choose() -> None:
        chosen: list[dict[str, Any]] = st.session_state[key]["selection"].get(CELL) or []
        if chosen and chosen[0].get("row", -1) >= 0:  # else a month of the others
            block.open(int(chosen[0]["row"]), str(chosen[0]["part"]), part=FIGURE)

    names = {OWN: name, OTHERS: _("The others")}
    spec = drawn(figure(shares, lambda code: names.get(code, word(code)), months=months, door=door))
    st.vega_lite_chart(spec, key=key, on_select=choose, alt=_("{name} month by month", name=name))
    draw_open_list(actor, block)


def _shares(actor: Actor, block: Block, chart: Chart, stage: str) -> pd.DataFrame:
    own, all_ = block.frame, load_frame(actor, chart, Ask(everybody(block.ask.scope), MONTH))
    if not stage:
        return against_others(own, all_, good="won", bad="lost")
    own, all_ = (one[one["stage_id"] == int(stage)] for one in (own, all_))
    return against_others(own, all_, good="passed", bad="lost")


def _stages(frame: pd.DataFrame) -> dict[str, str]:
    """Return the names of open stages by their ids, as an address holds them."""
    several = frame["pipeline"].nunique() > 1
    ends = set(frame.groupby("pipeline", sort=False).tail(1)["stage_id"])
    return {
        str(row["stage_id"]): f"{row['pipeline']} · {row['stage']}" if several else row["stage"]
        for row in frame.to_dict("records")
        if row["stage_id"] not in ends
    }
