"""Users: who works here, in which team and role, and who may sign in."""

from __future__ import annotations

import streamlit as st

from crm.auth.teams import list_teams
from crm.auth.users import list_users
from crm.db import read_scope
from crm.i18n import _
from crm.ui.page import open_page
from crm.ui.teams_view import draw_teams
from crm.ui.user_card import choose_user, draw_user
from crm.ui.users_list import ask_for_user, draw_link, draw_table

actor = open_page("users")

with read_scope() as session:
    users, teams = list_users(session, actor), list_teams(session, actor)
with st.container(horizontal=True, vertical_alignment="center"):
    st.markdown(f"### {_('Users')}", width="stretch")
    if st.button(_("New user"), icon=":material/person_add:", type="primary", key="add_user"):
        ask_for_user(teams)
draw_link()
people, groups = st.tabs([_("People"), _("Teams")])
with people:
    draw_table(users)
    chosen = choose_user(users)
    if chosen is not None:
        draw_user(actor, chosen, teams)
with groups:
    draw_teams(teams)
