"""Whether the reader holds a phone: decides between the board and a list."""

from __future__ import annotations

import re

import streamlit as st

from crm.ui.component import browser_script

_KEY = "_page_keys"
_PHONE = re.compile(r"\b(Mobi|iPhone|Android.+Mobile)", re.IGNORECASE)


def is_phone() -> bool:
    """Tell whether the window is as narrow as a phone's, 640 px or less.

    Streamlit doesn't tell the width, so `watch_device` lets a script of ours do it; before its first word, and in
    tests, the name of the browser decides.
    """
    narrow = st.session_state.get(_KEY, {}).get("narrow")
    return bool(_PHONE.search(user_agent())) if narrow is None else bool(narrow)


def user_agent() -> str:
    """Return what the browser calls itself; tests patch it."""
    return st.context.headers.get("User-Agent") or ""


def watch_device(*, search_key: str) -> None:
    """Draw the invisible script that reports the width and makes "/" jump into the field `search_key`."""
    browser_script("page_keys")(
        key=_KEY,
        data={"search": search_key, "narrow": is_phone()},
        on_narrow_change=_nothing,
        height=1,
    )


def _nothing() -> None:
    """Serve as the callback without which the component has no state of that name."""
