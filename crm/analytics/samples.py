"""Values of groups for medians and other percentiles: gathered by the database, sorted and worked out by numpy.

The database sends all values of a query as one text, which numpy reads ten times faster than rows come one by one,
see docs/decisions/0020.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Integer, Select, String, cast, func, select
from sqlalchemy.orm import Session

Key = tuple[Any, ...]
Whole = NDArray[np.int64]
_NOTHING = -1  # stands for NULL in the text; no id, number of a span or flag is negative
_ROUNDING = 1e-9
_WIDEST = 2**62


@dataclass(frozen=True, slots=True)
class Sample:
    """Whole numbers of one group, the lowest first; never empty."""

    values: Whole

    @property
    def size(self) -> int:
        """Return how many there are."""
        return int(self.values.size)

    @property
    def total(self) -> int:
        """Return their sum."""
        return int(self.values.sum())

    def percentile(self, hundredth: int) -> float:
        """Return a percentile by linear interpolation between the two closest ranks, as numpy's default has it."""
        place, rest = divmod(hundredth * (self.size - 1), 100)
        lower = int(self.values[place])
        upper = int(self.values[min(place + 1, self.size - 1)])
        return (lower * (100 - rest) + upper * rest) / 100

    def above(self, limit: float) -> int:
        """Return how many are more than a limit."""
        return self.size - int(np.searchsorted(self.values, limit, side="right"))

    def below(self, limit: float) -> int:
        """Return how many are less than a limit."""
        return int(np.searchsorted(self.values, limit, side="left"))


@dataclass(frozen=True, slots=True)
class Waits:
    """Durations of one group, the shortest first; one that is open will last at least so long."""

    values: Whole
    is_open: NDArray[np.bool_]

    @property
    def closed(self) -> Sample | None:
        """Return those that are over; None without any."""
        ended = self.values[~self.is_open]
        return Sample(ended) if ended.size else None

    @property
    def opened(self) -> Whole:
        """Return those that last."""
        return self.values[self.is_open]

    def over_by(self, hundredth: int) -> int | None:
        """Return when, by the estimate of Kaplan and Meier, so many of a hundred are over.

        None where the open ones leave that unknown.
        """
        at_risk = np.arange(self.values.size, 0, -1)
        left = np.cumprod(np.where(self.is_open, 1.0, (at_risk - 1) / at_risk))
        crossed = np.flatnonzero(left <= 1 - hundredth / 100 + _ROUNDING)
        return int(self.values[crossed[0]]) if crossed.size else None


def samples(session: Session, values: Select[Any]) -> dict[Key, Sample]:
    """Return the values of each group of a query that selects the groups' keys and, last, whole numbers as `value`.

    No value may be NULL. Keys are in the order of the query's columns; without keys there is one group, or none.
    """
    return {key: Sample(own) for key, own in _groups(session, values)}


def joined(parts: Iterable[Sample]) -> Sample:
    """Return the values of several groups as one."""
    return Sample(np.sort(np.concatenate([one.values for one in parts])))


def waits(session: Session, durations: Select[Any]) -> dict[Key, Waits]:
    """Return the durations of each group of a query that selects keys, `value` from 0 on, and `is_open` (0 or 1)."""
    columns: list[ColumnElement[Any]] = list(durations.selected_columns)
    # In one number, so that of two equal ones the closed comes first.
    both = (columns[-2] * 2 + columns[-1]).label("value")
    found = _groups(session, durations.with_only_columns(*columns[:-2], both))
    return {key: Waits(own >> 1, (own & 1) == 1) for key, own in found}


def _groups(session: Session, values: Select[Any]) -> Iterator[tuple[Key, Whole]]:
    source = values.subquery()
    *keys, value = source.c
    # Numbers travel in the text; what is none is grouped by the database.
    numbered = [place for place, one in enumerate(keys) if isinstance(one.type, Integer)]
    others = [place for place in range(len(keys)) if place not in numbered]
    text: ColumnElement[str] = cast(value, String)
    for place in reversed(numbered):
        text = cast(func.coalesce(keys[place], _NOTHING), String) + "," + text
    grouped = [keys[place] for place in others]
    query = select(*grouped, func.aggregate_strings(text, ",").label("packed")).group_by(*grouped)
    for *named, packed in session.execute(query):
        if packed is None:  # no row, and nothing to group by
            continue
        key: list[Any] = [None] * len(keys)
        for place, name in zip(others, named, strict=True):
            key[place] = name
        matrix = np.fromstring(packed, dtype=np.int64, sep=",").reshape(-1, len(numbered) + 1)
        for numbers, own in _split(matrix):
            for place, number in zip(numbered, numbers, strict=True):
                key[place] = number
            yield tuple(key), own


def _split(matrix: Whole) -> Iterator[tuple[Sequence[int | None], Whole]]:
    """Give the sorted last column of each group of rows whose other columns are equal, and what these are."""
    *columns, values = matrix.T
    code, size = np.zeros(len(matrix), dtype=np.int64), 1
    for one in columns:
        width = int(one.max()) + 2
        if size * width > _WIDEST:
            raise OverflowError("keys too wide to be told apart")
        code, size = code * width + one + 1, size * width
    # Few groups fit a narrow type, which numpy sorts without comparing.
    order = np.argsort(code.astype(np.min_scalar_type(size)), kind="stable")
    code = code[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(code)) + 1])
    for start, end in zip(starts, [*starts[1:], len(code)], strict=True):
        rows = order[start:end]
        own = [int(one[rows[0]]) for one in columns]
        yield [None if one == _NOTHING else one for one in own], np.sort(values[rows])
