"""Losses: why and where deals are lost, what it costs, and which of them can be saved."""

from __future__ import annotations

import streamlit as st

from crm.analytics.charts import CHARTS
from crm.analytics.loss_findings import losses_finding, months_finding, objections_finding
from crm.analytics.values import Ask
from crm.i18n import _
from crm.ui.dashboard.chart_block import chart_block
from crm.ui.dashboard.loaders import load_frame
from crm.ui.dashboard.loss_figures import draw_loss_figures, loss_sentence, split_title
from crm.ui.dashboard.nothing_yet import draw_nothing_yet
from crm.ui.dashboard.scope_bar import scope_bar
from crm.ui.dashboard.splits import split_choice
from crm.ui.deal_moves import forget_pending_move
from crm.ui.lost_deals import draw_lost_deals
from crm.ui.page import open_page

actor = open_page("losses")
forget_pending_move()
st.markdown(f"### {_('Losses')}")
charts = {one.name: one for one in CHARTS}
scope = scope_bar(actor, "losses")
if draw_nothing_yet(actor, _("Here you will see why and on which stage deals are lost, what it costs, and which of "
                             "them can be saved.")):  # fmt: skip
    st.stop()
ask = Ask(scope)
draw_loss_figures(actor, ask)
by = split_choice(actor, charts["loss-totals"], scope)
if by:
    chart_block(actor, charts["loss-totals"], Ask(scope, by), key="split", title=split_title(actor, Ask(scope, by)))

losses = load_frame(actor, charts["losses"], ask)
apart = () if losses["is_loss"].all() else ("is_loss",)
chart_block(
    actor, charts["losses"], ask, key="losses", title=loss_sentence(losses_finding(losses), scope.currency),
    columns=("pipeline", "reason", "stage", *apart, "lost", "lost_sum", "share", "sum_share"),
    empty=_("Nothing was lost in this period."),
    help=_("What was closed as invalid, a duplicate or a test is no loss: it stands last in the table and has no "
           "share."),
)  # fmt: skip
if len(losses):
    months = load_frame(actor, charts["lost-money"], ask)
    chart_block(
        actor, charts["lost-money"], ask, key="months", title=loss_sentence(months_finding(months), scope.currency),
        columns=("month", "lost", "lost_sum", "mean_lost", "reason_1", "reason_1_lost", "reason_2"),
    )  # fmt: skip
    draw_lost_deals(ask)

objections = load_frame(actor, charts["objections"], ask)
chart_block(
    actor, charts["objections"], ask, key="objections",
    columns=("pipeline", "stage", "objections", "overcome", "not_overcome", "unsettled", "overcome_share", "real",
             "pretended", "deals_won", "deals_lost"),
    title=loss_sentence(objections_finding(objections), scope.currency),
    empty=_("Nobody wrote down an objection in this period. Objections are kept on the deal, beside its timeline."),
)  # fmt: skip
