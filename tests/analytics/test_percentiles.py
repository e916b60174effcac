"""Percentiles of groups, exact on both engines: equal to numpy's, and to an estimate by hand where some still wait."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Select, String, Table, select
from sqlalchemy.orm import Session

from crm.analytics.percentiles import percentiles, waits

Row = tuple[str | None, int | None, int, int]
MEASURED = Table(
    "measured_here", MetaData(), Column("name", String), Column("number", Integer), Column("value", Integer),
    Column("is_open", Integer), prefixes=["TEMPORARY"],
)  # fmt: skip


@pytest.fixture
def measured(session: Session) -> Session:
    """Give a session with an empty table of values."""
    MEASURED.create(session.connection())
    return session


def put(session: Session, rows: Sequence[Row]) -> None:
    session.execute(MEASURED.delete())
    if rows:
        names = ("name", "number", "value", "is_open")
        session.execute(MEASURED.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def answer(session: Session, query: Select[Any], keys: int) -> dict[Any, tuple[Any, ...]]:
    return {row[:keys]: tuple(row[keys:]) for row in map(tuple, session.execute(query))}


CLOSED = select(MEASURED.c.name, MEASURED.c.number, MEASURED.c.value).where(MEASURED.c.is_open == 0)
ALL = select(MEASURED.c.name, MEASURED.c.number, MEASURED.c.value, MEASURED.c.is_open)


def test_percentiles_lie_between_the_closest_ranks(measured: Session) -> None:
    put(measured, [("a", 1, one, 0) for one in (10, 40, 20, 30)] + [("a", 2, 7, 0)])
    assert answer(measured, percentiles(CLOSED), 2) == {("a", 1): (4, 25.0, 37.0), ("a", 2): (1, 7.0, 7.0)}


def test_no_key_and_no_rows(measured: Session) -> None:
    assert answer(measured, percentiles(CLOSED), 2) == {}
    assert answer(measured, waits(ALL), 2) == {}
    put(measured, [("a", 1, 1, 0), ("b", 2, 5, 0), ("b", 2, 9, 1)])
    of_all = select(MEASURED.c.value, MEASURED.c.is_open)
    assert answer(measured, waits(of_all), 0) == {(): (3, 2, 3.0, 4.6, 5, None)}


def test_nothing_is_a_group_of_its_own(measured: Session) -> None:
    put(measured, [(None, 1, 10, 0), (None, 1, 20, 0), ("", 1, 1, 0), (None, None, 3, 0), ("a", None, 4, 1)])
    assert answer(measured, percentiles(CLOSED), 2) == {
        (None, 1): (2, 15.0, 19.0), ("", 1): (1, 1.0, 1.0), (None, None): (1, 3.0, 3.0),
    }  # fmt: skip
    assert set(answer(measured, waits(ALL), 2)) == {(None, 1), ("", 1), (None, None), ("a", None)}


def test_the_waiting_count_as_at_least_so_long(measured: Session) -> None:
    # At 1: 1 of 5 over, 0.8 left. At 3: 1 of 3, 0.533. At 5: the last one, 0. Those open at 2 and 4 count until then.
    put(measured, [("a", 1, 1, 0), ("a", 1, 2, 1), ("a", 1, 3, 0), ("a", 1, 4, 1), ("a", 1, 5, 0)])
    # The closed ones alone: 1, 3, 5.
    assert answer(measured, waits(ALL), 2) == {("a", 1): (5, 3, 3.0, 4.6, 5, 5)}
    put(measured, [("a", 1, 1, 0), ("a", 1, 1, 0), ("a", 1, 9, 1), ("a", 2, 4, 1)])
    assert answer(measured, waits(ALL), 2) == {
        ("a", 1): (3, 2, 1.0, 1.0, 1, None),
        ("a", 2): (1, 0, None, None, None, None),
    }


values = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 12), st.booleans()), min_size=1, max_size=40)


def test_equals_numpy_and_the_product_over_times(measured: Session) -> None:
    @settings(max_examples=60, deadline=None)
    @given(values)
    def check(drawn: list[tuple[int, int, bool]]) -> None:
        put(measured, [("a", number, value, int(is_open)) for number, value, is_open in drawn])
        closed, whole = answer(measured, percentiles(CLOSED), 2), answer(measured, waits(ALL), 2)
        for number in {one[0] for one in drawn}:
            times = np.array([one[1] for one in drawn if one[0] == number])
            is_open = np.array([one[2] for one in drawn if one[0] == number])
            ended = times[~is_open]
            expected = (None, None) if not ended.size else tuple(np.percentile(ended, [50, 90]))
            got = whole["a", number]
            assert got[:2] == (times.size, ended.size)
            assert got[2:4] == pytest.approx(expected)
            assert got[4:] == (time_when_left(times, is_open, 0.5), time_when_left(times, is_open, 0.1))
            if ended.size:
                assert closed["a", number] == (ended.size, pytest.approx(expected[0]), pytest.approx(expected[1]))

    check()


def test_many_rows_of_wide_values(measured: Session) -> None:
    drawn = random.Random(5)
    rows = [("a", one % 3, int(drawn.lognormvariate(12, 2)), int(drawn.random() < 0.1)) for one in range(9_000)]
    put(measured, rows)
    whole = answer(measured, waits(ALL), 2)
    for number in range(3):
        mine = np.array([(value, is_open) for _name, group, value, is_open in rows if group == number])
        ended = mine[mine[:, 1] == 0, 0]
        assert whole["a", number][:4] == (
            3_000,
            ended.size,
            *(pytest.approx(one) for one in np.percentile(ended, [50, 90])),
        )
        left = [time_when_left(mine[:, 0], mine[:, 1] == 1, one) for one in (0.5, 0.1)]
        assert list(whole["a", number][4:]) == left


def time_when_left(times: Any, is_open: Any, share: float) -> int | None:
    """Return the first time at which no more than the share is left, multiplied out step by step."""
    left = 1.0
    for time in np.unique(times[~is_open]):
        at_risk = np.count_nonzero(times >= time)
        left *= 1 - np.count_nonzero((times == time) & ~is_open) / at_risk
        if left <= share + 1e-9:
            return int(time)
    return None
