"""Taking deals out and putting them back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.contacts.lists import load_clients
from crm.contacts.reads import load_company
from crm.contacts.search import search
from crm.contacts.search_index import rebuild_search
from crm.deals.board import BoardFilter, load_board
from crm.deals.exceptions import ExceptionFilter, list_removals
from crm.deals.invariants import broken_invariants
from crm.deals.listing import DealFilter, list_deals, load_deal_record
from crm.deals.moves import Move, move_deal
from crm.deals.my_day import load_my_day
from crm.deals.next_steps import plan_next_step
from crm.deals.reads import load_deal, other_deals
from crm.deals.removal import remove_deal, restore_deal
from crm.deals.retiring import retire_stage
from crm.deals.step_lists import StepFilter, list_open_steps
from crm.deals.timeline import load_timeline
from crm.deals.values import StepPlan
from crm.errors import DealMovedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.models import (
    Deal,
    DealContact,
    DealRemoval,
    DealStatus,
    Event,
    NextStep,
    Pipeline,
    Stage,
    StageVisit,
    StepKind,
    StepResult,
    VisitOutcome,
)
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_company, add_contact, add_deal, add_pipeline
from tests.refusals import refused

WHY = "Entered twice by the same manager"
DAY = timedelta(days=1)


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def call() -> StepPlan:
    return StepPlan(StepKind.CALL, utc_now() + DAY, "Call the buyer")


def test_removed_deal_ends_its_stay_and_its_steps_and_says_why(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=f" {WHY} ")
    deal = session.get_one(Deal, deal_id)
    assert (deal.status, deal.next_due_at, deal.version) == (DealStatus.REMOVED, None, 2)
    visit = session.scalars(select(StageVisit)).one()
    assert (visit.outcome, visit.left_at is None, visit.next_stage_id) == (VisitOutcome.REMOVED, False, None)
    assert session.scalars(select(NextStep.result)).one() is StepResult.CANCELLED
    removal = session.scalars(select(DealRemoval)).one()
    assert (removal.reason, removal.actor_id, removal.restored_at) == (WHY, cast.vera.user_id, None)
    event = session.scalars(select(Event).where(Event.kind == "deal.removed")).one()
    assert (event.deal_id, event.details) == (deal_id, {"title": "Metal sheet", "reason": WHY})
    assert broken_invariants(session, cast.vera) == []


def test_removed_deal_is_seen_nowhere(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    company = add_company(session, cast.anna)
    person = add_contact(session, cast.anna)
    values = {"company_id": company, "title": "Zinc coils", "source": "Fair"}
    kept = add_deal(session, cast.anna, pipeline, **(values | {"title": "Steel"}))
    open_one = add_deal(session, cast.anna, pipeline, **values)
    won = add_closed_deal(session, cast.anna, pipeline, **values)
    session.add_all([DealContact(deal_id=one, contact_id=person) for one in (kept, open_one, won)])
    for one in (open_one, won):
        remove_deal(session, cast.vera, deal_id=one, expected_version=1, reason=WHY)
    rebuild_search(session)
    for actor in (cast.anna, cast.boris, cast.vera):
        for text in ("", "coils", "steel"):
            board = load_board(session, actor, BoardFilter(pipeline.id, text=text))
            assert sum(column.total.count for column in board.columns) == (0 if text == "coils" else 1)
            assert (board.won.count, board.lost.count) == (0, 0)
        day = load_my_day(session, actor, owner_id=cast.anna.user_id or 0)
        assert day.later_count + day.today_count == 1
        assert day.without_step_count == 0
        assert [one.id for one in list_deals(session, actor, DealFilter())] == [kept]
        assert {one.deal_id for one in list_open_steps(session, actor, StepFilter())} == {kept}
        assert [hit.record_id for hit in search(session, actor, "zinc coils")] == []
        assert open_one not in [hit.record_id for hit in search(session, actor, str(open_one)) if hit.kind == "deal"]
        card = load_deal(session, actor, kept)
        assert other_deals(session, actor, card) == []
        client = load_company(session, actor, company)
        assert [one.id for one in client.deals.shown] == [kept]
        assert (sum(one.count for one in client.deals.totals), client.deals.hidden) == (1, 0)
        (line,) = (row for row in load_clients(session, actor, kinds=("company",)).rows if row.id == company)
        assert line.open_deals == 1
        for hidden in (open_one, won):
            for read in (load_deal, load_deal_record, load_timeline):
                with pytest.raises(NotFound):
                    read(session, actor, hidden)
            with refused(session, NotFound):
                move_deal(session, actor, deal_id=hidden, move=Move(pipeline.stages[1]))
            with refused(session, NotFound):
                plan_next_step(session, actor, deal_id=hidden, plan=call())


def test_clients_known_by_a_removed_deal_only_are_hidden_again(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    company = add_company(session, cast.dina, "Sever LLC")
    deal_id = add_deal(session, cast.anna, pipeline, company_id=company)
    rebuild_search(session)
    assert [hit.kind for hit in search(session, cast.anna, "sever")] == ["company"]
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    assert search(session, cast.anna, "sever") == []
    restore_deal(session, cast.vera, deal_id=deal_id, step=call())
    assert [hit.kind for hit in search(session, cast.anna, "sever")] == ["company"]


def test_restored_deal_stands_on_its_stage_again_with_a_new_stay(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    restore_deal(session, cast.vera, deal_id=deal_id, step=call())
    deal = session.get_one(Deal, deal_id)
    assert (deal.status, deal.stage_id, deal.version) == (DealStatus.OPEN, pipeline.stages[1], 3)
    assert deal.next_due_at is not None
    before, after = session.scalars(select(StageVisit).order_by(StageVisit.id)).all()
    assert (after.stage_id, after.outcome, after.is_first) == (pipeline.stages[1], VisitOutcome.OPEN, False)
    assert before.left_at is not None
    assert before.left_at <= after.entered_at == deal.stage_entered_at
    removal = session.scalars(select(DealRemoval)).one()
    assert removal.restored_by == cast.vera.user_id
    assert [hit.record_id for hit in search(session, cast.anna, "metal sheet")] == [deal_id]
    assert "deal.returned" in session.scalars(select(Event.kind)).all()
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=3, reason=WHY)
    assert len(session.scalars(select(DealRemoval)).all()) == 2
    assert broken_invariants(session, cast.vera) == []


@pytest.mark.parametrize("outcome", [VisitOutcome.WON, VisitOutcome.LOST])
def test_closed_deal_comes_back_as_it_was_closed(
    session: Session, cast: Cast, pipeline: PipelineRows, outcome: VisitOutcome
) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline, outcome)
    deal = session.get_one(Deal, deal_id)
    before = (deal.status, deal.closed_at, deal.loss_reason_id, deal.stage_id)
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    assert broken_invariants(session, cast.vera) == []
    with refused(session, InvalidInput) as refusal:
        restore_deal(session, cast.vera, deal_id=deal_id, step=call())
    assert refusal.told == [("next_step_after_end", "next_step")]
    restore_deal(session, cast.vera, deal_id=deal_id)
    assert (deal.status, deal.closed_at, deal.loss_reason_id, deal.stage_id) == before
    assert len(session.scalars(select(StageVisit)).all()) == 1
    assert broken_invariants(session, cast.vera) == []


def test_open_deal_does_not_come_back_without_a_good_next_step(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    for step, code in ((None, "next_step_missing"), (StepPlan(StepKind.CALL, utc_now() - DAY), "next_step_past")):
        with refused(session, InvalidInput) as refusal:
            restore_deal(session, cast.vera, deal_id=deal_id, step=step)
        assert refusal.told == [(code, "next_step")]


def test_deal_whose_stage_is_retired_comes_back_on_another(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    foreign = add_pipeline(session, "Other").stages[0]
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    with refused(session, InvalidInput) as refusal:
        restore_deal(session, cast.vera, deal_id=deal_id, step=call(), stage_id=pipeline.stages[2])
    assert refusal.told == [("stage_target_invalid", "stage")]
    retire_stage(session, cast.vera, stage_id=pipeline.stages[1], expected_version=1, target_stage_id=None)
    for target, code in (
        (None, "stage_retired"),
        (foreign, "stage_of_other_pipeline"),
        (pipeline.won, "stage_target_invalid"),
    ):
        with refused(session, InvalidInput) as refusal:
            restore_deal(session, cast.vera, deal_id=deal_id, step=call(), stage_id=target)
        assert refusal.told == [(code, "stage")]
    restore_deal(session, cast.vera, deal_id=deal_id, step=call(), stage_id=pipeline.stages[2])
    assert session.get_one(Deal, deal_id).stage_id == pipeline.stages[2]
    assert broken_invariants(session, cast.vera) == []


def test_open_deal_comes_back_with_a_step_that_counts_on_its_stage(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    session.get_one(Stage, pipeline.stages[1]).step_kinds = [StepKind.MEETING.value]
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    with refused(session, InvalidInput) as refusal:
        restore_deal(session, cast.vera, deal_id=deal_id, step=call())
    assert refusal.told == [("next_step_kind_wrong", "next_step")]
    with refused(session, InvalidInput) as refusal:
        restore_deal(session, cast.vera, deal_id=deal_id)
    assert refusal.told == [("next_step_missing", "next_step")]
    restore_deal(session, cast.vera, deal_id=deal_id, step=StepPlan(StepKind.MEETING, utc_now() + DAY, "Meet"))
    assert session.get_one(Deal, deal_id).status is DealStatus.OPEN


def test_open_deal_does_not_come_back_into_the_archive_a_closed_one_does(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    open_one, won = add_deal(session, cast.anna, pipeline), add_closed_deal(session, cast.anna, pipeline)
    for deal_id in (open_one, won):
        remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    session.get_one(Pipeline, pipeline.id).is_archived = True
    with refused(session, InvalidInput) as refusal:
        restore_deal(session, cast.vera, deal_id=open_one, step=call())
    assert refusal.told == [("pipeline_archived", "stage")]
    restore_deal(session, cast.vera, deal_id=won)
    assert session.get_one(Deal, won).status is DealStatus.WON


def test_removal_is_an_administrators_and_needs_a_reason_and_the_present_version(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    for actor in (cast.anna, cast.boris):
        with refused(session, Forbidden):
            remove_deal(session, actor, deal_id=deal_id, expected_version=1, reason=WHY)
        with refused(session, Forbidden):
            restore_deal(session, actor, deal_id=deal_id, step=call())
    with refused(session, DealMovedMeanwhile):
        remove_deal(session, cast.vera, deal_id=deal_id, expected_version=2, reason=WHY)
    with refused(session, InvalidInput) as refusal:
        remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason="  twin  ")
    assert refusal.told == [("reason_too_short", "reason")]
    with refused(session, NotFound):
        restore_deal(session, cast.vera, deal_id=deal_id, step=call())
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    with refused(session, NotFound):
        remove_deal(session, cast.vera, deal_id=deal_id, expected_version=2, reason=WHY)


def test_heads_see_the_removed_deals_of_their_own_people(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    own, foreign = add_deal(session, cast.anna, pipeline), add_deal(session, cast.dina, pipeline)
    for deal_id in (own, foreign):
        remove_deal(session, cast.vera, deal_id=deal_id, expected_version=1, reason=WHY)
    seen = {
        actor.name: [row.deal_id for row in list_removals(session, actor, ExceptionFilter())]
        for actor in (cast.boris, cast.dina, cast.vera)
    }
    assert seen == {"Boris": [own], "Dina": [foreign], "Vera": [foreign, own]}
    restore_deal(session, cast.vera, deal_id=own, step=call())
    assert [row.deal_id for row in list_removals(session, cast.vera, ExceptionFilter())] == [foreign]
    (row,) = list_removals(session, cast.boris, ExceptionFilter(), with_restored=True)
    assert (row.deal_title, row.owner, row.author, row.restored_by, row.reason) == (
        "Metal sheet", "Anna", "Vera", "Vera", WHY,
    )  # fmt: skip
