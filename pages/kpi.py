"""Key figures: sales, losses and plans by month or week, and what open deals will bring."""

from __future__ import annotations

import streamlit as st

from crm.analytics.population import MONTH, WEEK
from crm.auth.permissions import Action, may
from crm.i18n import _
from crm.ui.dashboard.address import addressed_choice, changed_figures
from crm.ui.dashboard.forecast_block import draw_forecast
from crm.ui.dashboard.kpi_figures import draw_kpi_figures
from crm.ui.dashboard.kpi_table import draw_kpi_table
from crm.ui.dashboard.loaders import choices
from crm.ui.dashboard.scope_bar import scope_bar
from crm.ui.page import open_page
from crm.ui.target_form import ask_targets

_WHO = "kpi_who"

actor = open_page("kpi")
owners = choices(actor).owners
st.markdown(f"### {_('Key figures')}")
scope = scope_bar(actor, "kpi", usual="months-12")
draw_kpi_figures(actor, scope)


def choose_owner() -> None:
    """Show one manager's figures, or the company's."""
    picked = st.session_state[_WHO]
    changed_figures({"owner": str(picked) if picked else None, "team": None})


with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
    by = addressed_choice(
        _("Columns"), [MONTH, WEEK], param="by", as_buttons=True,
        format_func=lambda one: {MONTH: _("Months"), WEEK: _("Weeks")}[one],
    )  # fmt: skip
    if len(owners) > 1:
        st.session_state[_WHO] = scope.owner_ids[0] if len(scope.owner_ids) == 1 and not scope.team_ids else 0
        st.selectbox(
            _("Whose figures"), [0, *owners], format_func=lambda one: owners.get(one) or _("Everybody"), key=_WHO,
            on_change=choose_owner, width=260,
        )  # fmt: skip
    if may(actor, Action.SET_TARGETS) and st.button(_("Set plans"), icon=":material/flag:", key="kpi_plans"):
        ask_targets(scope)
draw_kpi_table(actor, scope, by=by)
draw_forecast(actor, scope)
