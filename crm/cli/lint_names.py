"""Judging the stage names of a CSV file; no database is opened."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from crm.errors import CrmError
from crm.i18n import ngettext
from crm.i18n.texts import error_sentence
from crm.imports.formats.csv_text import CsvText
from crm.imports.formats.table import FileRefused, ReadOptions, Table, limits_from_settings
from crm.models.codes import StageKind
from crm.pipelines.linter.names import LANGUAGES, judge_name

REFUSED = 2
ASKED = ("name", "language")
WRITTEN = ("name", "finished_action", "findings")


@dataclass(frozen=True, slots=True)
class Asked:
    """One name to judge; language None means that its letters decide."""

    name: str
    language: str | None
    kind: StageKind


def lint_names(source: Path, target: Path) -> int:
    """Write one verdict per row of `source`, in its order; return 2 where the file can't be judged."""
    try:
        asked = list(_read(source))
        count = _write(target, asked)
    except CrmError as error:
        print(error_sentence(error), file=sys.stderr)
        return REFUSED
    print(ngettext("{n} name judged.", "{n} names judged.", count))
    return 0


def _read(source: Path) -> Iterator[Asked]:
    if not source.is_file():
        raise FileRefused("file_missing", name=source.name)
    limits = limits_from_settings()
    if source.stat().st_size > limits.size_bytes:
        raise FileRefused("file_too_large", limit_mb=limits.size_bytes // (1024 * 1024))
    table = CsvText().open(source, source.name, ReadOptions(), limits)
    columns = {name.lower(): position for position, name in reversed(list(enumerate(table.header)))}
    missing = [name for name in ASKED if name not in columns]
    if missing:
        raise CrmError("names_column_missing", columns=", ".join(missing), known=", ".join(table.header))
    for line, cells in _records(source, table):
        value = {name: cells[position].strip() for name, position in columns.items() if position < len(cells)}
        at_name = columns["name"]
        yield Asked(
            name=cells[at_name] if at_name < len(cells) else "",
            language=_language(value.get("language", ""), line),
            kind=_kind(value.get("kind", ""), line),
        )


def _records(source: Path, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the header as they are written: `Table.rows` leaves out rows of empty cells."""
    with source.open(encoding=table.encoding, newline="") as stream:
        reader = csv.reader(stream, delimiter=table.delimiter, strict=True)
        records = ((reader.line_num, cells) for cells in reader if cells)
        next(row for row in records if any(cell.strip() for cell in row[1]))
        yield from records


def _language(written: str, line: int) -> str | None:
    if not written:
        return None
    code = written.lower().replace("_", "-").split("-")[0]
    if code not in LANGUAGES:
        raise CrmError("names_language_unknown", language=written, line=line, known=", ".join(LANGUAGES))
    return code


def _kind(written: str, line: int) -> StageKind:
    try:
        return StageKind(written.lower() or StageKind.OPEN)
    except ValueError as error:
        raise CrmError("names_kind_unknown", kind=written, line=line, known=", ".join(StageKind)) from error


def _write(target: Path, asked: list[Asked]) -> int:
    try:
        with target.open("w", encoding="utf-8", newline="") as stream:
            # Names stay as they came, for whoever joins the two files: this is no export for people.
            writer = csv.writer(stream)
            writer.writerow(WRITTEN)
            for one in asked:
                verdict = judge_name(one.name, one.language, one.kind)
                writer.writerow((one.name, int(verdict.finished_action), ";".join(verdict.findings)))
    except OSError as error:
        raise CrmError("names_not_written", name=target.name) from error
    return len(asked)
