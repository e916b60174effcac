"""Reading one row through the mapping: typed values out, everything wrong gathered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from crm.errors import Violation
from crm.imports.formats import Row
from crm.imports.mapping import DateOrder
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.values import parse_day, parse_moment
from crm.typed_text import clean_block, clean_line, line_violations

T = TypeVar("T")

NOTE_LIMIT = 20_000


class RowReader:
    """One row's fields as typed values; `found` and `warnings` gather what is wrong or doubtful."""

    def __init__(self, prepared: Prepared, file: PreparedFile, row: Row, zone: ZoneInfo) -> None:
        self.prepared = prepared
        self.file = file
        self.row = row
        self.zone = zone
        self.found: list[Violation] = []
        self.warnings: list[Violation] = []
        if row.is_too_wide:
            self.found.append(Violation("row_too_wide", None))

    def has(self, field: str) -> bool:
        """Tell whether the mapping fills the field at all."""
        return field in self.file.positions or field in self.file.part.defaults

    def raw(self, field: str) -> str:
        """Return the field's text through its aliases, as it stands in the file."""
        text = self.file.text(self.row, field)
        return self.prepared.alias(field, text) if text else ""

    def line(self, field: str, limit: int, *, required: bool = False) -> str | None:
        """Return one clean line, None for a blank one."""
        text = self.raw(field)
        if text or required:
            self.found += line_violations(text, field, limit, required=required)
        return (clean_line(text) or None) if text else None

    def note(self, field: str, limit: int = NOTE_LIMIT) -> str | None:
        """Return a longer text; where several columns make it, each stands on a line under its name."""
        positions = self.file.positions.get(field, ())
        if len(positions) > 1:
            cells = [(self.file.table.header[at], self.file.cell(self.row, at)) for at in positions]
            text = "\n".join(f"{name}: {clean_line(cell)}" for name, cell in cells if cell.strip())
        else:
            text = self.raw(field)
        if not text:
            return None
        if any(problem.code == "text_unreadable" for problem in line_violations(text, field, limit)):
            self.found.append(Violation("text_unreadable", field))
            return None
        cleaned = clean_block(text)
        if len(cleaned) > limit:
            self.found.append(Violation("text_too_long", field, {"length": len(cleaned), "limit": limit}))
        return cleaned or None

    def parsed(self, field: str, parse: Callable[[str], T | None], code: str) -> T | None:
        """Return the value `parse` makes of the text; a ValueError is a violation with this code."""
        try:
            return parse(self.raw(field))
        except (ValueError, OverflowError):
            self.found.append(Violation(code, field))
            return None

    def moment(self, field: str) -> datetime | None:
        """Return a date as an instant in UTC."""
        order = self.file.scan.date_orders.get(field, DateOrder.YMD)
        return self.parsed(field, lambda text: parse_moment(text, order, self.zone), "date_invalid")

    def day(self, field: str) -> date | None:
        """Return a date."""
        order = self.file.scan.date_orders.get(field, DateOrder.YMD)
        return self.parsed(field, lambda text: parse_day(text, order), "date_invalid")

    def refuse(self, code: str, field: str | None = None, **params: str | int) -> None:
        """Note a reason why the row can't be imported."""
        self.found.append(Violation(code, field, params))

    def warn(self, code: str, field: str | None = None, **params: str | int) -> None:
        """Note something doubtful about the row."""
        self.warnings.append(Violation(code, field, params))
