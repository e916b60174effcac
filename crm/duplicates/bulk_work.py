"""The work of a bulk merge and of its undo, beside the pages: one group of records, or one merge, a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.db import Database
from crm.duplicates.bulk import best_survivor
from crm.duplicates.bulk_clusters import Cluster, SurePair, select_clusters, still_sure
from crm.duplicates.merging import merge_records
from crm.duplicates.undo import undo_merge
from crm.errors import CrmError
from crm.events import record
from crm.jobs import JobRun, JobStopped
from crm.jobs.run import Stop
from crm.models import EntityType, Merge, MergeBatch, MergeBatchStatus

_MERGES_AT_ONCE = 500


def merge_batch(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge the groups of a batch, the surest first.

    Pairs that are done are open no more: after a break what is left is found anew, and nothing is done twice.
    Errors: Forbidden; JobStopped.
    """
    require(actor, Action.MERGE_IN_BULK)
    batch_id: int = arguments["batch_id"]
    with database.read_scope() as session:
        batch = session.get_one(MergeBatch, batch_id)
        entity_type, planned, merged = batch.entity_type, batch.planned, batch.merged
        selection = select_clusters(
            session, entity_type, batch.least_weight, arguments["limit"], up_to=arguments["up_to"]
        )
    skipped = 0
    try:
        for cluster in selection.clusters:
            run.report(merged + skipped, planned)
            with database.session_scope() as session:
                done = _merge_cluster(session, actor, entity_type, cluster, batch_id)
                merged, skipped = merged + done, skipped + len(cluster.record_ids) - 1 - done
                _count(session, batch_id, merged, skipped)
                run.mark(session, merged + skipped, planned)
    except JobStopped as stopped:
        if stopped.reason is Stop.CANCELLED:
            _end(database, actor, batch_id, MergeBatchStatus.STOPPED)
        raise
    _end(database, actor, batch_id, MergeBatchStatus.DONE)
    return {"merged": merged, "skipped": skipped}


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


def _merge_cluster(session: Session, actor: Actor, entity_type: EntityType, cluster: Cluster, batch_id: int) -> int:
    if not still_sure(session, cluster):
        return 0
    survivor = best_survivor(session, entity_type, cluster.record_ids)
    if survivor is None:
        return 0
    done = 0
    for record_id in cluster.record_ids:
        if record_id == survivor.id:
            continue
        pair = _pair_of(cluster, record_id, survivor.id)
        try:
            with session.begin_nested():
                merge_records(
                    session, actor, entity_type=entity_type, survivor_id=survivor.id, merged_id=record_id,
                    pair_id=pair.id, batch_id=batch_id,
                )  # fmt: skip
        except CrmError:  # a choice that only a person can make, or a record that went meanwhile
            continue
        done += 1
    return done


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
