"""XLSX workbooks: the archive is unpacked and counted before any XML is read, then one sheet is streamed."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from crm.imports.formats.content import HEAD_BYTES, content_kind
from crm.imports.formats.table import (
    FileRefused,
    Limits,
    ReadOptions,
    Row,
    Table,
    counted_rows,
    fitted_row,
    named_header,
)

MAX_ENTRIES = 1_000
MAX_LINES = 1_048_576  # of any sheet, by the format itself
_CHUNK_BYTES = 256 * 1024
_OVERLAP = 64
_DTD_MARKS = tuple(
    mark.encode(encoding)
    for mark in ("<!DOCTYPE", "<!ENTITY", "<!doctype", "<!entity")
    for encoding in ("ascii", "utf-16-le", "utf-16-be")
)
_READ_ERRORS = (
    zipfile.BadZipFile, InvalidFileException, ParseError, KeyError, ValueError, TypeError, AttributeError,
    IndexError, EOFError, OSError, NotImplementedError, RuntimeError, ArithmeticError,
)  # fmt: skip

if not openpyxl.DEFUSEDXML:  # openpyxl turns to the plain parser in silence
    raise ImportError("defusedxml is needed to read workbooks safely")


class XlsxBook:
    """Office Open XML workbooks without macros."""

    name = "xlsx"
    suffixes: tuple[str, ...] = (".xlsx",)

    def open(self, path: Path, name: str, options: ReadOptions, limits: Limits) -> Table:
        """Check the archive whole, read the header; errors: FileRefused."""
        _check_content(path)
        _check_archive(path, limits)
        with _workbook(path) as book:
            sheets = tuple(sheet.title for sheet in book.worksheets)
            visible = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if not sheets:
            raise FileRefused("file_header_missing")
        sheet = options.sheet or (visible or list(sheets))[0]
        if sheet not in sheets:
            raise FileRefused("file_sheet_missing", sheet=sheet)
        first = next(_records(path, sheet, limits), None)
        if first is None:
            raise FileRefused("file_header_missing")
        header = named_header(first[1], limits)
        return Table(
            name=name,
            format_name=self.name,
            header=header,
            rows=lambda: counted_rows(_rows(path, sheet, header, limits), limits),
            sheet=sheet,
            sheets=sheets,
        )


def cell_text(value: object) -> str:
    """Return a cell as the text a person would have typed into a CSV: ISO dates, plain numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        moment = value.replace(microsecond=0)
        return moment.date().isoformat() if moment.time() == time() else moment.isoformat(sep=" ")
    if isinstance(value, float):
        return _number_text(value)
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _number_text(value: float) -> str:
    text = format(Decimal(format(value, ".15g")), "f")  # fifteen digits are all that Excel keeps
    if "." not in text:
        return text
    whole, tail = text.split(".")
    tail = tail.rstrip("0")
    if not tail:
        return whole
    # Three digits behind the mark would be read as thousands where amounts are typed by people.
    return f"{whole}.{tail}0" if len(tail) == 3 else f"{whole}.{tail}"


def _check_content(path: Path) -> None:
    with path.open("rb") as stream:
        kind = content_kind(stream.read(HEAD_BYTES))
    if kind == "empty":
        raise FileRefused("file_empty")
    if kind == "ole":
        raise FileRefused("file_old_excel")
    if kind != "zip":
        raise FileRefused("file_content_mismatch")


def _check_archive(path: Path, limits: Limits) -> None:
    """Inflate every entry once, counting: declared sizes lie."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            _check_names(names)
            left = limits.unpacked_bytes
            for entry in archive.infolist():
                left -= _inflate(archive, entry, left)
    except FileRefused:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise FileRefused("file_broken") from error
    except Exception as error:  # zlib.error has no public base
        if type(error).__module__ != "zlib":
            raise
        raise FileRefused("file_broken") from error


def _check_names(names: list[str]) -> None:
    if len(names) > MAX_ENTRIES:
        raise FileRefused("file_unpacks_too_large")
    if len(set(names)) != len(names):
        raise FileRefused("file_broken")
    lowered = [name.lower() for name in names]
    if any(name.endswith((".zip", ".7z", ".rar", ".exe", ".dll")) for name in lowered):
        raise FileRefused("file_dangerous")
    if any("vbaproject" in name for name in lowered):
        raise FileRefused("file_with_macros")
    if "[Content_Types].xml" not in names or not any(name.startswith("xl/") for name in names):
        raise FileRefused("file_content_mismatch")


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> int:
    is_xml = entry.filename.lower().endswith((".xml", ".rels", ".vml"))
    size, tail = 0, b""
    with archive.open(entry) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > left:
                raise FileRefused("file_unpacks_too_large")
            if is_xml:
                window = tail + chunk
                if any(mark in window for mark in _DTD_MARKS):
                    raise FileRefused("file_dangerous")
                if entry.filename == "[Content_Types].xml" and b"macroEnabled" in window:
                    raise FileRefused("file_with_macros")
                tail = window[-_OVERLAP:]
    return size


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    with _read_errors_told():
        book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            yield book
        finally:
            book.close()


@contextmanager
def _read_errors_told() -> Iterator[None]:
    try:
        yield
    except _READ_ERRORS as error:  # openpyxl lets whatever broke inside come through
        raise FileRefused("file_broken") from error


def _records(path: Path, sheet: str, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Yield the line of each non-blank row, and its cells."""
    cells_left = limits.rows * limits.columns
    with _workbook(path) as book:
        source = book[sheet]
        source.reset_dimensions()  # the declared size may lie and cut rows off
        for line, values in enumerate(source.iter_rows(values_only=True), start=1):
            cells_left -= len(values)
            if line > MAX_LINES:
                raise FileRefused("file_too_many_rows", limit=limits.rows)
            if cells_left < 0:
                raise FileRefused("file_too_many_columns", limit=limits.columns)
            if any(value is not None and value != "" for value in values):
                yield line, [cell_text(value) for value in values]


def _rows(path: Path, sheet: str, header: tuple[str, ...], limits: Limits) -> Iterator[Row]:
    records = _records(path, sheet, limits)
    next(records)
    for line, cells in records:
        if len(cells) > limits.columns and any(cell.strip() for cell in cells[limits.columns :]):
            raise FileRefused("file_too_many_columns", limit=limits.columns)
        yield fitted_row(line, cells, len(header), limits)
