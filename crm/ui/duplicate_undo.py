"""Taking a merge back: at once where nothing stands in the way, else after a look at what does."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.duplicates.merge_values import MergeInfo, UndoConflict, UndoPlan, UndoReport
from crm.duplicates.undo import undo_merge
from crm.duplicates.undo_plan import plan_undo
from crm.i18n import N_, _, ngettext
from crm.i18n.formats import moment
from crm.i18n.texts import violation_sentence
from crm.models import EntityType
from crm.ui import act
from crm.ui.duplicate_fields import field_words
from crm.ui.duplicate_queue import DECIDED, open_pair
from crm.ui.duplicate_words import counts_words, kind_name
from crm.ui.markdown import md
from crm.ui.page import page_dialog, signed_in_actor

CONFLICTS_SHOWN = 20
_TYPES = {"contacts": EntityType.CONTACT, "companies": EntityType.COMPANY, "deals": EntityType.DEAL}
_CONFLICTS = {
    "changed": N_("{field} of {record} stays “{now}”: it was changed after the merge."),
    "moved": N_("{record} stays where it is: it was moved after the merge."),
    "gone": N_("{record} is no more."),
}


def take_back(merge_id: int, pair_id: int | None = None) -> None:
    """Undo a merge that nothing depends on; serves as the action of a notice."""
    outcome = act.run(undo_merge, merge_id=merge_id)
    outcome.told(undone_words(outcome.value) if outcome.value else None)
    if outcome.ok:
        open_pair(pair_id)
        st.session_state[DECIDED] = True


def ask_undo(merge: MergeInfo) -> None:
    """Open the dialog that says what an undo brings back, and what it can't."""

    @page_dialog(_("Undo the merge"), width="medium")
    def ask() -> None:
        actor = signed_in_actor()
        if actor is None:
            st.rerun()
        _draw(actor, merge.id)

    ask()


def undone_words(report: UndoReport) -> str:
    """Return what an undo did, as markdown."""
    count = len(report.merge_ids)
    told = ngettext("{n} merge is undone", "{n} merges are undone", count) if count > 1 else _("The merge is undone")
    if report.conflicts:
        kept = len(report.conflicts)
        told += ". " + ngettext("{n} later change stays.", "{n} later changes stay.", kept)
    return told


def conflict_words(conflict: UndoConflict) -> str:
    """Return what an undo leaves as it is, as plain text."""
    name = conflict.field or ""
    return _(
        _CONFLICTS[conflict.code],
        field=field_words(_TYPES.get(conflict.kind), name),
        record=f"{kind_name(conflict.kind)} #{conflict.record_id}",
        now=conflict.now or "—",
    )


def _draw(actor: Actor, merge_id: int) -> None:
    with read_scope() as session:
        plan = plan_undo(session, actor, merge_id=merge_id)
    merge = plan.merge
    st.markdown(
        _(
            "**{merged}** \\#{merged_id} comes back out of **{survivor}** \\#{survivor_id}.",
            merged=md(merge.merged_name), merged_id=merge.merged_id,
            survivor=md(merge.survivor_name), survivor_id=merge.survivor_id,
        )
    )  # fmt: skip
    _draw_what(plan)
    _draw_dependents(plan.dependents)
    for violation in plan.refusals:
        st.markdown(f":red[:material/block: {md(violation_sentence(violation))}]")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button(_("Cancel"), key="undo_cancel", type="tertiary"):
            st.rerun()
        count = 1 + len(plan.dependents)
        name = _("Undo the merge") if count == 1 else ngettext("Undo {n} merge", "Undo {n} merges", count)
        if st.button(name, key="undo_confirm", type="primary", disabled=bool(plan.refusals)):
            outcome = act.run(undo_merge, merge_id=merge_id, cascade=bool(plan.dependents))
            outcome.told(undone_words(outcome.value) if outcome.value else None)
            st.rerun()


def _draw_what(plan: UndoPlan) -> None:
    returns = counts_words(plan.returns)
    if returns:
        st.markdown(f":material/undo: {md(_('{what} go back.', what=returns))}")
    if plan.fields:
        names = ", ".join(field_words(plan.merge.entity_type, one) for one in plan.fields)
        st.markdown(f":material/edit: {md(_('Former values return: {fields}.', fields=names))}")
    stays = counts_words(plan.stays)
    if stays:
        st.markdown(f":material/add: {md(_('Came after the merge and stays: {what}.', what=stays))}")
    if plan.conflicts:
        shown = plan.conflicts[:CONFLICTS_SHOWN]
        lines = "  \n".join(f":orange[:material/warning:] {md(conflict_words(one))}" for one in shown)
        st.markdown(lines)
        rest = len(plan.conflicts) - len(shown)
        if rest:
            st.caption(_("And {n} more.", n=rest))


def _draw_dependents(dependents: Sequence[MergeInfo]) -> None:
    if not dependents:
        return
    told = ngettext(
        "{n} later merge rests on this one and is undone first:",
        "{n} later merges rest on this one and are undone first:",
        len(dependents),
    )
    st.markdown(f":orange[:material/account_tree: {told}]")
    for one in dependents:
        st.markdown(f"- {md(one.merged_name)} → {md(one.survivor_name)} :gray[{md(moment(one.at))}]")
