"""The merges there have been, each with a way back."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.duplicates.merge_history import list_merges
from crm.duplicates.merge_values import MergeInfo
from crm.i18n import _
from crm.i18n.formats import moment
from crm.models import EntityType
from crm.ui.device import is_phone
from crm.ui.duplicate_fields import record_link
from crm.ui.duplicate_filters import KIND_NAMES
from crm.ui.duplicate_queue import KIND_ICONS
from crm.ui.duplicate_undo import ask_undo
from crm.ui.markdown import md

PAGE_ROWS = 50
_ALL = "all"


def draw_history(actor: Actor) -> None:
    """Draw merges, the newest first."""
    wanted, text = _draw_filters()
    seen: list[int] = st.session_state.setdefault("merges_pages", {}).setdefault((wanted, text), [])
    with read_scope() as session:
        rows = list_merges(
            session, actor, entity_type=wanted, text=text, before=seen[-1] if seen else None, limit=PAGE_ROWS + 1
        )
    if not rows and (wanted or text):
        st.info(_("No merge fits these filters. Widen them, or look at all."), icon=":material/search_off:")
        return
    if not rows and not seen:
        st.info(
            _("Nothing has been merged yet. Every merge will stand here with who did it and when; "
              "each can be undone, today or in a year."),
            icon=":material/history:",
        )  # fmt: skip
        return
    with st.container(gap="xsmall", key="merges_rows"):
        for row in rows[:PAGE_ROWS]:
            _draw_merge(row)
    _draw_pager(seen, rows)


def _draw_filters() -> tuple[EntityType | None, str | None]:
    """Draw kinds and a search; return what is wanted."""
    with st.container(horizontal=True, vertical_alignment="center"):
        kind = st.segmented_control(
            _("Show"),
            [_ALL, *KIND_NAMES],
            default=_ALL,
            required=True,
            format_func=lambda code: _("All") if code == _ALL else _(KIND_NAMES[code]),
            key="merges_kind",
            label_visibility="collapsed",
        )
        text = st.text_input(
            _("Find a merge"), key="merges_text", type="search", live="400ms", max_chars=200,
            placeholder=_("Name or number"), label_visibility="collapsed", width="stretch" if is_phone() else 260,
        )  # fmt: skip
    return kind if isinstance(kind, EntityType) else None, (text or "").strip() or None


def _draw_merge(row: MergeInfo) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"merge_{row.id}"):
        with st.container(gap="xxsmall", width="stretch"):
            merged = f"{md(row.merged_name)} :gray[\\#{row.merged_id}]"
            name = f"{KIND_ICONS[row.entity_type]} {merged} → **{md(row.survivor_name)}**"
            record_link(row.entity_type, row.survivor_id, f"{name} :gray[\\#{row.survivor_id}]")
            about = [md(row.actor_name or _("System")), md(moment(row.at))]
            if row.batch_id is not None:
                about.append(_("batch {id}", id=row.batch_id))
            st.caption(" · ".join(about))
        if row.undone_at is not None:
            who = md(row.undone_by or _("System"))
            st.caption(f":material/undo: {_('undone by {who}, {when}', who=who, when=md(moment(row.undone_at)))}",
                       width="content")  # fmt: skip
        elif st.button(_("Undo the merge"), key=f"merge_undo_{row.id}", icon=":material/undo:", type="tertiary"):
            ask_undo(row)


def _draw_pager(seen: list[int], rows: tuple[MergeInfo, ...]) -> None:
    if not seen and len(rows) <= PAGE_ROWS:
        return
    with st.container(horizontal=True):
        if seen:
            st.button(_("Later ones"), key="merges_later", icon=":material/chevron_left:", on_click=_drop_last,
                      args=(seen,))  # fmt: skip
        if len(rows) > PAGE_ROWS:
            st.button(_("Earlier ones"), key="merges_earlier", icon=":material/chevron_right:", on_click=seen.append,
                      args=(rows[PAGE_ROWS - 1].id,))  # fmt: skip


def _drop_last(seen: list[int]) -> None:
    del seen[-1:]
