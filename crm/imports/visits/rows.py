"""Reading a file of visits: each row typed once, the rows of a deal together, in the order deals appear in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from crm.auth.workspace import known_currencies
from crm.deals.fields import TEXT_LIMITS
from crm.errors import Violation
from crm.i18n.formats import parse_amount
from crm.imports.formats import Row
from crm.imports.mapping import DateOrder
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.values import currency_in, parse_moment
from crm.imports.visits.words import outcome_named
from crm.models.codes import StageKind
from crm.typed_text import clean_line, line_violations

T = TypeVar("T")

_JOINT = "\x1f"
_YEARS = range(1900, 2101)
# How machines write times: a zone by its name, seconds or thousandths since 1970 by their digits, ISO without marks.
_UTC_NAMES = (" UTC", " GMT")
_EPOCH_UNITS = {10: 1, 13: 1000}
_COMPACT = re.compile(r"\d{8}T\d{4}")
_LIMITS: dict[str, int] = {"deal": 300, "stage": 200, "owner": 200, "pipeline": 200, "loss_reason": 200,
           "title": TEXT_LIMITS["title"], "source": TEXT_LIMITS["source"], "currency": 20, "outcome": 100}  # fmt: skip
ALL_FIELDS = frozenset({*_LIMITS, "entered_at", "left_at", "amount"})
# Enough to see the order of stages, and the ends.
TRAIL_FIELDS = frozenset({"deal", "stage", "entered_at", "left_at", "outcome", "pipeline"})
_REPEATED = frozenset({"stage", "owner", "pipeline", "loss_reason", "source", "currency", "outcome"})


@dataclass(frozen=True, slots=True)
class About:
    """What a row says of the deal as a whole; empty where it says nothing."""

    title: str = ""
    amount_minor: int | None = None
    currency: str = ""
    source: str = ""
    loss_reason: str = ""
    pipeline: str = ""


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One row as read: names as the file has them, after aliases; `at` keeps parts of a second, for the order only."""

    line: int
    cells: str
    at: datetime
    left_at: datetime | None
    stage: str
    owner: str
    outcome: StageKind | None
    about: About
    problems: tuple[Violation, ...] = ()
    warnings: tuple[Violation, ...] = ()

    def split_cells(self) -> tuple[str, ...]:
        """Return the row's cells as they stand in the file."""
        return tuple(self.cells.split(_JOINT))


@dataclass(frozen=True, slots=True)
class DealRows:
    """All rows of one deal by time, then by their place in the file; a row without a deal stands alone.

    `foreign` is the id kept here, `name` what the file calls the deal.
    """

    foreign: str
    first_line: int
    rows: tuple[VisitRow, ...]
    name: str


def read_visits(
    prepared: Prepared, file: PreparedFile, zone: ZoneInfo, fields: Set[str] = ALL_FIELDS
) -> tuple[DealRows, ...]:
    """Read the whole file, or some of its fields; times without a zone are in `zone`.

    Errors: FileRefused.
    """
    reader = _Reader(prepared, file, zone, fields)
    grouped: dict[str | int, list[VisitRow]] = {}
    for row in file.table.rows():
        deal, visit = reader.read(row)
        grouped.setdefault(deal or row.line, []).append(visit)
    return tuple(
        DealRows(name, rows[0].line, tuple(sorted(rows, key=_by_time)), name)
        for name, rows in ((deal if isinstance(deal, str) else "", rows) for deal, rows in grouped.items())
    )


def deal_batches(deals: Sequence[DealRows], rows: int) -> Iterator[list[DealRows]]:
    """Yield deals in lists of about so many rows."""
    some: list[DealRows] = []
    count = 0
    for one in deals:
        some.append(one)
        count += len(one.rows)
        if count >= rows:
            yield some
            some, count = [], 0
    if some:
        yield some


def _by_time(row: VisitRow) -> tuple[datetime, int]:
    return row.at, row.line


