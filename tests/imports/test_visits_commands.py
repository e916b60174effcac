"""`import visits FILE` and its options."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from crm.cli.run import main
from crm.db import Database
from crm.models import Deal, DealStatus, Pipeline, Stage, StageVisit, User
from tests.conftest import Cast, rows_of_all_tables
from tests.imports.visits import deal_of, read_back

LOG = """case:concept:name,concept:name,time:timestamp,org:resource
1,Lead,2025-01-01 10:00:00+03:00,Anna
1,Offer,2025-01-02T10:00:00.500+03:00,Olga
1,paid,2025-01-03 10:00:00+03:00,Olga
2,Lead,2025-01-01 10:00:00+03:00,
2,refused,2025-01-04 10:00:00+03:00,
3,Offer,2025-01-05 10:00:00+03:00,Anna
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database, cast: Cast) -> Path:
    """Work in an empty folder with a log."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Sales 2025.csv").write_text(LOG)
    return tmp_path


def stages(database: Database, pipeline: str) -> list[tuple[str, str]]:
    """Return names and kinds of a pipeline's stages in order."""
    with database.read_scope() as session:
        query = select(Stage.name, Stage.kind).join(Pipeline, Pipeline.id == Stage.pipeline_id)
        rows = session.execute(query.where(Pipeline.name == pipeline).order_by(Stage.position))
        return [(name, kind.value) for name, kind in rows]


