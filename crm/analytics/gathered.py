"""Many rows of whole numbers at once: sent by the database as one text, read by numpy; see docs/decisions/0020."""

from __future__ import annotations

from collections.abc import Sequence
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
    texts: list[ColumnElement[str]] = [cast(type_coerce(one, BigInteger), String) for one in columns]
    row = reduce(lambda before, one: before + "," + one, texts)
    packed = session.scalar(select(func.aggregate_strings(row, ",")))
    matrix = np.fromstring(packed or "", dtype=np.int64, sep=",").reshape(-1, len(columns))
    return [np.ascontiguousarray(column) for column in matrix.T]
