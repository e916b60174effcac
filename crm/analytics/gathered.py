"""Many rows of whole numbers at once: sent by the database as one text, read by numpy; see docs/decisions/0020."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BigInteger, ColumnElement, Select, String, cast, func, select, type_coerce
from sqlalchemy.orm import Session

Whole = NDArray[np.int64]


def gathered(session: Session, query: Select[Any]) -> Sequence[Whole]:
    """Return each column of a query of whole numbers, its rows in any order. No number may be NULL."""
    columns = list(query.subquery().c)
    nothing = [np.empty(0, dtype=np.int64) for _ in columns]
    return next((found for _key, found in gathered_by(session, columns, ())), nothing)


def gathered_by(
    session: Session, columns: Sequence[ColumnElement[int]], keys: Sequence[ColumnElement[Any]]
) -> Iterator[tuple[Sequence[Any], Sequence[Whole]]]:
    """Give for each group that the database makes by the keys what they are, and its rows' columns."""
    texts: list[ColumnElement[str]] = [cast(type_coerce(one, BigInteger), String) for one in columns]
    row = reduce(lambda before, one: before + "," + one, texts)
    for *key, packed in session.execute(select(*keys, func.aggregate_strings(row, ",")).group_by(*keys)):
        if packed is not None:  # no row, and nothing to group by
            matrix = np.fromstring(packed, dtype=np.int64, sep=",").reshape(-1, len(columns))
            yield key, [np.ascontiguousarray(column) for column in matrix.T]
