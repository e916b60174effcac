"""Groups counted, and their values for medians and percentiles: chosen by the database, worked out by numpy.

The database sends what a query selects as one text, which numpy reads ten times faster than rows come one by one, and
groups faster than SQLite does, see docs/decisions/0020. Keys that are whole numbers travel in the text: ids, codes and
numbers of spans, none of them negative. Other keys are grouped by the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    SmallInteger,
    func,
    literal,
    select,
    type_coerce,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.analytics.gathered import Whole, gathered_by
from crm.models import LossReason, Pipeline, Stage, Team, User

Key = tuple[Any, ...]
Query = Select[Any] | CompoundSelect[Any]
_NOTHING = -1  # stands for NULL in the text
_ROUNDING = 1e-9
# Keys and value are packed into one number below 63 bits. Seconds between instants of bases need 33, and there may be
# a flag beside them and a sign.
_VALUE = 2**36
_WIDEST, _WIDEST_WITH_VALUE = 2**62, 2**26
_FEWEST = 8192  # more than the weeks of a whole base
_NUMBERED = (User, Stage, Pipeline, Team, LossReason)


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


def number_of(column: InstrumentedAttribute[Any]) -> ColumnElement[int]:
    """Return a code that is kept as a number, as a key of groups."""
    return type_coerce(column, SmallInteger).label(column.key)


def tally(session: Session, keys: Query) -> dict[Key, int]:
    """Return how many rows each group of a query has that selects the groups' keys."""
    found: dict[Key, int] = {}
    packing = _Packing.of(session, list(keys.subquery().c))
    for named, (codes,) in packing.read(session, packing.code):
        groups, counts = np.unique(codes, return_counts=True)
        found.update(zip((packing.key(one, named) for one in groups), counts.tolist(), strict=True))
    return found


def samples(session: Session, values: Query, *, are_near: bool = False) -> dict[Key, Sample]:
    """Return the values of each group of a query that selects the groups' keys and, last, whole numbers as `value`.

    No value may be NULL. Keys are in the order of the query's columns; without keys there is one group, or none.
    `are_near` promises that all values are within 500 years of 0 in seconds, as what began in a scope is: such values
    travel in one number with their keys. Dates of deals promise nothing: there are misspelt ones of the year 202.
    """
    *keys, measured = values.subquery().c
    packing = _Packing.of(session, keys)
    value = type_coerce(measured, BigInteger)
    in_one = are_near and packing.size ** len(packing.numbered) <= _WIDEST_WITH_VALUE
    parts = [packing.code * _VALUE + value + _VALUE // 2] if in_one else [packing.code, value]
    found: dict[Key, Sample] = {}
    for named, columns in packing.read(session, *parts):
        if in_one:
            columns[0].sort()
            codes, own = np.divmod(columns[0], _VALUE)
            own -= _VALUE // 2
        else:
            codes, own = _ordered(*columns)
        starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1])
        for start, part in zip(starts, np.split(own, starts[1:]), strict=True):
            found[packing.key(codes[start], named)] = Sample(part)
    return found


def _ordered(codes: Whole, values: Whole) -> tuple[Whole, Whole]:
    """Return both by code, then value."""
    if values.min() < -_VALUE // 2 or values.max() >= _VALUE // 2:
        order = np.lexsort((values, codes))
        return codes[order], values[order]
    groups = np.unique(codes)
    both = np.searchsorted(groups, codes) * _VALUE + values + _VALUE // 2
    both.sort()
    numbers, own = np.divmod(both, _VALUE)
    return groups[numbers], own - _VALUE // 2


def joined(parts: Iterable[Sample]) -> Sample:
    """Return the values of several groups as one."""
    return Sample(np.sort(np.concatenate([one.values for one in parts])))


def waits(session: Session, durations: Select[Any]) -> dict[Key, Waits]:
    """Return the durations of each group of a query that selects keys, `value` from 0 on, and `is_open` (0 or 1).

    They are near, see `samples`.
    """
    columns: list[ColumnElement[Any]] = list(durations.selected_columns)
    # In one number, so that of two equal ones the closed comes first.
    both = (columns[-2] * 2 + columns[-1]).label("value")
    found = samples(session, durations.with_only_columns(*columns[:-2], both), are_near=True)
    return {key: Waits(one.values >> 1, (one.values & 1) == 1) for key, one in found.items()}


@dataclass(frozen=True, slots=True)
class _Packing:
    """How keys become one number: those that are numbers, each below the size; the rest is grouped by the database."""

    keys: Sequence[ColumnElement[Any]]
    size: int
    numbered: Sequence[int]
    others: Sequence[int]

    @classmethod
    def of(cls, session: Session, keys: Sequence[ColumnElement[Any]]) -> _Packing:
        """Choose a size above all keys: ids are those of tables as small as the company."""
        newest = session.execute(select(*(select(func.max(one.id)).scalar_subquery() for one in _NUMBERED))).one()
        size = max([_FEWEST, *(one + 2 for one in newest if one is not None)])
        numbered = [place for place, one in enumerate(keys) if isinstance(one.type, Integer)]
        if size ** len(numbered) > _WIDEST:
            raise OverflowError("too many keys to be told apart")
        return cls(keys, size, numbered, [place for place in range(len(keys)) if place not in numbered])

    @property
    def code(self) -> ColumnElement[int]:
        """Return the keys that are numbers as one."""
        parts = [func.coalesce(type_coerce(self.keys[place], BigInteger), _NOTHING) + 1 for place in self.numbered]
        code: ColumnElement[int] = parts[0] if parts else literal(0, BigInteger)
        for part in parts[1:]:
            code = code * self.size + part
        return code

    def key(self, code: np.int64, named: Sequence[Any]) -> Key:
        """Return a group's key by its number and the keys that the database grouped by."""
        rest = int(code)
        key = dict(zip(self.others, named, strict=True))
        for place in reversed(self.numbered):
            rest, one = divmod(rest, self.size)
            key[place] = one - 1 if one else None
        return tuple(key[place] for place in range(len(self.keys)))

    def read(self, session: Session, *parts: ColumnElement[int]) -> Iterator[tuple[Sequence[Any], Sequence[Whole]]]:
        """Give, for each group that the database makes, its keys and the numbers of each part."""
        return gathered_by(session, parts, [self.keys[place] for place in self.others])
