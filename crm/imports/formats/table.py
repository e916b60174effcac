"""What a format gives: a header and a stream of rows; what it may refuse; how much it may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from crm.errors import CrmError
from crm.settings import get_settings

MEGABYTE = 1024 * 1024


class FileRefused(CrmError):
    """A file can't be imported; the code says why, `line` where that is known."""

    code = "file_broken"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be."""

    size_bytes: int
    unpacked_bytes: int
    rows: int
    columns: int
    cell_chars: int


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a person says about a file where sniffing is wrong; empty means sniff."""

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row under the header: its line in the file and as many cells as the header has.

    `is_too_wide` tells that cells beyond the header were filled.
    """

    line: int
    cells: tuple[str, ...]
    is_too_wide: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A file ready to be streamed; each call of `rows` reads it anew from its start.

    `encoding` and `delimiter` tell how a text was read, `sheets` and `sheet` what a workbook has and which is read.
    """

    name: str
    format_name: str
    header: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()


class Format(Protocol):
    """A kind of file that can be imported."""

    name: str
    suffixes: tuple[str, ...]

    def open(self, path: Path, name: str, options: ReadOptions, limits: Limits) -> Table:
        """Check the file and return it ready to be streamed; errors: FileRefused."""


def limits_from_settings() -> Limits:
    """Return the limits of this installation."""
    settings = get_settings()
    return Limits(
        size_bytes=settings.import_max_mb * MEGABYTE,
        unpacked_bytes=settings.import_max_unpacked_mb * MEGABYTE,
        rows=settings.import_max_rows,
        columns=settings.import_max_columns,
        cell_chars=settings.import_max_cell_chars,
    )


def named_header(cells: Sequence[str], limits: Limits) -> tuple[str, ...]:
    """Return unique, non-empty column names: blank ones are numbered, repeated ones get a number behind.

    Errors: FileRefused where all are blank or there are too many.
    """
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FileRefused("file_header_missing")
    if len(names) > limits.columns:
        raise FileRefused("file_too_many_columns", limit=limits.columns)
    taken: set[str] = set()
    unique = []
    for position, name in enumerate(names, start=1):
        base = name or f"#{position}"
        candidate, repeat = base, 2
        while candidate in taken:
            candidate, repeat = f"{base} ({repeat})", repeat + 1
        taken.add(candidate)
        unique.append(candidate)
    return tuple(unique)


def fitted_row(line: int, cells: Sequence[str], width: int, limits: Limits) -> Row:
    """Return a row of exactly `width` cells.

    Errors: FileRefused where a cell is too long.
    """
    for cell in cells:
        if len(cell) > limits.cell_chars:
            raise FileRefused("file_cell_too_long", line=line, limit=limits.cell_chars)
    fitted = tuple(cells[:width]) + ("",) * (width - len(cells))
    return Row(line, fitted, is_too_wide=any(cell.strip() for cell in cells[width:]))


def counted_rows(rows: Iterator[Row], limits: Limits) -> Iterator[Row]:
    """Pass rows on, up to the limit.

    Errors: FileRefused where there are more.
    """
    for count, row in enumerate(rows, start=1):
        if count > limits.rows:
            raise FileRefused("file_too_many_rows", limit=limits.rows)
        yield row
