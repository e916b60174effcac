"""What a finding is: the rows it looks at, those it names, how much it weighs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, true


class Subject(StrEnum):
    """The rows that findings look at; `crm.analytics.trust.subjects` says how they are read."""

    OPEN = "open"  # open deals as they are now, whatever the period
    NEW = "new"  # deals created in the period
    CLOSED = "closed"  # deals won or lost in the period
    ENDS = "ends"  # the newest of these, where each costs a look at what was done on it
    STAYS = "stays"  # stays on stages that began in the period
    MOVES = "moves"  # the newest moves to a stage in the period
    REACHES = "reaches"  # stages that deals came to or past in the period


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions need to know of the scope's pipelines; `limits` are seconds by stage."""

    now: datetime
    pipeline_ids: tuple[int, ...]
    required: Mapping[str, tuple[int, ...]]  # a field's key -> stages that ask for it
    limits: Mapping[int, int]
    starting: frozenset[int]  # stages where deals may begin
    sample: Select[Any] | None = None  # ids of the rows that are looked at, of a subject that is bounded


Condition = Callable[[Facts], ColumnElement[bool]]


def everything(_facts: Facts) -> ColumnElement[bool]:
    """Look at each row of the subject."""
    return true()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One way in which data stop telling the truth; a weight of 0 is told and costs nothing."""

    code: str
    subject: Subject
    weight: int
    found: Condition
    looked_at: Condition = everything

    @property
    def is_of_now(self) -> bool:
        """Tell whether it names open deals as they are, so that only a day's note keeps it."""
        return self.subject is Subject.OPEN


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a finding named, of how many."""

    found: int = 0
    looked_at: int = 0


Counts = Mapping[str, Count]  # by the finding's code
Parts = Mapping[Any, Counts]  # by the split's value
