"""Many merges at once: a dry run, a start, a stop, and taking a whole batch back."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from crm.actor import Actor
from crm.auth.jobs import cancel_job
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.duplicates.bulk_clusters import Cluster, pairs_left_out, select_clusters
from crm.duplicates.merge_plan import survivor_rank
from crm.duplicates.merge_values import BatchInfo, BulkPlan, BulkSample
from crm.duplicates.merging import record_name
from crm.duplicates.moving import told
from crm.duplicates.row_values import MODELS, Record
from crm.errors import InvalidInput, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.jobs import request_job
from crm.matching.models_in_use import load_model
from crm.models import (
    BackgroundJob,
    EntityType,
    JobKind,
    JobStatus,
    Merge,
    MergeBatch,
    MergeBatchStatus,
    User,
    Workspace,
)
from crm.typed_text import block_violations, clean_block

PAIRS_AT_MOST = 50_000
SAMPLES = 10
NOTE_LIMIT = 2_000
_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)


def plan_bulk(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType,
    least_weight: float | None = None,
    limit: int = PAIRS_AT_MOST,
) -> BulkPlan:
    """Return what a bulk merge would do; without a weight, from the automatic threshold of the model in use.

    The samples are spread over all of it, the surest and the least sure among them.
    Errors: Forbidden; InvalidInput for a limit out of range.
    """
    require(actor, Action.MERGE_IN_BULK)
    refuse_if_any(_limit_violations(limit))
    weight = _weight(session, entity_type, least_weight)
    selection = select_clusters(session, entity_type, weight, limit)
    clusters = selection.clusters
    shown = _spread(clusters, SAMPLES)
    return BulkPlan(
        entity_type=entity_type,
        least_weight=weight,
        pairs=sum(len(one.pairs) for one in clusters),
        clusters=len(clusters),
        merges=selection.merges,
        largest_cluster=max((len(one.record_ids) for one in clusters), default=0),
        samples=tuple(_sample(session, entity_type, one) for one in shown),
        left_out=told(selection.left_out + pairs_left_out(session, entity_type, weight)),
    )


def start_bulk(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType,
    least_weight: float | None = None,
    limit: int = PAIRS_AT_MOST,
    note: str | None = None,
) -> int:
    """Ask for a bulk merge in the background; return the batch's id.

    Errors: Forbidden; InvalidInput: nothing to merge, a limit out of range, or a batch of this kind at work.
    """
    require(actor, Action.MERGE_IN_BULK)
    refuse_if_any(_limit_violations(limit) + block_violations(note or "", "note", NOTE_LIMIT))
    # Two who start at once meet here; the second finds the first one's batch.
    session.execute(select(Workspace.id).with_for_update(key_share=True))
    if any(one.entity_type is entity_type for one in _at_work(session)):
        raise InvalidInput([Violation("merge_batch_at_work")])
    weight = _weight(session, entity_type, least_weight)
    selection = select_clusters(session, entity_type, weight, limit)
    if not selection.clusters:
        raise InvalidInput([Violation("merge_batch_empty")])
    batch = MergeBatch(
        entity_type=entity_type, status=MergeBatchStatus.RUNNING, least_weight=weight, planned=selection.merges,
        note=clean_block(note or "") or None, actor_id=actor.user_id, created_at=utc_now(),
    )  # fmt: skip
    session.add(batch)
    session.flush()
    # What was approved, and no more: pairs found later, or grown sure, wait for another batch.
    groups = [one.record_ids for one in selection.clusters]
    request_job(session, actor, JobKind.MERGE_BATCH, unique_key=job_key(batch.id), batch_id=batch.id, groups=groups)
    record(
        session, actor, "merge_batch.started", "merge_batch", batch.id, entity_type=entity_type.value,
        planned=batch.planned,
    )  # fmt: skip
    return batch.id


def stop_bulk(session: Session, actor: Actor, *, batch_id: int) -> None:
    """Ask a batch at work to stop; what it has merged stays merged.

    Errors: Forbidden; NotFound; InvalidInput where it is not at work.
    """
    require(actor, Action.MERGE_IN_BULK)
    batch = _take(session, batch_id)
    job = _job(session, batch_id)
    if job is None or job.status not in _UNFINISHED:
        raise InvalidInput([Violation("merge_batch_over")])
    left = cancel_job(session, actor, job.id)
    if left is JobStatus.CANCELLED and batch.status is MergeBatchStatus.RUNNING:  # it had not begun
        batch.status, batch.finished_at = MergeBatchStatus.STOPPED, utc_now()
    session.flush()


def undo_bulk(session: Session, actor: Actor, *, batch_id: int) -> int:
    """Ask for all merges of a batch to be taken back, the newest first; return the job's id.

    Errors: Forbidden; NotFound; InvalidInput where it is at work or taken back already.
    """
    require(actor, Action.MERGE_IN_BULK)
    batch = _take(session, batch_id)
    job = _job(session, batch_id)
    if job is not None and job.status in _UNFINISHED:
        raise InvalidInput([Violation("merge_batch_at_work")])
    in_force = select(Merge.id).where(Merge.batch_id == batch_id, Merge.undone_at.is_(None)).limit(1)
    if batch.status is MergeBatchStatus.ROLLED_BACK or session.scalar(in_force) is None:
        raise InvalidInput([Violation("merge_batch_undone")])
    record(session, actor, "merge_batch.undo_started", "merge_batch", batch.id, entity_type=batch.entity_type.value)
    return request_job(session, actor, JobKind.UNDO_BATCH, unique_key=job_key(batch_id), batch_id=batch_id)


def list_batches(session: Session, actor: Actor, *, limit: int = 20) -> tuple[BatchInfo, ...]:
    """Return bulk merges, the newest first; one whose job broke counts as stopped.

    Errors: Forbidden.
    """
    require(actor, Action.MERGE_IN_BULK)
    undone = select(func.count()).where(Merge.batch_id == MergeBatch.id, Merge.undone_at.is_not(None)).scalar_subquery()
    query = select(MergeBatch, User.name, undone).outerjoin(User, User.id == MergeBatch.actor_id)
    rows = session.execute(query.order_by(MergeBatch.id.desc()).limit(limit).execution_options(populate_existing=True))
    return tuple(_info(session, batch, name, count) for batch, name, count in rows)


def job_key(batch_id: int) -> str:
    """Return the key of a batch's jobs: one at a time."""
    return f"duplicates.batch.{batch_id}"


