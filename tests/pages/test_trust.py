"""The page of data trust: score, findings with their deals, a task for owners, the trend."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import Database
from crm.models import DealRemoval, LintOccasion, LintRun, Pipeline, TrustDay
from tests.conftest import Cast
from tests.factories import add_closed_deal, add_deal, add_pipeline
from tests.pages.conftest import OpenShell


def open_trust(shell: OpenShell, actor: Actor) -> AppTest:
    at = shell(actor).run().switch_page("trust.py").run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(one.value for one in (*at.markdown, *at.caption, *at.text, *at.info))


def figures(at: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in at.metric}


def neglect(session: Session, cast: Cast) -> list[int]:
    """Insert two deals of Anna's and one of Anton's without a step, and one in order."""
    sales = add_pipeline(session)
    ids = [add_deal(session, owner, sales, due_in=None, source="site") for owner in (cast.anna, cast.anna, cast.anton)]
    add_deal(session, cast.anton, sales, source="site")
    return ids


def test_empty_base_says_what_will_stand_there(shell: OpenShell, cast: Cast) -> None:
    at = open_trust(shell, cast.vera)
    assert "#### Figures begin with the first deal" in texts(at)
    assert not at.metric


def test_sight_without_deals_has_no_score_and_says_so(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_deal(session, cast.anna, add_pipeline(session))
    at = open_trust(shell, cast.dina)
    assert figures(at)["Score"] == "—"
    told = texts(at)
    assert "There is nothing to look at in this period." in told
    assert "The first point comes after the coming night: at 1:00" in told


def test_page_tells_the_score_and_what_costs_most(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        neglect(session, cast)
    at = open_trust(shell, cast.boris)
    assert figures(at)["No next step"] == "3"
    assert "“No next step” spoils the data most: 75% of those looked at" in texts(at).replace("\\", "")
    owners = next(one.value for one in at.dataframe if "owner" in one.value.columns and "worst" in one.value.columns)
    assert list(owners["owner"]) == [cast.anna.name, cast.anton.name]
    assert owners["score"].is_monotonic_increasing
    assert owners["worst"].iloc[0] == "No next step"


def test_linters_score_stands_beside_that_of_the_data(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        neglect(session, cast)
        care = add_pipeline(session, name="Care")
        add_deal(session, cast.anna, care)
        session.add(LintRun(pipeline_id=care.id, at=utc_now(), occasion=LintOccasion.DEMAND, score=88, findings=[]))
    at = open_trust(shell, cast.vera)
    pipelines = next(one.value for one in at.dataframe if "linter_score" in one.value.columns)
    assert dict(zip(pipelines["pipeline"], pipelines["linter_score"], strict=True))["Care"] == 88


def test_figure_opens_its_deals_with_a_definition_and_a_task(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        ids = neglect(session, cast)
    at = open_trust(shell, cast.boris)
    at.button(key="figure_open_no_step").click().run()
    assert not at.exception
    told = texts(at)
    assert "Open deals without a step that lies ahead." in told
    assert at.button(key="trust_fix_plan").label == "Give the owners a task"
    assert "3 deals" in told
    assert len(ids) == 3


def test_deals_that_are_closed_get_no_task(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_closed_deal(session, cast.anna, add_pipeline(session))
    at = open_trust(shell, cast.boris)
    at.button(key="figure_open_sterile").click().run()
    assert "These deals are closed" in texts(at)
    assert not [one for one in at.button if one.key == "trust_fix_plan"]


def test_manager_sees_own_deals_only(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        neglect(session, cast)
    assert figures(open_trust(shell, cast.anna))["No next step"] == "2"


def test_notes_draw_a_line(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        neglect(session, cast)
        pipeline_id = session.scalars(select(Pipeline.id)).one()
        session.add(
            TrustDay(
                day=(utc_now() - timedelta(days=1)).date(), finding="no_step", pipeline_id=pipeline_id,
                owner_id=cast.anna.user_id, found=1, looked_at=2,
            )
        )  # fmt: skip
    at = open_trust(shell, cast.vera)
    at.query_params["period"] = "all"
    at.run()
    assert "The first point comes" not in texts(at)


def test_removals_lead_to_the_page_of_exceptions_for_heads(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        deal_id = neglect(session, cast)[0]
        session.add(DealRemoval(deal_id=deal_id, reason="Entered twice", at=utc_now()))
    links = [one.label for one in open_trust(shell, cast.boris).get("page_link")]
    assert any("1 deal was removed in this period" in one for one in links)
    links = [one.label for one in open_trust(shell, cast.anna).get("page_link")]
    assert not any("was removed" in one for one in links)
