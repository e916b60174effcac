"""The board's page: columns, filters and the way to a first pipeline; drags are tested in a browser."""

from __future__ import annotations

from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from crm.db import Database
from crm.models import Deal, Pipeline, Role, StageTransition
from crm.ui import device
from tests.conftest import Cast
from tests.factories import PipelineRows, add_deal, add_pipeline
from tests.pages.conftest import OpenShell

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile"


@pytest.fixture
def pipeline(database: Database, cast: Cast) -> PipelineRows:
    with database.session_scope() as session:
        return add_pipeline(session)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "user_agent", lambda: PHONE)


def board(shell: OpenShell, who: object) -> AppTest:
    return shell(who).run().switch_page("board.py").run()  # type: ignore[arg-type]


def links(at: AppTest) -> list[str]:
    return [link.value.replace("\\", "") for link in at.main.get("page_link")]


def test_board_without_a_pipeline_says_what_to_do(shell: OpenShell, cast: Cast) -> None:
    at = board(shell, cast.vera)
    assert not at.exception
    assert [info.value for info in at.info] == ["There is no pipeline yet: deals need one to stand in."]


def test_phone_lists_visible_deals_only(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows, phone: None
) -> None:
    with database.session_scope() as session:
        own = add_deal(session, cast.anna, pipeline, title="Pipe")
        add_deal(session, cast.anton, pipeline, title="Beam")
    at = board(shell, cast.anna)
    assert not at.exception
    assert links(at) == [f"**#{own} Pipe**"]


def test_phone_moves_a_deal_to_the_next_stage(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows, phone: None
) -> None:
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, pipeline)
    at = board(shell, cast.anna)
    at.get_by_key(f"list_next_{deal_id}").click().run()
    assert not at.exception
    with database.read_scope() as session:
        assert session.get_one(Deal, deal_id).stage_id == pipeline.stages[1]


def test_filter_by_next_step_and_text_narrows_the_list(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows, phone: None
) -> None:
    with database.session_scope() as session:
        late = add_deal(session, cast.anna, pipeline, title="Pipe", due_in=-timedelta(days=1))
        add_deal(session, cast.anna, pipeline, title="Beam", due_in=timedelta(days=5))
    at = board(shell, cast.anna)
    assert len(links(at)) == 2
    at.get_by_key("board_states").set_value(["overdue"]).run()
    assert links(at) == [f"**#{late} Pipe**"]


def test_phone_greys_out_a_move_that_the_role_may_not_make_and_says_why(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows, phone: None
) -> None:
    start, end, *_rest = pipeline.stages
    with database.session_scope() as session:
        session.add(StageTransition(role=Role.MANAGER, from_stage_id=start, to_stage_id=end, is_allowed=False))
        deal_id = add_deal(session, cast.anna, pipeline)
    at = board(shell, cast.anna)
    assert at.get_by_key(f"list_next_{deal_id}").disabled
    assert any("Your role does not move deals" in caption.value for caption in at.caption)
    assert not board(shell, cast.boris).get_by_key(f"list_next_{deal_id}").disabled


def test_refusal_of_a_chosen_move_stands_beside_the_choice(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows
) -> None:
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, pipeline)
    at = board(shell, cast.anna)
    at.get_by_key("move_to_deal").set_value(deal_id).run()
    at.get_by_key("move_to_stage").set_value(pipeline.stages[2]).run()
    at.get_by_key("move_to_go").click().run()
    assert [error.value.replace("\\", "") for error in at.error] == [
        "The deal can't go there yet. No skipping: the next stage is “Need found”."
    ]
    assert (at.get_by_key("move_to_deal").value, at.get_by_key("move_to_stage").value) == (deal_id, pipeline.stages[2])
    at.get_by_key("move_to_stage").set_value(pipeline.stages[1]).run()
    assert not at.error


def test_who_may_not_create_deals_is_told_who_does(
    shell: OpenShell, cast: Cast, database: Database, pipeline: PipelineRows
) -> None:
    assert not board(shell, cast.anna).get_by_key("new_deal").disabled
    with database.session_scope() as session:
        session.get_one(Pipeline, pipeline.id).creation_roles = [Role.HEAD.value]
    button = board(shell, cast.anna).get_by_key("new_deal")
    assert button.disabled
    assert "By hand they are made by: Head of sales" in button.help.replace("\\", "")
    assert not board(shell, cast.boris).get_by_key("new_deal").disabled