def best_survivor(session: Session, entity_type: EntityType, record_ids: tuple[int, ...]) -> Record | None:
    """Return the living record of a group that the others go into: most open deals, then fullest, then oldest."""
    model: Any = MODELS[entity_type]
    living = select(model).where(model.id.in_(record_ids), model.merged_into_id.is_(None))
    rows: list[Record] = list(session.scalars(living.execution_options(populate_existing=True)))
    return max(rows, key=survivor_rank(session, entity_type, rows)) if rows else None


def _weight(session: Session, entity_type: EntityType, least_weight: float | None) -> float:
    automatic = load_model(session, entity_type).model.auto_at
    return automatic if least_weight is None else max(automatic, least_weight)


def _limit_violations(limit: int) -> list[Violation]:
    fits = 1 <= limit <= PAIRS_AT_MOST
    return [] if fits else [Violation("merge_limit_invalid", "limit", {"limit": PAIRS_AT_MOST})]


def _spread(clusters: tuple[Cluster, ...], count: int) -> list[Cluster]:
    if len(clusters) <= count:
        return list(clusters)
    return [clusters[round(at * (len(clusters) - 1) / (count - 1))] for at in range(count)]


def _sample(session: Session, entity_type: EntityType, cluster: Cluster) -> BulkSample:
    pair = cluster.pairs[0]
    ids = (pair.left_id, pair.right_id)
    model: Any = MODELS[entity_type]
    rows = {row.id: row for row in session.scalars(select(model).where(model.id.in_(ids)))}
    survivor = best_survivor(session, entity_type, ids)
    kept = survivor.id if survivor is not None else ids[0]
    (merged,) = (one for one in ids if one != kept)
    return BulkSample(
        pair.id, kept, record_name(rows[kept]), merged, record_name(rows[merged]), pair.weight, pair.probability
    )


def _take(session: Session, batch_id: int) -> MergeBatch:
    batch = session.get(MergeBatch, batch_id, with_for_update=True, populate_existing=True)
    if batch is None:
        raise NotFound(entity="merge_batch", id=batch_id)
    return batch


def _job(session: Session, batch_id: int) -> BackgroundJob | None:
    query = select(BackgroundJob).where(BackgroundJob.unique_key == job_key(batch_id))
    newest = query.order_by(BackgroundJob.id.desc()).limit(1).options(defer(BackgroundJob.arguments))
    return session.scalars(newest.execution_options(populate_existing=True)).one_or_none()


def _at_work(session: Session) -> list[MergeBatch]:
    running = session.scalars(select(MergeBatch).where(MergeBatch.status == MergeBatchStatus.RUNNING))
    jobs = ((batch, _job(session, batch.id)) for batch in running)
    return [batch for batch, job in jobs if job is not None and job.status in _UNFINISHED]


def _info(session: Session, batch: MergeBatch, name: str | None, undone: int) -> BatchInfo:
    job = _job(session, batch.id)
    status = batch.status
    if status is MergeBatchStatus.RUNNING and (job is None or job.status not in _UNFINISHED):
        status = MergeBatchStatus.STOPPED
    return BatchInfo(
        id=batch.id,
        entity_type=batch.entity_type,
        status=status,
        least_weight=batch.least_weight,
        planned=batch.planned,
        merged=batch.merged,
        skipped=batch.skipped,
        undone=undone,
        note=batch.note,
        actor_name=name,
        created_at=batch.created_at,
        finished_at=batch.finished_at,
        job_id=job.id if job is not None else None,
    )
