"""`lint` on the command line: all pipelines, one of them, a description."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crm.cli.run import main
from crm.db import Database
from crm.models import LintRun
from crm.pipelines.linter.acceptance import accept_finding
from tests.conftest import Cast
from tests.pipelines.linter.funnels import BAD_STAGES, GOOD_STAGES, add_good_pipeline

DESCRIPTION = """
[[pipelines]]
name = { ru = "Продажи", en = "Sales" }
[[pipelines.stages]]
name = "В работе"
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was printed as JSON."""
    pipelines: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["pipelines"]
    return pipelines


def test_all_pipelines_are_looked_over_and_nothing_is_written(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.session_scope() as session:
        add_good_pipeline(session)
        add_good_pipeline(session, "Bad", BAD_STAGES)
    assert main(["lint", "--format", "json"]) == 1
    good, bad = told(capsys)
    assert (good["name"], good["score"], good["findings"]) == ("First sales", 100, [])
    assert bad["score"] < 50
    swamp = next(one for one in bad["findings"] if one["code"] == "L03")
    assert {"severity", "subject", "message", "why", "evidence", "deals", "fixes", "accepted"} <= set(swamp)
    assert (swamp["severity"], swamp["accepted"]) == ("error", None)
    assert swamp["fixes"][-1]["kind"] == "RetireStage"
    with database.read_scope() as session:
        assert session.scalars(select(LintRun)).all() == []


def test_pipeline_is_named_by_id_or_name(database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    with database.session_scope() as session:
        rows = add_good_pipeline(session, "Four stages", GOOD_STAGES[:4])
        add_good_pipeline(session, "Bad", BAD_STAGES)
    for name in ("Four stages", str(rows.id)):
        assert main(["lint", name]) == 0  # a warning is no error
        assert capsys.readouterr().out == (
            "Four stages: 94 of 100, 1 thing to mend\n"
            "  L01 warning: Working stages: 4. Fewer than 5 show too little of the way to the sale.\n"
        )


def test_accepted_errors_are_told_and_do_not_fail(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.session_scope() as session:
        rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "Мусор"))
    assert main(["lint", "First sales"]) == 1
    with database.session_scope() as session:
        accept_finding(
            session, cast.vera, pipeline_id=rows.id, code="L06", subject=f"stage:{rows.stages[5]}",
            reason="Emptied every Friday",
        )  # fmt: skip
    capsys.readouterr()
    assert main(["lint", "First sales", "--format", "json"]) == 0
    (pipeline,) = told(capsys)
    assert pipeline["score"] == 100
    assert pipeline["findings"][0]["accepted"]["reason"] == "Emptied every Friday"
    assert pipeline["findings"][0]["accepted"]["author"] == "Vera"


def test_description_is_looked_over_without_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "funnel.toml"
    path.write_text(DESCRIPTION, encoding="utf-8")
    assert main(["lint", str(path), "--format", "json"]) == 1
    (pipeline,) = told(capsys)
    assert pipeline["name"] == "Sales"
    assert {one["code"] for one in pipeline["findings"]} == {"L01", "L03", "L12", "L13"}


def test_file_of_bare_names_is_judged_by_names_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stages.txt"
    path.write_text("\n".join((*GOOD_STAGES, "Возражения")), encoding="utf-8")
    assert main(["lint", str(path), "--format", "json"]) == 1
    (pipeline,) = told(capsys)
    assert [one["code"] for one in pipeline["findings"]] == ["L04"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "The file funnel.toml can't be found."), ("[[pipelines", "")],
)
def test_what_cannot_be_linted_is_told_with_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, sentence: str
) -> None:
    path = tmp_path / "funnel.toml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert main(["lint", str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert printed.err.strip()


def test_unknown_pipeline_is_told_with_code_two(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", "Nowhere"]) == 2
    assert "There is no pipeline “Nowhere”." in capsys.readouterr().err


def test_names_need_their_file_and_others_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["lint", "names"], ["lint", "Sales", "file.csv"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == 2
    assert "names" in capsys.readouterr().err
