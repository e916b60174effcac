"""Reading and running imports in a process of their own, so that no page waits and no page's process parses files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection
from threading import BoundedSemaphore, Thread
from typing import Any, Generic, TypeVar

from crm.actor import Actor
from crm.child_process import start_child
from crm.clock import utc_now
from crm.db import Database, get_database
from crm.errors import CrmError, Param, Refused, Violation
from crm.imports.formats import ReadOptions, Table, open_table
from crm.imports.mapping_text import mapping_from
from crm.imports.plan import Plan, plan_import
from crm.imports.prepare import Prepared, prepare
from crm.imports.progress import Counts
from crm.imports.run import FileSource, give_up, origin_of, run_import
from crm.imports.sources import forget_old_uploads, kept_path
from crm.imports.visits.describing import order_in
from crm.imports.visits.detecting import StageOrder
from crm.models import Import
from crm.typed_text import clean_line

T = TypeVar("T")

SAMPLE_ROWS = 5
MAX_FEW = 30
# Imports are heavy: few at a time beside the people who work.
_slots = BoundedSemaphore(2)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileLook:
    """What a file shows at first sight: how it was read, its columns, its first rows.

    `values` are the different values of columns that have few of them, in order of appearance; `stages` are those of a
    file of visits, in their order.
    """

    source: FileSource
    format_name: str
    header: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    encoding: str
    delimiter: str
    sheet: str
    sheets: tuple[str, ...]
    row_count: int
    values: Mapping[str, tuple[str, ...]]
    stages: StageOrder | None = None


@dataclass(frozen=True, slots=True)
class PlannedUploads:
    """What an import of uploads would do, and what it would be started with."""

    plan: Plan
    origin: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of work in the other process: a value, or the error that refused it, as plain values."""

    value: T | None = None
    code: str = ""
    params: Mapping[str, Param] | None = None
    violations: tuple[Violation, ...] = ()

    def error(self) -> CrmError | None:
        """Return the error as pages tell it."""
        if not self.code:
            return None
        if self.violations:
            return Refused(self.violations)
        return CrmError(self.code, **(self.params or {}))


def look_at(source: FileSource, options: ReadOptions) -> Future[Answer[FileLook]]:
    """Read an upload's header and first rows."""
    return _submit(_look, source, options)


def plan_uploads(
    actor: Actor, sources: Sequence[FileSource], mapping: Mapping[str, Any]
) -> Future[Answer[PlannedUploads]]:
    """Judge every row of uploads; `mapping` is the plain structure."""
    return _submit(_plan, _url(), actor, tuple(sources), mapping)


def run_uploads(actor: Actor, import_id: int) -> Future[Answer[bool]]:
    """Carry out, or go on with, an import whose files were uploaded."""
    return _submit(_run, _url(), actor, import_id)


def prepared_uploads(sources: Sequence[FileSource], mapping: Mapping[str, Any]) -> Prepared:
    """Return uploads read through a mapping.

    Errors: InvalidInput; FileRefused.
    """
    parsed = mapping_from(mapping)
    tables = []
    for source in sources:
        part = parsed.part_for(source.name)
        options = ReadOptions(part.encoding, part.delimiter, part.sheet) if part else ReadOptions()
        tables.append(_open(source, options))
    return prepare(parsed, tables)


def _submit(work: Callable[..., Answer[T]], *arguments: Any) -> Future[Answer[T]]:
    future: Future[Answer[T]] = Future()
    # Daemons both: a server that stops does not wait for an import, which can go on later.
    Thread(target=_wait_for, args=(future, work, arguments), daemon=True).start()
    return future


def _wait_for(future: Future[Answer[T]], work: Callable[..., Answer[T]], arguments: tuple[Any, ...]) -> None:
    with _slots:
        process, receiver = start_child(_work, work, arguments)
        try:
            future.set_result(receiver.recv())
        except EOFError:
            future.set_result(Answer(code="import_worker_lost"))
        process.join()
        receiver.close()


def _work(sender: Connection, work: Callable[..., Answer[T]], arguments: tuple[Any, ...]) -> None:
    answer: Answer[T] = Answer(code="error")
    try:
        answer = work(*arguments)
    except Exception:  # the other side only ever gets an answer; what nobody foresaw is in the log
        log.exception("work of imports failed")
    sender.send(answer)


def _look(source: FileSource, options: ReadOptions) -> Answer[FileLook]:
    def read() -> FileLook:
        table = _open(source, options)
        sample = tuple(row.cells for row in islice(table.rows(), SAMPLE_ROWS))
        row_count, values = _few_values(table)
        return FileLook(
            source, table.format_name, table.header, sample, table.encoding, table.delimiter, table.sheet,
            table.sheets, row_count, values, order_in(table),
        )  # fmt: skip

    return _answer(read)


def _plan(url: str, actor: Actor, sources: Sequence[FileSource], mapping: Mapping[str, Any]) -> Answer[PlannedUploads]:
    def plan() -> PlannedUploads:
        prepared = prepared_uploads(sources, mapping)
        database = Database(url)
        try:
            with database.read_scope() as session:
                plan = plan_import(session, actor, prepared=prepared, now=utc_now())
            return PlannedUploads(plan, origin_of(prepared, sources))
        finally:
            database.close()

    return _answer(plan)


def _run(url: str, actor: Actor, import_id: int) -> Answer[bool]:
    database = Database(url)

    def run() -> bool:
        with database.read_scope() as session:
            origin = session.get_one(Import, import_id).mapping
        sources = [FileSource(file["name"], file["sha256"]) for file in origin["files"]]
        prepared = prepared_uploads(sources, origin["mapping"])
        run_import(
            database.session_scope, actor, import_id=import_id, prepared=prepared, sources=sources, on_progress=_note
        )
        forget_old_uploads()
        return True

    try:
        answer = _answer(run)
        if answer.code not in {"", "import_moved_meanwhile", "database_unavailable"}:
            with database.session_scope() as session:
                give_up(session, actor, import_id=import_id, code=answer.code)
        return answer
    finally:
        database.close()


def _note(counts: Counts) -> None:
    log.info("import: %s of %s rows", counts.done, counts.total)


def _answer(work: Callable[[], T]) -> Answer[T]:
    try:
        return Answer(work())
    except CrmError as error:
        violations = error.violations if isinstance(error, Refused) else ()
        return Answer(code=error.code, params=dict(error.params), violations=violations)


def _few_values(table: Table) -> tuple[int, dict[str, tuple[str, ...]]]:
    """Return how many rows there are, and the values of columns that have few different ones."""
    found: dict[int, dict[str, None]] = {position: {} for position in range(len(table.header))}
    count = 0
    for row in table.rows():
        count += 1
        for position in list(found):
            text = clean_line(row.cells[position])
            if text:
                found[position][text] = None
            if len(found[position]) > MAX_FEW:
                del found[position]
    return count, {table.header[position]: tuple(values) for position, values in found.items()}


def _open(source: FileSource, options: ReadOptions) -> Table:
    return open_table(kept_path(source), name=source.name, options=options)


def _url() -> str:
    return get_database().url.render_as_string(hide_password=False)
