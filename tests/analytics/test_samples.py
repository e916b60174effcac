"""Percentiles of groups, exact on both engines: equal to numpy's, and to an estimate by hand where some still wait."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, select
from sqlalchemy.orm import Session

from crm.analytics.samples import Waits, joined, samples, tally, waits

Row = tuple[str | None, int | None, int, int]
MEASURED = Table(
    "measured_here", MetaData(), Column("name", String), Column("number", Integer), Column("value", BigInteger),
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


CLOSED = select(MEASURED.c.name, MEASURED.c.number, MEASURED.c.value).where(MEASURED.c.is_open == 0)
ALL = select(MEASURED.c.name, MEASURED.c.number, MEASURED.c.value, MEASURED.c.is_open)


def told(one: Waits) -> tuple[Any, ...]:
    """Give what is asked of durations: how many, how many closed, the closed ones' percentiles, the estimates."""
    closed = one.closed
    percentiles = (None, None) if closed is None else (closed.percentile(50), closed.percentile(90))
    return one.values.size, closed.size if closed else 0, *percentiles, one.over_by(50), one.over_by(90)


def test_percentiles_lie_between_the_closest_ranks(measured: Session) -> None:
    put(measured, [("a", 1, one, 0) for one in (10, 40, 20, 30)] + [("a", 2, 7, 0)])
    found = samples(measured, CLOSED)
    assert {key: (one.size, one.total, one.percentile(50), one.percentile(90)) for key, one in found.items()} == {
        ("a", 1): (4, 100, 25.0, 37.0), ("a", 2): (1, 7, 7.0, 7.0),
    }  # fmt: skip
    assert [list(one.values) for one in found.values()] == [[10, 20, 30, 40], [7]]
    assert list(joined(found.values()).values) == [7, 10, 20, 30, 40]


def test_above_and_below_leave_out_what_is_equal(measured: Session) -> None:
    put(measured, [("a", 1, one, 0) for one in (1, 2, 2, 3)])
    one = samples(measured, CLOSED)["a", 1]
    assert [(one.below(limit), one.above(limit)) for limit in (0, 2, 2.5, 9)] == [(0, 4), (1, 1), (3, 1), (4, 0)]


def test_no_key_and_no_rows(measured: Session) -> None:
    of_all = select(MEASURED.c.value, MEASURED.c.is_open)
    assert samples(measured, CLOSED) == {}
    assert samples(measured, select(MEASURED.c.value)) == {}
    assert waits(measured, ALL) == {}
    assert waits(measured, of_all) == {}
    put(measured, [("a", 1, 1, 0), ("b", 2, 5, 0), ("b", 2, 9, 1)])
    assert {key: told(one) for key, one in waits(measured, of_all).items()} == {(): (3, 2, 3.0, 4.6, 5, None)}


def test_nothing_is_a_group_of_its_own(measured: Session) -> None:
    put(measured, [(None, 1, 10, 0), (None, 1, 20, 0), ("", 1, 1, 0), (None, None, 3, 0), ("a", None, 4, 1)])
    assert {key: (one.size, one.percentile(50)) for key, one in samples(measured, CLOSED).items()} == {
        (None, 1): (2, 15.0), ("", 1): (1, 1.0), (None, None): (1, 3.0),
    }  # fmt: skip
    assert set(waits(measured, ALL)) == {(None, 1), ("", 1), (None, None), ("a", None)}


def test_keys_come_in_the_order_of_the_query(measured: Session) -> None:
    put(measured, [("b", 300, 2**33, 0), ("b", 7_000, -5, 0), ("b", 7_000, -(2**33), 0), ("a,1", 0, 0, 1)])
    number, name, value = MEASURED.c.number, MEASURED.c.name, MEASURED.c.value
    found = samples(measured, select(number, name, MEASURED.c.is_open, value))
    assert {key: list(one.values) for key, one in found.items()} == {
        (300, "b", 0): [2**33], (7_000, "b", 0): [-(2**33), -5], (0, "a,1", 1): [0],
    }  # fmt: skip
    wide = samples(measured, select(number, name, (number + 1).label("next"), (number - 1).label("last"), value))
    assert {key: list(one.values) for key, one in wide.items()} == {
        (300, "b", 301, 299): [2**33], (7_000, "b", 7_001, 6_999): [-(2**33), -5], (0, "a,1", 1, None): [0],
    }  # fmt: skip


def test_far_values_stay_in_their_groups(measured: Session) -> None:
    far = [2**40, -(2**61), 2**61, 7]  # a deal of the year 202 took longer than 500 years
    put(measured, [("a", 1, one, 0) for one in far] + [("a", 2, 3, 0), ("b", 1, -(2**40), 0)])
    assert {key: list(one.values) for key, one in samples(measured, CLOSED).items()} == {
        ("a", 1): [-(2**61), 7, 2**40, 2**61], ("a", 2): [3], ("b", 1): [-(2**40)],
    }  # fmt: skip


