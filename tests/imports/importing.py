"""Preparing, planning and running imports of small texts, as the edges do it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.invariants import broken_invariants
from crm.deals.retracing import stale_paths
from crm.imports.formats import open_table
from crm.imports.mapping_text import mapping_from
from crm.imports.plan import Plan, plan_import
from crm.imports.prepare import Prepared, prepare
from crm.imports.run import OnProgress, origin_of, run_import, start_import
from crm.imports.sources import sources_of
from crm.imports.undo import Undone, undo_import

DEALS: dict[str, Any] = {
    "file": "deals.csv",
    "kind": "deals",
    "columns": {
        "external_id": "id",
        "title": "title",
        "stage": "stage",
        "owner": "owner",
        "amount": "amount",
        "company": "company",
        "closed_on": "closed",
        "loss_reason": "reason",
    },
    "entered": {"Contact made": "contacted", "Offer sent": "offered"},
}
DEALS_HEADER = "id;title;stage;owner;amount;company;contacted;offered;closed;reason"


class Importer:
    """Runs imports of texts on one database."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder

    def prepared(self, files: Mapping[str, str | bytes], mapping: Mapping[str, Any]) -> Prepared:
        """Write the files and read them through the mapping."""
        return prepare(mapping_from(mapping), [open_table(path) for path in self._written(files)])

    def plan(self, actor: Actor, files: Mapping[str, str | bytes], mapping: Mapping[str, Any]) -> Plan:
        """Judge without writing."""
        prepared = self.prepared(files, mapping)
        with self.database.read_scope() as session:
            return plan_import(session, actor, prepared=prepared, now=utc_now())

    def run(
        self,
        actor: Actor,
        files: Mapping[str, str | bytes],
        mapping: Mapping[str, Any],
        *,
        batch_rows: int = 1000,
        on_progress: OnProgress | None = None,
        resume: int | None = None,
    ) -> int:
        """Import; return the import's id."""
        prepared = self.prepared(files, mapping)
        sources = sources_of(self.folder / name for name in files)
        import_id = resume
        if import_id is None:
            with self.database.session_scope() as session:
                import_id = start_import(session, actor, origin=origin_of(prepared, sources))
        run_import(
            self.database.session_scope, actor, import_id=import_id, prepared=prepared, sources=sources,
            batch_rows=batch_rows, on_progress=on_progress,
        )  # fmt: skip
        assert_whole(self.database)
        return import_id

    def undo(self, actor: Actor, import_id: int) -> Undone:
        """Take an import back."""
        with self.database.session_scope() as session:
            undone = undo_import(session, actor, import_id=import_id)
        assert_whole(self.database)
        return undone

    def _written(self, files: Mapping[str, str | bytes]) -> list[Path]:
        for name, content in files.items():
            (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return [self.folder / name for name in files]


def assert_whole(database: Database) -> None:
    """Hold what must always hold among deals, stages, visits and next steps."""
    with database.read_scope() as session:
        assert broken_invariants(session, system_actor()) == []
        assert stale_paths(session, system_actor()) == []


def deals_file(*rows: str) -> dict[str, str]:
    """Return a file of deals with these rows, as `Importer` takes it."""
    return {"deals.csv": "\n".join([DEALS_HEADER, *rows]) + "\n"}


def deals_mapping(**more: Any) -> dict[str, Any]:
    """Return the mapping of `deals_file`."""
    return {"system": "old", "files": [DEALS], "pipeline": "First sales", **more}
