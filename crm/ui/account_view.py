"""The settings page's own-account part: profile, password, sessions."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.account import OwnProfile, change_own_password, edit_own_profile, load_own_profile
from crm.auth.fields import known_timezones
from crm.auth.passwords import MIN_LENGTH
from crm.auth.sessions import FoundSession, SessionRow, end_other_sessions, end_session, find_session, list_sessions
from crm.auth.sign_in import take_own_attempt
from crm.clock import utc_now
from crm.db import read_scope
from crm.i18n import LANGUAGES, _
from crm.i18n.formats import moment
from crm.i18n.places import timezone_choices, timezone_label
from crm.ui import page
from crm.ui.act import run
from crm.ui.browser_name import browser_name
from crm.ui.form_errors import ErrorPlaces
from crm.ui.markdown import md

FORM_WIDTH = 640
AS_COMPANY = ""  # a choice of None would mean that nothing is chosen


def draw_account(actor: Actor, here: FoundSession) -> None:
    """Draw everything about oneself."""
    with read_scope() as session:
        profile = load_own_profile(session, actor)
        sessions = list_sessions(session, actor, here.user_id)
    st.caption(_("You sign in as {email}. An administrator can change it.", email=md(profile.email)))
    _draw_profile(profile)
    if profile.has_password:
        _draw_password(here)
    else:
        st.info(_("You sign in through your company's provider and have no password here."))
    _draw_sessions(sessions, here)


def present_session() -> FoundSession | None:
    """Return the session of the browser that reads the page."""
    token = page.current_token()
    if token is None:
        return None
    with read_scope() as session:
        return find_session(session, token)


def _draw_profile(profile: OwnProfile) -> None:
    places = ErrorPlaces()
    mark = f"own_profile_{profile.version}"  # the sidebar changes the language too
    zones = {AS_COMPANY: _("As the company"), **dict(timezone_choices(known_timezones()))}
    if profile.timezone and profile.timezone not in zones:
        zones[profile.timezone] = timezone_label(profile.timezone)
    languages = {AS_COMPANY: _("As the company"), **LANGUAGES}
    with st.form(mark, width=FORM_WIDTH):
        places.keep()
        name = st.text_input(_("Full name"), value=profile.name, max_chars=200, key=f"{mark}_name", autocomplete="name")
        places.keep("name")
        language = st.selectbox(
            _("Language"),
            list(languages),
            index=list(languages).index(profile.language or AS_COMPANY),
            format_func=lambda code: languages[code],
            key=f"{mark}_language",
        )
        places.keep("language")
        zone = st.selectbox(
            _("Time zone"),
            list(zones),
            index=list(zones).index(profile.timezone or AS_COMPANY),
            format_func=lambda one: zones[one],
            key=f"{mark}_timezone",
        )
        places.keep("timezone")
        if not st.form_submit_button(_("Save"), type="primary", key="own_profile_save"):
            return
    outcome = run(edit_own_profile, name=name or "", language=language or None, timezone=zone or None)
    if not outcome.ok:
        places.tell(outcome)
        return
    outcome.told(_("Saved"))
    st.rerun()


def _draw_password(here: FoundSession) -> None:
    places = ErrorPlaces()
    with st.form("own_password", clear_on_submit=True, width=FORM_WIDTH):
        st.markdown(f"**{_('Password')}**")
        places.keep()
        current = st.text_input(
            _("Present password"), type="password", key="own_password_now", autocomplete="current-password"
        )
        places.keep("current")
        new = st.text_input(_("New password"), type="password", key="own_password_new", autocomplete="new-password")
        places.keep("new")
        st.caption(_("At least {limit} characters. Several words in a row are easy to remember.", limit=MIN_LENGTH))
        if not st.form_submit_button(_("Change the password"), key="own_password_save"):
            return
    counted = run(take_own_attempt, now=utc_now())
    if not counted.ok:
        places.tell(counted)
        return
    outcome = run(change_own_password, current=current or "", new=new or "", keep_session_id=here.id)
    if not outcome.ok:
        places.tell(outcome)
        return
    outcome.told(_("The password was changed; your other devices are signed out"))
    st.rerun()


def _draw_sessions(sessions: list[SessionRow], here: FoundSession) -> None:
    with st.container(border=True, width=FORM_WIDTH):
        st.markdown(f"**{_('Where you are signed in')}**")
        for row in sessions:
            with st.container(horizontal=True, vertical_alignment="center"):
                seen = _("this device") if row.id == here.id else moment(row.last_seen_at)
                st.markdown(f"{md(browser_name(row.user_agent))} :gray[· {md(row.address)} · {seen}]", width="stretch")
                if row.id != here.id and st.button(_("Sign out"), key=f"end_session_{row.id}"):
                    run(end_session, row.id).told(_("Signed out there"))
                    st.rerun()
        if len(sessions) > 1 and st.button(_("Sign out on all other devices"), key="end_other_sessions"):
            run(end_other_sessions, keep_id=here.id).told(_("Your other devices are signed out"))
            st.rerun()
