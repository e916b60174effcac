"""Data trust: what is kept wrong in deals, whose and where, and what to do about it."""

from __future__ import annotations

import streamlit as st

from crm.analytics.charts.trust import CHART
from crm.analytics.trust.removals import count_removals
from crm.analytics.trust.worst import trust_finding
from crm.analytics.values import Ask
from crm.auth.permissions import Action, may
from crm.i18n import _, ngettext
from crm.i18n.analytics_formats import grouped
from crm.i18n.analytics_texts import finding_sentence, value_word
from crm.ui.dashboard.blocks import load_block
from crm.ui.dashboard.chart_block import chart_block
from crm.ui.dashboard.loaders import kept_while_nothing_happens, load_frame
from crm.ui.dashboard.nothing_yet import draw_nothing_yet
from crm.ui.dashboard.scope_bar import scope_bar
from crm.ui.dashboard.splits import split_choice
from crm.ui.dashboard.trust_figures import draw_trust_figures
from crm.ui.dashboard.trust_fixes import draw_finding_fix
from crm.ui.dashboard.trust_scores import draw_scores
from crm.ui.dashboard.trust_trend import draw_trend
from crm.ui.nav import page_link
from crm.ui.page import open_page

actor = open_page("trust")
st.markdown(f"### {_('Data trust')}")
scope = scope_bar(actor, "trust")
if draw_nothing_yet(actor, _("Here you will see what is kept wrong in deals, whose and where, so that the other "
                             "figures can be trusted.")):  # fmt: skip
    st.stop()
ask = Ask(scope)
draw_trust_figures(actor, ask)
draw_scores(actor, scope)

found = trust_finding(load_frame(actor, CHART, ask))
title = None
if found is not None:
    named = {name: value_word("finding", value) if name == "finding" else value for name, value in found.params.items()}
    title = finding_sentence(found.code, named)
by = split_choice(actor, CHART, scope)
chart_block(
    actor, CHART, Ask(scope, by), key="findings", title=title,
    columns=("finding", "found", "looked_at", "share", "points"),
    empty=_("There is nothing to look at in this period. Choose a longer one, or fewer conditions."),
)  # fmt: skip
draw_finding_fix(actor, load_block(actor, CHART, Ask(scope, by), key="findings"))

draw_trend(actor, scope)
removed = kept_while_nothing_happens(actor, ("removals", scope), lambda session: count_removals(session, actor, scope))
if removed and may(actor, Action.SEE_EXCEPTIONS):
    told = ngettext("{n} deal was removed in this period", "{n} deals were removed in this period", removed)
    page_link("exceptions", grouped(told, removed), icon=":material/delete:")
