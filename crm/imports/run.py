"""Carrying out an import: batch by batch, each one transaction with its rows' outcomes and the cursor behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from time import monotonic, sleep
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.errors import CrmError, NotFound
from crm.events import record
from crm.imports.clients_known import name_key
from crm.imports.fields import RecordKind
from crm.imports.formats import Row
from crm.imports.journal import Journal
from crm.imports.judges import JUDGES
from crm.imports.judges.deals import note_skipped_deals
from crm.imports.mapping_text import mapping_tree
from crm.imports.meanwhile import MergedMeanwhile, MergesSeen, hold_records, merges_seen
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.progress import Counts, Cursor, RunStep, StepKind, counts_from, counts_tree, cursor_from, steps_of
from crm.imports.setup import plan_set_up
from crm.imports.visits.judge import judge_visits
from crm.imports.visits.rows import DealRows, deal_batches
from crm.imports.visits.writer import write_visits
from crm.imports.world import World
from crm.imports.writers import WRITERS, link_parents
from crm.imports.writers.set_up import write_set_up
from crm.models import Import, ImportRow
from crm.models.codes import Channel, ImportStatus, RowVerdict

BATCH_ROWS = 500
VISITS_AT_ONCE = 8  # times as many rows of visits: they are light, and several stand for one deal
# SQLite's waiting writers look at the lock every tenth of a second: in shorter gaps they would never get a turn.
_GIVE_WAY_SECONDS = 0.12
_ROWS_WORTH_ANALYZE = 500
_TRIES = 5  # of a batch whose records are merged while it is judged
_ENTITIES = {RecordKind.COMPANIES: "company", RecordKind.CONTACTS: "contact", RecordKind.DEALS: "deal"}

Scope = Callable[[], AbstractContextManager[Session]]
OnProgress = Callable[[Counts], None]


class ImportMovedMeanwhile(CrmError):
    """Another process runs the same import, or somebody has finished or undone it."""

    code = "import_moved_meanwhile"


class ImportFilesDiffer(CrmError):
    """An interrupted import can only go on with the files and the mapping it began with."""

    code = "import_files_differ"


@dataclass(frozen=True, slots=True)
class FileSource:
    """Where a file of an import came from: its name and the SHA-256 of its bytes."""

    name: str
    sha256: str


def start_import(session: Session, actor: Actor, *, origin: Mapping[str, Any]) -> int:
    """Note a new import that `run_import` then carries out; return its id. `origin` is what `origin_of` gives.

    Errors: Forbidden.
    """
    require(actor, Action.IMPORT_RECORDS)
    total = sum(file["rows"] for file in origin["files"])
    row = Import(
        name=origin["mapping"]["name"] or ", ".join(file["name"] for file in origin["files"])[:300],
        system=origin["mapping"]["system"],
        status=ImportStatus.RUNNING,
        mapping=dict(origin),
        counts=counts_tree(Counts(total=total), Cursor()),
        actor_id=actor.user_id,
        created_at=utc_now(),
    )
    session.add(row)
    session.flush()
    record(session, imports_actor(actor), "import.started", "import", row.id, name=row.name, rows=total)
    return row.id


def run_import(
    scope: Scope,
    actor: Actor,
    *,
    import_id: int,
    prepared: Prepared,
    sources: Sequence[FileSource],
    on_progress: OnProgress | None = None,
    batch_rows: int = BATCH_ROWS,
) -> None:
    """Do what is left of an import; after an interruption call it again with the same files.

    `scope` opens one transaction per batch. Whatever breaks, the batches before it stay and the import can go on.
    Errors: Forbidden; NotFound; ImportMovedMeanwhile; ImportFilesDiffer; InvalidInput; FileRefused.
    """
    require(actor, Action.IMPORT_RECORDS)
    run = _Run(scope, imports_actor(actor), import_id, prepared, on_progress)
    run.begin(origin_of(prepared, sources))
    steps = steps_of(prepared)
    while run.cursor.step < len(steps):
        run.do(steps[run.cursor.step], batch_rows)


def imports_actor(actor: Actor) -> Actor:
    """Return the actor with the channel of imports."""
    return replace(actor, channel=Channel.IMPORT)


def origin_of(prepared: Prepared, sources: Sequence[FileSource]) -> dict[str, Any]:
    """Return mapping and files as an import keeps them, so that nothing else can go on with it."""
    sums = {source.name: source.sha256 for source in sources}
    return {
        "mapping": mapping_tree(prepared.mapping),
        "files": [
            {
                "name": file.name,
                "sha256": sums.get(file.name, ""),
                "kind": file.kind.value,
                "format": file.table.format_name,
                "header": list(file.table.header),
                "rows": file.scan.row_count,
            }
            for file in prepared.files
        ],
    }


def batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Yield rows in lists."""
    while some := list(islice(rows, size)):
        yield some


