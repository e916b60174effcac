"""Three and more records that look the same: some are taken out, the rest become one."""

from __future__ import annotations

import streamlit as st

from crm.duplicates.clusters import merge_several, part_several
from crm.duplicates.pair_values import PairCard
from crm.i18n import _, ngettext
from crm.ui import act
from crm.ui.duplicate_queue import DECIDED, open_pair
from crm.ui.duplicate_words import chance
from crm.ui.markdown import md


def draw_cluster(card: PairCard, survivor_id: int) -> None:
    """Draw the other open pairs of the two records, and merging all that stay ticked; nothing without others."""
    if not card.others:
        return
    names = {card.left.id: card.left.name, card.right.id: card.right.name}
    likely: dict[int, float] = {}
    for row in card.others:
        for brief in (row.left, row.right):
            names.setdefault(brief.id, brief.name)
            if brief.id not in {card.left.id, card.right.id}:
                likely[brief.id] = max(likely.get(brief.id, 0.0), row.probability)
    if not likely:
        return
    with st.container(border=True, key="duplicates_cluster", gap="xsmall"):
        told = ngettext("{n} more record looks like these two", "{n} more records look like these two", len(likely))
        st.markdown(f":material/hub: **{told}**")
        st.caption(_("Untick those that are somebody else; the rest become one. Fields are taken by the usual rules."))
        ticked = [
            one
            for one in names
            if one == survivor_id
            or st.checkbox(
                f"{md(names[one])} \\#{one}" + (f" · {chance(likely[one])}" if one in likely else ""),
                value=one not in likely or likely[one] >= card.row.probability / 2,
                key=f"duplicates_tick_{card.row.id}_{one}",
            )
        ]
        merged = [one for one in ticked if one != survivor_id]
        st.button(
            ngettext("Merge {n} record into {name}", "Merge {n} records into {name}", len(merged),
                     name=md(names[survivor_id])),
            key="duplicates_merge_all", disabled=len(merged) < 2, on_click=_merge_all, args=(card, survivor_id, merged),
        )  # fmt: skip


def _merge_all(card: PairCard, survivor_id: int, merged: list[int]) -> None:
    outcome = act.run(merge_several, entity_type=card.row.entity_type, survivor_id=survivor_id, merged_ids=merged)
    done = outcome.value or ()
    outcome.told(
        ngettext("{n} record is merged", "{n} records are merged", len(done)),
        undo=lambda: _take_back(done),
    )
    if outcome.ok:
        open_pair(None)
        st.session_state[DECIDED] = True


def _take_back(merge_ids: tuple[int, ...]) -> None:
    outcome = act.run(part_several, merge_ids=merge_ids)
    outcome.told(_("The merges are undone"))
    st.session_state[DECIDED] = outcome.ok
