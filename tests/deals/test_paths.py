"""Paths as they are written: right straight after each write, and never left behind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.commands import NewDeal, create_deal, reassign_deal
from crm.deals.mass_closing import close_stage_as_lost
from crm.deals.moves import Move, lose_deal, move_deal
from crm.deals.paths import retrace_deals
from crm.deals.removal import remove_deal, restore_deal
from crm.deals.retiring import retire_stage
from crm.deals.retracing import stale_paths
from crm.deals.splitting import split_pipeline
from crm.deals.values import DealChanges, LossAnswer, StepPlan
from crm.duplicates.merging import merge_records
from crm.duplicates.undo import undo_merge
from crm.models import EntityType, ReachOutcome, StageReach, StageVisit, StepKind, VisitOutcome
from crm.pipelines.reads import load_pipeline
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline
from tests.stopped_clock import StopClock

OPEN, PASSED, LOST = ReachOutcome.OPEN, ReachOutcome.PASSED, ReachOutcome.LOST
WHY = "Entered twice by the same manager"


def call() -> StepPlan:
    return StepPlan(StepKind.CALL, utc_now() + timedelta(days=1), "Call the buyer")


def path(session: Session, deal_id: int) -> list[tuple[int, ReachOutcome]]:
    """Return the deal's stages with their outcomes, as written."""
    rows = select(StageReach.stage_id, StageReach.outcome).where(StageReach.deal_id == deal_id)
    return [(row.stage_id, row.outcome) for row in session.execute(rows.order_by(StageReach.stage_id))]


def whole(session: Session, cast: Cast) -> bool:
    return stale_paths(session, cast.vera) == []


def lose(session: Session, cast: Cast, deal_id: int, rows: PipelineRows, reason: int) -> None:
    loss = LossAnswer(rows.reasons[reason], "")
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(rows.lost, loss=loss))


def test_deal_has_a_path_from_its_first_moment_and_each_move_goes_on_with_it(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    first, second, _third, _fourth = pipeline.stages
    changes = DealChanges(title="Pipes")
    deal_id = create_deal(session, cast.anna, NewDeal(pipeline.id, changes, call()))
    assert path(session, deal_id) == [(first, OPEN)]
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(second))
    assert path(session, deal_id) == [(first, PASSED), (second, OPEN)]
    lose(session, cast, deal_id, pipeline, 0)
    assert path(session, deal_id) == [(first, PASSED), (second, LOST)]
    again = Move(first, next_step=call(), override_reason="The client came back to us")
    move_deal(session, cast.boris, deal_id=deal_id, move=again)
    assert path(session, deal_id) == [(first, PASSED), (second, OPEN)]
    assert whole(session, cast)


def test_hand_over_begins_a_visit_of_the_same_stay(
    session: Session, cast: Cast, pipeline: PipelineRows, stop_clock: StopClock
) -> None:
    began = utc_now() - timedelta(days=3)
    deal_id = add_deal(session, cast.anna, pipeline, created_at=began)
    anton = cast.anton.user_id
    for owner_id, version in ((anton, 1), (cast.anna.user_id, 2), (anton, 3)):
        reassign_deal(session, cast.boris, deal_id=deal_id, expected_version=version, owner_id=owner_id or 0)
    visits = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal_id).order_by(StageVisit.id)).all()
    assert [one.stay_entered_at for one in visits] == [visits[0].entered_at] * 4
    assert visits[-1].entered_at > visits[0].entered_at
    row = session.scalars(select(StageReach).where(StageReach.deal_id == deal_id)).one()
    assert (row.owner_id, row.credited_to) == (cast.anna.user_id, anton)
    assert whole(session, cast)


def test_owner_whom_an_import_does_not_know_is_credited_with_nothing(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST, stage=0)
    session.execute(update(StageVisit).where(StageVisit.deal_id == deal_id).values(owner_known=False))
    retrace_deals(session, [deal_id])
    row = session.scalars(select(StageReach).where(StageReach.deal_id == deal_id)).one()
    assert (row.owner_id, row.credited_to, row.outcome) == (None, None, LOST)


