"""What the reader is told after an action, kept over the rerun that follows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import streamlit as st

from crm.i18n import _

_PENDING = "_notices"
_COUNT = "_notices_shown"


class NoticeKind(StrEnum):
    """What a notice is about; each has its own icon."""

    DONE = "done"
    REFUSED = "refused"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Undo:
    """How to take an action back: a callable without arguments that reports by itself."""

    action: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice waiting to be shown; `text` is markdown, so data in it goes through `md`."""

    text: str
    kind: NoticeKind
    undo: Undo | None


def flash(text: str, *, kind: NoticeKind = NoticeKind.DONE, undo: Callable[[], object] | None = None) -> None:
    """Keep a notice for the next `show_flash`, also over st.rerun and st.switch_page, which lose toasts.

    `undo` is run by the button "Undo" in the notice: `flash(_("Moved"), undo=lambda: run(move_deal, ...).told())`.
    """
    notice = Notice(text, kind, Undo(undo) if undo else None)
    st.session_state.setdefault(_PENDING, []).append(notice)


def show_flash() -> None:
    """Show the notices that wait; the shell and every `page_fragment` call it."""
    for notice in st.session_state.pop(_PENDING, []):
        _show(notice)


_ICONS = {
    NoticeKind.DONE: ":material/check_circle:",
    NoticeKind.REFUSED: ":material/error:",
    NoticeKind.INFO: ":material/info:",
}


def _show(notice: Notice) -> None:
    if notice.undo is None and notice.kind is not NoticeKind.REFUSED:
        st.toast(notice.text, icon=_ICONS[notice.kind])
        return
    number = st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    with st.container(key=f"voronka_notice_{number}", border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{_ICONS[notice.kind]} {notice.text}", width="stretch")
        if notice.undo is not None:
            st.button(_("Undo"), key=f"undo_{number}", on_click=_take_back, args=(notice.undo,), type="tertiary")
        st.button(_("Close"), key=f"close_{number}", icon=":material/close:", type="tertiary")


def _take_back(undo: Undo) -> None:
    undo.action()