class _Reader:
    """Reads rows; what repeats from row to row is cleaned and checked once."""

    def __init__(self, prepared: Prepared, file: PreparedFile, zone: ZoneInfo, fields: Set[str]) -> None:
        self.prepared = prepared
        self.file = file
        self.zone = zone
        self.fields = {*file.positions, *file.part.defaults} & fields
        self.seen: dict[tuple[str, str], tuple[str, tuple[Violation, ...]]] = {}
        self.outcomes: dict[str, StageKind | None] = {}
        self.nothing = About()
        self.currencies = known_currencies()

    def read(self, row: Row) -> tuple[str, VisitRow]:
        """Return the deal that a row is about, and the row."""
        found: list[Violation] = [Violation("row_too_wide", None)] if row.is_too_wide else []
        warned: list[Violation] = []
        deal = self._line(row, "deal", found)
        stage = self._line(row, "stage", found)
        owner = self._line(row, "owner", found)
        for field, text in (("deal", deal), ("stage", stage)):
            if not text and not any(one.field == field for one in found):
                found.append(Violation("value_required", field))
        at = self._moment(row, "entered_at", found)
        left_at = self._moment(row, "left_at", found)
        if at is None and not any(one.field == "entered_at" for one in found):
            found.append(Violation("value_required", "entered_at"))
        if at and left_at and left_at < at:
            found.append(Violation("visit_left_before", "left_at"))
        visit = VisitRow(
            row.line, _joined(row.cells), at or datetime.max.replace(tzinfo=UTC), left_at, stage, owner,
            self._outcome(row, warned), self._about(row, found), tuple(found), tuple(warned),
        )  # fmt: skip
        return deal, visit

    def _about(self, row: Row, found: list[Violation]) -> About:
        told = {
            name: text for name in ("title", "source", "loss_reason", "pipeline")
            if name in self.fields and (text := self._line(row, name, found))
        }  # fmt: skip
        about = replace(self.nothing, **told) if told else self.nothing  # type: ignore[arg-type]
        amount = self.file.text(row, "amount") if "amount" in self.fields else ""
        if amount:
            minor = self._parsed(amount, parse_amount, "amount", "amount_invalid", found)
            about = replace(about, amount_minor=minor, currency=currency_in(amount) or "")
        code = self._line(row, "currency", found).upper()
        if code:
            code = currency_in(code) or code
            if code not in self.currencies:
                found.append(Violation("choice_unknown", "currency"))
            about = replace(about, currency=code)
        return about

    def _line(self, row: Row, field: str, found: list[Violation]) -> str:
        text = self.file.text(row, field) if field in self.fields else ""
        if not text:
            return ""
        known = self.seen.get((field, text))
        if known is None:
            ours = self.prepared.alias(field, text)
            known = clean_line(ours), tuple(line_violations(ours, field, _LIMITS[field]))
            if field in _REPEATED:
                self.seen[field, text] = known
        found += known[1]
        return known[0]

    def _outcome(self, row: Row, warned: list[Violation]) -> StageKind | None:
        text = self._line(row, "outcome", warned)
        if text not in self.outcomes:
            try:
                self.outcomes[text] = outcome_named(text)
            except ValueError:
                warned.append(Violation("visit_outcome_unknown", "outcome", {"name": text}))
                return None
        return self.outcomes[text]

    def _moment(self, row: Row, field: str, found: list[Violation]) -> datetime | None:
        text = self.file.text(row, field).strip() if field in self.fields else ""
        if not text:
            return None
        order = self.file.scan.date_orders.get(field, DateOrder.YMD)
        return self._parsed(text, lambda one: _instant(one, order, self.zone), field, "date_invalid", found)

    @staticmethod
    def _parsed(text: str, parse: Callable[[str], T | None], field: str, code: str, found: list[Violation]) -> T | None:
        try:
            return parse(text)
        except (ValueError, OverflowError):
            found.append(Violation(code, field))
            return None


def _joined(cells: Sequence[str]) -> str:
    joined = _JOINT.join(cells)
    if joined.count(_JOINT) >= len(cells):
        joined = _JOINT.join(cell.replace(_JOINT, " ") for cell in cells)
    return joined


def _instant(text: str, order: DateOrder, zone: ZoneInfo) -> datetime | None:
    if text[-4:] in _UTC_NAMES:
        text = f"{text[:-4]}+00:00"
    elif len(text) in _EPOCH_UNITS and text.isascii() and text.isdigit():
        return datetime.fromtimestamp(int(text) / _EPOCH_UNITS[len(text)], UTC)
    if len(text) >= 10 and (text[4] == text[7] == "-" or _COMPACT.match(text)):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return parse_moment(text, order, zone)
        if moment.year not in _YEARS:
            raise ValueError(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    return parse_moment(text, order, zone)
