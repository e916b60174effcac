"""The page of key figures: a table of months, plan and fact, the forecast and what it lacks."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.analytics.targets import set_target
from crm.clock import utc_now
from crm.db import Database
from crm.models import TargetMetric
from crm.pipelines.commands import StagePlan, edit_stage
from tests.analytics.histories import FIRST_DAY, Came, add_history
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.pages.conftest import OpenShell

NOW = (utc_now() - FIRST_DAY) / timedelta(days=1)
MONTH = utc_now().date().replace(day=1)


@pytest.fixture
def sales(database: Database, cast: Cast) -> PipelineRows:
    """Return a pipeline with two sales of Anna's and a loss of Anton's today, and an open deal."""
    with database.session_scope() as session:
        rows = add_pipeline(session)
        for _number in range(2):
            add_history(session, rows, [Came(0, NOW - 0.01, cast.anna)], won=NOW, amount_minor=1_000_000_00)
        add_history(session, rows, [Came(0, NOW - 0.01, cast.anton)], lost=NOW, amount_minor=500_000_00)
        add_open(session, rows, cast.anna, utc_now().date() - timedelta(days=3))
        return rows


def add_open(session: Session, rows: PipelineRows, owner: Actor, due: date | None) -> None:
    add_history(session, rows, [Came(0, NOW - 0.01, owner)], expected_close_on=due, amount_minor=200_000_00)


def open_kpi(shell: OpenShell, actor: Actor, **query: str) -> AppTest:
    at = shell(actor).run()
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page("kpi.py").run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    """Return what the page says, without the marks that keep data from being markdown."""
    return "\n".join(one.value for one in (*at.markdown, *at.caption, *at.info)).replace("\\", "")


def table(at: AppTest) -> pd.DataFrame:
    """Return the table of figures by their names."""
    return at.dataframe[0].value.set_index("name")


def test_empty_base_has_a_table_and_no_forecast(shell: OpenShell, cast: Cast) -> None:
    at = open_kpi(shell, cast.boris)
    assert table(at).loc["Won deals", "total"] == "0"
    assert "No deal is open here." in texts(at)


def test_rows_are_figures_and_columns_months_the_newest_first(
    shell: OpenShell, cast: Cast, sales: PipelineRows
) -> None:
    found = table(open_kpi(shell, cast.boris, period="months-12"))
    assert list(found.columns) == ["trend", "total", *(str(one) for one in reversed(range(12)))]
    assert list(found.loc["Won deals"])[1:4] == ["2", "2", "0"]
    assert list(found.loc["Won money"])[1:3] == ["₽2M", "₽2M"]
    assert found.loc["Win rate", "total"] == "66.7%"
    assert "Plan of money" not in found.index  # nobody has set one


def test_weeks_and_one_manager(shell: OpenShell, cast: Cast, sales: PipelineRows) -> None:
    at = open_kpi(shell, cast.boris, period="days-30", by="week", owner=str(cast.anton.user_id))
    found = table(at)
    assert (found.loc["Lost deals", "total"], found.loc["Won deals", "total"]) == ("1", "0")
    assert len(found.columns) in (7, 8)  # five or six weeks
    at.selectbox(key="kpi_who").set_value(0).run()
    assert table(at).loc["Won deals", "total"] == "2"


def test_plan_stands_beside_the_fact(shell: OpenShell, cast: Cast, database: Database, sales: PipelineRows) -> None:
    with database.session_scope() as session:
        for user_id in (cast.anna.user_id, cast.anton.user_id):
            set_target(
                session, cast.vera, month=MONTH, metric=TargetMetric.WON_SUM, value=2_500_000_00, user_id=user_id
            )  # fmt: skip
    at = open_kpi(shell, cast.boris, period="this-month")
    assert {one.label: one.value for one in at.metric}["Plan of money done"] == "40%"
    found = table(at)
    assert (found.loc["Plan of money", "0"], found.loc["Plan of money done", "0"]) == ("₽5M", "40%")
    own = table(open_kpi(shell, cast.anna, period="this-month"))
    assert (own.loc["Plan of money", "0"], own.loc["Plan of money done", "0"]) == ("₽2.5M", "80%")


def test_forecast_tells_what_it_lacks_and_where_to_mend_it(
    shell: OpenShell, cast: Cast, database: Database, sales: PipelineRows
) -> None:
    told = texts(open_kpi(shell, cast.boris))
    assert "1 deal should have closed before today: set its date anew." in told
    assert "1 deal stands on a stage without a chance of a win" in told
    assert "Open deals are worth ₽200K" in told
    with database.session_scope() as session:
        plan = StagePlan("Contact made", win_percent=50)
        edit_stage(session, cast.vera, stage_id=sales.stages[0], expected_version=1, plan=plan)
    told = texts(open_kpi(shell, cast.boris))
    assert "Open deals are worth ₽200K: by stages ₽100K" in told
    assert "without a chance of a win" not in told


def test_address_opens_the_deals_of_a_month_and_of_all(shell: OpenShell, cast: Cast, sales: PipelineRows) -> None:
    at = open_kpi(shell, cast.boris, period="months-12", open=f"kpi~won_sum~{MONTH.isoformat()}")
    assert "won money: ₽2,000,000, 2 deals**" in texts(at)
    at = open_kpi(shell, cast.boris, period="months-12", open="whole~lost")
    assert "lost deals: 1 deal" in texts(at)


def test_only_heads_set_plans(shell: OpenShell, cast: Cast, sales: PipelineRows) -> None:
    def buttons(actor: Actor) -> list[str]:
        return [one.key for one in open_kpi(shell, actor).button if one.key == "kpi_plans"]

    assert [buttons(one) for one in (cast.anna, cast.boris, cast.vera)] == [[], ["kpi_plans"], ["kpi_plans"]]
