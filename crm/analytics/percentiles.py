"""Medians and other percentiles of groups, worked out by the database: exact, one SQL text for both engines.

Values are sorted once; only the rows that a percentile stands on leave the sort. Counting groups apart and joining
them is several times faster on SQLite than `count(*) OVER`, see docs/decisions/0020.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Integer,
    Label,
    Select,
    String,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.sql.elements import KeyedColumnElement

from crm.db.types import Code

HUNDREDTHS = (50, 90)
# What stands for no key inside: joins find no NULL. No id is so low, no text of users is this character.
_NO_NUMBER, _NO_TEXT = -(2**62), "\x01"
_Nothing = ColumnElement[Any] | None
_ROUNDING = 1e-6  # of a row's number, where it comes out of logarithms


def percentiles(values: Select[Any], *, hundredths: Sequence[int] = HUNDREDTHS) -> Select[Any]:
    """Return a row for each group of a query that selects the groups' keys and, last, whole numbers as `value`.

    Columns: the keys, `n`, and `p50`, `p90`: linear interpolation between the two closest ranks, as numpy's default
    and PostgreSQL's percentile_cont do it. No value may be NULL.
    """
    source, keys = _source(values)
    order = func.row_number().over(partition_by=[source.c[one] for one in keys], order_by=source.c.value)
    ranked = select(*source.c, order.label("at_rank")).cte("ranked")
    groups = _groups(source, keys, func.count().label("n"))
    total, rank = groups.c.n, ranked.c.at_rank
    return (
        select(
            *_named(groups, keys), func.max(total).label("n"),
            *(_interpolated(one, rank, total, ranked.c.value).label(f"p{one}") for one in hundredths),
        )
        .select_from(ranked.join(groups, _same(ranked, groups, keys)))
        .where(rank.in_(_ranks(hundredths, total)))
        .group_by(*(groups.c[one] for one in keys))
    )  # fmt: skip


def waits(values: Select[Any], *, hundredths: Sequence[int] = HUNDREDTHS) -> Select[Any]:
    """Return a row for each group of a query that selects keys, then whole numbers as `value`, then `is_open` (0 or 1).

    An open one is known to last at least as long as its value. Columns: the keys, `n`, `closed`, `p50`, `p90` of the
    closed ones as `percentiles` has them (None without any), and `waited50`, `waited90`: when, by the estimate of
    Kaplan and Meier, so many of a hundred are over; None where the open ones leave that unknown. What the query
    selects after `is_open` comes back as sums under its names.
    """
    source, keys = _source(values)
    sums = [one.name for one in list(source.c)[len(keys) + 2 :]]
    ordered: dict[str, Any] = {
        "partition_by": [source.c[one] for one in keys],
        "order_by": (source.c.value, source.c.is_open),
    }
    ranked = select(
        *(source.c[one] for one in (*keys, "value", "is_open")),
        func.row_number().over(**ordered).label("at_row"),
        func.sum(source.c.is_open).over(**ordered, rows=(None, 0)).label("open_before"),
    ).cte("ranked")
    counts = func.count().label("n"), func.sum(source.c.is_open).label("still_open")
    groups = _groups(source, keys, *counts, *(func.sum(source.c[one]).label(one) for one in sums))
    crossings = _crossings(ranked, groups, keys, hundredths)
    closed = groups.c.n - groups.c.still_open
    rank = case((ranked.c.is_open == 0, ranked.c.at_row - ranked.c.open_before), else_=0)
    crossed = [crossings.c[f"row{one}"] for one in hundredths]
    chosen = or_(
        rank.in_(_ranks(hundredths, closed)), *(ranked.c.at_row == one for one in crossed), ranked.c.at_row == 1
    )
    columns = [
        *(case((func.max(closed) > 0, _interpolated(one, rank, closed, ranked.c.value))).label(f"p{one}")
          for one in hundredths),
        *(func.max(case((ranked.c.at_row == crossings.c[f"row{one}"], ranked.c.value))).label(f"waited{one}")
          for one in hundredths),
        *(func.max(groups.c[one]).label(one) for one in sums),
    ]  # fmt: skip
    return (
        select(*_named(groups, keys), func.max(groups.c.n).label("n"), func.max(closed).label("closed"), *columns)
        .select_from(
            ranked.join(groups, _same(ranked, groups, keys)).join(
                crossings, _same(ranked, crossings, keys), isouter=True
            )
        )
        .where(chosen)
        .group_by(*(groups.c[one] for one in keys))
    )


def _source(values: Select[Any]) -> tuple[CTE, dict[str, _Nothing]]:
    """Return the query with something in each of its keys; their names, with what stands there for NULL."""
    columns: list[ColumnElement[Any]] = list(values.selected_columns)
    names = [one.key for one in columns if isinstance(one, KeyedColumnElement)]
    first_value = names.index("value")
    own = list(zip(names[:first_value], columns[:first_value], strict=True))
    keys = {name: _nothing(one) for name, one in own}
    filled = [
        (one if keys[name] is None else func.coalesce(one, keys[name], type_=one.type)).label(name) for name, one in own
    ]
    return values.with_only_columns(*filled, *columns[first_value:]).cte("measured").prefix_with("MATERIALIZED"), keys


def _nothing(key: ColumnElement[Any]) -> _Nothing:
    """Say what stands for NULL; None where there is none: a bare column lets an index give the groups."""
    column = key.element if isinstance(key, Label) else key
    if isinstance(column.type, Code) or (isinstance(column, Column) and not column.nullable):
        return None
    if isinstance(column.type, Integer):
        return literal(_NO_NUMBER)
    return literal(_NO_TEXT) if isinstance(column.type, String) else None


def _named(groups: CTE, keys: Mapping[str, _Nothing]) -> list[ColumnElement[Any]]:
    """Return the keys as they came, NULL again where nothing was."""
    return [
        (groups.c[name] if nothing is None else func.nullif(groups.c[name], nothing, type_=groups.c[name].type)).label(
            name
        )
        for name, nothing in keys.items()
    ]


def _groups(source: CTE, keys: Iterable[str], *figures: ColumnElement[Any]) -> CTE:
    own = [source.c[one] for one in keys]
    return select(*own, *figures).group_by(*own).cte("groups")


def _same(many: CTE, few: CTE, keys: Iterable[str]) -> ColumnElement[bool]:
    # No bare column on the left: else SQLite makes an index of the many rows instead of the few.
    return and_(literal(1) == 1, *(func.coalesce(many.c[one], many.c[one]) == few.c[one] for one in keys))


def _ranks(hundredths: Sequence[int], total: ColumnElement[int]) -> list[ColumnElement[int]]:
    """Return the ranks, from 1 on, between which the percentiles lie."""
    return [_place(one, total) // 100 + next_ for one in hundredths for next_ in (1, 2)]


def _place(hundredth: int, total: ColumnElement[int]) -> ColumnElement[int]:
    return hundredth * (total - 1)  # in hundredths of a rank, from 0 on


def _interpolated(
    hundredth: int, rank: ColumnElement[int], total: ColumnElement[int], value: ColumnElement[int]
) -> ColumnElement[Any]:
    place = _place(hundredth, total)
    weight = case((rank == place // 100 + 1, 100 - place % 100), (rank == place // 100 + 2, place % 100), else_=0)
    interpolated: ColumnElement[Any] = func.sum(value * weight) / 100.0
    return interpolated


def _crossings(ranked: CTE, groups: CTE, keys: Iterable[str], hundredths: Sequence[int]) -> CTE:
    """Find the row of each group by which so many of a hundred are over.

    Between two open rows the estimate falls by the same step a row: it is (n - row) / n, times what the open rows
    before have left to the others, which is n' / (n' - 1) for each of them with n' rows at or after it.
    """
    left = groups.c.n - ranked.c.at_row  # after the row
    grown = case((left > 0, func.ln((left + 1.0) / left)), else_=0.0)
    within: dict[str, Any] = {"partition_by": [ranked.c[one] for one in keys], "order_by": ranked.c.at_row}
    opened = (
        select(
            *(ranked.c[one] for one in keys), groups.c.n, ranked.c.at_row.label("since"),
            func.coalesce(func.lead(ranked.c.at_row).over(**within), groups.c.n + 1).label("before"),
            func.sum(grown).over(**within, rows=(None, 0)).label("grown"),
        )
        .join(groups, _same(ranked, groups, keys))
        .where(ranked.c.is_open == 1)
    )  # fmt: skip
    first = select(*(ranked.c[one] for one in keys), func.min(ranked.c.at_row).label("opened"))
    first_open = first.where(ranked.c.is_open == 1).group_by(*(ranked.c[one] for one in keys)).cte("first_open")
    unbroken = select(
        *(groups.c[one] for one in keys), groups.c.n, literal(0), func.coalesce(first_open.c.opened, groups.c.n + 1),
        literal(0.0),
    ).select_from(groups.outerjoin(first_open, _same(groups, first_open, keys)))  # fmt: skip
    parts = union_all(opened, unbroken).cte("parts")
    rows = []
    for one in hundredths:
        rest = (100 - one) / 100.0 * parts.c.n * func.exp(-parts.c.grown)
        lowest = func.ceil(parts.c.n - rest - _ROUNDING)
        row = case((lowest <= parts.c.since, parts.c.since + 1), else_=lowest)
        rows.append(func.min(case((row < parts.c.before, row))).label(f"row{one}"))
    own = [parts.c[one] for one in keys]
    return select(*own, *rows).group_by(*own).cte("crossings")
