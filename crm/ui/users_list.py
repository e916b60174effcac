"""The users page's list: everybody in a table, and the way to add somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from crm.auth.one_time_links import link_url
from crm.auth.teams import TeamRow
from crm.auth.users import UserRow, create_invited_user
from crm.clock import utc_now
from crm.i18n import _
from crm.i18n.formats import moment
from crm.i18n.labels import label
from crm.models import Role, TokenKind
from crm.ui.act import run
from crm.ui.form_errors import ErrorPlaces
from crm.ui.markdown import md
from crm.ui.page import page_dialog

CHOSEN = "users_chosen"
LINK = "users_link"
TABLE = "users_table"
NO_TEAM = 0  # a choice of None would mean that nothing is chosen


def draw_table(users: Sequence[UserRow]) -> None:
    """Draw everybody; choosing a row chooses the user below."""
    st.dataframe(
        {
            _("Full name"): [user.name for user in users],
            _("E-mail"): [user.email for user in users],
            _("Role"): [label(user.role) for user in users],
            _("Team"): [user.team_name or "—" for user in users],
            _("State"): [state(user) for user in users],
            _("Last sign-in"): [moment(user.last_sign_in_at) if user.last_sign_in_at else "—" for user in users],
        },
        hide_index=True,
        key=TABLE,
        on_select=lambda: _choose(users),
        selection_mode="single-row",
    )


def state(user: UserRow) -> str:
    """Return in a word whether a user can work."""
    if not user.is_active:
        return _("Switched off")
    return _("Active") if user.has_way_in else _("No password yet")


def team_choice(teams: Sequence[TeamRow]) -> Mapping[int, str]:
    """Return the teams to choose from, "no team" first."""
    return {NO_TEAM: _("No team"), **{team.id: team.name for team in teams}}


def ask_for_user(teams: Sequence[TeamRow]) -> None:
    """Open the dialog that asks for a new user and keeps the invitation for `draw_link`."""

    @page_dialog(_("New user"))
    def ask() -> None:
        _draw_new_user(teams)

    ask()


def _draw_new_user(teams: Sequence[TeamRow]) -> None:
    places = ErrorPlaces()
    with st.form("new_user", border=False):
        places.keep()
        name = st.text_input(_("Full name"), max_chars=200, key="new_user_name")
        places.keep("name")
        email = st.text_input(_("E-mail"), max_chars=254, key="new_user_email", autocomplete="off")
        places.keep("email")
        role = st.selectbox(_("Role"), list(Role), format_func=label, key="new_user_role")
        places.keep("role")
        choice = team_choice(teams)
        team_id = st.selectbox(_("Team"), list(choice), format_func=lambda one: choice[one], key="new_user_team")
        places.keep("team_id")
        if not st.form_submit_button(_("Add and make a link"), type="primary", key="new_user_save"):
            return
    outcome = run(
        create_invited_user,
        email=email or "",
        name=name or "",
        role=role or Role.MANAGER,
        team_id=team_id or None,
        now=utc_now(),
    )
    if outcome.value is None:
        places.tell(outcome)
        return
    keep_link(TokenKind.INVITE, outcome.value.token, name or "")
    st.session_state[CHOSEN] = outcome.value.user_id
    st.rerun()


def keep_link(kind: TokenKind, token: str, name: str) -> None:
    """Keep a one-time link until it was read and closed."""
    st.session_state[LINK] = (kind, link_url(kind, token), name)


def draw_link() -> None:
    """Draw the link that has just been made; it is never shown again."""
    if LINK not in st.session_state:
        return
    kind, address, name = st.session_state[LINK]
    with st.container(border=True, key="users_link_box"):
        st.markdown(f"**{_('Send this link to {name}', name=md(name))}**")
        st.code(address, language=None, wrap_lines=True)
        st.caption(
            _("It works once, for 72 hours, and is shown only now.")
            if kind is TokenKind.INVITE
            else _("It works once, for 30 minutes, and is shown only now.")
        )
        st.button(_("I have copied it"), key="users_link_done", on_click=lambda: st.session_state.pop(LINK, None))


def _choose(users: Sequence[UserRow]) -> None:
    rows = st.session_state[TABLE].selection.rows
    if rows and rows[0] < len(users):
        st.session_state[CHOSEN] = users[rows[0]].id
