"""Three and more records that look the same: the sure ones are ticked, those that stay ticked become one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.duplicates.clusters import merge_several, part_several
from crm.duplicates.pair_card import count_deals
from crm.duplicates.pair_values import PairCard, PairRow, RecordBrief
from crm.i18n import _, ngettext
from crm.models import EntityType
from crm.ui import act
from crm.ui.duplicate_queue import DECIDED, open_pair
from crm.ui.duplicate_words import chance
from crm.ui.markdown import md
from crm.ui.page import page_dialog

UNASKED_AT_MOST = 2  # more records than this are merged after one more question


@dataclass(frozen=True, slots=True)
class _Like:
    """A record of another pair; `is_sure` where both pairs are above the automatic threshold with nothing against."""

    brief: RecordBrief
    probability: float
    is_sure: bool


def draw_cluster(actor: Actor, card: PairCard, survivor_id: int) -> None:
    """Draw the other open pairs of the two records, and merging all that stay ticked; nothing without others."""
    found = sorted(_alike(card), key=lambda one: -one.probability)
    together, apart = _parted(card, found)
    if not found or _are_apart(card, card.left.id, card.right.id):
        return
    with st.container(border=True, key="duplicates_cluster", gap="xsmall"):
        told = ngettext("{n} more record looks like these two", "{n} more records look like these two", len(found))
        st.markdown(f":material/hub: **{told}**")
        if together:
            _draw_choice(actor, card, survivor_id, together)
        if apart:
            names = ", ".join(f"{md(one.brief.name)} \\#{one.brief.id}" for one in apart)
            st.caption(f":material/call_split: {_('Not with these, as somebody said: {names}', names=names)}")


def _draw_choice(actor: Actor, card: PairCard, survivor_id: int, together: Sequence[_Like]) -> None:
    st.caption(_("Tick those that are the same; they become one. Fields are taken by the usual rules."))
    pair = {side.id: side for side in (card.row.left, card.row.right)}
    merged = [
        brief.id
        for brief, likely, is_sure in (
            *((side, None, _is_sure(card.row)) for key, side in pair.items() if key != survivor_id),
            *((one.brief, one.probability, one.is_sure) for one in together),
        )
        if st.checkbox(_about(brief, likely), value=is_sure, key=f"duplicates_tick_{card.row.id}_{brief.id}")
    ]
    kind, name = card.row.entity_type, f"**{md(pair[survivor_id].name)}**"
    with read_scope() as session:
        deals = count_deals(session, actor, entity_type=kind, record_ids=merged)
    told = ngettext("{n} record goes into {name}", "{n} records go into {name}", len(merged), name=name)
    if deals and kind is not EntityType.DEAL:
        told += ", " + ngettext("{n} deal with it", "{n} deals with them", deals)
    if merged:
        st.markdown(f":material/move_up: {told}.")
    pressed = st.button(
        ngettext("Merge {n} record", "Merge {n} records", len(merged)) if merged else _("Merge"),
        key="duplicates_merge_all", disabled=len(merged) < 2,
    )  # fmt: skip
    if pressed and len(merged) > UNASKED_AT_MOST:
        _ask(kind, survivor_id, merged, told)
    elif pressed:
        _merge_all(kind, survivor_id, merged)


def _about(brief: RecordBrief, likely: float | None) -> str:
    parts = [f"{md(brief.name)} \\#{brief.id}", *([f"**{chance(likely)}**"] if likely is not None else [])]
    about = " · ".join(md(one) for one in (brief.detail, brief.owner_name) if one)
    return f"{' · '.join(parts)} :gray[· {about}]"


def _alike(card: PairCard) -> Iterator[_Like]:
    pair = {card.left.id, card.right.id}
    briefs = {side.id: side for row in card.others for side in (row.left, row.right) if side.id not in pair}
    for key, brief in briefs.items():
        rows = [row for row in card.others if key in {row.left.id, row.right.id}]
        is_sure = any(map(_is_sure, rows)) and not any(row.guards for row in rows)
        yield _Like(brief, max(row.probability for row in rows), is_sure and _is_sure(card.row))


def _is_sure(row: PairRow) -> bool:
    return row.is_automatic and not row.guards


def _parted(card: PairCard, found: Sequence[_Like]) -> tuple[list[_Like], list[_Like]]:
    """Return who may be merged with the two, the likeliest first, and whom somebody keeps apart from any of these."""
    together: list[_Like] = []
    apart: list[_Like] = []
    for one in found:
        ids = (card.left.id, card.right.id, *(other.brief.id for other in together))
        (apart if any(_are_apart(card, one.brief.id, other) for other in ids) else together).append(one)
    return together, apart


def _are_apart(card: PairCard, first: int, second: int) -> bool:
    return (min(first, second), max(first, second)) in card.apart


def _ask(kind: EntityType, survivor_id: int, merged: list[int], told: str) -> None:
    @page_dialog(ngettext("Merge {n} record", "Merge {n} records", len(merged)))
    def ask() -> None:
        st.markdown(f"{told}. {_('Every merge can be undone.')}")
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button(_("Cancel"), key="cluster_cancel", type="tertiary"):
                st.rerun()
            if st.button(_("Merge"), key="cluster_confirm", type="primary", icon=":material/merge:"):
                _merge_all(kind, survivor_id, merged)

    ask()


def _merge_all(kind: EntityType, survivor_id: int, merged: list[int]) -> None:
    outcome = act.run(merge_several, entity_type=kind, survivor_id=survivor_id, merged_ids=merged)
    done = outcome.value or ()
    outcome.told(
        ngettext("{n} record is merged", "{n} records are merged", len(done)),
        undo=lambda: _take_back(done),
    )
    if outcome.ok:
        open_pair(None)
        st.session_state[DECIDED] = True
    st.rerun()


def _take_back(merge_ids: tuple[int, ...]) -> None:
    outcome = act.run(part_several, merge_ids=merge_ids)
    outcome.told(_("The merges are undone"))
    st.session_state[DECIDED] = outcome.ok
