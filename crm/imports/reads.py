"""What people see of imports: the list, the rows that failed, the file of failed rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.errors import NotFound, Violation
from crm.i18n import _
from crm.i18n.texts import violation_sentence
from crm.imports.cells import csv_bytes, xlsx_bytes
from crm.imports.fields import RecordKind, import_field_name
from crm.imports.formats.xlsx_book import XlsxBook
from crm.imports.judged import said_in
from crm.imports.progress import Counts, counts_from
from crm.models import Import, ImportRow, User
from crm.models.codes import ImportStatus, RowVerdict

# The demo is kept as an import of this system; it has its own way in and out.
DEMO_SYSTEM = "demo"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """An import in a list; `files` are its files' names."""

    id: int
    name: str
    status: ImportStatus
    counts: Counts
    files: tuple[str, ...]
    actor: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class FailedRows:
    """A file to be mended and imported again."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class RowReport:
    """What an import said about one row."""

    file: str
    line: int
    verdict: RowVerdict
    violations: tuple[Violation, ...]
    warnings: tuple[Violation, ...]


def list_imports(
    session: Session, actor: Actor, *, limit: int = 50, before_id: int | None = None
) -> list[ImportSummary]:
    """Return the newest imports, those of everybody for an admin, one's own for a head.

    Errors: Forbidden.
    """
    require(actor, Action.IMPORT_RECORDS)
    query = select(Import, User.name).outerjoin(User, User.id == Import.actor_id).where(Import.system != DEMO_SYSTEM)
    query = query.order_by(Import.id.desc())
    if actor.visible_owner_ids is not None:
        query = query.where(Import.actor_id == actor.user_id)
    if before_id is not None:
        query = query.where(Import.id < before_id)
    return [_summary(row, name) for row, name in session.execute(query.limit(limit))]


def load_import(session: Session, actor: Actor, import_id: int) -> ImportSummary:
    """Return one import.

    Errors: Forbidden; NotFound, for somebody else's import too.
    """
    require(actor, Action.IMPORT_RECORDS)
    query = select(Import, User.name).outerjoin(User, User.id == Import.actor_id).where(Import.id == import_id)
    found = session.execute(query).one_or_none()
    if found is None or (actor.visible_owner_ids is not None and found[0].actor_id != actor.user_id):
        raise NotFound(entity="import", id=import_id)
    return _summary(*found)


def load_rows(
    session: Session, actor: Actor, import_id: int, *, verdict: RowVerdict, limit: int = 50, after_id: int = 0
) -> list[tuple[int, RowReport]]:
    """Return rows of an import with one verdict by their id, in the order they were done.

    Errors: Forbidden; NotFound.
    """
    load_import(session, actor, import_id)
    query = (
        select(ImportRow.id, ImportRow.file, ImportRow.line, ImportRow.verdict, ImportRow.message)
        .where(ImportRow.import_id == import_id, ImportRow.line > 0, ImportRow.verdict == verdict)
        .where(ImportRow.id > after_id)
        .order_by(ImportRow.id)
        .limit(limit)
    )
    rows = []
    for row_id, file, line, found, message in session.execute(query):
        violations, warnings, _cells = said_in(message)
        rows.append((row_id, RowReport(file, line, found, violations, warnings)))
    return rows


def failed_rows_file(session: Session, actor: Actor, import_id: int, file: str) -> FailedRows:
    """Return the failed rows of one file in its own format: its columns, the line, the reasons in words.

    Errors: Forbidden; NotFound.
    """
    load_import(session, actor, import_id)
    origin = next((one for one in session.get_one(Import, import_id).mapping["files"] if one["name"] == file), None)
    if origin is None:
        raise NotFound(entity="file", name=file)
    query = (
        select(ImportRow.line, ImportRow.message)
        .where(ImportRow.import_id == import_id, ImportRow.file == file, ImportRow.verdict == RowVerdict.FAILED)
        .order_by(ImportRow.line)
    )
    kind = RecordKind(origin["kind"])
    rows = []
    for line, message in session.execute(query):
        violations, _warnings, cells = said_in(message)
        rows.append([*cells, str(line), reasons(kind, violations)])
    header = [*origin["header"], _("Line in the file"), _("Why it was not imported")]
    stem = Path(file).stem
    if origin["format"] == XlsxBook.name:
        return FailedRows(f"{stem}.failed.xlsx", XLSX_TYPE, xlsx_bytes(header, rows))
    return FailedRows(f"{stem}.failed.csv", "text/csv; charset=utf-8", csv_bytes(header, rows))


def reasons(kind: RecordKind, violations: tuple[Violation, ...]) -> str:
    """Return violations in the reader's language, each under the name of its field."""
    return " ".join(reason(kind, one) for one in violations)


def reason(kind: RecordKind, violation: Violation) -> str:
    """Return one violation in the reader's language, under the name of its field."""
    sentence = violation_sentence(violation)
    return f"{import_field_name(kind, violation.field)}: {sentence}" if violation.field else sentence


def _summary(row: Import, actor_name: str | None) -> ImportSummary:
    return ImportSummary(
        id=row.id,
        name=row.name,
        status=row.status,
        counts=counts_from(row.counts),
        files=tuple(file["name"] for file in row.mapping.get("files", ())),
        actor=actor_name,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
