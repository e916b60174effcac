"""Cells on their way out and back: the guard against formulas, and writing tables as CSV and XLSX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

# What spreadsheet programs take for the start of a formula, full-width forms included.
_FORMULA_START = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
_NEGATIVE = re.compile(r"-\d+(?:[.,]\d+)?")  # a number and nothing else: no program runs it
_XLSX_MAX_CELL = 32_767


def guard_formula(value: str) -> str:
    """Return the value with a leading apostrophe where a spreadsheet program would run it."""
    return f"'{value}" if _FORMULA_START.match(value) and not _NEGATIVE.fullmatch(value) else value


def unguard_formula(value: str) -> str:
    """Take back the apostrophe that `guard_formula` put before a value."""
    return value[1:] if _GUARDED.match(value) else value


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a table as CSV that Excel opens rightly: UTF-8 with BOM, semicolons, every cell quoted and guarded."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([guard_formula(cell) for cell in header])
    writer.writerows([guard_formula(cell) for cell in row] for row in rows)
    return b"\xef\xbb\xbf" + written.getvalue().encode("utf-8")


def xlsx_bytes(header: Sequence[str], rows: Iterable[Sequence[str | float]]) -> bytes:
    """Return a table as a workbook of text and number cells: nothing in it can become a formula."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in (header, *rows):
        sheet.append([_text_cell(sheet, cell) if isinstance(cell, str) else cell for cell in row])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _text_cell(sheet: Any, value: str) -> Any:
    cell = WriteOnlyCell(sheet)
    cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)[:_XLSX_MAX_CELL]
    cell.data_type = "s"
    return cell
