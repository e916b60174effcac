"""The work of a bulk merge and of its undo, beside the pages: one group of records, or one merge, a transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.db import Database
from crm.duplicates.bulk import best_survivor
from crm.duplicates.bulk_clusters import Cluster, SurePair, as_chosen
from crm.duplicates.merging import merge_records
from crm.duplicates.taking import hold, hold_pairs
from crm.duplicates.undo import undo_merge
from crm.errors import CrmError
from crm.events import record
from crm.jobs import JobRun, JobStopped
from crm.jobs.run import Stop
from crm.models import Merge, MergeBatch, MergeBatchStatus

_MERGES_AT_ONCE = 500


def merge_batch(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge the groups that were chosen at the start, the surest first.

    A group is one transaction. After a break those with a merge of this batch are done, whatever became of it since.
    Errors: Forbidden; JobStopped.
    """
    require(actor, Action.MERGE_IN_BULK)
    batch_id: int = arguments["batch_id"]
    with database.read_scope() as session:
        planned = session.get_one(MergeBatch, batch_id).planned
        before = set(session.scalars(select(Merge.merged_id).where(Merge.batch_id == batch_id)))
    groups: list[list[int]] = arguments["groups"]
    merged = len(before)
    skipped = sum(len(one) - 1 for one in groups if not before.isdisjoint(one)) - merged
    try:
        for record_ids in (one for one in groups if before.isdisjoint(one)):
            run.report(merged + skipped, planned)
            with database.session_scope() as session:
                done = merge_group(session, actor, batch_id=batch_id, record_ids=record_ids)
                left = len(record_ids) - 1 - done
                _count(session, batch_id, merged + done, skipped + left)
                run.mark(session, merged + done + skipped + left, planned)
            merged, skipped = merged + done, skipped + left
    except JobStopped as stopped:
        if stopped.reason is Stop.CANCELLED:
            _end(database, actor, batch_id, MergeBatchStatus.STOPPED)
        raise
    _end(database, actor, batch_id, MergeBatchStatus.DONE)
    return {"merged": merged, "skipped": skipped}


def merge_group(session: Session, actor: Actor, *, batch_id: int, record_ids: Collection[int]) -> int:
    """Merge a group of a batch where it still is what was chosen; return how many records are hidden now.

    All of it is held before it is looked at: what somebody says meanwhile was said before, or comes too late.
    """
    batch = session.get_one(MergeBatch, batch_id)
    entity_type = batch.entity_type
    hold(session, {entity_type: record_ids})
    hold_pairs(session, entity_type, record_ids)
    cluster = as_chosen(session, entity_type, batch.least_weight, record_ids)
    survivor = best_survivor(session, entity_type, cluster.record_ids) if cluster is not None else None
    if cluster is None or survivor is None:
        return 0
    survivor_id, done = survivor.id, 0
    for record_id in cluster.record_ids:
        if record_id == survivor_id:
            continue
        pair = _pair_of(cluster, record_id, survivor_id)
        try:
            with session.begin_nested():
                merge_records(
                    session, actor, entity_type=entity_type, survivor_id=survivor_id, merged_id=record_id,
                    pair_id=pair.id, batch_id=batch_id, is_held=True,
                )  # fmt: skip
        except CrmError:  # a choice that only a person can make
            continue
        done += 1
    return done


def undo_batch(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take the merges of a batch back, the newest first; those that later merges stand on stay and are counted.

    Errors: Forbidden; JobStopped.
    """
    require(actor, Action.MERGE_IN_BULK)
    batch_id: int = arguments["batch_id"]
    total = _in_force(database, batch_id)
    undone = kept = conflicts = 0
    for merge_id in _newest_first(database, batch_id):
        run.report(undone + kept, total)
        with database.session_scope() as session:
            try:
                with session.begin_nested():
                    report = undo_merge(session, actor, merge_id=merge_id)
            except CrmError:
                kept += 1
            else:
                undone, conflicts = undone + 1, conflicts + len(report.conflicts)
            run.mark(session, undone + kept, total)
    if not _in_force(database, batch_id):
        _end(database, actor, batch_id, MergeBatchStatus.ROLLED_BACK)
    return {"undone": undone, "kept": kept, "conflicts": conflicts}


def _pair_of(cluster: Cluster, record_id: int, survivor_id: int) -> SurePair:
    """Return the pair that joins a record to the survivor, or else to the group."""
    own = [pair for pair in cluster.pairs if record_id in {pair.left_id, pair.right_id}]
    direct = (pair for pair in own if survivor_id in {pair.left_id, pair.right_id})
    return next(direct, own[0])


def _count(session: Session, batch_id: int, merged: int, skipped: int) -> None:
    batch = session.get_one(MergeBatch, batch_id)
    batch.merged, batch.skipped = merged, skipped
    session.flush()


def _end(database: Database, actor: Actor, batch_id: int, status: MergeBatchStatus) -> None:
    with database.session_scope() as session:
        batch = session.get_one(MergeBatch, batch_id)
        batch.status, batch.finished_at = status, utc_now()
        record(
            session, actor, f"merge_batch.{status.value}", "merge_batch", batch_id,
            entity_type=batch.entity_type.value, merged=batch.merged, skipped=batch.skipped,
        )  # fmt: skip


def _in_force(database: Database, batch_id: int) -> int:
    in_force = (Merge.batch_id == batch_id, Merge.undone_at.is_(None))
    with database.read_scope() as session:
        return session.scalar(select(func.count()).select_from(Merge).where(*in_force)) or 0


def _newest_first(database: Database, batch_id: int) -> Iterator[int]:
    below: int | None = None
    while True:
        query = select(Merge.id).where(Merge.batch_id == batch_id, Merge.undone_at.is_(None))
        if below is not None:
            query = query.where(Merge.id < below)
        with database.read_scope() as session:
            ids = list(session.scalars(query.order_by(Merge.id.desc()).limit(_MERGES_AT_ONCE)))
        if not ids:
            return
        yield from ids
        below = ids[-1]
