"""The sidebar of every page: company, search, menu, the reader's own corner."""

from __future__ import annotations

import time
from html import escape

import streamlit as st

from crm.actor import Actor
from crm.auth.account import choose_own_language
from crm.auth.workspace import load_workspace
from crm.db import read_scope
from crm.duplicates.pairs import COUNTED_AT_MOST, open_pair_count
from crm.i18n import LANGUAGES, _
from crm.i18n.labels import label
from crm.ui import nav
from crm.ui.act import run
from crm.ui.component import browser_script
from crm.ui.dashboard.address import carried_scope, carry_scope
from crm.ui.device import watch_device
from crm.ui.markdown import md
from crm.ui.search_field import SEARCH_KEY, draw_search

SIGN_OUT_PATH = "/account/sign-out"
_LANGUAGE_KEY = "own_language"
_WAITING_KEY = "_pairs_waiting"
_WAITING_SECONDS = 20


def draw_sidebar(actor: Actor, page_path: str) -> None:
    """Draw the sidebar; after st.navigation, which makes the links work and tells the page's path."""
    with st.sidebar, st.container(gap="small"):
        _draw_company(actor)
        draw_search(f"{page_path}?{sorted(st.query_params.items())}")
        for section, pages in nav.menu(actor):
            st.caption(_(section))
            with st.container(gap="xsmall"):
                for page in pages:
                    waiting = _waiting(actor) if page.name == "duplicates" else ""
                    name = f"{_(page.title)} {waiting}" if waiting else None
                    scope = _scope(page_path) if section == nav.ANALYTICS else None
                    st.page_link(f"{page.name}.py", label=name, icon=page.icon, width="stretch", query_params=scope)
        _draw_own_corner(actor)
        watch_device(search_key=SEARCH_KEY)


def _scope(page_path: str) -> dict[str, str]:
    """Return the scope that a link to a dashboard takes along; a dashboard's own stands in its address."""
    if nav.page_spec(page_path or nav.FIRST_PAGE.name).section == nav.ANALYTICS:
        carry_scope()
    return carried_scope()


def _draw_company(actor: Actor) -> None:
    with read_scope() as session:
        workspace = load_workspace(session, actor)
    st.markdown(f"**{md(workspace.values.name)}**")


def forget_waiting() -> None:
    """Count anew at the next drawing how many pairs wait: one was decided."""
    st.session_state.pop(_WAITING_KEY, None)


def _waiting(actor: Actor) -> str:
    """Return how many pairs wait for a decision, as a badge; empty for none. Counted a few times a minute."""
    kept: tuple[float, int] | None = st.session_state.get(_WAITING_KEY)
    if kept is None or time.monotonic() - kept[0] > _WAITING_SECONDS:
        with read_scope() as session:
            kept = (time.monotonic(), open_pair_count(session, actor))
        st.session_state[_WAITING_KEY] = kept
    count = kept[1]
    if not count:
        return ""
    return f":gray-badge[{count}]" if count < COUNTED_AT_MOST else f":gray-badge[{COUNTED_AT_MOST}+]"


def _draw_own_corner(actor: Actor) -> None:
    with st.popover(md(actor.name), icon=":material/account_circle:", width="stretch"):
        st.caption(label(actor.role))
        st.session_state[_LANGUAGE_KEY] = actor.language
        st.segmented_control(
            _("Language"),
            list(LANGUAGES),
            format_func=lambda code: LANGUAGES[code],
            key=_LANGUAGE_KEY,
            required=True,
            on_change=_choose_language,
        )
        st.caption(_("Colours"))
        browser_script("theme_switch")(
            key="theme_switch",
            data={
                "label": _("Colours"),
                "choices": [["System", _("As the device")], ["Light", _("Light")], ["Dark", _("Dark")]],
                "paths": ["/", *(f"/{page.name}" for page in nav.PAGES)],
            },
        )
        # A form of ours, not a button: the answer takes the cookie away, which no script may touch.
        st.html(
            f'<form method="post" action="{SIGN_OUT_PATH}">'
            f'<button type="submit" style="{_BUTTON}">{escape(_("Sign out"))}</button></form>'
        )


def _choose_language() -> None:
    chosen = st.session_state[_LANGUAGE_KEY]
    if chosen in LANGUAGES:
        run(choose_own_language, language=chosen).told()


_BUTTON = (
    "width:100%;padding:.4rem .75rem;border:1px solid var(--st-border-color,#8888);border-radius:.35rem;"
    "background:transparent;color:inherit;font:inherit;cursor:pointer"
)
