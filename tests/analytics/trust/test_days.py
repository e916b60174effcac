"""The night's note of what findings name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.analytics.trust.days import OF_NOW, ended_day, keep_day
from crm.auth.actors import system_actor
from crm.errors import Forbidden
from crm.models import TrustDay
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.stopped_clock import StopClock, stop_clock

NIGHT = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)  # one o'clock of 3 March in Moscow

__all__ = ["stop_clock"]


def notes(session: Session, finding: str) -> list[tuple[object, ...]]:
    query = select(TrustDay.day, TrustDay.owner_id, TrustDay.found, TrustDay.looked_at)
    query = query.where(TrustDay.finding == finding).order_by(TrustDay.day, TrustDay.owner_id)
    return [tuple(row) for row in session.execute(query)]


def test_night_notes_the_day_before_by_owner(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    stop_clock(NIGHT)
    sales = add_pipeline(session)
    add_deal(session, cast.anna, sales, due_in=None)
    add_deal(session, cast.anna, sales)
    add_deal(session, cast.boris, sales, due_in=timedelta(days=-3))
    rows = keep_day(session, system_actor())
    day = date(2026, 3, 2)
    assert notes(session, "no_step") == [(day, cast.anna.user_id, 1, 2), (day, cast.boris.user_id, 1, 1)]
    assert notes(session, "late_step") == [(day, cast.anna.user_id, 0, 1), (day, cast.boris.user_id, 1, 1)]
    assert notes(session, "empty_field") == []  # no stage asks for any
    assert rows == 4


def test_second_note_of_a_day_replaces_the_first(session: Session, cast: Cast, stop_clock: StopClock) -> None:
    stop_clock(NIGHT)
    sales = add_pipeline(session)
    add_deal(session, cast.anna, sales, due_in=None)
    keep_day(session, system_actor())
    add_deal(session, cast.anna, sales, due_in=None)
    keep_day(session, system_actor())
    assert [row[2] for row in notes(session, "no_step")] == [2]


@pytest.mark.parametrize(("hour", "day"), [(1, 4), (11, 4), (12, 5), (23, 5)])
def test_late_run_tells_of_the_nearest_end_of_a_day(hour: int, day: int) -> None:
    assert ended_day(datetime(2026, 3, 5, hour, tzinfo=UTC), "UTC") == date(2026, 3, day)


def test_only_findings_of_now_need_a_note() -> None:
    assert [one.code for one in OF_NOW] == ["no_step", "late_step", "empty_field", "too_long"]


def test_manager_writes_no_notes(session: Session, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        keep_day(session, cast.boris)
