"""`report` on the command line: the numbers of the charts, for programs and for reading."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy.orm import Session

from crm.analytics.charts import CHARTS
from crm.analytics.scope import whole_scope
from crm.analytics.values import Ask, Chart, Kind
from crm.auth.actors import system_actor
from crm.cli.run import main
from crm.clock import utc_now
from crm.db import Database, use_database
from crm.jobs import request_job
from crm.models import Deal, FieldDefinition, JobKind, Pipeline
from tests.analytics.histories import day
from tests.analytics.sample import add_sample
from tests.conftest import Cast
from tests.stopped_clock import StopClock, stop_clock

__all__ = ["stop_clock"]

PERIOD = ["--from", "2026-01-01", "--to", "2026-06-30"]


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch, stop_clock: StopClock) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    stop_clock(day(170))  # what lasts still does so for equally long in two looks


@pytest.fixture
def base(database: Database, cast: Cast) -> Database:
    """Commit the sample, one of its deals with a region."""
    with database.session_scope() as session:
        sample = add_sample(session, cast)
        options = [{"code": "n", "name": "North"}, {"code": "s", "name": "South"}]
        region = FieldDefinition(name="Region", type="choice", position=0, options=options)
        session.add(region)
        session.flush()
        session.get_one(Deal, sample.deals["won"]).custom = {str(region.id): "n"}
    return database


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["report", *arguments]) == 0
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    tree = json.loads(printed(capsys, *arguments, "--format", "json"))
    assert set(tree) == {"columns", "rows"}
    return [dict(zip(tree["columns"], row, strict=True)) for row in tree["rows"]]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["report", *arguments]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    return told.err.strip()


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_every_chart_prints_its_frame(
    base: Database, cast: Cast, chart: Chart, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = json.loads(printed(capsys, chart.name, *PERIOD, "--format", "json"))
    with base.read_scope() as session:
        frame = chart.frame(session, cast.vera, Ask(period(session)))
    assert tree["columns"] == list(frame.columns)
    assert len(tree["rows"]) == len(frame) > 0
    for column, values in zip(tree["columns"], zip(*tree["rows"], strict=True), strict=True):
        kind = chart.column(column).kind
        for value, cell in zip(values, frame[column], strict=True):
            check_cell(kind, value, cell)
    text = list(csv.reader(io.StringIO(printed(capsys, chart.name, *PERIOD, "--format", "csv"))))
    assert text == [tree["columns"], *(["" if one is None else str(one) for one in row] for row in tree["rows"])]
    assert len(printed(capsys, chart.name, *PERIOD).splitlines()) == len(frame) + 1


def period(session: Session) -> Any:
    return replace(whole_scope(session), since=date(2026, 1, 1), until=date(2026, 6, 30))


def check_cell(kind: Kind, value: Any, cell: Any) -> None:
    if value is None:
        assert pd.isna(cell)
    elif kind is Kind.MONEY:
        assert value == pytest.approx(float(cell) / 100, abs=0.005)
    elif kind in (Kind.PERCENT, Kind.HOURS, Kind.NUMBER):
        assert value == pytest.approx(float(cell))
    else:
        assert value == (cell.isoformat() if kind is Kind.DAY else cell)


def test_no_cell_of_a_csv_can_become_a_formula(base: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with base.session_scope() as session:
        session.query(Deal).filter(Deal.title == "won").one().source = "=1+1"
    rows = list(csv.reader(io.StringIO(printed(capsys, "sources", *PERIOD, "--format", "csv"))))
    assert "'=1+1" in {row[1] for row in rows}
    assert "=1+1" in {row["source"] for row in told(capsys, "sources", *PERIOD)}
    differences = [row["difference"] for row in told(capsys, "managers", *PERIOD)]
    assert min(one for one in differences if one is not None) < 0
    rows = list(csv.reader(io.StringIO(printed(capsys, "managers", *PERIOD, "--format", "csv"))))
    assert [row[rows[0].index("difference")] for row in rows[1:]] == [
        "" if one is None else str(one) for one in differences
    ]


def test_figures_are_narrowed_and_split(base: Database, capsys: pytest.CaptureFixture[str]) -> None:
    care = told(capsys, "conversion", *PERIOD, "--pipeline", "Care")
    assert [(row["stage"], row["came"], row["passed"], row["open"]) for row in care] == [
        ("Asked", 2, 1, 1), ("Answered", 1, 1, 0), ("Paid", 1, 1, 0),
    ]  # fmt: skip
    with base.read_scope() as session:
        number = session.query(Pipeline.id).filter(Pipeline.name == "Care").scalar()
    assert told(capsys, "conversion", *PERIOD, "--pipeline", str(number)) == care
    by_owner = told(capsys, "transitions", *PERIOD, "--pipeline", "Care", "--by", "owner")
    assert [(row["owner"], row["stage"], row["to_stage"], row["stays"]) for row in by_owner] == [
        ("Boris", "Asked", "Answered", 1), ("Boris", "Asked", None, 1), ("Boris", "Answered", "Paid", 1),
    ]  # fmt: skip
    by_month = told(capsys, "conversion", *PERIOD, "--pipeline", "Care", "--by", "month")
    assert {row["month"] for row in by_month} == {"2026-01-01", "2026-02-01"}
    strict = told(capsys, "conversion", *PERIOD, "--meaning", "strict-cohort")
    assert strict != told(capsys, "conversion", *PERIOD)


def test_open_period_ends_where_deals_begin_and_today(base: Database, capsys: pytest.CaptureFixture[str]) -> None:
    weeks = [row["week"] for row in told(capsys, "conversion", "--by", "week")]
    assert min(weeks) == "2026-01-05"
    assert max(weeks) <= utc_now().date().isoformat()
    assert told(capsys, "conversion") == told(capsys, "conversion", *PERIOD)


def test_fields_are_named_as_people_know_them(base: Database, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "transitions", *PERIOD, "--by", "region")
    assert {row["Region"] for row in found} == {"North", None}
    assert found == told(capsys, "transitions", *PERIOD, "--by", "field:2")


def test_split_that_a_chart_has_anyway_changes_nothing(base: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "cohorts", *PERIOD, "--by", "month") == told(capsys, "cohorts", *PERIOD)


def test_refusals_say_what_there_is(base: Database, capsys: pytest.CaptureFixture[str]) -> None:
    names = ", ".join(one.name for one in CHARTS)
    assert refusal(capsys, "conversions") == f"There are no figures called “conversions”. There are: {names}."
    assert refusal(capsys, "transitions", "--by", "weather") == (
        "These figures can't be split by “weather”. They can by: owner, team, source, priority, month, week, Industry, "
        "Region."
    )
    assert refusal(capsys, "conversion", "--meaning", "best") == (
        "“best” is no meaning of conversion. There are: real-path, reached-at-least, strict-cohort."
    )
    assert refusal(capsys, "kpi", "--meaning", "real-path") == (
        "“kpi” is no conversion: it has no meanings to choose from."
    )
    assert refusal(capsys, "clients", "--by", "weather") == "“clients” can't be split."
    assert refusal(capsys, "conversion", "--from", "31.01.2026") == "“31.01.2026” is no day; write it as 2026-01-31."
    assert refusal(capsys, "conversion", "--pipeline", "Cars") == "There is no pipeline “Cars”."
    assert refusal(capsys, "conversion", "--from", "2026-02-01", "--to", "2026-01-01") == (
        "The period ends on 2026-01-01, before it begins on 2026-02-01."
    )


def test_empty_base_prints_the_columns(database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "transitions", "--format", "json"))["rows"] == []
    assert printed(capsys, "transitions").startswith("pipeline  stage_id")


def test_table_is_aligned(base: Database, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "conversion", *PERIOD, "--pipeline", "Care").splitlines()
    assert lines[0].split() == [
        "pipeline", "stage_id", "stage", "came", "passed", "lost", "open", "off_path", "conversion",
        "conversion_decided", "from_first",
    ]  # fmt: skip
    assert [line[: len("Care")] for line in lines[1:]] == ["Care"] * 3
    assert {line.index("came") + len("came") for line in lines[:1]} == {lines[1].index("  2  ") + 3}


def test_new_base_is_made_ready_and_paths_in_the_making_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    use_database(fresh)
    assert main(["report", "kpi", "--format", "csv"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("new,")
    assert printed.err == ""
    with fresh.session_scope() as session:
        request_job(session, system_actor(), JobKind.RETRACE)
    assert main(["report", "kpi", "--format", "csv"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("new,")
    assert "works out anew" in printed.err
    use_database(None)
    fresh.close()