def names_in_files(prepared: Prepared) -> frozenset[str]:
    """Return the keys of all names in files of companies that name parents, to know which parents are to come."""
    files = [file for file in prepared.of_kind(RecordKind.COMPANIES) if "parent" in file.positions]
    return frozenset(name_key(file.text(row, "name")) for file in files for row in file.table.rows())


def give_up(session: Session, actor: Actor, *, import_id: int, code: str) -> None:
    """Close an import that can't go on; `code` says why. What it did stays until it is undone.

    Errors: Forbidden; NotFound.
    """
    require(actor, Action.IMPORT_RECORDS)
    row = taken(session, import_id)
    if row.status is ImportStatus.RUNNING:
        row.status, row.finished_at = ImportStatus.FAILED, utc_now()
        row.counts = {**row.counts, "error": code}
        record(session, imports_actor(actor), "import.failed", "import", row.id, name=row.name, code=code)


def taken(session: Session, import_id: int) -> Import:
    """Return an import's row, locked until the transaction ends.

    Errors: NotFound.
    """
    query = select(Import).where(Import.id == import_id).with_for_update()
    row = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise NotFound(entity="import", id=import_id)
    return row


class _Run:
    """One process's turn at an import: the world it knows, the cursor it believes in."""

    def __init__(
        self, scope: Scope, actor: Actor, import_id: int, prepared: Prepared, on_progress: OnProgress | None
    ) -> None:
        self.scope = scope
        self.actor = actor
        self.import_id = import_id
        self.prepared = prepared
        self.on_progress = on_progress
        self.cursor = Cursor()
        self.counts = Counts()
        self.world: World | None = None
        self.merges: MergesSeen | None = None

    def begin(self, origin: dict[str, Any]) -> None:
        """Read where the import stands and all that rows may refer to."""
        with self.scope() as session:
            row = taken(session, self.import_id)
            if row.status is not ImportStatus.RUNNING:
                raise ImportMovedMeanwhile(id=self.import_id)
            if row.mapping != origin:
                raise ImportFilesDiffer(id=self.import_id)
            self.cursor, self.counts = cursor_from(row.counts), counts_from(row.counts)
            self._learn(session, row)

    def _learn(self, session: Session, row: Import, file: PreparedFile | None = None) -> None:
        names = self.world.company_names if self.world else names_in_files(self.prepared)
        visits = self.world.visits if self.world else {}
        self.merges = merges_seen(session)  # first: what is merged after this look is looked at again
        # The start and not the present: an interrupted run gives the same rows as an undisturbed one.
        self.world = World(session, self.actor, self.prepared, row.created_at, is_dry_run=False)
        self.world.seen |= _seen(session, self.import_id)
        self.world.company_names, self.world.visits = names, visits
        self.world.bare_deals = self._bare_deals(session)
        if file is not None and file.kind is RecordKind.DEALS:
            done = [one for one in file.table.rows() if one.line <= self.cursor.line]
            note_skipped_deals(self.world, self.prepared, file, done)

    def _bare_deals(self, session: Session) -> frozenset[int]:
        files = [file.name for file in self.prepared.of_kind(RecordKind.DEALS)]
        if not self.prepared.of_kind(RecordKind.VISITS) or not files:
            return frozenset()
        made = select(ImportRow.entity_id).where(
            ImportRow.import_id == self.import_id, ImportRow.file.in_(files), ImportRow.entity == "deal",
            ImportRow.verdict == RowVerdict.CREATED,
        )  # fmt: skip
        return frozenset(one for one in session.scalars(made) if one)

    def do(self, step: RunStep, batch_rows: int) -> None:
        """Do what is left of one step and go behind it."""
        if step.file is not None and step.file.kind is RecordKind.VISITS:
            with self.scope() as session:
                self._world.bare_deals = self._bare_deals(session)
        if step.kind is StepKind.ROWS and step.file is not None:
            for work in self._batches_left(step.file, batch_rows):
                begun = monotonic()
                self._among_living(work)
                sleep(min(_GIVE_WAY_SECONDS, monotonic() - begun))
            with self._turn() as (_session, _row):
                self.cursor = Cursor(self.cursor.step + 1)
            return
        with self._turn() as (session, row):
            if step.kind is StepKind.FINISH:
                self._finish(session, row)
            else:
                self._structure(session, step.kind)
            self.cursor = Cursor(self.cursor.step + 1)

    def _batches_left(self, file: PreparedFile, size: int) -> Iterator[Callable[[], None]]:
        """Yield what does one batch."""
        if file.kind is RecordKind.VISITS:
            everything = self._world.visits_in(self.prepared, file)
            left = [deal for deal in everything if deal.first_line > self.cursor.line]
            for deals in deal_batches(left, size * VISITS_AT_ONCE):
                yield partial(self._batch_of_visits, file, deals)
        else:
            for rows in batches(self._rows_left(file), size):
                yield partial(self._batch, file, rows)

    def _among_living(self, work: Callable[[], None]) -> None:
        for _try in range(_TRIES - 1):
            try:
                work()
            except MergedMeanwhile:
                self.merges = None  # whatever has been merged: all is read anew
            else:
                return
        work()

    def _batch_of_visits(self, file: PreparedFile, deals: Sequence[DealRows]) -> None:
        with self._turn(file) as (session, _row):
            judged = judge_visits(session, self._world, deals)
            journal = Journal(self.import_id)
            write_visits(session, self._world, journal, file.name, judged)
            journal.write(session)
            self.counts = self.counts.plus(file.name, judged)
            self.cursor = Cursor(self.cursor.step, deals[-1].first_line)

    def _batch(self, file: PreparedFile, rows: Sequence[Row]) -> None:
        with self._turn(file) as (session, _row):
            judged = JUDGES[file.kind](session, self._world, self.prepared, file, rows)
            if file.kind in _ENTITIES:
                hold_records(session, self._world, _ENTITIES[file.kind], judged)
            journal = Journal(self.import_id)
            WRITERS[file.kind](session, self._world, journal, file.name, judged)
            journal.write(session)
            self.counts = self.counts.plus(file.name, judged)
            self.cursor = Cursor(self.cursor.step, rows[-1].line)

    def _structure(self, session: Session, kind: StepKind) -> None:
        journal = Journal(self.import_id)
        if kind is StepKind.SET_UP:
            set_up = plan_set_up(session, self._world, self.prepared)
            write_set_up(session, self._world, journal, set_up)
            for file, judged in set_up.option_rows:
                self.counts = self.counts.plus(file, [judged])
        else:
            link_parents(session, self._world, self.prepared, journal)
        journal.write(session)

    def _finish(self, session: Session, row: Import) -> None:
        row.status, row.finished_at = ImportStatus.DONE, utc_now()
        verdicts = {verdict.value: self.counts.of(verdict.value) for verdict in RowVerdict}
        record(session, self.actor, "import.finished", "import", row.id, name=row.name, rows=verdicts)
        if self.counts.total >= _ROWS_WORTH_ANALYZE:
            session.flush()
            session.execute(text("ANALYZE"))

    def _rows_left(self, file: PreparedFile) -> Iterator[Row]:
        done_line = self.cursor.line
        for row in file.table.rows():
            if row.line > done_line:
                yield row
            elif file.kind is RecordKind.DEALS:
                note_skipped_deals(self._world, self.prepared, file, [row])

    @contextmanager
    def _turn(self, file: PreparedFile | None = None) -> Iterator[tuple[Session, Import]]:
        """Give one transaction, refused where another process has moved the cursor meanwhile.

        What has been merged since the last one is known in it.
        """
        with self.scope() as session:
            row = taken(session, self.import_id)
            if row.status is not ImportStatus.RUNNING or cursor_from(row.counts) != self.cursor:
                raise ImportMovedMeanwhile(id=self.import_id)
            if merges_seen(session) != self.merges:
                self._learn(session, row, file)
            yield session, row
            row.counts = counts_tree(self.counts, self.cursor)
        if self.on_progress:
            self.on_progress(self.counts)

    @property
    def _world(self) -> World:
        if self.world is None:
            raise LookupError("the run has not begun")
        return self.world


def _seen(session: Session, import_id: int) -> dict[tuple[str, int], int]:
    """Return the line that made or changed each record so far."""
    query = select(ImportRow.entity, ImportRow.entity_id, ImportRow.line).where(
        ImportRow.import_id == import_id, ImportRow.line > 0, ImportRow.entity_id.is_not(None)
    )
    return {(entity or "", entity_id or 0): line for entity, entity_id, line in session.execute(query)}
