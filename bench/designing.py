"""Redesigning a pipeline full of deals under the stopwatch: no visit may be lost, and nobody waits five seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, insert, literal, select, text, true, update

from bench.report import Row
from bench.timing import summarise, timed
from crm.actor import Actor
from crm.auth.actors import load_actor
from crm.db import Database
from crm.deals.invariants import broken_invariants
from crm.deals.retiring import retire_stage
from crm.models import Channel, Deal, DealStatus, Role, StageVisit, User, VisitOutcome
from crm.pipelines.commands import edit_pipeline, edit_stage, open_deal_count, reorder_stages
from crm.pipelines.reads import load_pipeline
from crm.pipelines.stage_plans import StagePlan
from crm.pipelines.values import PipelineInfo

BAR_MS = 5000.0


@dataclass(frozen=True, slots=True)
class _Counted:
    visits: int
    finished: int
    open_deals: int


def measure_designing(database: Database) -> list[Row]:
    """Rename, reorder and retire stages of the busiest pipeline; return a row for each act.

    The retired stage holds a third of all deals; each of them must get exactly one visit more.
    """
    admin, pipeline_id = _admin(database), _busiest(database)
    _pile_up(database, pipeline_id)
    before = _count(database)
    rows = [
        _row("rename a pipeline", database, lambda: _rename(database, admin, pipeline_id)),
        _row("rename a stage", database, lambda: _rename_stage(database, admin, pipeline_id)),
        _row("reorder the stages", database, lambda: _reorder(database, admin, pipeline_id)),
    ]
    with database.read_scope() as session:
        sent = open_deal_count(session, _pipeline(database, pipeline_id).open_stages[-1].id)
    retired = summarise([timed(lambda: _retire(database, admin, pipeline_id))])
    after = _count(database)
    lost = before.visits + sent - after.visits
    broken = _broken(database, admin)
    note = f"{after.visits - before.visits:,} visits more, {lost} lost; broken rules: {broken}"
    whole = not lost and after.open_deals == before.open_deals and after.finished == before.finished + sent
    row = Row(
        f"retire a stage, {sent:,} deals go on", retired, bar_ms=BAR_MS, note=note, errors=int(not whole) + broken
    )
    return [*rows, row]


def _pile_up(database: Database, pipeline_id: int) -> None:
    """Let the pipeline's closed deals stand on its first stage: generated bases hold few open ones."""
    with database.session_scope() as session:
        first = load_pipeline(session, pipeline_id).open_stages[0]
        closed = (Deal.pipeline_id == pipeline_id, Deal.status != DealStatus.OPEN)
        been_here = exists().where(StageVisit.deal_id == Deal.id, StageVisit.stage_id == first.id)
        left_at = select(func.max(StageVisit.left_at)).where(StageVisit.deal_id == Deal.id).scalar_subquery()
        columns = ["deal_id", "pipeline_id", "stage_id", "owner_id", "entered_at", "stay_entered_at", "outcome",
                   "is_first", "owner_known", "channel"]  # fmt: skip
        came_at = func.coalesce(left_at, Deal.created_at)
        opened = select(
            Deal.id, Deal.pipeline_id, literal(first.id), Deal.owner_id, came_at, came_at,
            literal(VisitOutcome.OPEN.value), ~been_here, true(), literal(Channel.SYSTEM.value),
        ).where(*closed)  # fmt: skip
        session.execute(insert(StageVisit).from_select(columns, opened))
        session.execute(
            update(Deal)
            .where(*closed)
            .values(
                status=DealStatus.OPEN, stage_id=first.id, closed_at=None, loss_reason_id=None, loss_note=None,
                loss_stage_id=None, version=Deal.version + 1,
            )
            .execution_options(synchronize_session=False)
        )  # fmt: skip
    with database.write_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if database.is_sqlite else "VACUUM ANALYZE"))  # as a base that has settled


def _row(name: str, database: Database, job: Callable[[], object]) -> Row:
    return Row(name, summarise([timed(job)]), bar_ms=BAR_MS)


def _rename(database: Database, admin: Actor, pipeline_id: int) -> None:
    with database.session_scope() as session:
        info = load_pipeline(session, pipeline_id)
        edit_pipeline(
            session, admin, pipeline_id=pipeline_id, expected_version=info.version, name=f"{info.name} II",
            is_archived=False,
        )  # fmt: skip


def _rename_stage(database: Database, admin: Actor, pipeline_id: int) -> None:
    with database.session_scope() as session:
        info = load_pipeline(session, pipeline_id)
        stage = info.open_stages[0]
        plan = StagePlan(f"{stage.name} II", stage.exit_criterion or "", stage.norm_seconds, stage.required)
        edit_stage(session, admin, stage_id=stage.id, expected_version=info.version, plan=plan)


def _reorder(database: Database, admin: Actor, pipeline_id: int) -> None:
    with database.session_scope() as session:
        info = load_pipeline(session, pipeline_id)
        turned: Sequence[int] = [stage.id for stage in info.open_stages][::-1]
        reorder_stages(session, admin, pipeline_id=pipeline_id, expected_version=info.version, stage_ids=turned)


def _retire(database: Database, admin: Actor, pipeline_id: int) -> None:
    with database.session_scope() as session:
        info = load_pipeline(session, pipeline_id)
        goal, last = info.open_stages[-2:]
        retire_stage(session, admin, stage_id=last.id, expected_version=info.version, target_stage_id=goal.id)


def _pipeline(database: Database, pipeline_id: int) -> PipelineInfo:
    with database.read_scope() as session:
        return load_pipeline(session, pipeline_id)


def _admin(database: Database) -> Actor:
    with database.read_scope() as session:
        user_id = session.scalars(select(User.id).where(User.role == Role.ADMIN).order_by(User.id)).first()
        return load_actor(session, user_id or 0, Channel.UI)


def _busiest(database: Database) -> int:
    query = select(Deal.pipeline_id).where(Deal.status == DealStatus.OPEN).group_by(Deal.pipeline_id)
    with database.read_scope() as session:
        return session.scalars(query.order_by(func.count().desc()).limit(1)).one()


def _count(database: Database) -> _Counted:
    with database.read_scope() as session:
        visits = select(func.count()).select_from(StageVisit)
        return _Counted(
            visits=session.scalar(visits) or 0,
            finished=session.scalar(visits.where(StageVisit.outcome != VisitOutcome.OPEN)) or 0,
            open_deals=session.scalar(select(func.count()).where(Deal.status == DealStatus.OPEN)) or 0,
        )


def _broken(database: Database, admin: Actor) -> int:
    with database.read_scope() as session:
        return len(broken_invariants(session, admin))
