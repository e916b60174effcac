"""Teams on the users page: their names and members; heads see the deals of their team."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from crm.auth.teams import TeamRow, create_team, delete_team, rename_team
from crm.i18n import _, ngettext
from crm.ui.act import run
from crm.ui.form_errors import ErrorPlaces
from crm.ui.markdown import md


def draw_teams(teams: Sequence[TeamRow]) -> None:
    """Draw each team and the way to add one."""
    st.caption(_("A head of sales sees the deals of the team; who sees what is set in Settings."))
    if not teams:
        st.info(_("There are no teams yet. Without one, a head sees only their own deals."))
    for team in teams:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            members = ngettext("{n} person", "{n} people", team.members)
            st.markdown(f"{md(team.name)} :gray[· {members}]", width="stretch")
            _draw_change(team)
    places = ErrorPlaces()
    with st.form("new_team", border=False):
        name = st.text_input(_("New team"), max_chars=200, key="new_team_name")
        places.keep("name")
        places.keep()
        if not st.form_submit_button(_("Add the team"), icon=":material/add:"):
            return
    outcome = run(create_team, name=name or "")
    if not outcome.ok:
        places.tell(outcome)
        return
    st.session_state.pop("new_team_name", None)
    outcome.told(_("Team added"))
    st.rerun()


def _draw_change(team: TeamRow) -> None:
    with st.popover(_("Change"), key=f"team_{team.id}"):
        name = st.text_input(_("Name"), value=team.name, max_chars=200, key=f"team_{team.id}_name")
        if st.button(_("Save"), key=f"team_{team.id}_save", type="primary"):
            run(rename_team, team.id, name=name or "").told(_("Saved"))
            st.rerun()
        if st.button(_("Remove"), key=f"team_{team.id}_delete", disabled=team.members > 0):
            run(delete_team, team.id).told(_("The team was removed"))
            st.rerun()