def test_removed_deal_has_no_path_and_gets_it_back(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    before = path(session, deal_id)
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    assert path(session, deal_id) == []
    assert whole(session, cast)
    restore_deal(session, cast.vera, deal_id=deal_id, step=call())
    assert path(session, deal_id) == before
    assert whole(session, cast)


def test_invalid_deal_has_no_path(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    lose(session, cast, deal_id, pipeline, 2)
    assert path(session, deal_id) == []
    assert whole(session, cast)


def test_merge_and_its_undo_leave_the_paths_that_were(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    kept, gone = add_deal(session, cast.anna, pipeline, 1), add_deal(session, cast.anton, pipeline, 2)
    rows = select(StageReach.__table__).order_by(StageReach.deal_id, StageReach.stage_id)
    before = session.execute(rows).all()
    merge_id = merge_records(session, cast.vera, entity_type=EntityType.DEAL, survivor_id=kept, merged_id=gone)
    assert path(session, gone) == []
    assert path(session, kept) != []
    assert whole(session, cast)
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert session.execute(rows).all() == before
    assert whole(session, cast)


def test_retired_stage_stays_in_the_paths_of_those_who_were_there(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    first, second, third, fourth = pipeline.stages
    been, passed = add_deal(session, cast.anna, pipeline, 1), add_deal(session, cast.anna, pipeline, 2)
    retire_stage(session, cast.vera, stage_id=second, expected_version=1, target_stage_id=third)
    assert path(session, been) == [(first, PASSED), (second, PASSED), (third, OPEN)]
    assert path(session, passed) == [(first, PASSED), (third, OPEN)]
    move_deal(session, cast.anna, deal_id=been, move=Move(fourth))
    assert path(session, been) == [(first, PASSED), (second, PASSED), (third, PASSED), (fourth, OPEN)]
    assert whole(session, cast)


def test_stage_closed_at_once_and_pipeline_split_leave_nothing_stale(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    ids = [add_deal(session, cast.anna, pipeline, stage) for stage in (0, 1, 1, 2, 3)]
    info = load_pipeline(session, pipeline.id)
    close_stage_as_lost(
        session, cast.vera, pipeline=info, stage=info.open_stages[1], reason=info.loss_reasons[0], note="",
        now=utc_now(),
    )  # fmt: skip
    assert path(session, ids[1]) == [(pipeline.stages[0], PASSED), (pipeline.stages[1], LOST)]
    assert whole(session, cast)
    split_pipeline(
        session, cast.vera, pipeline_id=pipeline.id, expected_version=1, stage_ids=tuple(pipeline.stages[2:]), name="B"
    )
    assert path(session, ids[4]) == [(pipeline.stages[2], PASSED), (pipeline.stages[3], OPEN)]
    assert whole(session, cast)


def test_retrace_from_nothing_gives_the_rows_that_were_kept(session: Session, cast: Cast) -> None:
    rows = add_pipeline(session)
    ids = [add_deal(session, cast.anna, rows, stage) for stage in range(4)]
    ids += [add_closed_deal(session, cast.anton, rows, one) for one in (VisitOutcome.WON, VisitOutcome.LOST)]
    move_deal(session, cast.anna, deal_id=ids[0], move=Move(rows.stages[1]))
    kept = select(StageReach.__table__).order_by(StageReach.deal_id, StageReach.stage_id)
    before = session.execute(kept).all()
    session.execute(delete(StageReach))
    retrace_deals(session, ids)
    assert session.execute(kept).all() == before
    assert len(before) == 2 + 2 + 3 + 4 + 5 + 4


@pytest.mark.parametrize("damage", ["gone", "changed", "foreign", "start"])
def test_stale_path_is_found(session: Session, cast: Cast, pipeline: PipelineRows, damage: str) -> None:
    deal_id, _other = add_deal(session, cast.anna, pipeline, 1), add_deal(session, cast.anna, pipeline)
    own = StageReach.deal_id == deal_id
    if damage == "gone":
        session.execute(delete(StageReach).where(own, StageReach.stage_id == pipeline.stages[0]))
    elif damage == "changed":
        session.execute(update(StageReach).where(own).values(credited_to=cast.anton.user_id))
    elif damage == "foreign":
        session.execute(update(StageReach).where(own, StageReach.entered_at.is_(None)).values(stage_id=pipeline.won))
    else:
        early = update(StageVisit).where(StageVisit.deal_id == deal_id)
        session.execute(early.values(stay_entered_at=utc_now() - timedelta(days=9)))
    (broken,) = stale_paths(session, cast.vera)
    assert (broken.count, broken.deal_ids) == (1, (deal_id,))
    retrace_deals(session, [deal_id])
    assert whole(session, cast)
    assert session.scalar(select(func.count()).select_from(StageReach)) == 3
