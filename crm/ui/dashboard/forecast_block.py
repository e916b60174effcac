"""What open deals will bring: the sums in words, what is missing for them, the chart with its deals."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.charts.forecast import CHART as FORECAST
from crm.analytics.charts.forecast import LATE
from crm.analytics.scope import Scope
from crm.analytics.values import Ask
from crm.auth.permissions import Action, may
from crm.i18n import _, ngettext
from crm.i18n.analytics_formats import grouped
from crm.i18n.analytics_texts import chart_title
from crm.i18n.formats import short_money
from crm.ui.dashboard.chart_block import chart_block
from crm.ui.dashboard.loaders import load_frame
from crm.ui.nav import page_link


def draw_forecast(actor: Actor, scope: Scope) -> None:
    """Draw the forecast of the scope's open deals, as they are now."""
    frame = load_frame(actor, FORECAST, Ask(scope))
    title = _title(frame, scope.currency) if len(frame) else None
    chart_block(
        actor, FORECAST, Ask(scope), key="forecast", title=title, empty=_("No deal is open here."),
        help=_("By stages: amounts times the stage's chance of a win. By history: amounts times the share of deals won "
               "after reaching the stage, of those decided within a year. Whatever the period above, "
               "these are the deals open now."),
    )  # fmt: skip
    if len(frame):
        _draw_gaps(actor, scope, frame)


def _title(frame: pd.DataFrame, currency: str) -> str:
    sums = frame[["amount_sum", "stage_sum", "history_sum"]].astype(float).sum()
    if not sums["amount_sum"]:
        return chart_title(FORECAST.name)
    chances = []
    if sums["stage_sum"]:
        chances.append(_("by stages {money}", money=short_money(round(sums["stage_sum"]), currency)))
    if sums["history_sum"]:
        chances.append(_("by history {money}", money=short_money(round(sums["history_sum"]), currency)))
    whole = short_money(round(sums["amount_sum"]), currency)
    if not chances:
        return _("Open deals are worth {money}", money=whole)
    return _("Open deals are worth {money}: {chances}", money=whole, chances=", ".join(chances))


def _draw_gaps(actor: Actor, scope: Scope, frame: pd.DataFrame) -> None:
    """Tell what the forecast lacks, with the door to mend it."""
    late = int(frame.loc[frame["due"] == LATE, "deals"].sum())
    without, unknown = int(frame["without_percent"].sum()), int(frame["without_history"].sum())
    if late:
        told = ngettext("{n} deal should have closed before today: set its date anew.",
                        "{n} deals should have closed before today: set their dates anew.", late)  # fmt: skip
        st.caption(f":material/event_busy: {grouped(told, late)}")
    if unknown:
        told = ngettext("{n} deal stands on a stage that fewer than ten decided deals reached within a year: "
                        "history says nothing of it.",
                        "{n} deals stand on stages that fewer than ten decided deals reached within a year: "
                        "history says nothing of them.", unknown)  # fmt: skip
        st.caption(f":material/history: {grouped(told, unknown)}")
    if without:
        told = ngettext("{n} deal stands on a stage without a chance of a win: it adds nothing to the sum by stages.",
                        "{n} deals stand on stages without a chance of a win: they add nothing to the sum by stages.",
                        without)  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/percent: {grouped(told, without)}", width="content")
            if may(actor, Action.DESIGN_PIPELINES):
                query = {"pipeline": scope.pipeline_ids[0]} if len(scope.pipeline_ids) == 1 else {}
                page_link("pipelines", _("Set chances on the stages"), icon=":material/tune:", **query)