def test_near_values_are_the_same_in_one_number(measured: Session) -> None:
    put(measured, [("a", one % 3, one * 2**33, 0) for one in (-1, 0, 1, 1, 0)] + [("b", None, 5, 0)])
    apart, in_one = samples(measured, CLOSED), samples(measured, CLOSED, are_near=True)
    assert {key: list(one.values) for key, one in in_one.items()} == {
        key: list(one.values) for key, one in apart.items()
    }


def test_rows_are_counted_by_their_keys(measured: Session) -> None:
    put(measured, [(None, 1, 10, 0), (None, 1, 20, 0), ("", 1, 1, 0), (None, None, 3, 1), ("a", 8_000, 4, 1)])
    assert tally(measured, select(MEASURED.c.number, MEASURED.c.name)) == {
        (1, None): 2, (1, ""): 1, (None, None): 1, (8_000, "a"): 1,
    }  # fmt: skip
    assert tally(measured, select(MEASURED.c.is_open, MEASURED.c.number)) == {(0, 1): 3, (1, None): 1, (1, 8_000): 1}
    assert tally(measured, select(MEASURED.c.name).where(MEASURED.c.number == 1)) == {(None,): 2, ("",): 1}
    assert tally(measured, select(MEASURED.c.number).where(MEASURED.c.number == 2)) == {}


def test_more_keys_than_fit_are_refused(measured: Session) -> None:
    columns = [(MEASURED.c.number + one).label(f"k{one}") for one in range(5)]
    with pytest.raises(OverflowError):
        tally(measured, select(*columns))


def test_the_waiting_count_as_at_least_so_long(measured: Session) -> None:
    # At 1: 1 of 5 over, 0.8 left. At 3: 1 of 3, 0.533. At 5: the last one, 0. Those open at 2 and 4 count until then.
    put(measured, [("a", 1, 1, 0), ("a", 1, 2, 1), ("a", 1, 3, 0), ("a", 1, 4, 1), ("a", 1, 5, 0)])
    # The closed ones alone: 1, 3, 5.
    assert told(waits(measured, ALL)["a", 1]) == (5, 3, 3.0, 4.6, 5, 5)
    put(measured, [("a", 1, 1, 0), ("a", 1, 1, 0), ("a", 1, 9, 1), ("a", 2, 4, 1)])
    found = waits(measured, ALL)
    assert told(found["a", 1]) == (3, 2, 1.0, 1.0, 1, None)
    assert told(found["a", 2]) == (1, 0, None, None, None, None)
    assert [list(one.opened) for one in found.values()] == [[9], [4]]


values = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 12), st.booleans()), min_size=1, max_size=40)


def test_equals_numpy_and_the_product_over_times(measured: Session) -> None:
    @settings(max_examples=60, deadline=None)
    @given(values)
    def check(drawn: list[tuple[int, int, bool]]) -> None:
        put(measured, [("a", number, value, int(is_open)) for number, value, is_open in drawn])
        closed, whole = samples(measured, CLOSED), waits(measured, ALL)
        for number in {one[0] for one in drawn}:
            times = np.array([one[1] for one in drawn if one[0] == number])
            is_open = np.array([one[2] for one in drawn if one[0] == number])
            ended = times[~is_open]
            expected = (None, None) if not ended.size else tuple(np.percentile(ended, [50, 90]))
            got = told(whole["a", number])
            assert got[:2] == (times.size, ended.size)
            assert got[2:4] == pytest.approx(expected)
            assert got[4:] == (time_when_left(times, is_open, 0.5), time_when_left(times, is_open, 0.1))
            assert (("a", number) in closed) == bool(ended.size)
            if ended.size:
                assert list(closed["a", number].values) == sorted(ended)

    check()


def test_many_rows_of_wide_values(measured: Session) -> None:
    drawn = random.Random(5)
    rows = [("a", one % 3, int(drawn.lognormvariate(12, 2)), int(drawn.random() < 0.1)) for one in range(9_000)]
    put(measured, rows)
    whole = waits(measured, ALL)
    for number in range(3):
        mine = np.array([(value, is_open) for _name, group, value, is_open in rows if group == number])
        ended = mine[mine[:, 1] == 0, 0]
        percentiles = [pytest.approx(one) for one in np.percentile(ended, [50, 90])]
        left = [time_when_left(mine[:, 0], mine[:, 1] == 1, one) for one in (0.5, 0.1)]
        assert told(whole["a", number]) == (3_000, ended.size, *percentiles, *left)


def time_when_left(times: Any, is_open: Any, share: float) -> int | None:
    """Return the first time at which no more than the share is left, multiplied out step by step."""
    left = 1.0
    for time in np.unique(times[~is_open]):
        at_risk = np.count_nonzero(times >= time)
        left *= 1 - np.count_nonzero((times == time) & ~is_open) / at_risk
        if left <= share + 1e-9:
            return int(time)
    return None
