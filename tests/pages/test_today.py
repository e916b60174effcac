"""Today's page: late first, each step can be done or postponed, and deals without a step stand out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from crm.db import Database
from crm.models import Priority
from tests.conftest import Cast
from tests.factories import PipelineRows, add_deal, add_pipeline
from tests.pages.conftest import OpenShell


@pytest.fixture
def pipeline(database: Database, cast: Cast) -> PipelineRows:
    with database.session_scope() as session:
        return add_pipeline(session)


def links(at: AppTest) -> list[str]:
    return [link.value.replace("\\", "") for link in at.main.get("page_link")]


def figures(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_empty_day_points_to_the_board(shell: OpenShell, cast: Cast) -> None:
    at = shell(cast.anna).run()
    assert not at.exception
    assert "Nothing is late" in at.success[0].value
    assert figures(at) == {"Overdue": "0", "Today": "0", "No next step": "0", "Later": "0"}


def test_hot_deals_lead_their_group(shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows) -> None:
    late = timedelta(days=-1)
    with database.session_scope() as session:
        warm = add_deal(session, cast.anna, pipeline, title="Warm", due_in=2 * late)
        hot = add_deal(session, cast.anna, pipeline, title="Hot", due_in=late, priority=Priority.HOT)
        bare = add_deal(session, cast.anna, pipeline, title="Bare", due_in=None)
        add_deal(session, cast.anton, pipeline, title="Hidden", due_in=late)
    at = shell(cast.anna).run()
    assert links(at) == [f"**#{hot} Hot**", f"**#{warm} Warm**", f"**#{bare} Bare**"]
    assert figures(at) == {"Overdue": "2", "Today": "0", "No next step": "1", "Later": "0"}


def test_head_looks_at_the_day_of_the_team(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows
) -> None:
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, pipeline, title="Pipe", due_in=timedelta(days=-1))
    at = shell(cast.boris).run()
    assert links(at)[:1] != [f"**#{deal_id} Pipe**"]
    at.get_by_key("day_owner").set_value(cast.anna.user_id).run()
    assert links(at) == [f"**#{deal_id} Pipe**"]
    assert cast.dina.user_id not in at.get_by_key("day_owner").options
