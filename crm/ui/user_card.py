"""One user on the users page: name, e-mail, team and role; links, sessions, switching off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.api_keys import KeyRow, list_api_keys, revoke_api_key
from crm.auth.sessions import SessionRow, end_user_sessions, list_sessions
from crm.auth.teams import TeamRow
from crm.auth.users import (
    UserRow,
    activate_user,
    deactivate_user,
    delete_user,
    edit_user,
    invite_user,
    make_reset_link,
    set_role,
)
from crm.clock import utc_now
from crm.db import read_scope
from crm.i18n import _, ngettext
from crm.i18n.formats import moment
from crm.i18n.labels import label
from crm.models import Role, TokenKind
from crm.ui.act import Outcome, run
from crm.ui.form_errors import ErrorPlaces
from crm.ui.markdown import md
from crm.ui.users_list import CHOSEN, NO_TEAM, keep_link, state, team_choice


def draw_user(actor: Actor, user: UserRow, teams: Sequence[TeamRow]) -> None:
    """Draw the chosen user."""
    with read_scope() as session:
        sessions = list_sessions(session, actor, user.id)
        keys = list_api_keys(session, actor, user.id)
    with st.container(border=True, width=640):
        st.markdown(f"**{md(user.name)}** :gray[· {state(user)}]")
        _draw_fields(user, teams)
        _draw_role(user)
        _draw_access(user, sessions, keys)


def _draw_fields(user: UserRow, teams: Sequence[TeamRow]) -> None:
    mark = f"user_{user.id}_{user.version}"
    places = ErrorPlaces()
    with st.form(f"{mark}_fields", border=False):
        places.keep()
        name = st.text_input(_("Full name"), value=user.name, max_chars=200, key=f"{mark}_name")
        places.keep("name")
        email = st.text_input(_("E-mail"), value=user.email, max_chars=254, key=f"{mark}_email", autocomplete="off")
        places.keep("email")
        choice = team_choice(teams)
        team_id = st.selectbox(
            _("Team"),
            list(choice),
            index=list(choice).index(user.team_id or NO_TEAM),
            format_func=lambda one: choice[one],
            key=f"{mark}_team",
        )
        places.keep("team_id")
        if not st.form_submit_button(_("Save"), key=f"{mark}_save"):
            return
    _finish(
        run(
            edit_user,
            user.id,
            expected_version=user.version,
            email=email or "",
            name=name or "",
            team_id=team_id or None,
        ),
        _("Saved"),
        places,
    )


def _draw_role(user: UserRow) -> None:
    mark = f"user_{user.id}_{user.version}"
    places = ErrorPlaces()
    with st.form(f"{mark}_role_form", border=False):
        places.keep()
        role = st.selectbox(
            _("Role"), list(Role), index=list(Role).index(user.role), format_func=label, key=f"{mark}_role",
            help=_("A new role signs the user out everywhere."),
        )  # fmt: skip
        places.keep("role")
        if not st.form_submit_button(_("Change the role"), key=f"{mark}_role_save"):
            return
    _finish(
        run(set_role, user.id, expected_version=user.version, role=role or user.role), _("The role was changed"), places
    )


def _draw_access(user: UserRow, sessions: Sequence[SessionRow], keys: Sequence[KeyRow]) -> None:
    count = len(sessions)
    seen = _("last seen {when}", when=moment(sessions[0].last_seen_at)) if sessions else _("signed in nowhere")
    st.caption(f"{ngettext('{n} device', '{n} devices', count)} · {seen}" if count else seen)
    with st.container(horizontal=True):
        if user.is_active:
            _draw_link_button(user)
            _button(
                _("Sign out everywhere"), "end", partial(run, end_user_sessions, user.id), _("Signed out"), not count
            )
            off = partial(run, deactivate_user, user.id, expected_version=user.version, now=utc_now())
            _button(_("Switch off"), "off", off, _("{name} is switched off", name=md(user.name)))
        else:
            on = partial(run, activate_user, user.id, expected_version=user.version)
            _button(_("Switch on"), "on", on, _("{name} can work again", name=md(user.name)))
        with st.popover(_("Remove"), key="user_remove"):
            st.caption(_("Only a user without deals and history can be removed. Others are switched off."))
            gone = partial(run, delete_user, user.id, expected_version=user.version)
            _button(_("Remove for good"), "delete", gone, _("The user was removed"))
    for key in keys:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"{_('API key')} · {md(key.name)} · {md(key.prefix)}…")
            back = partial(run, revoke_api_key, key.id, now=utc_now())
            _button(_("Take back"), f"key_{key.id}", back, _("The key no longer works"))


def _draw_link_button(user: UserRow) -> None:
    if user.has_way_in:
        kind, text, command = TokenKind.RESET, _("Link for a new password"), make_reset_link
    else:
        kind, text, command = TokenKind.INVITE, _("New invitation"), invite_user
    if st.button(text, key="user_link"):
        outcome = run(command, user.id, now=utc_now())
        if outcome.value is not None:
            keep_link(kind, outcome.value, user.name)
        outcome.told()
        st.rerun()


def _button(text: str, key: str, action: Callable[[], Outcome[Any]], success: str, disabled: bool = False) -> None:
    if st.button(text, key=f"user_{key}", disabled=disabled):
        action().told(success)
        st.rerun()


def _finish(outcome: Outcome[Any], success: str, places: ErrorPlaces) -> None:
    if outcome.ok:
        outcome.told(success)
        st.rerun()
    places.tell(outcome)


def choose_user(users: Sequence[UserRow]) -> UserRow | None:
    """Draw the choice of a user by name, which keyboards reach; return who is chosen."""
    by_id = {user.id: user for user in users}
    if st.session_state.get(CHOSEN) not in by_id:
        st.session_state[CHOSEN] = None
    chosen = st.selectbox(
        _("Change a user"),
        list(by_id),
        format_func=lambda user_id: f"{by_id[user_id].name}, {by_id[user_id].email}",
        key=CHOSEN,
        placeholder=_("Choose a person"),
    )
    return by_id[chosen] if chosen is not None else None
