"""`pipelines` on the command line: written as a description, created of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from crm.cli.run import main
from crm.db import Database
from crm.models import Channel, Event, Pipeline
from crm.pipelines.descriptions import read_description
from crm.pipelines.templates import create_from_template
from crm.settings import ROOT
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_pipeline

TRADE = ROOT / "data" / "pipelines" / "trade.toml"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")


def names(database: Database) -> list[str]:
    with database.read_scope() as session:
        return list(session.scalars(select(Pipeline.name).order_by(Pipeline.id)))


def test_exported_pipelines_are_created_again(
    database: Database, cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.session_scope() as session:
        create_from_template(session, cast.vera, template="trade", language="ru")
    before = names(database)
    assert main(["pipelines", "export"]) == 0
    path = tmp_path / "ours.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["pipelines", "create", str(path)]) == 0
    assert capsys.readouterr().out == f"6 pipelines created: {', '.join(f'{name} 2' for name in before)}\n"
    assert names(database) == [*before, *(f"{name} 2" for name in before)]
    with database.read_scope() as session:
        created = select(Event.channel).where(Event.kind == "pipeline.created").order_by(Event.id.desc())
        assert session.scalars(created).first() is Channel.CLI


def test_pipelines_are_exported_by_id_or_name(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.session_scope() as session:
        first, _second = add_pipeline(session, "First"), add_pipeline(session, "Second")
    assert main(["pipelines", "export", "Second", str(first.id), "First"]) == 0
    read = read_description(capsys.readouterr().out)
    assert [one.name.spoken("en") for one in read.pipelines] == ["Second", "First"]
    assert main(["pipelines", "export", "Third"]) == 1
    assert "There is no pipeline “Third”." in capsys.readouterr().err


def test_template_is_created_in_the_language_asked_for(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pipelines", "create", str(TRADE), "--language", "en"]) == 0
    assert names(database)[0] == "First sales"


def test_list_of_stages_is_created_under_the_name_of_its_file(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "Tenders.txt"
    path.write_text("Documents bought\nBid sent\n", encoding="utf-8")
    assert main(["pipelines", "create", str(path)]) == 0
    assert names(database) == ["Tenders"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x00\x01", "This is not text."),
        (b"Documents bought", "Line 1 is not TOML: "),
        (b"[[pipelines]]\nname = 'A'\n", "pipelines[0].stages: Fill this in."),
    ],
)
def test_wrong_file_is_told_and_changes_nothing(
    database: Database, tmp_path: Path, unchanged: UnchangedFactory, capsys: pytest.CaptureFixture[str],
    content: bytes, told: str,
) -> None:  # fmt: skip
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    with unchanged(database):
        assert main(["pipelines", "create", str(path)]) == 1
    assert told in capsys.readouterr().err


def test_missing_file_is_told(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pipelines", "create", str(tmp_path / "none.toml")]) == 1
    assert "The file none.toml can't be found." in capsys.readouterr().err
