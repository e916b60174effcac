"""The check of the whole base finds each kind of damage, and nothing in a healthy one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.invariants import INVARIANTS, broken_invariants
from crm.deals.link_invariants import LINK_INVARIANTS
from crm.deals.merge_invariants import MERGE_INVARIANTS
from crm.errors import Forbidden
from crm.models import Deal, DealRemoval, DealStatus, NextStep, SearchEntry, Stage, StageVisit, VisitOutcome
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline
from tests.refusals import refused

NOW = utc_now()
Damage = Callable[[Session, PipelineRows, int, int], None]


def lose_visit(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(delete(StageVisit).where(StageVisit.deal_id == opened))


def visit_of_another_owner(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(update(StageVisit).where(StageVisit.deal_id == opened).values(owner_id=2))


def reopen_visit(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(update(StageVisit).where(StageVisit.deal_id == closed).values(left_at=None))


def overlap(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.add(
        StageVisit(
            deal_id=opened,
            pipeline_id=pipeline.id,
            stage_id=pipeline.stages[1],
            owner_id=1,
            entered_at=NOW - timedelta(days=30),
            left_at=NOW + timedelta(days=30),
            outcome=VisitOutcome.FORWARD,
            is_first=True,
            channel="ui",
        )
    )


def visit_on_the_won_stage(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(update(StageVisit).where(StageVisit.deal_id == closed).values(stage_id=pipeline.won))


def status_alone(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(
        update(Deal).where(Deal.id == closed).values(status=DealStatus.LOST, loss_reason_id=pipeline.reasons[0])
    )


def retire_stage(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(update(Stage).where(Stage.id == pipeline.stages[0]).values(retired_at=NOW))


def lose_step(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(delete(NextStep).where(NextStep.deal_id == opened))


def reason_of_a_won_deal(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(update(Deal).where(Deal.id == closed).values(loss_reason_id=pipeline.reasons[0]))


def remove_alone(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.execute(update(Deal).where(Deal.id == closed).values(status=DealStatus.REMOVED))


def removal_alone(session: Session, pipeline: PipelineRows, opened: int, closed: int) -> None:
    session.add(DealRemoval(deal_id=closed, reason="Entered twice", at=NOW))


DAMAGES: tuple[tuple[Damage, str], ...] = (
    (lose_visit, "open deal without its open visit"),
    (visit_of_another_owner, "open deal without its open visit"),
    (reopen_visit, "closed deal with an open visit"),
    (overlap, "visits of a deal overlap"),
    (visit_on_the_won_stage, "visit of another pipeline or of a closed stage"),
    (status_alone, "status not that of the stage"),
    (retire_stage, "open deal on a retired stage"),
    (lose_step, "next due not that of the open steps"),
    (reason_of_a_won_deal, "loss reason not that of the status"),
    (remove_alone, "deal out of use that search finds"),
    (remove_alone, "removal not that of the status"),
    (removal_alone, "removal not that of the status"),
)


def two_deals(session: Session, cast: Cast) -> tuple[PipelineRows, int, int]:
    """Add an open and a won deal that search finds."""
    pipeline = add_pipeline(session)
    opened = add_deal(session, cast.anna, pipeline)
    closed = add_closed_deal(session, cast.anna, pipeline)
    return pipeline, opened, closed


def names(session: Session, cast: Cast) -> list[str]:
    return [one.name for one in broken_invariants(session, cast.vera)]


def test_healthy_base_breaks_nothing(session: Session, cast: Cast) -> None:
    assert names(session, cast) == []
    two_deals(session, cast)
    assert names(session, cast) == []


@pytest.mark.parametrize(("damage", "name"), DAMAGES, ids=lambda one: getattr(one, "__name__", ""))
def test_damage_is_found(session: Session, cast: Cast, damage: Damage, name: str) -> None:
    damage(session, *two_deals(session, cast))
    session.flush()
    assert name in names(session, cast)


def test_deal_that_search_lost_is_found_and_counted(session: Session, cast: Cast) -> None:
    _pipeline, opened, closed = two_deals(session, cast)
    session.execute(delete(SearchEntry))
    (broken,) = broken_invariants(session, cast.vera)
    assert (broken.name, broken.count, broken.deal_ids) == ("deal that no search finds", 2, (opened, closed))


def test_every_rule_has_its_damage() -> None:
    own = set(INVARIANTS) - set(LINK_INVARIANTS) - set(MERGE_INVARIANTS)
    assert {name for _damage, name in DAMAGES} | {"deal that no search finds"} == own


def test_check_is_for_administrators(session: Session, cast: Cast) -> None:
    with refused(session, Forbidden):
        broken_invariants(session, cast.boris)
