"""Closing a whole stage: each deal gets what it would have got when closed alone, in few statements."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.invariants import broken_invariants
from crm.deals.mass_closing import close_stage_as_lost
from crm.deals.objections import ObjectionPlan, record_objection, settle_objection
from crm.models import (
    Deal,
    DealContact,
    DealStatus,
    Event,
    LinkTrigger,
    Objection,
    ObjectionOutcome,
    StageVisit,
    User,
)
from crm.pipelines.link_values import ConditionOp, LinkCondition
from crm.pipelines.reads import load_pipeline
from tests.conftest import Cast
from tests.deals.interleaving import interleaved
from tests.deals.linking import add_link, children, events_of, lose, runs
from tests.factories import PipelineRows, add_contact, add_deal, add_pipeline


def close(session: Session, actor: Actor, rows: PipelineRows, *, stage: int = 1, reason: int = 0) -> int:
    """Close a stage as lost; the base must be whole afterwards."""
    pipeline = load_pipeline(session, rows.id)
    count = close_stage_as_lost(
        session, actor, pipeline=pipeline, stage=pipeline.open_stages[stage], reason=pipeline.loss_reasons[reason],
        note="", now=utc_now(),
    )  # fmt: skip
    assert broken_invariants(session, system_actor()) == []
    return count


def objection_on(session: Session, actor: Actor, deal_id: int) -> int:
    return record_objection(session, actor, deal_id=deal_id, plan=ObjectionPlan("Too dear"))


def outcome_of(session: Session, objection_id: int) -> ObjectionOutcome:
    return session.scalars(select(Objection.outcome).where(Objection.id == objection_id)).one()


def test_link_that_asks_for_the_reason_of_loss_fires_as_for_one_deal(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    base = add_pipeline(session, "Base", ("Sleeping", "Woken"))
    wanted = LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, (pipeline.reasons[0],))
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST, conditions=(wanted,))
    alone, together = add_deal(session, cast.anna, pipeline, 2), add_deal(session, cast.anna, pipeline, 1)
    lose(session, cast.anna, alone, pipeline)
    assert len(children(session, alone)) == 1
    assert close(session, cast.vera, pipeline) == 1
    assert [run.deal_id for run in runs(session)] == [alone, together]


@pytest.mark.parametrize(
    "condition",
    [
        LinkCondition("loss_reason", ConditionOp.EMPTY),
        LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, (0,)),
    ],
)
def test_link_that_asks_for_another_reason_or_none_stays_still(
    session: Session, cast: Cast, pipeline: PipelineRows, condition: LinkCondition
) -> None:
    base = add_pipeline(session, "Base", ("Sleeping", "Woken"))
    if condition.value:
        condition = LinkCondition(condition.field, condition.op, (pipeline.reasons[1],))
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST, conditions=(condition,))
    add_deal(session, cast.anna, pipeline, 1)
    assert close(session, cast.vera, pipeline) == 1
    assert runs(session) == []


def test_conditions_on_team_and_contact_are_judged_for_each_deal(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    base = add_pipeline(session, "Base", ("Sleeping", "Woken"))
    team_id = session.scalars(select(User.team_id).where(User.id == cast.anna.user_id)).one()
    conditions = (
        LinkCondition("team", ConditionOp.IS_ONE_OF, (team_id,)), LinkCondition("contact", ConditionOp.FILLED),
    )  # fmt: skip
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST, conditions=conditions)
    wanted, nobody, other = (add_deal(session, one, pipeline, 1) for one in (cast.anna, cast.anna, cast.dina))
    contact_id = add_contact(session, cast.anna)
    session.add_all(DealContact(deal_id=one, contact_id=contact_id) for one in (wanted, other))
    session.flush()
    assert close(session, cast.vera, pipeline) == 3
    assert [run.deal_id for run in runs(session)] == [wanted]
    assert events_of(session, nobody)[-1][0] == "deal.lost"


def test_objections_settled_are_those_of_the_deals_closed(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    long_ago, here = add_deal(session, cast.anna, pipeline, 1), add_deal(session, cast.anna, pipeline, 1)
    elsewhere = add_deal(session, cast.anna, pipeline, 2)
    lose(session, cast.anna, long_ago, pipeline)
    old, kept = objection_on(session, cast.anna, long_ago), objection_on(session, cast.anna, elsewhere)
    settle_objection(session, cast.anna, objection_id=old, expected_version=1, outcome=ObjectionOutcome.OPEN)
    own = objection_on(session, cast.anna, here)
    assert close(session, cast.vera, pipeline) == 1
    assert [outcome_of(session, one) for one in (old, kept, own)] == [
        ObjectionOutcome.OPEN, ObjectionOutcome.OPEN, ObjectionOutcome.NOT_OVERCOME,
    ]  # fmt: skip
    settled = session.get_one(Objection, own, populate_existing=True)
    assert (settled.version, settled.resolved_at is not None) == (2, True)
    told = [details for kind, details in events_of(session, here) if kind == "objection.settled"]
    assert told == [{"text": "Too dear", "outcome": "not_overcome", "changes": {"outcome": ["open", "not_overcome"]}}]
    by = session.execute(select(Event.entity, Event.entity_id, Event.actor_id).where(Event.kind == "objection.settled"))
    assert ("objection", own, cast.vera.user_id) in [tuple(row) for row in by]


def test_closing_many_deals_takes_as_many_statements_as_closing_two(session: Session, cast: Cast) -> None:
    base = add_pipeline(session, "Base", ("Sleeping", "Woken"))
    team_id = session.scalars(select(User.team_id).where(User.id == cast.anna.user_id)).one()
    conditions = (
        LinkCondition("team", ConditionOp.IS_ONE_OF, (team_id,)), LinkCondition("contact", ConditionOp.FILLED),
    )  # fmt: skip
    contact_id = add_contact(session, cast.anna)
    counted = []
    for deals in (2, 12):
        rows = add_pipeline(session, f"Sales {deals}")
        add_link(session, rows, base, trigger=LinkTrigger.LOST, conditions=conditions)
        for _ in range(deals):
            deal_id = add_deal(session, cast.anna, rows, 1)
            session.add(DealContact(deal_id=deal_id, contact_id=contact_id))
            objection_on(session, cast.anna, deal_id)
        session.flush()
        session.expunge_all()
        seen: Counter[str] = Counter()

        def count(_connection: object, _cursor: object, statement: str, *_rest: object, seen=seen) -> None:  # type: ignore[no-untyped-def]
            seen[statement] += 1

        engine = session.get_bind()
        pipeline = load_pipeline(session, rows.id)
        event.listen(engine, "before_cursor_execute", count)
        try:
            closed = close_stage_as_lost(
                session, cast.vera, pipeline=pipeline, stage=pipeline.open_stages[1],
                reason=pipeline.loss_reasons[0], note="", now=utc_now(),
            )  # fmt: skip
        finally:
            event.remove(engine, "before_cursor_execute", count)
        assert closed == deals
        counted.append(seen.total())
    assert counted[0] == counted[1]
    assert len(runs(session)) == 14
    assert session.scalar(select(func.count()).where(Objection.outcome == ObjectionOutcome.OPEN)) == 0


def test_clock_that_runs_behind_does_not_turn_the_last_stay_round(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    ahead = utc_now() + timedelta(hours=1)
    deal_id = add_deal(session, cast.anna, pipeline, 1, stage_entered_at=ahead)
    session.execute(update(StageVisit).where(StageVisit.deal_id == deal_id).values(entered_at=ahead))
    close(session, cast.vera, pipeline)
    deal = session.get_one(Deal, deal_id, populate_existing=True)
    left_at = session.scalars(select(StageVisit.left_at).where(StageVisit.deal_id == deal_id)).one()
    assert (deal.closed_at, deal.stage_entered_at, left_at) == (ahead, ahead, ahead)


def test_objection_told_while_the_stage_closes_is_settled_too(database: Database, cast: Cast) -> None:
    orders = 0
    for pause_at in range(1, 100):
        with database.session_scope() as session:
            rows = add_pipeline(session, f"Sales {pause_at}")
            deal_id = add_deal(session, cast.anna, rows, 1)
        outcomes = interleaved(
            database,
            lambda session, rows=rows: close(session, cast.vera, rows),
            lambda session, deal_id=deal_id: objection_on(session, cast.anna, deal_id),
            pause_at,
        )
        if outcomes is None:
            break
        orders += 1
        assert outcomes == ("done", "done")
        with database.read_scope() as session:
            deal = session.get_one(Deal, deal_id)
            outcome = session.scalars(select(Objection.outcome).where(Objection.deal_id == deal_id)).one()
        assert (deal.status, outcome) == (DealStatus.LOST, ObjectionOutcome.NOT_OVERCOME)
    assert orders > 3
