"""The tabs of links and of the map, and the chain on the pages of deals and clients."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from crm.clock import utc_now
from crm.db import Database
from crm.models import Deal, LinkRun, LinkRunStatus, LinkTrigger
from crm.pipelines.links import list_links
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, lose, only_child, runs
from tests.factories import PipelineRows, add_company, add_deal, add_pipeline
from tests.pages.conftest import OpenShell


@pytest.fixture
def pipelines(database: Database, cast: Cast) -> tuple[PipelineRows, PipelineRows]:
    with database.session_scope() as session:
        return add_pipeline(session), add_pipeline(session, "Refusals", ["Reason checked"])


def tab(shell: OpenShell, cast: Cast, name: str) -> AppTest:
    at = shell(cast.vera).run().switch_page("pipelines.py").run()
    at.session_state["pipeline_tabs"] = name
    return at.run()


def drawn(at: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*at.markdown, *at.caption, *at.info)).replace("\\", "")


def test_links_tab_teaches_while_there_is_none(
    shell: OpenShell, cast: Cast, pipelines: tuple[PipelineRows, PipelineRows]
) -> None:
    at = tab(shell, cast, "Links")
    assert not at.exception
    assert "Nothing follows from deals of this pipeline yet." in drawn(at)


def test_links_tab_lists_links_in_sentences_and_switches_them_off(
    shell: OpenShell, cast: Cast, database: Database, pipelines: tuple[PipelineRows, PipelineRows]
) -> None:
    with database.session_scope() as session:
        used = add_link(session, *pipelines, trigger=LinkTrigger.LOST)
        unused = add_link(session, *pipelines)
        back = add_link(session, *pipelines[::-1], max_rounds=2)
        deal_id = add_deal(session, cast.anna, pipelines[0])
        lose(session, cast.anna, deal_id, pipelines[0])
    at = tab(shell, cast, "Links")
    assert not at.exception
    shown = drawn(at)
    assert "Lost in “First sales” → **new deal in “Refusals”**, first stage" in shown
    assert "Deals come here from" in shown
    assert "Won in “Refusals” → **new deal in “First sales”**, first stage" in shown
    assert at.get_by_key(f"link_firings_{used}").label == "Fired 1 time"
    keys = {one.key for one in at.button}
    assert f"link_delete_{used}" not in keys
    assert f"edit_link_{back}" not in keys
    at.get_by_key(f"link_delete_{unused}").click().run()
    at.get_by_key(f"link_off_{used}").click().run()
    with database.read_scope() as session:
        assert [(one.id, one.plan.is_active) for one in list_links(session)] == [(used, False), (back, True)]
    at.get_by_key(f"link_on_{used}").click().run()
    with database.read_scope() as session:
        assert [(one.id, one.plan.is_active) for one in list_links(session)] == [(used, True), (back, True)]


def test_map_tab_is_drawn_with_the_oddest_names(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        one = add_pipeline(session, "\"Q\" <script>alert('x')</script> & 🚀", ["<b>1</b>", "\\ ` $x$"])
        two = add_pipeline(session, "Ы" * 200)
        add_link(session, one, two)
    at = tab(shell, cast, "Map")
    assert not at.exception


def opened(shell: OpenShell, who: object, deal_id: int) -> AppTest:
    at = shell(who)  # type: ignore[arg-type]
    at.query_params["deal"] = str(deal_id)
    at.run()
    at.switch_page("deal.py")
    at.query_params["deal"] = str(deal_id)
    return at.run()


def test_deal_page_shows_the_chain_and_the_timeline_leads_on(
    shell: OpenShell, cast: Cast, database: Database, pipelines: tuple[PipelineRows, PipelineRows]
) -> None:
    with database.session_scope() as session:
        add_link(session, *pipelines, trigger=LinkTrigger.LOST)
        deal_id = add_deal(session, cast.anna, pipelines[0])
        lose(session, cast.anna, deal_id, pipelines[0])
        child_id = only_child(session, deal_id).id
    at = opened(shell, cast.anna, child_id)
    assert not at.exception
    shown = drawn(at)
    assert "Chain" in shown
    assert f"**#{child_id}** Refusals" in shown
    assert f"Came from deal #{deal_id} of “First sales”: Lost: Price" in shown


def test_deal_that_stands_alone_shows_no_chain(
    shell: OpenShell, cast: Cast, database: Database, pipelines: tuple[PipelineRows, PipelineRows]
) -> None:
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, pipelines[0])
    assert "Chain" not in drawn(opened(shell, cast.anna, deal_id))


def test_a_waiting_return_is_put_off_and_called_off_on_the_page_of_its_deal(
    shell: OpenShell, cast: Cast, database: Database, pipelines: tuple[PipelineRows, PipelineRows]
) -> None:
    with database.session_scope() as session:
        add_link(session, *pipelines, trigger=LinkTrigger.LOST, delay_seconds=90 * DAY_SECONDS)
        deal_id = add_deal(session, cast.anna, pipelines[0])
        lose(session, cast.anna, deal_id, pipelines[0])
        (run,) = runs(session)
    at = opened(shell, cast.anna, deal_id)
    assert "New deal in “Refusals” on" in drawn(at)
    day = (utc_now() + timedelta(days=120)).date()
    at.get_by_key(f"coming_{run.id}_day").set_value(day).run()
    at.get_by_key(f"coming_{run.id}_save").click().run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.get_one(LinkRun, run.id).due_at.date() == day
    at.get_by_key(f"coming_{run.id}_cancel").click().run()
    with database.read_scope() as session:
        assert session.get_one(LinkRun, run.id).status is LinkRunStatus.SKIPPED
    assert "New deal in “Refusals” on" not in drawn(at)


def test_client_page_shows_deals_of_one_chain_together(
    shell: OpenShell, cast: Cast, database: Database, pipelines: tuple[PipelineRows, PipelineRows]
) -> None:
    with database.session_scope() as session:
        add_link(session, *pipelines, trigger=LinkTrigger.LOST)
        company_id = add_company(session, cast.anna)
        deal_id = add_deal(session, cast.anna, pipelines[0], company_id=company_id)
        add_deal(session, cast.anna, pipelines[0], company_id=company_id)
        lose(session, cast.anna, deal_id, pipelines[0])
        assert len(session.scalars(select(Deal.id)).all()) == 3
    at = shell(cast.anna)
    at.query_params["company"] = str(company_id)
    at.run()
    at.switch_page("clients.py")
    at.query_params["company"] = str(company_id)
    at.run()
    assert not at.exception
    assert drawn(at).count("Chain of deals, the newest first") == 1
