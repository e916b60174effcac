"""What dashboards keep: until something happens, for readers of the same sight."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.db import Database
from crm.events import events_mark, record
from crm.jobs import request_job
from crm.models import BackgroundJob, Event, JobKind, JobStatus
from crm.ui.dashboard import loaders
from crm.ui.dashboard.loaders import kept_while_nothing_happens
from tests.conftest import Cast


class Counted:
    """A load that counts how often it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, session: Session) -> int:
        self.times += 1
        return self.times


@pytest.fixture
def load(database: Database, monkeypatch: pytest.MonkeyPatch) -> Counted:
    monkeypatch.setattr(loaders, "get_database", lambda: database)
    monkeypatch.setattr(loaders, "read_scope", database.read_scope)
    return Counted()


def happen(database: Database, actor: Actor) -> None:
    with database.session_scope() as session:
        record(session, actor, "deal.edited", "deal", 1)


def test_value_is_kept_until_something_happens(database: Database, cast: Cast, load: Counted) -> None:
    assert [kept_while_nothing_happens(cast.anna, "x", load) for _ in range(3)] == [1, 1, 1]
    happen(database, cast.anna)
    assert kept_while_nothing_happens(cast.anna, "x", load) == 2


def test_readers_of_another_sight_get_their_own(cast: Cast, load: Counted) -> None:
    values = [kept_while_nothing_happens(one, "x", load) for one in (cast.anna, cast.anton, cast.boris, cast.vera)]
    assert values == [1, 2, 3, 4]
    assert kept_while_nothing_happens(cast.anna, "y", load) == 5


def test_the_oldest_used_goes_first(cast: Cast, load: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "MOST_KEPT", 2)
    for name in ("a", "b", "a", "c"):
        kept_while_nothing_happens(cast.anna, name, load)
    assert load.times == 3
    kept_while_nothing_happens(cast.anna, "a", load)
    assert load.times == 3
    kept_while_nothing_happens(cast.anna, "b", load)
    assert load.times == 4


def test_mark_sees_an_older_event_that_comes_to_light_later(session: Session, cast: Cast) -> None:
    """On PostgreSQL ids are given before they are committed."""
    event = record(session, cast.anna, "deal.edited", "deal", 1)
    session.flush()
    at, channel = event.at, event.channel
    session.add(Event(id=20_000, at=at, kind="deal.edited", entity="deal", channel=channel, details={}))
    session.flush()
    before = events_mark(session)
    session.add(Event(id=19_999, at=at, kind="deal.edited", entity="deal", channel=channel, details={}))
    session.flush()
    assert events_mark(session) == (before[0], before[1] + 1, *before[2:])


def test_figures_that_a_worker_has_made_anew_are_read_anew(database: Database, cast: Cast, load: Counted) -> None:
    with database.session_scope() as session:
        first = request_job(session, cast.vera, JobKind.RETRACE)
    assert [kept_while_nothing_happens(cast.anna, "x", load) for _ in range(2)] == [1, 1]
    with database.session_scope() as session:
        session.get_one(BackgroundJob, first).status = JobStatus.DONE
    assert kept_while_nothing_happens(cast.anna, "x", load) == 2
    with database.session_scope() as session:
        second = request_job(session, cast.vera, JobKind.RETRACE)
    assert kept_while_nothing_happens(cast.anna, "x", load) == 3
    with database.session_scope() as session:  # one ends, another begins
        session.get_one(BackgroundJob, second).status = JobStatus.DONE
        request_job(session, cast.vera, JobKind.RETRACE)
    assert kept_while_nothing_happens(cast.anna, "x", load) == 4
