"""Who reads the page, whether they may, and what they are told when something fails."""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Concatenate, Literal, NoReturn, ParamSpec

import streamlit as st
from streamlit.errors import StreamlitAPIException

from crm.actor import Actor
from crm.auth.actors import load_actor
from crm.auth.permissions import require
from crm.auth.sessions import cookie_name, find_session
from crm.db import read_scope
from crm.errors import CrmError, NotFound
from crm.i18n import _, current_reader, set_reader
from crm.i18n.texts import error_sentence
from crm.models import Channel
from crm.ui import nav
from crm.ui.notices import show_flash

P = ParamSpec("P")
SIGN_IN_PATH = "/account/sign-in"
_PAGES = "_pages"  # in the session: the paths of the page before and of the present one

log = logging.getLogger(__name__)


def current_token() -> str | None:
    """Return the session cookie's value; the one place that reads it, so that tests can patch it."""
    return st.context.cookies.get(cookie_name())


def signed_in_actor() -> Actor | None:
    """Return who reads the page, read anew from the database, and make texts theirs; None when signed out.

    Errors: DatabaseUnavailable.
    """
    token = current_token()
    actor = _actor_of(token) if token else None
    if actor is None:
        set_reader(st.context.locale or "en", "UTC")
        return None
    set_reader(actor.language, actor.timezone)
    return actor


def open_page(name: str) -> Actor:
    """Return who reads the page `name`; stop the page for those signed out or without permission.

    The first line of every page. What fails later is told by the shell and by `page_fragment`.
    """
    actor = None
    try:
        actor = signed_in_actor()
        if actor is not None:
            require(actor, nav.page_spec(name).needs)
    except CrmError as error:
        st.error(error_sentence(error), icon=":material/error:")
        st.stop()
    if actor is None:
        tell_signed_out()
        st.stop()
    return actor


def note_page(path: str) -> None:
    """Note which page the reader has come to; the shell does, at each of its runs."""
    st.session_state[_PAGES] = (st.session_state.get(_PAGES, ("", ""))[1], path)


def is_same_page() -> bool:
    """Tell whether the run before this one drew the same page."""
    before, now = st.session_state.get(_PAGES, ("", ""))
    return bool(before == now)


def page_fragment(
    name: str, *, run_every: str | None = None
) -> Callable[[Callable[Concatenate[Actor, P], None]], Callable[P, None]]:
    """Make a function a fragment of the page `name` that gets a freshly checked actor as its first argument.

    `@page_fragment("board")` over `def draw(actor, pipeline_id)` is called as `draw(pipeline_id)`. A fragment's rerun
    skips the shell and the page, so user, role and language are found again here and errors are told here.
    """

    def decorate(draw: Callable[Concatenate[Actor, P], None]) -> Callable[P, None]:
        @functools.wraps(draw)
        def checked(*args: P.args, **kwargs: P.kwargs) -> None:
            actor = open_page(name)
            with told_errors():
                draw(actor, *args, **kwargs)
            show_flash()

        return st.fragment(checked, run_every=run_every)

    return decorate


def page_dialog(
    title: str, *, width: Literal["small", "medium", "large"] = "small", on_dismiss: Callable[[], None] | None = None
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function a dialog of the page; in place of st.dialog, inside a function so that `title` is the reader's.

    A dialog's rerun is another thread that skips the shell and the page: without this its texts would be English,
    its times UTC, and inputs without keys would forget what was typed.
    """

    def decorate(draw: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(draw)
        def checked(*args: P.args, **kwargs: P.kwargs) -> None:
            with told_errors():
                if signed_in_actor() is None:
                    tell_signed_out()
                    return
                draw(*args, **kwargs)

        return st.dialog(title, width=width, on_dismiss=on_dismiss or "ignore")(checked)

    return decorate


def redraw() -> NoReturn:
    """Run the present fragment or dialog again; the whole page where it is being drawn whole."""
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:  # refused while the whole page runs, as when two reruns were joined into one
        st.rerun()


@contextmanager
def told_errors() -> Iterator[None]:
    """Tell a reader what failed inside the block in one sentence; log what nobody foresaw under a number."""
    try:
        yield
    except CrmError as error:
        st.error(error_sentence(error), icon=":material/error:")
    except Exception:  # the outermost edge: a reader never gets a stack trace
        number = secrets.token_hex(4)
        log.exception("page failed, number %s", number)
        st.error(
            _(
                "Something went wrong on our side. Reload the page; if it happens again, "
                "tell your administrator this number: {number}",
                number=number,
            ),
            icon=":material/error:",
        )


def tell_signed_out() -> None:
    """Draw nothing but the way to the sign-in page."""
    # A link by st.html: st.link_button would open a second tab.
    st.markdown(_("You are signed out."))
    st.html(f'<a href="{SIGN_IN_PATH}" target="_self" lang="{current_reader().language}">{escape(_("Sign in"))}</a>')


def _actor_of(token: str) -> Actor | None:
    with read_scope() as session:
        found = find_session(session, token)
        if found is None:
            return None
        try:
            return load_actor(session, found.user_id, Channel.UI)
        except NotFound:  # switched off between the two reads
            return None