def test_log_alone_makes_pipeline_people_and_deals(
    here: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    before = rows_of_all_tables(database)
    arguments = ["import", "visits", "Sales 2025.csv", "--owner", "boris@example.com"]
    assert main([*arguments, "--dry-run"]) == 0
    assert rows_of_all_tables(database) == before
    assert "6 rows: 6 created" in capsys.readouterr().out
    assert main(arguments) == 0
    assert "1 won, 1 lost, 1 open" in capsys.readouterr().out
    assert stages(database, "Sales 2025") == [
        ("Lead", "open"), ("Offer", "open"), ("paid", "won"), ("refused", "lost"),
    ]  # fmt: skip
    assert [(one.stage, one.owner, one.entered) for one in read_back(database, "1")] == [
        ("Lead", "Anna", "01 07:00"), ("Offer", "Olga", "02 07:00"),
    ]  # fmt: skip
    with database.read_scope() as session:
        assert session.scalar(select(User.is_active).filter_by(name="Olga")) is False
    assert main(arguments) == 0
    assert "0 created, 0 updated, 6 unchanged" in capsys.readouterr().out
    assert main(["imports", "undo", "2"]) == main(["imports", "undo", "1"]) == 0
    after = rows_of_all_tables(database)
    assert {name for name in after if after[name] != before[name]} <= {"imports", "events", "saved_mappings"}


def test_deal_that_names_nobody_is_nobodys(
    here: Path, database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert main(["import", "visits", "Sales 2025.csv", "--dry-run"]) == 0
    assert "6 rows: 6 created" in capsys.readouterr().out
    assert main(["import", "visits", "Sales 2025.csv"]) == 0
    assert "1 won, 1 lost, 1 open" in capsys.readouterr().out
    assert [one.owner for one in read_back(database, "2")] == [None]
    with database.read_scope() as session:
        owner = session.get_one(User, deal_of(database, "2").owner_id)
        assert (owner.name, owner.is_active) == ("Owner not stated", False)
    assert main(["import", "visits", "Sales 2025.csv"]) == 0
    assert "0 created, 0 updated, 6 unchanged" in capsys.readouterr().out


def test_nobody_is_made_up_where_all_deals_name_somebody(
    here: Path, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "Named.csv").write_text("\n".join(line for line in LOG.splitlines() if not line.startswith("2,")))
    assert main(["import", "visits", "Named.csv"]) == 0
    assert "4 rows: 4 created" in capsys.readouterr().out
    with database.read_scope() as session:
        made = session.scalars(select(User.name).where(~User.is_active)).all()
    assert made == ["Olga"]


def test_order_and_ends_may_be_given(here: Path, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    order = ["--stages", "Offer;Call;Lead", "--won", "Done,paid", "--lost", "refused", "--pipeline", "Mine"]
    assert main(["import", "visits", "Sales 2025.csv", "--owner", "Boris", *order]) == 0
    assert stages(database, "Mine") == [
        ("Offer", "open"), ("Call", "open"), ("Lead", "open"), ("Done", "won"), ("refused", "lost"),
    ]  # fmt: skip
    assert deal_of(database, "1").status is DealStatus.WON
    assert [one.outcome for one in read_back(database, "1")] == ["back", "won"]
    assert main(["import", "visits", "Sales 2025.csv", "--owner", "Boris", *order]) == 0
    assert "6 unchanged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--stages", "Lead"], "Stages of the file that the given order lacks: Offer."),
        (["--columns", "nothing=where"], "Sales 2025.csv"),
        (["--columns", "nowhere=stage"], "no column “nowhere”"),
        (["--owner", "Bors"], "There is nobody called “Bors”"),
        (["--zone", "Mars"], "Choose one of the offered values"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_is_written(
    here: Path, database: Database, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    before = rows_of_all_tables(database)
    if options[0] == "--columns":
        (here / "Sales 2025.csv").write_text(LOG.replace("concept:name,time", "what,time"))
    assert main(["import", "visits", "Sales 2025.csv", "--owner", "Boris", *options]) == 1
    assert said in capsys.readouterr().err
    assert rows_of_all_tables(database) == before


def test_present_pipeline_keeps_its_stages(here: Path, database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["import", "visits", "Sales 2025.csv", "--owner", "Boris", "--pipeline", "Mine"]
    assert main(arguments) == 0
    assert main([*arguments, "--stages", "Offer;Lead"]) == 1
    assert "“Mine” is here already with other stages: Lead; Offer." in capsys.readouterr().err
    (here / "Sales 2025.csv").write_text(LOG.replace("3,Offer", "3,Demo").replace("paid", "Closed won"))
    assert main(arguments) == 1
    assert "The pipeline “Mine” lacks stages of the file: Demo." in capsys.readouterr().err


def test_log_without_ends_leaves_deals_open(here: Path, database: Database) -> None:
    (here / "x.csv").write_text("Сделка;Этап;Дата;Ответственный\n1;Новая;01.02.2025 9:05 PM;Anna\n", "cp1251")
    assert main(["import", "visits", "x.csv", "--zone", "Asia/Yekaterinburg", "--columns", "Дата=entered_at"]) == 0
    assert stages(database, "x") == [("Новая", "open"), ("Won", "won"), ("Lost", "lost")]
    assert [(one.entered, one.left) for one in read_back(database, "1")] == [("01 16:05", None)]


def test_workbook_with_columns_named_by_hand_and_deals_beside(here: Path, database: Database) -> None:
    book = Workbook()
    for row in (
        ["ticket", "step", "when", "who"],
        [7, "Lead", "2025-01-01 10:00", "Anna"],
        [7, "Won", "2025-01-02", ""],
    ):
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    (here / "log.xlsx").write_bytes(written.getvalue())
    (here / "deals.csv").write_text("deal,title,company,amount,owner\n7,Big,Mir,500,Anton\n")
    arguments = ["import", "visits", "log.xlsx", "--deals", "deals.csv", "--columns",
                 "ticket=deal,step=stage,when=entered at,who=owner"]  # fmt: skip
    assert main(arguments) == 0
    assert [(one.stage, one.outcome) for one in read_back(database, "Big")] == [("Lead", "won")]
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).select_from(Deal)) == 1
        assert session.scalar(select(func.count()).select_from(StageVisit)) == 1


def test_stage_on_which_deals_stayed_is_no_end_whatever_its_outcome(here: Path, database: Database) -> None:
    rows = (
        "deal,stage,entered_at,left_at,owner,outcome",
        "1,Lead,2025-01-01 10:00,2025-01-02 10:00,Anna,",
        "1,Offer,2025-01-02 10:00,2025-01-05 10:00,Anna,won",
        "2,Lead,2025-01-01 10:00,2025-01-02 10:00,Anna,",
        "2,Offer,2025-01-02 10:00,2025-01-04 10:00,Anna,lost",
        "3,Lead,2025-01-01 10:00,2025-01-03 10:00,Anna,lost",
    )
    (here / "log.csv").write_text("\n".join(rows))
    assert main(["import", "visits", "log.csv", "--zone", "UTC"]) == 0
    assert [name for name, kind in stages(database, "log") if kind == "open"] == ["Lead", "Offer"]
    assert [(one.stage, one.entered, one.left, one.outcome) for one in read_back(database, "1")] == [
        ("Lead", "01 10:00", "02 10:00", "forward"), ("Offer", "02 10:00", "05 10:00", "won"),
    ]  # fmt: skip


def test_history_is_recognised_without_the_word(here: Path, database: Database) -> None:
    assert main(["import", "Sales 2025.csv", "--owner", "Boris"]) == 0
    assert [one.stage for one in read_back(database, "1")] == ["Lead", "Offer"]
