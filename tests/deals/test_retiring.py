"""Taking a stage out of use: deals go on, history stays."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.board import BoardFilter, load_board
from crm.deals.commands import NewDeal, create_deal, reassign_deal
from crm.deals.moves import Move, check_deal_move, move_deal
from crm.deals.retiring import retire_stage
from crm.deals.timeline import load_timeline
from crm.deals.values import DealChanges, StepPlan
from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.models import Deal, DealStatus, Event, Pipeline, Stage, StageVisit, StepKind, VisitOutcome
from crm.pipelines.reads import load_pipeline
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline
from tests.refusals import refused

MANY = 2000


def retire(session: Session, cast: Cast, stage_id: int, target: int | None, version: int = 1) -> int:
    return retire_stage(session, cast.vera, stage_id=stage_id, expected_version=version, target_stage_id=target)


def test_retire_stage_sends_open_deals_on_and_keeps_their_history(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    first, second, third, _ = pipeline.stages
    deal_id = add_deal(session, cast.anna, pipeline)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(second))
    bystander = add_deal(session, cast.anna, pipeline, 2)
    closed = add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST, stage=1)
    assert retire(session, cast, second, third) == 1
    deal = session.get_one(Deal, deal_id)
    assert (deal.stage_id, deal.version, deal.status) == (third, 3, DealStatus.OPEN)
    visits = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal_id).order_by(StageVisit.id)).all()
    assert [(one.stage_id, one.outcome, one.next_stage_id) for one in visits] == [
        (first, VisitOutcome.FORWARD, second),
        (second, VisitOutcome.FORWARD, third),
        (third, VisitOutcome.OPEN, None),
    ]
    assert visits[1].left_at == visits[2].entered_at == deal.stage_entered_at
    assert (visits[2].owner_id, visits[2].actor_id, visits[2].is_first) == (
        cast.anna.user_id, cast.vera.user_id, True
    )  # fmt: skip
    assert session.get_one(Deal, bystander).version == 1
    lost = session.get_one(Deal, closed)
    assert (lost.stage_id, lost.loss_stage_id, lost.version) == (pipeline.lost, second, 1)
    newest = load_timeline(session, cast.anna, deal_id)[0]
    assert (newest.event_kind, newest.author) == ("deal.stage_retired", "Vera")
    assert newest.details == {"from_stage": "Need found", "to_stage": "Offer sent"}
    event = session.scalars(select(Event).where(Event.kind == "stage.retired")).one()
    assert event.details == {"pipeline": "First sales", "name": "Need found", "deals": 1, "target": "Offer sent"}


def test_retire_stage_sends_deals_back_as_a_return(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first, second, *_ = pipeline.stages
    deal_id = add_deal(session, cast.anna, pipeline)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(second))
    retire(session, cast, second, first)
    visits = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal_id).order_by(StageVisit.id)).all()
    assert [(one.stage_id, one.outcome, one.is_first) for one in visits] == [
        (first, VisitOutcome.FORWARD, True),
        (second, VisitOutcome.BACK, True),
        (first, VisitOutcome.OPEN, False),
    ]


def test_retired_stage_leaves_a_pipeline_that_works(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first, second, third, fourth = pipeline.stages
    deal_id = add_deal(session, cast.anna, pipeline)
    assert retire(session, cast, second, None) == 0
    info = load_pipeline(session, pipeline.id)
    assert [stage.id for stage in info.stages] == [first, third, fourth, pipeline.won, pipeline.lost, second]
    assert [stage.position for stage in info.stages] == list(range(6))
    assert info.version == 2
    assert [one.code for one in check_deal_move(session, cast.anna, deal_id=deal_id, to_stage_id=second)] == [
        "stage_retired"
    ]
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(third))
    assert retire(session, cast, first, None, version=2) == 0
    plan = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1))
    fresh = create_deal(session, cast.anna, NewDeal(pipeline.id, DealChanges(title="Pipes"), plan))
    assert session.get_one(Deal, fresh).stage_id == third
    board = load_board(session, cast.anna, BoardFilter(pipeline.id))
    assert [(column.stage.id, column.total.count) for column in board.columns] == [(third, 2), (fourth, 0)]


def test_retire_stage_needs_a_target_for_its_deals(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    second = pipeline.stages[1]
    other = add_pipeline(session, name="Returns")
    add_deal(session, cast.dina, pipeline, 1)
    with refused(session, InvalidInput) as refusal:
        retire(session, cast, second, None)
    assert refusal.told == [("stage_has_deals", "target")]
    assert refusal.violations[0].params == {"count": 1}
    retired = pipeline.stages[3]
    retire(session, cast, retired, None)
    for target in (second, other.stages[0], pipeline.won, pipeline.lost, retired, 999):
        with refused(session, InvalidInput) as refusal:
            retire(session, cast, second, target, version=2)
        assert refusal.told == [("stage_target_invalid", "target")]


def test_last_open_stage_ends_and_retired_stages_stay(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session, stages=("Contact made", "Need found"))
    for end in (pipeline.won, pipeline.lost):
        with refused(session, InvalidInput) as refusal:
            retire(session, cast, end, None)
        assert refusal.told == [("stage_last_open", "stage")]
    retire(session, cast, pipeline.stages[0], None)
    with refused(session, InvalidInput) as refusal:
        retire(session, cast, pipeline.stages[1], None, version=2)
    assert refusal.told == [("stage_last_open", "stage")]
    with refused(session, InvalidInput) as refusal:
        retire(session, cast, pipeline.stages[0], None, version=2)
    assert refusal.told == [("stage_retired", "stage")]


def test_retire_stage_refuses_old_versions_strangers_and_missing_stages(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    with refused(session, ChangedMeanwhile):
        retire(session, cast, pipeline.stages[0], None, version=2)
    with refused(session, NotFound):
        retire(session, cast, 999, None)
    for actor in (cast.anna, cast.boris):
        for stage_id in (pipeline.stages[0], 999):
            with refused(session, Forbidden):
                retire_stage(session, actor, stage_id=stage_id, expected_version=1, target_stage_id=None)


def test_clock_that_runs_behind_does_not_turn_visits_round(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    ahead = utc_now() + timedelta(hours=1)
    deal_id = add_deal(session, cast.anna, pipeline, 1, stage_entered_at=ahead)
    retire(session, cast, pipeline.stages[1], pipeline.stages[2])
    old, new = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal_id).order_by(StageVisit.id))
    assert old.left_at == new.entered_at == session.get_one(Deal, deal_id).stage_entered_at == ahead


def test_next_stay_begins_when_the_last_of_several_on_the_stage_ends(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, 1, stage_entered_at=utc_now() - timedelta(days=2))
    reassign_deal(session, cast.vera, deal_id=deal_id, owner_id=cast.dina.user_id, expected_version=1)
    retire(session, cast, pipeline.stages[1], pipeline.stages[2])
    first, second, new = session.scalars(
        select(StageVisit).where(StageVisit.deal_id == deal_id).order_by(StageVisit.id)
    )
    assert (first.next_stage_id, second.next_stage_id) == tuple(pipeline.stages[1:3])
    assert first.left_at == second.entered_at <= second.left_at == new.entered_at
    assert session.get_one(Deal, deal_id).stage_entered_at == new.entered_at
    assert new.owner_id == cast.dina.user_id


@pytest.fixture
def many(session: Session, cast: Cast, pipeline: PipelineRows) -> int:
    """Insert deals of two owners on the second stage, set by set."""
    now = utc_now()
    owners = [cast.anna.user_id, cast.dina.user_id]
    deal = {
        "pipeline_id": pipeline.id, "stage_id": pipeline.stages[1], "status": DealStatus.OPEN, "title": "Pipes",
        "currency": "RUB", "priority": 1, "custom": {}, "stage_entered_at": now, "created_at": now,
        "created_channel": "ui", "version": 1,
    }  # fmt: skip
    session.execute(insert(Deal), [{**deal, "owner_id": owners[number % 2]} for number in range(MANY)])
    visit = {
        "pipeline_id": pipeline.id, "stage_id": pipeline.stages[1], "entered_at": now, "outcome": "open",
        "is_first": True, "channel": "ui",
    }  # fmt: skip
    rows = session.execute(select(Deal.id, Deal.owner_id)).all()
    session.execute(insert(StageVisit), [{**visit, "deal_id": row.id, "owner_id": row.owner_id} for row in rows])
    return MANY


def test_retire_stage_with_two_thousand_deals_is_set_wise(
    session: Session, cast: Cast, pipeline: PipelineRows, many: int
) -> None:
    statements: Counter[str] = Counter()

    def count(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements[statement.split(maxsplit=1)[0]] += 1

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", count)
    try:
        assert retire(session, cast, pipeline.stages[1], pipeline.stages[2]) == many
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert statements.total() < 30
    here = select(func.count()).select_from(Deal).where(Deal.stage_id == pipeline.stages[2], Deal.version == 2)
    assert session.scalar(here) == many
    by_outcome = session.execute(
        select(StageVisit.stage_id, StageVisit.outcome, func.count()).group_by(StageVisit.stage_id, StageVisit.outcome)
    )
    assert {tuple(row) for row in by_outcome} == {
        (pipeline.stages[1], VisitOutcome.FORWARD, many),
        (pipeline.stages[2], VisitOutcome.OPEN, many),
    }
    same_owner = (
        select(func.count())
        .select_from(StageVisit)
        .join(Deal, Deal.id == StageVisit.deal_id)
        .where(Deal.owner_id == StageVisit.owner_id)
    )
    assert session.scalar(same_owner) == 2 * many
    events = select(func.count()).where(Event.kind == "deal.stage_retired")
    assert session.scalar(events.select_from(Event)) == many
    assert session.get_one(Stage, pipeline.stages[1]).retired_at is not None
    assert session.get_one(Pipeline, pipeline.id).version == 2
