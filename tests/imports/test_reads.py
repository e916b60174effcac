from __future__ import annotations

import csv
import io
import re

import pytest
from sqlalchemy import select

from crm.clock import utc_now
from crm.db import Database
from crm.errors import Forbidden, NotFound
from crm.i18n.texts import TEXTS
from crm.imports.fields import RecordKind
from crm.imports.mapping_text import mapping_from
from crm.imports.memory import guess_columns, guess_kind, guess_mapping, recall_mapping, remember_mapping
from crm.imports.reads import failed_rows_file, list_imports, load_import, load_rows
from crm.models import Deal, RowVerdict
from crm.settings import ROOT
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.imports.importing import DEALS_HEADER, Importer, deals_file, deals_mapping


@pytest.fixture
def pipeline(database: Database, cast: Cast) -> PipelineRows:
    """Commit the pipeline that the mapping of these tests names."""
    with database.session_scope() as session:
        return add_pipeline(session)


def test_failed_rows_come_back_as_they_were_and_import_once_mended(
    importer: Importer, cast: Cast, pipeline: PipelineRows, database: Database
) -> None:
    rows = ("1;Good;;Anna;;;;;;", '2;=cmd();;Nobody;"1;5";-Mir;;;;', "3;@x;;Anna;much;+7;;;;")
    import_id = importer.run(cast.vera, deals_file(*rows), deals_mapping())
    with database.read_scope() as session:
        written = failed_rows_file(session, cast.vera, import_id, "deals.csv").content
    read = list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert read[0] == [*DEALS_HEADER.split(";"), "Line in the file", "Why it was not imported"]
    assert [row[-2] for row in read[1:]] == ["3", "4"]
    assert read[1][1] == "'=cmd()"  # nothing a spreadsheet program would run
    assert read[1][-1].startswith("Amount: ")
    assert "Owner: There is nobody called “Nobody”" in read[1][-1]
    mended = written.decode("utf-8-sig").replace("Nobody", "Anna").replace("1;5", "1,5").replace("much", "5")
    again = importer.run(cast.vera, {"deals.csv": mended}, deals_mapping())
    with database.read_scope() as session:
        assert load_import(session, cast.vera, again).counts.of("created") == 2
        titles = set(session.scalars(select(Deal.title)))
    assert titles == {"Good", "=cmd()", "@x"}


def test_file_of_another_import_is_not_found(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    import_id = importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping())
    with importer.database.read_scope() as session:
        with pytest.raises(NotFound):
            failed_rows_file(session, cast.vera, import_id, "other.csv")
        with pytest.raises(NotFound):
            failed_rows_file(session, cast.vera, import_id + 1, "deals.csv")


def test_head_sees_own_imports_admin_all_manager_none(
    importer: Importer, cast: Cast, pipeline: PipelineRows, database: Database
) -> None:
    first = importer.run(cast.vera, deals_file("1;A;;Anna;;;;;;"), deals_mapping())
    second = importer.run(cast.boris, deals_file("2;B;;Anna;;;;;;"), deals_mapping())
    with database.read_scope() as session:
        assert [one.id for one in list_imports(session, cast.vera)] == [second, first]
        assert [one.id for one in list_imports(session, cast.boris)] == [second]
        with pytest.raises(NotFound):
            load_import(session, cast.boris, first)
        with pytest.raises(Forbidden):
            list_imports(session, cast.anna)


def test_rows_are_read_page_by_page(importer: Importer, cast: Cast, pipeline: PipelineRows) -> None:
    rows = [f"{number};D{number};;Anna;;;;;;" for number in range(5)]
    import_id = importer.run(cast.vera, deals_file(*rows), deals_mapping())
    with importer.database.read_scope() as session:
        first = load_rows(session, cast.vera, import_id, verdict=RowVerdict.CREATED, limit=3)
        rest = load_rows(session, cast.vera, import_id, verdict=RowVerdict.CREATED, limit=3, after_id=first[-1][0])
    assert [row.line for _id, row in (*first, *rest)] == [2, 3, 4, 5, 6]


def test_mapping_is_remembered_by_the_headers(cast: Cast, database: Database) -> None:
    mapping = mapping_from(deals_mapping(currency="EUR"))
    headers = [["id", "Title"], ["name"]]
    with database.session_scope() as session:
        assert recall_mapping(session, cast.vera, headers=headers) is None
        for _twice in range(2):
            remember_mapping(session, cast.vera, headers=headers, mapping=mapping, now=utc_now())
    with database.read_scope() as session:
        assert recall_mapping(session, cast.vera, headers=[["name"], ["title", " ID "]]) == mapping
        assert recall_mapping(session, cast.vera, headers=[["name"]]) is None


@pytest.mark.parametrize(
    ("header", "kind", "columns"),
    [
        (["opportunity_id", "sales_agent", "product", "account", "deal_stage", "close_date", "close_value"],
         RecordKind.DEALS, {"external_id", "owner", "company", "stage", "closed_on", "amount"}),
        (["Название", "Этап сделки", "Ответственный", "Бюджет", "Компания", "Телефон"],
         RecordKind.DEALS, {"title", "stage", "owner", "amount", "company", "phone"}),
        (["account", "sector", "office_location", "subsidiary_of"],
         RecordKind.COMPANIES, {"name", "industry", "address", "parent"}),
        (["ФИО", "Должность", "Компания", "Рабочий телефон", "Почта"],
         RecordKind.CONTACTS, {"name", "position", "company", "phone", "email"}),
    ],
)  # fmt: skip
def test_kind_and_columns_are_guessed_by_the_header(header: list[str], kind: RecordKind, columns: set[str]) -> None:
    assert guess_kind(header) is kind
    assert set(guess_columns(kind, header)) == columns
    assert guess_mapping({"a[1].csv": header}).part_for("a[1].csv") is not None


def test_every_code_of_imports_has_a_sentence() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "crm" / "imports").rglob("*.py"))
    codes = set(re.findall(r'(?:Violation|FileRefused|refuse|warn)\(\s*"([a-z_]+)"', source))
    codes |= set(re.findall(r'code = "([a-z_]+)"', source))
    assert len(codes) > 50
    assert codes - set(TEXTS) == set()
