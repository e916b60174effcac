"""Saved views of a dashboard: open one, keep the present one, share, rename, delete."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.analytics.views import MAX_NAME, View, change_view, delete_view, list_views, may_share, save_view
from crm.i18n import _
from crm.ui import act
from crm.ui.dashboard.address import OPEN, OPEN_PAGE, present_address
from crm.ui.dashboard.loaders import kept_while_nothing_happens
from crm.ui.markdown import md

_NAME, _SHARED = "view_name", "view_shared"


def draw_views(actor: Actor, page: str) -> None:
    """Draw the saved views of a page; the one that the page shows gives the button its name."""
    views = kept_while_nothing_happens(
        actor, ("views", actor.user_id, page), lambda session: list_views(session, actor, page)
    )
    address = _question()
    shown = next((one for one in views if dict(one.query) == address), None)
    with st.popover(md(shown.name) if shown else _("Views"), icon=":material/bookmark:", key="scope_views"):
        if not views:
            st.caption(_("Keep what the page shows now under a name, to come back to it with one click."))
        for one in views:
            _draw_view(one, is_shown=one is shown, address=address)
        if shown is None:
            _draw_new(actor, page)


def _question() -> dict[str, str]:
    return {name: value for name, value in present_address().items() if name not in (OPEN, OPEN_PAGE)}


def _draw_view(view: View, *, is_shown: bool, address: dict[str, str]) -> None:
    whose = "" if view.is_mine else f" :gray[· {md(view.owner)}]"
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", wrap=False):
        st.button(
            f"**{md(view.name)}**{whose}" if is_shown else f"{md(view.name)}{whose}", key=f"view_{view.id}",
            icon=":material/group:" if view.is_shared else ":material/bookmark:", type="tertiary", width="stretch",
            on_click=_open, args=(view,),
        )  # fmt: skip
        if not view.is_mine:
            return
        st.button(
            "", key=f"view_update_{view.id}", icon=":material/save:", type="tertiary", disabled=is_shown,
            help=_("Save what the page shows now in this view"), on_click=_update, args=(view, address),
        )  # fmt: skip
        st.button(
            "", key=f"view_delete_{view.id}", icon=":material/delete:", type="tertiary", help=_("Delete the view"),
            on_click=_delete, args=(view,),
        )  # fmt: skip


def _draw_new(actor: Actor, page: str) -> None:
    st.text_input(_("Name of the view"), key=_NAME, max_chars=MAX_NAME, placeholder=_("Hot deals this quarter"))
    if may_share(actor):
        st.toggle(_("For everybody"), key=_SHARED, help=_("Colleagues see it with the figures of their own sight."))
    st.button(_("Save the view"), key="view_save", icon=":material/bookmark_add:", on_click=_save, args=(page,))


def _open(view: View) -> None:
    st.query_params.from_dict(dict(view.query))


def _save(page: str) -> None:
    outcome = act.run(
        save_view, page=page, name=st.session_state[_NAME], query=_question(),
        is_shared=bool(st.session_state.get(_SHARED)),
    )  # fmt: skip
    outcome.told(_("The view is saved"))
    if outcome.ok:
        st.session_state[_NAME] = ""


def _update(view: View, address: dict[str, str]) -> None:
    act.run(change_view, view_id=view.id, expected_version=view.version, query=address).told(_("The view is saved"))


def _delete(view: View) -> None:
    def undo() -> None:
        act.run(save_view, page=view.page, name=view.name, query=view.query, is_shared=view.is_shared)

    act.run(delete_view, view_id=view.id, expected_version=view.version).told(
        _("The view “{name}” is deleted", name=md(view.name)), undo=undo
    )
