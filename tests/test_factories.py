"""The fixtures themselves keep their promises."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.db import Database, get_database
from crm.models import Deal, DealStatus, NextStep, StageVisit, Team, User, VisitOutcome
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_closed_deal, add_company, add_contact, add_deal, add_pipeline


def test_database_is_empty_and_the_one_of_the_process(database: Database) -> None:
    assert get_database() is database
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 0


def test_cast_sees_own_team_and_all(cast: Cast) -> None:
    assert cast.anna.visible_owner_ids == frozenset({cast.anna.user_id})
    assert cast.boris.visible_owner_ids == frozenset({cast.anna.user_id, cast.anton.user_id, cast.boris.user_id})
    assert cast.dina.visible_owner_ids == frozenset({cast.dina.user_id})
    assert cast.vera.visible_owner_ids is None


def test_add_deal_leaves_an_open_visit_and_a_step(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    company_id = add_company(session, cast.anna)
    add_contact(session, cast.anna, phone="+79161234567", email="Ivan@example.com", company_id=company_id)
    deal = session.get_one(Deal, add_deal(session, cast.anna, pipeline, 1, company_id=company_id))
    visit = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal.id)).one()
    step = session.scalars(select(NextStep).where(NextStep.deal_id == deal.id)).one()
    assert (visit.stage_id, visit.left_at, visit.outcome) == (pipeline.stages[1], None, VisitOutcome.OPEN)
    assert step.due_at == deal.next_due_at
    assert step.done_at is None


def test_add_closed_deal_has_no_open_visit_or_step(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    deal = session.get_one(Deal, add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST, 2))
    visit = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal.id)).one()
    assert (deal.status, deal.stage_id, deal.loss_stage_id) == (DealStatus.LOST, pipeline.lost, pipeline.stages[2])
    assert (visit.left_at, visit.outcome, visit.next_stage_id) == (deal.closed_at, VisitOutcome.LOST, pipeline.lost)
    assert not session.scalars(select(NextStep).where(NextStep.done_at.is_(None))).all()


def test_unchanged_notices_an_added_row(session: Session, unchanged: UnchangedFactory) -> None:
    with pytest.raises(AssertionError), unchanged(session):
        session.add(Team(name="Team 3"))


def test_unchanged_notices_a_committed_change(database: Database, cast: Cast, unchanged: UnchangedFactory) -> None:
    with pytest.raises(AssertionError), unchanged(database), database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).name = "Anne"


def test_unchanged_passes_reads(database: Database, cast: Cast, unchanged: UnchangedFactory) -> None:
    with unchanged(database), database.read_scope() as session:
        session.scalars(select(User)).all()
