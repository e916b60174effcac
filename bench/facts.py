"""What is known of a chunk of generated deals before its rows are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DAY = 86400
OPEN, WON, LOST = 0, 1, 2

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of one table, column by column; every column a list of plain values."""

    table: str
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


@dataclass(frozen=True, slots=True)
class Facts:
    """The deals of a chunk; times are epoch seconds, `closed` is 0 for an open deal."""

    ids: Ints
    pipeline: Ints  # index of Skeleton.pipelines
    reached: Ints  # index of the last open stage
    status: Ints
    owner: Ints
    company: Ints  # 0: a private person
    contact: Ints
    created: Ints
    closed: Ints
    now: int


@dataclass(frozen=True, slots=True)
class Visits:
    """The stays of a chunk's deals, deal by deal in order; `at` is the index of the deal in its chunk."""

    at: Ints
    stage: Ints  # index of the open stage
    entered: Ints
    left: Ints  # 0 while it lasts
    is_last: Flags
