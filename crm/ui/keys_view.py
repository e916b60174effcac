"""The settings page's keys for the REST API: making one, which is shown once, and taking one back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import streamlit as st

from crm.actor import Actor
from crm.auth.account import create_own_key, is_fresh, load_own_profile
from crm.auth.api_keys import SCOPES, KeyRow, list_api_keys, revoke_api_key
from crm.auth.sessions import FoundSession
from crm.auth.sign_in import take_own_attempt
from crm.clock import utc_now
from crm.db import read_scope
from crm.i18n import N_, _
from crm.i18n.formats import full_moment, moment
from crm.ui.act import run
from crm.ui.form_errors import ErrorPlaces
from crm.ui.markdown import md

NEW_KEY = "new_api_key"
SCOPE_NAMES = {"read": N_("Read"), "write": N_("Write")}
LIFETIMES: dict[int, str] = {30: N_("30 days"), 90: N_("90 days"), 365: N_("A year"), 0: N_("No end")}


def draw_keys(actor: Actor, here: FoundSession) -> None:
    """Draw the actor's keys and the form for a new one."""
    st.caption(
        _("A key lets another program act as you, with your rights.")
        + f" [{_('What programs can ask for')}](/api/docs)"
    )
    with read_scope() as session:
        keys = list_api_keys(session, actor, here.user_id)
        must_prove = not is_fresh(session, actor, session_id=here.id, now=utc_now())
        may_prove = load_own_profile(session, actor).has_password
    _draw_new_key()
    _draw_list(keys)
    if must_prove and not may_prove:
        st.info(_("Sign out, sign in again, and come back within ten minutes."))
        return
    _draw_form(here, must_prove)


def _draw_new_key() -> None:
    if NEW_KEY not in st.session_state:
        return
    with st.container(border=True):
        st.markdown(f"**{_('The new key')}**")
        st.code(st.session_state[NEW_KEY], language=None, wrap_lines=True)
        st.caption(_("Keep it where passwords are kept: it is shown only now."))
        st.button(_("I have copied it"), key="new_key_done", on_click=lambda: st.session_state.pop(NEW_KEY, None))


def _draw_list(keys: Sequence[KeyRow]) -> None:
    if not keys:
        st.info(_("There are no keys yet."))
    for key in keys:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            scopes = ", ".join(_(SCOPE_NAMES[scope]) for scope in key.scopes)
            used = _("used {when}", when=moment(key.last_used_at)) if key.last_used_at else _("never used")
            end = _("until {when}", when=full_moment(key.expires_at)) if key.expires_at else _("without an end")
            st.markdown(f"**{md(key.name)}** :gray[· {md(key.prefix)}… · {scopes} · {used} · {end}]", width="stretch")
            with st.popover(_("Take back"), key=f"own_key_{key.id}"):
                st.caption(_("Programs that use this key stop working at once."))
                if st.button(_("Take the key back"), key=f"own_key_{key.id}_revoke", type="primary"):
                    run(revoke_api_key, key.id, now=utc_now()).told(_("The key no longer works"))
                    st.rerun()


def _draw_form(here: FoundSession, must_prove: bool) -> None:
    places = ErrorPlaces()
    with st.form("new_key", width=640):
        st.markdown(f"**{_('New key')}**")
        places.keep()
        name = st.text_input(_("What it is for"), max_chars=200, key="new_key_name")
        places.keep("name")
        scopes = st.pills(
            _("It may"), SCOPES, selection_mode="multi", default=["read"], key="new_key_scopes",
            format_func=lambda scope: _(SCOPE_NAMES[scope]),
        )  # fmt: skip
        places.keep("scopes")
        days = st.selectbox(
            _("It lives"), list(LIFETIMES), index=2, format_func=lambda one: _(LIFETIMES[one]), key="new_key_days"
        )
        password = ""
        if must_prove:
            password = st.text_input(
                _("Your password"), type="password", key="new_key_password", autocomplete="current-password"
            )
            places.keep("password")
        if not st.form_submit_button(_("Make the key"), type="primary", key="new_key_save"):
            return
    now = utc_now()
    if must_prove and not (counted := run(take_own_attempt, now=now)).ok:
        places.tell(counted)
        return
    outcome = run(
        create_own_key,
        password=password or "",
        session_id=here.id,
        name=name or "",
        scopes=scopes or [],
        expires_at=now + timedelta(days=days) if days else None,
        now=now,
    )
    if outcome.value is None:
        places.tell(outcome)
        return
    st.session_state[NEW_KEY] = outcome.value.token
    st.rerun()
