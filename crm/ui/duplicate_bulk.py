"""Merging many sure pairs at once: a dry run, a start, a stop, and batches so far with a way back."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.jobs import load_job
from crm.db import read_scope
from crm.duplicates.bulk import PAIRS_AT_MOST, list_batches, plan_bulk, start_bulk, stop_bulk, undo_bulk
from crm.duplicates.merge_values import BatchInfo, BulkPlan
from crm.i18n import N_, _, ngettext
from crm.i18n.formats import moment
from crm.i18n.labels import label
from crm.models import EntityType, MergeBatchStatus
from crm.ui import act
from crm.ui.device import is_phone
from crm.ui.duplicate_filters import KIND_NAMES
from crm.ui.duplicate_words import chance, left_out_words
from crm.ui.forms import field_error
from crm.ui.markdown import md
from crm.ui.page import page_dialog, redraw
from crm.ui.sidebar import forget_waiting

# Log2 odds above the automatic threshold: three of them make a pair eight times as sure.
STRICTNESS = {"usual": (N_("Sure"), 0.0), "strict": (N_("Surer"), 3.0), "certain": (N_("As good as certain"), 6.0)}
_PLAN = "bulk_plan"
_COUNTED = "bulk_counted"
_ICONS = {
    MergeBatchStatus.RUNNING: ":material/sync:",
    MergeBatchStatus.DONE: ":material/check_circle:",
    MergeBatchStatus.STOPPED: ":material/stop_circle:",
    MergeBatchStatus.ROLLED_BACK: ":material/undo:",
}


def draw_bulk(actor: Actor) -> None:
    """Draw the dry run and, once there is one, the start; then the batches so far."""
    _draw_dry_run(actor)
    _draw_batches(actor)


def is_batch_running(actor: Actor) -> bool:
    """Tell whether a batch is at work, or is being taken back."""
    with read_scope() as session:
        return any(_is_at_work(session, actor, one) for one in list_batches(session, actor, limit=5))


def _is_at_work(session: Session, actor: Actor, batch: BatchInfo) -> bool:
    return batch.job_id is not None and not load_job(session, actor, batch.job_id).is_over


def _draw_dry_run(actor: Actor) -> None:
    st.markdown(
        _("Only pairs above the automatic threshold are merged, and none that a guard holds back. "
          "A dry run changes nothing; a whole batch can be taken back.")
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            _("What"), list(KIND_NAMES), default=EntityType.CONTACT, required=True,
            format_func=lambda code: _(KIND_NAMES[code]), key="bulk_kind",
        )  # fmt: skip
        how = st.segmented_control(
            _("How sure"), list(STRICTNESS), default="usual", required=True,
            format_func=lambda code: _(STRICTNESS[code][0]), key="bulk_strictness",
        )  # fmt: skip
        limit = st.number_input(
            _("Pairs at most"), min_value=1, max_value=PAIRS_AT_MOST, value=1000, step=100, key="bulk_limit", width=160
        )
        asked = (kind or EntityType.CONTACT, how or "usual", int(limit or 1))
        if st.button(_("Dry run"), key="bulk_try", icon=":material/science:"):
            with st.spinner(_("Counting")):
                st.session_state[_PLAN] = (asked, _plan(actor, *asked))
    kept = st.session_state.get(_PLAN)
    if kept is not None and kept[0] == asked:
        _draw_plan(kept[1], limit=asked[2])


def _plan(actor: Actor, kind: EntityType, how: str, limit: int) -> BulkPlan:
    with read_scope() as session:
        plan = plan_bulk(session, actor, entity_type=kind, limit=limit)
        more = STRICTNESS[how][1]
        if not more:
            return plan
        return plan_bulk(session, actor, entity_type=kind, least_weight=plan.least_weight + more, limit=limit)


def _draw_plan(plan: BulkPlan, *, limit: int) -> None:
    with st.container(border=True, key="bulk_plan"):
        if not plan.merges:
            st.markdown(f":material/task_alt: {_('There is nothing this sure to merge.')}")
        else:
            with st.container(horizontal=True, gap="small" if is_phone() else "large"):
                st.metric(_("Records hidden in others"), plan.merges, width="content")
                st.metric(_("Records that remain"), plan.clusters, width="content")
                st.metric(_("Largest group"), plan.largest_cluster, width="content")
            lines = (
                f":small[**{chance(one.probability)}** {md(one.merged_name)} \\#{one.merged_id} → "
                f"{md(one.survivor_name)} \\#{one.survivor_id}]"
                for one in plan.samples
            )
            st.markdown("  \n".join(lines))
        left_out = left_out_words(plan.left_out)
        if left_out:
            st.caption(_("Left to people: {what}.", what=md(left_out)))
        if not plan.merges:
            return
        note = st.text_input(_("Note for the history"), key="bulk_note", max_chars=500)
        field_error(st.session_state.pop("bulk_error", None))
        name = ngettext("Merge {n} record", "Merge {n} records", plan.merges)
        if st.button(name, key="bulk_start", type="primary", icon=":material/merge:"):
            _start(plan, limit, note)


def _start(plan: BulkPlan, limit: int, note: str) -> None:
    outcome = act.run(
        start_bulk, entity_type=plan.entity_type, least_weight=plan.least_weight, limit=limit, note=note or None
    )
    if not outcome.ok:
        st.session_state["bulk_error"] = outcome.full_message
        redraw()
    st.session_state.pop(_PLAN, None)
    outcome.told(_("The batch has begun"))
    st.rerun()  # the whole page: from now on the progress is looked at


def _draw_batches(actor: Actor) -> None:
    with read_scope() as session:
        batches = list_batches(session, actor)
        at_work = {one.id for one in batches if _is_at_work(session, actor, one)}
    _count_anew(batches, at_work)
    st.markdown(f"#### {_('Batches so far')}")
    if not batches:
        st.caption(_("Batches will be listed here, each with a way to take all of it back."))
    for batch in batches:
        _draw_batch(batch, is_at_work=batch.id in at_work)


def _count_anew(batches: tuple[BatchInfo, ...], at_work: set[int]) -> None:
    """Let the sidebar count again what waits once a batch is done, or is taken back."""
    present = [(one.id, one.status, one.undone) for one in batches if one.id not in at_work]
    if st.session_state.setdefault(_COUNTED, present) != present:
        st.session_state[_COUNTED] = present
        forget_waiting()
        st.rerun()


def _draw_batch(batch: BatchInfo, *, is_at_work: bool) -> None:
    with st.container(border=True, key=f"batch_{batch.id}", gap="xxsmall"):
        about = [moment(batch.created_at), batch.actor_name or _("System"), label(batch.status)]
        title = f"{_('Batch {id}', id=batch.id)} · {_(KIND_NAMES[batch.entity_type])}"
        st.markdown(f"{_ICONS[batch.status]} **{md(title)}** :gray[{md(' · '.join(about))}]")
        if batch.note:
            st.text(batch.note)
        done = batch.merged + batch.skipped
        if batch.status is MergeBatchStatus.RUNNING:
            share = min(1.0, done / batch.planned) if batch.planned else 0.0
            st.progress(share, text=_("{done} of {total}", done=done, total=batch.planned))
        told = [ngettext("{n} record merged", "{n} records merged", batch.merged)]
        if batch.skipped:
            told.append(ngettext("{n} left out", "{n} left out", batch.skipped))
        if batch.undone:
            told.append(ngettext("{n} undone", "{n} undone", batch.undone))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(" · ".join(told), width="content")
            if batch.status is MergeBatchStatus.RUNNING:
                st.button(_("Stop"), key=f"batch_stop_{batch.id}", icon=":material/stop:", on_click=_stop,
                          args=(batch.id,))  # fmt: skip
            elif is_at_work:
                st.caption(f":material/undo: {_('is being taken back')}", width="content")
            elif batch.merged > batch.undone and st.button(
                _("Take the batch back"), key=f"batch_undo_{batch.id}", icon=":material/undo:", type="tertiary"
            ):
                _ask_undo(batch)


def _ask_undo(batch: BatchInfo) -> None:
    @page_dialog(_("Take the batch back"))
    def ask() -> None:
        left = batch.merged - batch.undone
        st.markdown(
            ngettext(
                "{n} record comes back out of the one it was put into.",
                "{n} records come back out of those they were put into.",
                left,
            )
            + " "
            + _("What people have changed since the merge stays as it is and is told; merges by hand that rest on "
                "these are left alone, and so is what they rest on.")
        )  # fmt: skip
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button(_("Cancel"), key="batch_cancel", type="tertiary"):
                st.rerun()
            if st.button(_("Take it back"), key="batch_confirm", type="primary"):
                act.run(undo_bulk, batch_id=batch.id).told(_("The batch is being taken back"))
                st.rerun()

    ask()


def _stop(batch_id: int) -> None:
    act.run(stop_bulk, batch_id=batch_id).told(_("The batch stops after the record it is at"))
