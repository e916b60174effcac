"""The page of managers: what it says in words, one manager's page, sight, the deals behind a cell."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.analytics.charts import managers as managers_chart
from crm.clock import utc_now
from crm.db import Database
from tests.analytics.histories import FIRST_DAY, Came, add_history
from tests.conftest import Cast
from tests.factories import PipelineRows, add_pipeline
from tests.pages.conftest import OpenShell

NOW = (utc_now() - FIRST_DAY) / timedelta(days=1)
RECENT = NOW - 20


def decide(
    session: Session, sales: PipelineRows, owner: Actor, stage: int, *, passed: int, lost: int, days: float = 1
) -> None:
    """Insert deals that came to a stage lately and went on, or were lost there."""
    for _number in range(passed):
        add_history(session, sales, [Came(stage, RECENT, owner), Came(stage + 1, RECENT + days, owner)])
    for _number in range(lost):
        add_history(session, sales, [Came(stage, RECENT, owner)], lost=RECENT + days)


@pytest.fixture
def sales(database: Database, cast: Cast) -> PipelineRows:
    """Return a pipeline in which Anna opens well and closes badly, and Anton the reverse."""
    with database.session_scope() as session:
        rows = add_pipeline(session)
        decide(session, rows, cast.anna, 0, passed=12, lost=0)
        decide(session, rows, cast.anna, 2, passed=2, lost=10)
        decide(session, rows, cast.anton, 0, passed=2, lost=10)
        decide(session, rows, cast.anton, 2, passed=12, lost=0)
        return rows


def open_managers(shell: OpenShell, actor: Actor, **query: str) -> AppTest:
    at = shell(actor).run()
    for name, value in query.items():
        at.query_params[name] = value
    at.switch_page("managers.py").run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    """Return what the page says, without the marks that keep data from being markdown."""
    return "\n".join(one.value for one in (*at.markdown, *at.caption, *at.info)).replace("\\", "")


def test_empty_base_says_so(shell: OpenShell, cast: Cast) -> None:
    at = open_managers(shell, cast.boris)
    assert "#### Figures begin with the first deal" in texts(at)
    assert "who can help whom" in texts(at)


def test_read_out_says_who_opens_and_who_closes_with_the_figures(
    shell: OpenShell, cast: Cast, sales: PipelineRows
) -> None:
    told = texts(open_managers(shell, cast.boris))
    assert "**Anna** opens well and closes badly" in told
    assert "**Anton** opens badly and closes well" in told
    assert "Contact made 100% against 16.7% of the others (+83.3 points, of 12 decided deals)" in told
    assert "Offer sent 16.7% against 100% of the others (−83.3 points, of 12 decided deals)" in told
    assert "Who can help: Anton, the best there." in told


def test_time_has_its_own_words(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        rows = add_pipeline(session)
        decide(session, rows, cast.anna, 0, passed=12, lost=0, days=1)
        decide(session, rows, cast.anton, 0, passed=12, lost=0, days=3)
    told = texts(open_managers(shell, cast.boris, show="time"))
    assert "**Anna**: Contact made 24 h against 2 d of all (12 visits)" in told.replace("48 h", "2 d")
    assert "“Contact made” takes Anna 24 h, all together 2 d" in told.replace("48 h", "2 d")
    assert "points" not in told


@pytest.mark.parametrize(
    ("passed", "told"),
    [(9, "Too little is decided to tell anybody from the others: 10 on a stage"),
     (19, "Nobody does clearly better or worse than the others")],
    ids=["few", "chance"],
)  # fmt: skip
def test_few_decisions_and_chance_are_told_apart(
    shell: OpenShell, cast: Cast, database: Database, passed: int, told: str
) -> None:
    with database.session_scope() as session:
        rows = add_pipeline(session)
        for owner in (cast.anna, cast.anton):
            decide(session, rows, owner, 0, passed=passed, lost=0)
    assert told in texts(open_managers(shell, cast.boris))


def test_one_managers_page_has_figures_against_all_and_a_way_back(
    shell: OpenShell, cast: Cast, database: Database, sales: PipelineRows
) -> None:
    with database.session_scope() as session:
        add_history(session, sales, [Came(0, RECENT, cast.anna)], won=RECENT + 2)
    at = open_managers(shell, cast.boris, owner=str(cast.anna.user_id))
    assert "### Anna" in texts(at)
    assert {one.label: one.value for one in at.metric}["Won deals"] == "1"
    assert "All together: 4.8% won of those decided" in texts(at)  # one won, twenty lost
    assert "**Anton**" not in texts(at)
    assert "**Anna** opens well and closes badly" in texts(at)
    at.selectbox(key="managers_who").set_value(0).run()
    assert "### Managers" in texts(at)
    assert "owner" not in at.query_params


def test_months_of_a_manager_stand_against_the_others_and_open_their_deals(
    shell: OpenShell, cast: Cast, database: Database, sales: PipelineRows
) -> None:
    at = open_managers(shell, cast.boris, owner=str(cast.anna.user_id))
    assert "Anna month by month" in texts(at)
    assert "Won, of those won or lost in the month" in texts(at)
    at.selectbox(key="address_trend").select("Offer sent").run()
    assert not at.exception
    assert at.query_params["trend"] in (str(sales.stages[2]), [str(sales.stages[2])])
    assert "Deals that reached the stage in the month" in texts(at)
    month = f"{(FIRST_DAY + timedelta(days=RECENT)):%Y-%m}-01"
    cell = f"trend~came~{month}~{sales.stages[2]}"
    at = open_managers(shell, cast.boris, owner=str(cast.anna.user_id), trend=str(sales.stages[2]), open=cell)
    assert " · Offer sent · came: 12 deals" in texts(at)


def test_both_maps_are_drawn_from_figures_loaded_once(
    shell: OpenShell, cast: Cast, sales: PipelineRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    times = managers_chart.load_times
    monkeypatch.setattr(managers_chart, "load_times", lambda *given: asked.append(given) or times(*given))
    open_managers(shell, cast.boris)
    assert len(asked) == 1
    open_managers(shell, cast.boris, show="time")
    assert len(asked) == 1


def test_manager_sees_the_own_figures_and_that_nobody_is_there_to_compare(
    shell: OpenShell, cast: Cast, sales: PipelineRows
) -> None:
    at = open_managers(shell, cast.anna)
    assert "You see your own figures" in texts(at)
    assert "### Anna" in texts(at)
    assert "Anton" not in texts(at)
    assert [one.key for one in at.selectbox if one.key == "managers_who"] == []


def test_address_opens_the_deals_of_a_cell_with_its_number(shell: OpenShell, cast: Cast, sales: PipelineRows) -> None:
    cell = f"managers~lost~{cast.anna.user_id}~{sales.stages[2]}"
    at = open_managers(shell, cast.boris, open=cell)
    assert "**Anna · Offer sent · lost deals: 10 deals" in texts(at)
    hidden = f"managers~lost~{cast.dina.user_id}~{sales.stages[2]}"
    assert "not among these figures" in texts(open_managers(shell, cast.boris, open=hidden))


def test_period_is_that_of_the_address(shell: OpenShell, cast: Cast, sales: PipelineRows) -> None:
    at = open_managers(shell, cast.boris, since="2020-01-01", until="2020-12-31")
    assert "Nothing happened here in this period" in texts(at)
