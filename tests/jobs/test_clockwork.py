"""Moments of work that returns by the clock, and that each fires once."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from crm.db import Database
from crm.jobs.clockwork import Every, Nightly, take_moment

NOON = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)  # a Wednesday


def test_every_has_a_grid_that_all_processes_share() -> None:
    assert Every(60).moment(NOON, "Europe/Moscow") == NOON.replace(second=0)
    assert Every(60).moment(NOON + timedelta(seconds=29), "UTC") == NOON.replace(second=0)
    assert Every(60).moment(NOON + timedelta(seconds=30), "UTC") == NOON.replace(minute=1, second=0)


@pytest.mark.parametrize(
    ("rhythm", "timezone", "expected"),
    [
        pytest.param(Nightly(3), "Europe/Moscow", datetime(2026, 3, 4, 0, tzinfo=UTC), id="moscow"),
        pytest.param(Nightly(3), "America/New_York", datetime(2026, 3, 4, 8, tzinfo=UTC), id="new-york"),
        pytest.param(Nightly(3), "Asia/Vladivostok", datetime(2026, 3, 3, 17, tzinfo=UTC), id="vladivostok"),
        pytest.param(Nightly(4, weekday=0), "Europe/Moscow", datetime(2026, 3, 2, 1, tzinfo=UTC), id="monday"),
        pytest.param(Nightly(12, weekday=2), "UTC", datetime(2026, 3, 4, 12, tzinfo=UTC), id="today"),
        pytest.param(Nightly(13, weekday=2), "UTC", datetime(2026, 2, 25, 13, tzinfo=UTC), id="a-week-ago"),
    ],
)
def test_night_comes_by_the_clock_of_the_house(rhythm: Nightly, timezone: str, expected: datetime) -> None:
    assert rhythm.moment(NOON, timezone) == expected


def test_night_comes_once_where_clocks_change() -> None:
    # In Berlin 2:00 does not exist on 29 March 2026, and comes twice on 25 October.
    for day in (datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)):
        hours = [day - timedelta(hours=hour) for hour in range(24, -1, -1)]
        moments = {Nightly(2).moment(now, "Europe/Berlin") for now in hours}
        assert len(moments) == 2


def test_moment_fires_once_and_missed_ones_fire_once_together(database: Database) -> None:
    def fires(moment: datetime) -> bool:
        with database.session_scope() as session:
            return take_moment(session, "tidy", moment, fires_at_once=False, now=NOON + timedelta(days=100))

    assert not fires(NOON)  # a new installation waits for its first night
    assert not fires(NOON)
    assert fires(NOON + timedelta(days=1))
    assert not fires(NOON + timedelta(days=1))
    assert fires(NOON + timedelta(days=100))
    assert not fires(NOON + timedelta(days=50))


def test_look_of_a_clock_in_the_future_stops_nothing(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    def fires(now: datetime) -> bool:
        with database.session_scope() as session:
            return take_moment(session, "due", Every(60).moment(now, "UTC"), fires_at_once=True, now=now)

    assert fires(NOON + timedelta(days=3650))
    assert fires(NOON)
    assert "a clock in the future" in caplog.text
    assert not fires(NOON)
    assert not fires(NOON - timedelta(minutes=5))  # clocks of two machines differ a little
    assert fires(NOON + timedelta(minutes=1))


@pytest.mark.parametrize("known", [False, True])
def test_of_many_that_look_at_once_one_fires(database: Database, known: bool) -> None:
    if known:
        with database.session_scope() as session:
            take_moment(session, "tidy", NOON - timedelta(days=1), fires_at_once=True)
    start, fired = threading.Barrier(4), []

    def look() -> None:
        start.wait()
        with database.session_scope() as session:
            fired.append(take_moment(session, "tidy", NOON, fires_at_once=True))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(fired) == [False, False, False, True]


def test_moment_of_a_transaction_that_rolls_back_fires_again(database: Database) -> None:
    with suppress(ZeroDivisionError), database.session_scope() as session:
        assert take_moment(session, "tidy", NOON, fires_at_once=True)
        raise ZeroDivisionError
    with database.session_scope() as session:
        assert take_moment(session, "tidy", NOON, fires_at_once=True)
