"""The Maven data set: what reports print equals what pandas reckons from its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import update

from crm.auth.actors import system_actor
from crm.auth.setup import ensure_workspace
from crm.cli.run import main
from crm.clock import utc_now
from crm.db import Database
from crm.models import Channel, Workspace
from crm.settings import ROOT

DATA = ROOT.parent / "shared" / "data" / "maven_crm"
MAPPING = ROOT / "tests" / "imports" / "maven.toml"
FILES = [str(DATA / name) for name in ("accounts.csv", "products.csv", "sales_pipeline.csv", "sales_teams.csv")]
HOURS_A_DAY = 24

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the Maven data set is not in {DATA}")

Report = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Return the deals of the files with their agents' teams, days as dates."""
    deals = pd.read_csv(DATA / "sales_pipeline.csv", parse_dates=["engage_date", "close_date"])
    deals["product"] = deals["product"].replace("GTXPro", "GTX Pro")
    deals["days"] = (deals["close_date"] - deals["engage_date"]).dt.days
    return deals.merge(pd.read_csv(DATA / "sales_teams.csv"), on="sales_agent")


@pytest.fixture
def report(database: Database, capsys: pytest.CaptureFixture[str]) -> Report:
    """Import the files in their currency; return what prints a report's rows."""
    with database.session_scope() as session:
        ensure_workspace(session, system_actor(Channel.CLI), utc_now())
        session.execute(update(Workspace).values(currency="USD"))
    assert main(["import", *FILES, "--mapping", str(MAPPING)]) == 0
    capsys.readouterr()

    def rows(*arguments: str) -> list[dict[str, Any]]:
        assert main(["report", *arguments, "--format", "json"]) == 0
        tree = json.loads(capsys.readouterr().out)
        return [dict(zip(tree["columns"], row, strict=True)) for row in tree["rows"]]

    return rows


def test_reports_equal_an_independent_reckoning(report: Report, table: pd.DataFrame) -> None:
    check_key_figures(report("kpi")[0], table)
    check_parts(report("kpi", "--by", "owner"), "owner", table, table["sales_agent"])
    teams = table["regional_office"] + ", " + table["manager"]
    by_team = report("kpi", "--by", "team")
    check_parts(by_team, "team", table, teams)
    check_regions(by_team, table)
    check_parts(report("kpi", "--by", "Product"), "Product", table, table["product"])
    check_quarters(report, table)
    check_conversion(report, table)
    check_times(report, table)
    check_cohorts(report, table)


def figures(deals: pd.DataFrame) -> dict[str, Any]:
    won, lost = (deals[deals["deal_stage"] == one] for one in ("Won", "Lost"))
    decided = len(won) + len(lost)
    return {
        "won": len(won), "lost": len(lost), "won_sum": float(won["close_value"].sum()),
        "win_rate": pytest.approx(100 * len(won) / decided) if decided else None,
        "median_days": pytest.approx(won["days"].median()) if len(won) else None,
        "mean_won": pytest.approx(won["close_value"].mean(), abs=0.01) if len(won) else None,
    }  # fmt: skip


def check_key_figures(row: dict[str, Any], deals: pd.DataFrame) -> None:
    expected = figures(deals)
    assert {one: row[one] for one in expected} == expected


def check_parts(rows: list[dict[str, Any]], column: str, deals: pd.DataFrame, parts: pd.Series[Any]) -> None:
    expected = {part: figures(own) for part, own in deals.groupby(parts)}
    got = {
        row[column]: {one: row[one] for one in next(iter(expected.values()))}
        for row in rows
        if row["won"] or row["lost"]
    }
    assert got == {part: own for part, own in expected.items() if own["won"] or own["lost"]}


def check_regions(rows: list[dict[str, Any]], deals: pd.DataFrame) -> None:
    """Compare the regions, each of which is several teams."""
    for region, own in deals.groupby("regional_office"):
        of_region = [row for row in rows if row["team"] and row["team"].startswith(f"{region}, ")]
        expected = figures(own)
        for one in ("won", "lost", "won_sum"):
            assert sum(row[one] for row in of_region) == expected[one]


def check_quarters(report: Report, deals: pd.DataFrame) -> None:
    quarters = deals["close_date"].dt.to_period("Q")
    assert quarters.nunique() == 4
    for quarter, own in deals.groupby(quarters):
        period = ["--from", str(quarter.start_time.date()), "--to", str(quarter.end_time.date())]
        check_key_figures(report("kpi", *period)[0], own)
        check_parts(report("kpi", *period, "--by", "owner"), "owner", own, own["sales_agent"])


def check_conversion(report: Report, deals: pd.DataFrame) -> None:
    rows = report("conversion", "--by", "owner", "--meaning", "reached-at-least")
    at_work = {row["owner"]: row for row in rows if row["stage"] == "Engaging"}
    for agent, own in deals[deals["deal_stage"] != "Prospecting"].groupby("sales_agent"):
        counts = own["deal_stage"].value_counts()
        row = at_work[agent]
        assert (row["came"], row["passed"], row["lost"], row["open"]) == (
            len(own), counts.get("Won", 0), counts.get("Lost", 0), counts.get("Engaging", 0),
        )  # fmt: skip
        assert row["conversion_decided"] == figures(own)["win_rate"]


def check_times(report: Report, deals: pd.DataFrame) -> None:
    closed = deals[deals["close_date"].notna()]
    row = next(row for row in report("time-on-stage") if row["stage"] == "Engaging")
    assert (row["stays_closed"], row["stays_open"]) == (len(closed), int((deals["deal_stage"] == "Engaging").sum()))
    assert row["total_hours"] == pytest.approx(closed["days"].sum() * HOURS_A_DAY)
    expected = [pytest.approx(one * HOURS_A_DAY) for one in np.percentile(closed["days"], [50, 90])]
    assert [row["median_hours"], row["p90_hours"]] == expected
    ways = {row["way"]: row for row in report("transitions") if row["stage"] == "Engaging"}
    for way, name in (("won", "Won"), ("lost", "Lost")):
        own = deals[deals["deal_stage"] == name]
        expected = [pytest.approx(one * HOURS_A_DAY) for one in np.percentile(own["days"], [50, 90])]
        assert [ways[way]["stays"], ways[way]["median_hours"], ways[way]["p90_hours"]] == [len(own), *expected]


def check_cohorts(report: Report, deals: pd.DataFrame) -> None:
    rows = report("cohorts", "--from", "2016-01-01", "--to", "2017-12-31")
    months = deals["engage_date"].dt.to_period("M")
    expected = {
        (f"{month}-01", step): (len(own), int((own["deal_stage"] == name).sum()))
        for month, own in deals.groupby(months)
        for step, name in (("won", "Won"), ("lost", "Lost"), ("open", "Engaging"))
    }
    got = {(row["month"], row["step"]): (row["size"], row["deals"]) for row in rows if row["step"] != "stage"}
    assert got == expected
