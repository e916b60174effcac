"""Files that can be imported: one small file per format and the tuple FORMATS."""

from __future__ import annotations

from pathlib import Path

from crm.imports.formats.csv_text import CsvText
from crm.imports.formats.table import (
    FileRefused,
    Format,
    Limits,
    ReadOptions,
    Row,
    Table,
    limits_from_settings,
)
from crm.imports.formats.xlsx_book import XlsxBook

FORMATS: tuple[Format, ...] = (CsvText(), XlsxBook())
SUFFIXES = tuple(suffix for form in FORMATS for suffix in form.suffixes)


def open_table(
    path: Path, *, name: str = "", options: ReadOptions | None = None, limits: Limits | None = None
) -> Table:
    """Return the file ready to be streamed; `name` is what it was called where the path is our own.

    Errors: FileRefused where the kind is unknown, name and content disagree, or the file is broken or too large.
    """
    limits = limits or limits_from_settings()
    name = name or path.name
    form = _format_of(name)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise FileRefused("file_missing", name=name) from error
    if size > limits.size_bytes:
        raise FileRefused("file_too_large", limit_mb=limits.size_bytes // (1024 * 1024))
    return form.open(path, name, options or ReadOptions(), limits)


def _format_of(name: str) -> Format:
    suffix = Path(name).suffix.lower()
    for form in FORMATS:
        if suffix in form.suffixes:
            return form
    known = {".xls": "file_old_excel", ".xlsm": "file_with_macros", ".xlsb": "file_with_macros"}
    raise FileRefused(known.get(suffix, "file_kind_unknown"))


__all__ = [
    "FORMATS",
    "SUFFIXES",
    "FileRefused",
    "Format",
    "Limits",
    "ReadOptions",
    "Row",
    "Table",
    "limits_from_settings",
    "open_table",
]
