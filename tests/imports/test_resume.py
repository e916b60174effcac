from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crm.db import Database
from crm.errors import CrmError
from crm.imports.progress import Counts
from crm.imports.run import ImportFilesDiffer, ImportMovedMeanwhile
from crm.models import Deal, Import, ImportRow, ImportStatus
from crm.settings import ROOT
from tests.conftest import Cast, rows_of_all_tables
from tests.factories import add_pipeline
from tests.imports.importing import Importer, deals_file, deals_mapping

MAPPING = {
    "system": "old",
    "pipeline": "Old funnel",
    "pipelines": [{"name": "Old funnel", "open": ["Contact made", "Offer sent"], "won": "Paid", "lost": "Gone"}],
    "owners": {"create": True},
    "files": [
        {"file": "people.csv", "kind": "users", "columns": {"name": "name", "head": "head"}},
        {"file": "firms.csv", "kind": "companies", "columns": {"name": "name", "parent": "parent"}},
        {"file": "deals.csv", "kind": "deals", "columns": {"title": "title", "owner": "owner", "company": "company",
                                                           "stage": "stage", "amount": "amount"}},
    ],
}  # fmt: skip
FILES = {
    "people.csv": "name,head\nOlga,Hana\nPavel,Hana\nRosa,Hans\n",
    "firms.csv": "name,parent\nMir,Holding\nLuna,Mir\nHolding,\nMir,\n",
    "deals.csv": "title,owner,company,stage,amount\n"
    + "".join(
        f"Sheet {n % 4},Olga,{'Mir' if n % 2 else f'New {n % 3}'},{'Paid' if n % 5 else ''},{n}\n" for n in range(12)
    ),
}


class Killed(Exception):
    """Stands for the death of the process."""


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows without what names the moment or the import."""
    tables = rows_of_all_tables(database)
    for name in ("events", "imports", "saved_mappings"):
        tables.pop(name)
    return {name: [_timeless(row) for row in rows] for name, rows in tables.items()}


def _timeless(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(None if isinstance(value, datetime) else value for value in row)


@pytest.mark.parametrize("batches", range(12))
def test_interrupted_import_ends_like_an_undisturbed_one(
    importer: Importer, cast: Cast, database: Database, batches: int
) -> None:
    done = 0

    def die(_counts: Counts) -> None:
        nonlocal done
        done += 1
        if done > batches:
            raise Killed

    with pytest.raises(Killed):
        importer.run(cast.vera, FILES, MAPPING, batch_rows=3, on_progress=die)
    with database.read_scope() as session:
        import_id = session.scalars(select(Import.id)).one()
        assert session.get_one(Import, import_id).status is ImportStatus.RUNNING
    importer.run(cast.vera, FILES, MAPPING, batch_rows=3, resume=import_id)
    resumed = content(database)
    with database.read_scope() as session:
        assert session.get_one(Import, import_id).status is ImportStatus.DONE
        assert session.get_one(Import, import_id).counts["done"] == 19
    importer.undo(cast.vera, import_id)
    undisturbed = importer.run(cast.vera, FILES, MAPPING, batch_rows=3)
    # Ids go on counting after an undo on PostgreSQL, so rows are compared without them.
    assert _verdicts(resumed) == _verdicts(content(database))
    with database.read_scope() as session:
        assert session.scalars(select(Deal.title).order_by(Deal.id)).all()
    importer.undo(cast.vera, undisturbed)


def _verdicts(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    names = [column.name for column in ImportRow.__table__.columns]
    at = [names.index(name) for name in ("file", "line", "verdict", "entity", "message")]
    rows = [tuple(row[position] for position in at) for row in tables["import_rows"]]
    return {"rows": rows, **{name: len(found) for name, found in tables.items()}}


def test_two_runners_do_not_do_one_import_twice(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
    interfered = False

    def interfere(_counts: Counts) -> None:
        nonlocal interfered
        if not interfered:
            interfered = True
            with database.read_scope() as session:
                running = session.scalars(select(Import.id)).one()
            importer.run(cast.vera, files, deals_mapping(), batch_rows=1, resume=running)

    files = deals_file("1;A;;Anna;;;;;;", "2;B;;Anna;;;;;;")
    with pytest.raises(ImportMovedMeanwhile):
        importer.run(cast.vera, files, deals_mapping(), batch_rows=1, on_progress=interfere)
    with database.read_scope() as session:
        assert session.scalars(select(Deal.title).order_by(Deal.id)).all() == ["A", "B"]


def test_other_files_can_not_go_on_with_an_import(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_pipeline(session)

    def die(_counts: Counts) -> None:
        raise Killed

    with pytest.raises(Killed):
        importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping(), on_progress=die)
    with database.read_scope() as session:
        import_id = session.scalars(select(Import.id)).one()
    with pytest.raises(ImportFilesDiffer):
        importer.run(cast.vera, deals_file("1;B;;Anna;;;;;;"), deals_mapping(), resume=import_id)
    with pytest.raises(ImportFilesDiffer):
        importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping(name="Other"), resume=import_id)


def test_finished_import_does_not_run_again(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
    files = deals_file("1;A;;Anna;;;;;;")
    import_id = importer.run(cast.vera, files, deals_mapping())
    with pytest.raises(CrmError) as refused:
        importer.run(cast.vera, files, deals_mapping(), resume=import_id)
    assert refused.value.code == "import_moved_meanwhile"


def test_killed_process_loses_nothing(database: Database, cast: Cast, tmp_path: Path) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
    rows = "".join(f"{n};Deal {n};Anna\n" for n in range(6000))
    (tmp_path / "deals.csv").write_text(f"id;title;owner\n{rows}")
    (tmp_path / "map.toml").write_text(
        'system = "old"\n[[files]]\nfile = "deals.csv"\nkind = "deals"\n'
        'columns = { external_id = "id", title = "title", owner = "owner" }\n'
    )
    environment = {
        **os.environ,
        "CRM_DATABASE_URL": database.url.render_as_string(hide_password=False),
        "CRM_DATA_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "crm.cli", "import", "deals.csv", "--mapping", "map.toml"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    done = _wait_for_rows(database, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with database.read_scope() as session:
        row = session.scalars(select(Import)).one()
        kept = len(session.scalars(select(Deal.id)).all())
        verdicts = len(session.scalars(select(ImportRow.id)).all())
    assert 0 < done <= kept < 6000
    assert kept == verdicts == row.counts["done"]
    finished = subprocess.run(
        [*command, "--resume", str(row.id)], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert "6000 rows: 6000 created" in finished.stdout
    with database.read_scope() as session:
        assert len(set(session.scalars(select(Deal.title)))) == 6000


def _wait_for_rows(database: Database, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with database.read_scope() as session:
            row = session.scalars(select(Import)).one_or_none()
        if row is not None and row.counts["done"] >= 1000:
            return int(row.counts["done"])
        time.sleep(0.02)
    raise AssertionError("the import wrote nothing, or ended before it could be killed")
