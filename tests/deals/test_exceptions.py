"""What went past the rules, listed and counted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.deals.exceptions import (
    ExceptionFilter,
    OverrideCounts,
    count_overrides,
    list_overrides,
    list_removals,
)
from crm.deals.moves import Move, move_deal
from crm.deals.reads import load_deal, stage_times
from crm.deals.removal import remove_deal
from crm.errors import Forbidden
from crm.models import RuleOverride
from tests.conftest import Cast
from tests.factories import PipelineRows, add_deal, add_pipeline
from tests.refusals import refused

WHY = "The client asked for a new offer"
EVERYTHING = ExceptionFilter()


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def passed(session: Session, owner: Actor, head: Actor, pipeline: PipelineRows, start: int, end: int) -> int:
    deal_id = add_deal(session, owner, pipeline, stage=start)
    move_deal(session, head, deal_id=deal_id, move=Move(pipeline.stages[end], override_reason=WHY))
    return deal_id


def test_list_tells_who_moved_what_past_which_rule_and_why(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = passed(session, cast.anna, cast.boris, pipeline, 2, 0)
    (row,) = list_overrides(session, cast.boris, EVERYTHING)
    assert (row.deal_id, row.deal_title, row.pipeline) == (deal_id, "Metal sheet", "First sales")
    assert (row.from_stage, row.to_stage, row.rules) == ("Offer sent", "Contact made", ("back_not_allowed",))
    assert (row.reason, row.author) == (WHY, "Boris")
    times = stage_times(session, load_deal(session, cast.anna, deal_id))
    assert [one.overrides for one in times] == [0, 0, 1, 0, 0, 0]


def test_moves_are_counted_by_rule_and_by_person(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    assert count_overrides(session, cast.vera, EVERYTHING) == OverrideCounts(0, (), ())
    back = [passed(session, cast.anna, cast.boris, pipeline, 2, 0) for _ in range(2)]
    passed(session, cast.anna, cast.vera, pipeline, 0, 2)
    passed(session, cast.dina, cast.dina, pipeline, 0, 3)
    counts = count_overrides(session, cast.vera, EVERYTHING)
    assert counts.moves == 4
    assert set(counts.by_rule) == {("back_not_allowed", 2), ("skip_not_allowed", 2)}
    assert counts.by_person[0][1:] == ("Boris", 2)
    of_boris = ExceptionFilter(actor_id=cast.boris.user_id)
    assert [row.deal_id for row in list_overrides(session, cast.vera, of_boris)] == back[::-1]
    assert count_overrides(session, cast.boris, EVERYTHING).moves == 3
    skipped = ExceptionFilter(rule="skip_not_allowed")
    assert [row.rules for row in list_overrides(session, cast.vera, skipped)] == [("skip_not_allowed",)] * 2
    assert list_overrides(session, cast.vera, ExceptionFilter(rule="deal_closed")) == []
    assert count_overrides(session, cast.dina, EVERYTHING).moves == 1


def test_period_and_pages(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    now = utc_now()
    deals = [passed(session, cast.anna, cast.boris, pipeline, 2, 0) for _ in range(5)]
    for number, deal_id in enumerate(deals):
        at = now - timedelta(days=number // 2)
        session.execute(update(RuleOverride).where(RuleOverride.deal_id == deal_id).values(at=at))
    first = list_overrides(session, cast.boris, EVERYTHING, limit=2)
    rest = list_overrides(session, cast.boris, EVERYTHING, after=first[-1].place)
    assert [row.deal_id for row in first + rest] == [deals[1], deals[0], deals[3], deals[2], deals[4]]
    period = ExceptionFilter(since=now - timedelta(days=1), until=now)
    assert {row.deal_id for row in list_overrides(session, cast.boris, period)} == {deals[2], deals[3]}
    assert count_overrides(session, cast.boris, period).moves == 2


def test_overrides_of_removed_deals_are_not_listed(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = passed(session, cast.anna, cast.boris, pipeline, 2, 0)
    remove_deal(session, cast.vera, deal_id=deal_id, expected_version=2, reason=WHY)
    assert list_overrides(session, cast.vera, EVERYTHING) == []
    assert count_overrides(session, cast.vera, EVERYTHING).moves == 0


def test_managers_see_no_exceptions(session: Session, cast: Cast) -> None:
    for read in (list_overrides, count_overrides, list_removals):
        with refused(session, Forbidden):
            read(session, cast.anna, EVERYTHING)
