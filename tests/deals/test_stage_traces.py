"""Objections out of a stage: one event for each objection written, and none for what colleagues write meanwhile."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.db import Database
from crm.deals.objections import ObjectionPlan, record_objection
from crm.deals.stage_traces import add_objections
from crm.models import Event, Objection
from crm.pipelines.reads import load_pipeline
from tests.conftest import Cast
from tests.deals.interleaving import interleaved
from tests.factories import PipelineRows, add_deal, add_pipeline


def turn(session: Session, cast: Cast, rows: PipelineRows) -> int:
    stage, target = load_pipeline(session, rows.id).open_stages[1:3]
    return add_objections(session, cast.vera, stage, target, utc_now())


def recorded_by(session: Session, deal_id: int) -> list[int | None]:
    query = select(Event.actor_id).where(Event.kind == "objection.recorded", Event.deal_id == deal_id)
    return list(session.scalars(query.order_by(Event.id)))


def test_each_deal_of_the_stage_gets_one_objection_with_its_event(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    here, also, elsewhere = (add_deal(session, cast.anna, pipeline, stage) for stage in (1, 1, 2))
    record_objection(session, cast.vera, deal_id=elsewhere, plan=ObjectionPlan("Need found"))
    assert turn(session, cast, pipeline) == 2
    events = select(Event.deal_id, Event.entity_id, Event.details).where(Event.kind == "objection.recorded")
    rows = session.execute(events.where(Event.deal_id != elsewhere).order_by(Event.deal_id)).all()
    objections = {row.deal_id: row.id for row in session.scalars(select(Objection))}
    assert [tuple(row) for row in rows] == [(one, objections[one], {"text": "Need found"}) for one in (here, also)]
    assert recorded_by(session, elsewhere) == [cast.vera.user_id]
    assert turn(session, cast, pipeline) == 0


def test_objection_of_a_colleague_written_meanwhile_gets_no_second_event(database: Database, cast: Cast) -> None:
    orders = 0
    for pause_at in range(1, 100):
        with database.session_scope() as session:
            rows, others = add_pipeline(session, f"Sales {pause_at}"), add_pipeline(session, f"Others {pause_at}")
            here, there = add_deal(session, cast.anna, rows, 1), add_deal(session, cast.dina, others, 1)

        def tell(session: Session, here: int = here, there: int = there) -> None:
            record_objection(session, cast.dina, deal_id=there, plan=ObjectionPlan("Too dear"))
            record_objection(session, cast.vera, deal_id=here, plan=ObjectionPlan("Too dear"))

        outcomes = interleaved(database, lambda session, rows=rows: turn(session, cast, rows), tell, pause_at)
        if outcomes is None:
            break
        orders += 1
        with database.read_scope() as session:
            assert recorded_by(session, there) == [cast.dina.user_id]
            written = session.scalars(select(Objection.author_id).where(Objection.deal_id == here)).all()
            assert sorted(written) == sorted(recorded_by(session, here))
    assert orders > 3
