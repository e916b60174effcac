"""The commands `import`, `imports list` and `imports undo`."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from crm.cli.run import main
from crm.clock import utc_now
from crm.db import Database, use_database
from crm.imports.cells import xlsx_bytes
from crm.imports.formats import open_table
from crm.models import Deal, Event, Import, Team, Workspace
from tests.conftest import Cast, rows_of_all_tables
from tests.factories import add_pipeline
from tests.imports.importing import Importer, deals_file, deals_mapping

MAP = """
system = "old"
[[files]]
file = "deals.*"
kind = "deals"
columns = { external_id = "id", title = "title", owner = "owner", amount = "amount" }
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database, cast: Cast) -> Path:
    """Work in an empty folder, with a pipeline in the base."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.toml").write_text(MAP)
    with database.session_scope() as session:
        add_pipeline(session)
    return tmp_path


def test_import_list_and_undo(here: Path, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "deals.csv").write_text("id,title,owner,amount\n1,A,Anna,5\n2,B,Anna,much\n")
    arguments = ["import", "deals.csv", "--mapping", "map.toml", "--report", "out.json", "--failed", "failed"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "2 rows: 1 created, 0 updated, 0 unchanged, 1 failed." in said
    assert json.loads((here / "out.json").read_text())["rows"]["failed"] == 1
    assert '"much"' in (here / "failed" / "deals.failed.csv").read_text(encoding="utf-8-sig")
    assert main(["imports", "list"]) == 0
    assert capsys.readouterr().out.startswith("1\tdone\t")
    assert main(["imports", "undo", "1"]) == 0
    assert "Removed: deal 1" in capsys.readouterr().out
    assert main(["imports", "undo", "1"]) == 1
    assert "This import has been undone already." in capsys.readouterr().err
    assert main(["imports", "undo", "99"]) == 1


def test_dry_run_says_why_rows_would_fail_and_writes_nothing(
    here: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "deals.csv").write_text("id,title,owner,amount\n1,A,Nobody,much\n")
    before = rows_of_all_tables(database)
    assert main(["import", "deals.csv", "--mapping", "map.toml", "--dry-run"]) == 0
    assert "deals.csv, line 2: Amount: Write the amount as a number" in capsys.readouterr().out
    assert rows_of_all_tables(database) == before


def test_workbook_comes_in_like_a_text(here: Path, database: Database) -> None:
    book = Workbook()
    for row in (["id", "title", "owner", "amount"], [1, "=1+1", "Anna", 1250.5], ["2", "B", "Anna", "1 250 000,50 ₽"]):
        book.active.append(row)
    book.active["B2"].data_type = "s"
    written = io.BytesIO()
    book.save(written)
    (here / "deals.xlsx").write_bytes(written.getvalue())
    assert main(["import", "deals.xlsx", "--mapping", "map.toml"]) == 0
    with database.read_scope() as session:
        amounts = {deal.title: deal.amount_minor for deal in session.scalars(select(Deal))}
    assert amounts == {"=1+1": 125_050, "B": 125_000_050}


def test_failed_rows_of_a_workbook_are_a_workbook_without_formulas(here: Path) -> None:
    (here / "deals.xlsx").write_bytes(xlsx_bytes(["id", "title", "owner", "amount"], [["1", "=1+1", "Nobody", "5"]]))
    assert main(["import", "deals.xlsx", "--mapping", "map.toml", "--failed", "failed"]) == 0
    table = open_table(here / "failed" / "deals.failed.xlsx")
    assert next(table.rows()).cells[:4] == ("1", "=1+1", "Nobody", "5")
    with zipfile.ZipFile(here / "failed" / "deals.failed.xlsx") as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


def test_without_a_mapping_the_header_decides_and_is_remembered(
    here: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "x.csv").write_text("Название;Этап;Ответственный;Бюджет\nA;Need found;Anna;5\n")
    assert main(["import", "x.csv"]) == 0
    assert main(["import", "x.csv"]) == 0
    assert "0 created, 0 updated, 1 unchanged" in capsys.readouterr().out
    with database.read_scope() as session:
        assert session.scalars(select(Deal.title)).all() == ["A"]


def test_owner_is_needed_and_can_be_given(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "deals.csv").write_text("id,title,owner,amount\n1,A,,5\n")
    assert main(["import", "deals.csv", "--mapping", "map.toml", "--dry-run"]) == 0
    assert "Nobody is named as owner" in capsys.readouterr().out
    assert main(["import", "deals.csv", "--mapping", "map.toml", "--owner", "anna@example.com"]) == 0
    assert "1 created" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("deals.csv", b"", "The file is empty."),
        ("deals.csv", b"MZ\x90\x00\x03", "This is not a table but a program"),
        ("deals.exe", b"a", "Only CSV and XLSX files can be imported."),
        ("deals.csv", b"id,title\n1,A\n", "deals.csv has no column “owner”."),
        ("other.csv", b"id\n1\n", "The mapping does not say what other.csv is."),
    ],
)
def test_file_that_can_not_be_imported_is_refused_in_words(
    here: Path, database: Database, capsys: pytest.CaptureFixture[str], name: str, content: bytes, said: str
) -> None:
    (here / name).write_bytes(content)
    before = rows_of_all_tables(database)
    assert main(["import", name, "--mapping", "map.toml"]) == 1
    assert said in capsys.readouterr().err
    assert rows_of_all_tables(database) == before


def test_missing_file_and_mapping_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "nothing.csv", "--mapping", "map.toml"]) == 1
    assert "The file nothing.csv can't be found." in capsys.readouterr().err
    (here / "deals.csv").write_text("id\n1\n")
    assert main(["import", "deals.csv", "--mapping", "nothing.toml"]) == 1
    assert "The mapping can't be read" in capsys.readouterr().err


def test_fresh_base_without_schema_is_prepared(here: Path, tmp_path: Path) -> None:
    fresh = Database(f"sqlite:///{tmp_path / 'fresh' / 'crm.sqlite3'}")
    use_database(fresh)
    (here / "people.csv").write_text("name\nOlga\n")
    (here / "people.toml").write_text(
        'system = "x"\n[[files]]\nfile = "people.csv"\nkind = "users"\ncolumns = { name = "name" }\n'
    )
    assert main(["import", "people.csv", "--mapping", "people.toml"]) == 0
    with fresh.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Import)) == 1
        assert session.get(Workspace, 1) is not None
    fresh.close()


def test_others_get_their_turn_while_an_import_runs(
    importer: Importer, cast: Cast, database: Database, database_url: str
) -> None:
    """Another process, which does not share this one's lock, writes all the time."""
    rows = [f"{number};Deal {number};;Anna;;;;;;" for number in range(1500)]
    waits: list[float] = []
    stop = threading.Event()

    def write() -> None:
        other = Database(database_url)
        while not stop.is_set():
            begun = time.monotonic()
            with other.session_scope() as session:
                session.add(Team(name=f"Team at {begun}"))
                session.add(Event(at=utc_now(), kind="team.created", entity="team", channel="ui", details={}))
            waits.append(time.monotonic() - begun)
            time.sleep(0.01)
        other.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        importer.run(cast.vera, deals_file(*rows), deals_mapping(), batch_rows=150)
    finally:
        stop.set()
        thread.join()
    assert len(waits) > 10
    assert max(waits) < 8  # the patience of a writer is ten seconds
