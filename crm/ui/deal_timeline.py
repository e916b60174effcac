"""A deal's timeline with its filter, and writing down a note, a call or a meeting."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.deals.activities import add_activity
from crm.deals.timeline import TimelineItem, load_timeline
from crm.i18n import N_, _
from crm.i18n.event_texts import event_sentence
from crm.i18n.formats import full_moment, moment
from crm.i18n.labels import label
from crm.models import ActivityKind, Channel, Direction
from crm.pipelines.reads import load_fields
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.page import redraw

PAGE = 30
ACTIVITY_ICONS = {
    ActivityKind.NOTE: ":material/sticky_note_2:",
    ActivityKind.CALL: ":material/call:",
    ActivityKind.MESSAGE: ":material/chat:",
    ActivityKind.MEETING: ":material/event:",
}
FILTERS = {"all": N_("All"), "notes": N_("Notes"), "contacts": N_("Calls and meetings"), "changes": N_("Changes")}


def draw_add_note(deal_id: int) -> None:
    """Draw the place for a note, a call, a message or a meeting that has just been."""
    key = f"note_{deal_id}"
    with st.container(border=True, gap="xsmall"):
        text = st.text_area(
            _("Add a note"),
            key=f"{key}_text",
            placeholder=_("What did the client say? What was agreed?"),
            label_visibility="collapsed",
            height=80,
            max_chars=20_000,
        )
        field_error(st.session_state.pop(f"{key}_error", None))
        kind = st.pills(
            _("Kind"),
            list(ActivityKind),
            format_func=lambda one: f"{ACTIVITY_ICONS[one]} {label(one)}",
            default=ActivityKind.NOTE,
            required=True,
            key=f"{key}_kind",
            label_visibility="collapsed",
        )
        st.button(_("Add"), key=f"{key}_add", on_click=_add, args=(deal_id, kind or ActivityKind.NOTE, text or ""))


def draw_timeline(actor: Actor, deal_id: int) -> None:
    """Draw what happened, newest first, with its filter."""
    chosen = st.segmented_control(
        _("Show"),
        list(FILTERS),
        format_func=lambda one: _(FILTERS[one]),
        default="all",
        required=True,
        key="timeline_filter",
        label_visibility="collapsed",
    )
    shown = st.session_state.get(f"timeline_shown_{deal_id}", PAGE)
    with read_scope() as session:
        items = load_timeline(session, actor, deal_id, limit=shown + 1)
        names = {field.key: field.name for field in load_fields(session)}
    fitting = [item for item in items[:shown] if _fits(item, chosen or "all")]
    if not fitting:
        st.caption(_("Nothing here yet. Notes, calls and every change of the deal will stand here."))
    for item in fitting:
        _draw_item(item, names)
    if len(items) > shown and st.button(_("Earlier"), key="timeline_more", type="tertiary"):
        st.session_state[f"timeline_shown_{deal_id}"] = shown + PAGE
        redraw()


def _add(deal_id: int, kind: ActivityKind, text: str) -> None:
    direction = Direction.OUT if kind in {ActivityKind.CALL, ActivityKind.MESSAGE} else None
    outcome = act.run(add_activity, deal_id=deal_id, kind=kind, text=text, direction=direction)
    if outcome.ok:
        st.session_state[f"note_{deal_id}_text"] = ""
    else:
        st.session_state[f"note_{deal_id}_error"] = outcome.full_message


def _fits(item: TimelineItem, chosen: str) -> bool:
    kinds = {"notes": {ActivityKind.NOTE}, "contacts": set(ActivityKind) - {ActivityKind.NOTE}}
    if chosen == "all":
        return True
    return item.event_kind is not None if chosen == "changes" else item.activity_kind in kinds[chosen]


def _draw_item(item: TimelineItem, names: Mapping[str, str]) -> None:
    author = md(item.author or _("System"))
    if item.merged_deal_id is not None:
        author += f" · :material/merge: {_('of deal {id}', id=f'#{item.merged_deal_id}')}"
    if item.activity_kind is not None:
        st.markdown(
            f"{ACTIVITY_ICONS[item.activity_kind]} **{author}** :gray[{md(moment(item.at))}]",
            help=md(full_moment(item.at)),
        )
        st.text(item.text)
        return
    is_known = item.channel in {None, Channel.UI} or (item.author is None and item.channel is Channel.SYSTEM)
    door = "" if is_known else f" · {md(label(item.channel))}" if item.channel else ""
    sentence = md(event_sentence(item.event_kind or "", item.details, names))
    st.markdown(f":gray[:material/history: {author} · {md(moment(item.at))}{door}  \n{sentence}]")
    linked = item.details.get("child_id") or item.details.get("origin_id")
    if linked is not None:
        page_link("deal", _("Deal {id}", id=f"\\#{linked}"), icon=":material/arrow_forward:", deal=linked)
