"""Managers: who takes deals further on which stage, how fast, and who can help whom."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from crm.analytics.charts.managers import CHART as MANAGERS
from crm.analytics.values import Ask
from crm.i18n import _
from crm.ui.dashboard.address import addressed_choice, changed_figures
from crm.ui.dashboard.chart_block import chart_block
from crm.ui.dashboard.loaders import choices
from crm.ui.dashboard.manager_figures import (
    CONVERSION_COLUMNS,
    MANAGER_TIMES,
    TIME_COLUMNS,
    alone_text,
    draw_one,
    draw_read_out,
    map_title,
)
from crm.ui.dashboard.nothing_yet import draw_nothing_yet
from crm.ui.dashboard.scope_bar import scope_bar
from crm.ui.markdown import md
from crm.ui.page import open_page

_WHO = "managers_who"

actor = open_page("managers")
owners = choices(actor).owners
title = st.empty()
scope = scope_bar(actor, "managers")
is_alone = len(owners) == 1
if is_alone:
    scope = replace(scope, owner_ids=tuple(owners), team_ids=())
chosen = scope.owner_ids[0] if len(scope.owner_ids) == 1 and not scope.team_ids else None
if draw_nothing_yet(actor, _("Here you will see who takes deals further on which stage, how fast, and who can help "
                             "whom.")):  # fmt: skip
    title.markdown(f"### {_('Managers')}")
    st.stop()
title.markdown(f"### {md(owners[chosen]) if chosen else _('Managers')}")


def choose_owner() -> None:
    """Open one manager's page, or everybody's."""
    picked = st.session_state[_WHO]
    changed_figures({"owner": str(picked) if picked else None, "team": None})


with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
    show = addressed_choice(
        _("What is compared"), ["conversion", "time"], param="show", as_buttons=True,
        format_func=lambda one: {"conversion": _("Conversion"), "time": _("Time on stage")}[one],
    )  # fmt: skip
    if not is_alone:
        st.session_state[_WHO] = chosen or 0
        st.selectbox(
            _("Whose page"), [0, *owners], format_func=lambda one: owners.get(one) or _("Everybody"), key=_WHO,
            on_change=choose_owner, width=260,
        )  # fmt: skip
if is_alone:
    st.info(alone_text(), icon=":material/person:")
draw_read_out(actor, scope, by_time=show == "time")
if chosen:
    draw_one(actor, scope, owners[chosen])
chart_block(
    actor, MANAGER_TIMES if show == "time" else MANAGERS, Ask(scope), key="managers",
    title=map_title(actor, scope, by_time=show == "time"),
    note=_("▲ clearly better than the others, ▼ clearly worse; pale cells have too few deals to tell. "
           "Chance alone would mark about one cell of twenty."),
    columns=TIME_COLUMNS if show == "time" else CONVERSION_COLUMNS,
)  # fmt: skip
