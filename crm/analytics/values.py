"""What every chart gives: a frame with known columns, the deals behind each of its cells, a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import altair as alt
import pandas as pd
from sqlalchemy import Select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.scope import Scope


class Kind(StrEnum):
    """What a column holds; edges show it accordingly."""

    ID = "id"  # of a row of the base; None: nobody, nothing stated
    NAME = "name"
    CODE = "code"  # an untranslated code: edges give it its label
    DAY = "day"  # a date: the first day of a month or week
    COUNT = "count"
    MONEY = "money"  # hundredths of the scope's currency; reports print whole units
    PERCENT = "percent"  # 0 to 100; None where there is nothing to divide by
    HOURS = "hours"
    NUMBER = "number"
    FLAG = "flag"


class Meaning(StrEnum):
    """The three meanings of conversion; docs/analytics.md defines them."""

    REAL_PATH = "real-path"
    REACHED = "reached-at-least"
    STRICT = "strict-cohort"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a frame; a door opens the deals behind its number: as many rows, or rows of that sum."""

    code: str
    kind: Kind
    is_door: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """What a chart is asked for: the scope, by what its rows are split, which meaning of conversion."""

    scope: Scope
    by: str | None = None
    meaning: Meaning = Meaning.REAL_PATH


Frame = Callable[[Session, Actor, Ask], pd.DataFrame]
# The deals behind a cell: the row's key columns with their values (a split's first column among them), and the door's
# code. The query selects `deal_id`, a row for each thing counted: a deal may stand twice. A sum is that of the amounts.
Behind = Callable[[Session, Actor, Ask, Mapping[str, Any], str], Select[Any]]
Figure = Callable[[pd.DataFrame, "Words"], alt.TopLevelMixin]
# Gives a code of a column or a value its name in the reader's language.
Words = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Chart:
    """One kind of figures under the name that reports and addresses use.

    `frame` returns `columns`, preceded by those of the split when one is asked for; `keys` name a row within it.
    """

    name: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...]
    frame: Frame
    behind: Behind
    figure: Figure | None = None
    splits: frozenset[str] = field(default_factory=frozenset)  # what `by` may be; fields of deals aside
    has_fields: bool = False  # may be split by a field of deals, too
    has_meanings: bool = False

    def column(self, code: str) -> Column:
        """Return a column by its code; an unknown one is a programming error (StopIteration)."""
        return next(one for one in self.columns if one.code == code)
