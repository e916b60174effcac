"""What the database itself refuses, whatever the code above it does."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.db import Database
from crm.events import newest_event_id, record
from crm.models import Channel, StageVisit, VisitOutcome
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_deal, add_pipeline

CHANGES = ["UPDATE events SET kind = 'deal.lost'", "DELETE FROM events"]
CHANGES_BY_ENGINE = {
    "sqlite": "INSERT OR REPLACE INTO events SELECT * FROM events",
    "postgresql": "TRUNCATE events",
}


def test_recorded_event_can_be_read(session: Session, cast: Cast) -> None:
    event = record(session, cast.anna, "deal.moved", "deal", 7, stage_id=3)
    session.flush()
    assert newest_event_id(session) == event.id
    assert (event.deal_id, event.actor_id, event.channel) == (7, cast.anna.user_id, Channel.UI)
    assert event.details == {"stage_id": 3}


def test_newest_event_id_is_zero_without_events(session: Session) -> None:
    assert newest_event_id(session) == 0


@pytest.mark.parametrize("change", [*CHANGES, "by engine"])
def test_events_are_append_only(database: Database, cast: Cast, unchanged: UnchangedFactory, change: str) -> None:
    with database.session_scope() as session:
        record(session, cast.anna, "deal.moved", "deal", 7)
    statement = CHANGES_BY_ENGINE[database.url.get_backend_name()] if change == "by engine" else change
    with unchanged(database), pytest.raises(DBAPIError, match="append-only"), database.session_scope() as session:
        session.execute(text(statement))


def test_second_open_visit_of_a_deal_is_refused(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    deal_id = add_deal(session, cast.anna, pipeline)
    second = {
        "deal_id": deal_id,
        "pipeline_id": pipeline.id,
        "stage_id": pipeline.stages[1],
        "owner_id": cast.anna.user_id,
        "entered_at": utc_now(),
        "outcome": VisitOutcome.OPEN,
        "is_first": True,
        "channel": Channel.UI,
    }
    with pytest.raises(IntegrityError):
        session.execute(insert(StageVisit).values(second))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deals SET amount_minor = -1",
        "UPDATE deals SET owner_id = 999999",
        "UPDATE deals SET pipeline_id = NULL",
        "UPDATE stage_visits SET left_at = entered_at - 1",
        "DELETE FROM users",
        "DELETE FROM pipelines",
    ],
)
def test_inconsistent_rows_are_refused(
    database: Database, cast: Cast, unchanged: UnchangedFactory, statement: str
) -> None:
    with database.session_scope() as session:
        add_deal(session, cast.anna, add_pipeline(session))
    with unchanged(database), pytest.raises(IntegrityError), database.session_scope() as session:
        session.execute(text(statement))


def test_second_company_row_is_refused(session: Session) -> None:
    with pytest.raises(IntegrityError):
        session.execute(text("UPDATE workspace SET id = 2"))
