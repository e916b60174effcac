"""The Maven data set whole: what comes in must be what its files say, counted here without our code."""

from __future__ import annotations

import csv
import json
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from crm.auth.actors import system_actor
from crm.auth.setup import ensure_workspace
from crm.cli.run import main
from crm.clock import utc_now
from crm.db import Database
from crm.models import (
    Channel,
    Company,
    Deal,
    DealStatus,
    Event,
    ExternalId,
    Import,
    NextStep,
    Pipeline,
    Role,
    Stage,
    StageVisit,
    Team,
    User,
    VisitOutcome,
)
from crm.settings import ROOT
from tests.conftest import rows_of_all_tables
from tests.imports.importing import assert_whole
from tests.imports.test_undo import content

DATA = ROOT.parent / "shared" / "data" / "maven_crm"
MAPPING = ROOT / "tests" / "imports" / "maven.toml"
FILES = [str(DATA / name) for name in ("accounts.csv", "products.csv", "sales_pipeline.csv", "sales_teams.csv")]

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the Maven data set is not in {DATA}")


@pytest.fixture(scope="module")
def deals_in_file() -> list[dict[str, str]]:
    """Return the rows of the pipeline file as they stand."""
    with (DATA / "sales_pipeline.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def company(database: Database) -> Database:
    """Give a fresh base after its first start, without any user."""
    with database.session_scope() as session:
        ensure_workspace(session, system_actor(Channel.CLI), utc_now())
    return database


def imported(folder: Path, *options: str) -> dict[str, Any]:
    """Run the documented command and return its report."""
    report = folder / "out.json"
    assert main(["import", *FILES, "--mapping", str(MAPPING), "--report", str(report), *options]) == 0
    tree: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return tree


def test_command_foretells_and_imports_everything_once_and_undo_leaves_nothing(
    company: Database, tmp_path: Path, deals_in_file: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    before, all_rows = content(company), rows_of_all_tables(company)
    planned = imported(tmp_path, "--dry-run")
    assert rows_of_all_tables(company) == all_rows
    begun = time.monotonic()
    report = imported(tmp_path)
    assert time.monotonic() - begun < 60
    own = {"import_id", "dry_run"}
    assert planned.keys() >= own
    assert {name: planned[name] for name in planned.keys() - own} == {
        name: report[name] for name in report.keys() - own
    }
    assert report["deals"] == {
        "total": 8800, "won": 4238, "lost": 2473, "open": 2089, "value_won": {"USD": "10005534.00"},
    }  # fmt: skip
    assert report["rows"] == {"total": 8927, "created": 8927, "updated": 0, "unchanged": 0, "failed": 0}
    _check_owners(report["owners"], deals_in_file)
    _check_deals(company, deals_in_file)
    _check_clients_and_people(company)
    assert_whole(company)

    first = content(company)
    again = imported(tmp_path)
    assert again["rows"] == {"total": 8927, "created": 0, "updated": 0, "unchanged": 8927, "failed": 0}
    assert again["deals"] == report["deals"]
    assert content(company) == first
    with company.read_scope() as session:
        kinds = session.scalars(select(Event.kind).order_by(Event.id.desc()).limit(2)).all()
    assert kinds == ["import.finished", "import.started"]

    assert main(["imports", "undo", str(again["import_id"])]) == 0
    assert main(["imports", "undo", str(report["import_id"])]) == 0
    assert "Kept" not in capsys.readouterr().out
    assert content(company) == before
    assert rows_of_all_tables(company)["import_rows"] == []


def _check_owners(owners: dict[str, Any], rows: list[dict[str, str]]) -> None:
    expected: dict[str, dict[str, float]] = defaultdict(lambda: {"won": 0, "lost": 0, "open": 0, "value": 0.0})
    for row in rows:
        figures = expected[row["sales_agent"]]
        figures[{"Won": "won", "Lost": "lost"}.get(row["deal_stage"], "open")] += 1
        figures["value"] += float(row["close_value"] or 0)
    assert len(expected) == 30
    assert {
        name: (one["won"], one["lost"], one["open"], float(one["value_won"].get("USD", 0)))
        for name, one in owners.items()
    } == {name: (one["won"], one["lost"], one["open"], one["value"]) for name, one in expected.items()}


def _check_deals(database: Database, rows: list[dict[str, str]]) -> None:
    with database.read_scope() as session:
        stages = {stage.name: stage.id for stage in session.scalars(select(Stage))}
        titles = set(session.scalars(select(Deal.title)))
        by_status = {row[0]: row[1] for row in session.execute(select(Deal.status, func.count()).group_by(Deal.status))}
        without_client = session.scalar(select(func.count()).where(Deal.company_id.is_(None)))
        visits = session.execute(
            select(StageVisit.stage_id, StageVisit.outcome, func.count()).group_by(
                StageVisit.stage_id, StageVisit.outcome
            )
        )
        counted = {(stage_id, outcome): count for stage_id, outcome, count in visits}
        lasts = session.scalar(select(func.count()).where(StageVisit.left_at.is_(None)))
        steps = session.scalar(select(func.count()).select_from(NextStep))
        bare = session.scalar(select(func.count()).where(Deal.status == DealStatus.OPEN, Deal.next_due_at.is_(None)))
        known = select(ExternalId.entity_id).where(ExternalId.external_id == "Z063OYW0", ExternalId.entity == "deal")
        sample = session.get_one(Deal, session.scalars(known).one())
        agent, account = session.get_one(User, sample.owner_id), session.get_one(Company, sample.company_id)
    assert by_status == {DealStatus.OPEN: 2089, DealStatus.WON: 4238, DealStatus.LOST: 2473}
    assert without_client == sum(1 for row in rows if not row["account"]) == 1425
    assert counted == {
        (stages["Engaging"], VisitOutcome.WON): 4238,
        (stages["Engaging"], VisitOutcome.LOST): 2473,
        (stages["Engaging"], VisitOutcome.OPEN): 1589,
        (stages["Prospecting"], VisitOutcome.OPEN): 500,
    }
    assert (lasts, steps, bare) == (2089, 2089, 0)
    assert not any(title.startswith("GTXPro") for title in titles)
    assert (sample.title, agent.name, account.name) == ("GTX Pro, Isdom", "Darcel Schlecht", "Isdom")
    assert (sample.amount_minor, sample.currency) == (451_400, "USD")
    assert (sample.created_at, sample.closed_at) == (_moscow(2016, 10, 25), _moscow(2017, 3, 11))


def _check_clients_and_people(database: Database) -> None:
    with database.read_scope() as session:
        companies = {company.name: company for company in session.scalars(select(Company))}
        people = {user.name: user for user in session.scalars(select(User))}
        teams = {team.id: team.name for team in session.scalars(select(Team))}
        assert session.scalars(select(Pipeline.name)).all() == ["Opportunities"]
        assert session.scalar(select(func.count()).select_from(Import)) == 1
    assert len(companies) == 85
    assert sum(1 for company in companies.values() if company.parent_id) == 15
    assert companies["Bluth Company"].parent_id == companies["Acme Corporation"].id
    assert companies["Bioholding"].address == "Philippines"
    assert {company.industry for company in companies.values()} >= {"technology", "medical"}
    assert "technolgy" not in {company.industry for company in companies.values()}
    assert companies["Bioplex"].note == "year_established: 1991\nrevenue: 326.82\nemployees: 1016"
    assert len(people) == 42  # 35 agents, 6 heads, the office that owns the companies
    assert {name for name, user in people.items() if user.role is Role.HEAD} == {
        "Dustin Brinkmann", "Melvin Marxen", "Cara Losch", "Rocco Neubert", "Celia Rouche", "Summer Sewald",
    }  # fmt: skip
    assert not any(user.is_active or user.password_hash for user in people.values())
    assert teams[people["Anna Snelling"].team_id or 0] == "Central, Dustin Brinkmann"


def _moscow(year: int, month: int, day: int) -> datetime:
    # The company's zone where nobody has chosen another.
    return datetime(year, month, day, tzinfo=UTC) - timedelta(hours=3)
