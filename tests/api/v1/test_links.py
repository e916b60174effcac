"""Links between pipelines through the API, and what a deal tells of the one it came of."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from crm.db import Database
from crm.models import LinkKind, LinkTrigger
from crm.pipelines.link_values import ConditionOp, LinkCondition
from tests.api.v1.conftest import World
from tests.deals.linking import add_link
from tests.factories import PipelineRows, add_pipeline

LINKS = "/api/v1/links"


@pytest.fixture
def base(database: Database, world: World) -> PipelineRows:
    """Link lost deals with an amount to "Refusals"."""
    with database.session_scope() as session:
        base = add_pipeline(session, "Refusals", ["Reason checked"])
        conditions = (
            LinkCondition("amount", ConditionOp.AT_LEAST, 100),
            LinkCondition("priority", ConditionOp.IS_ONE_OF, ("hot", "warm")),
            LinkCondition("company", ConditionOp.FILLED),
        )
        add_link(session, world.pipeline, base, trigger=LinkTrigger.LOST, kind=LinkKind.RETURN, conditions=conditions,
                 copied=("source",), max_rounds=3, step_text="Ask why")  # fmt: skip
    return base


def test_links_are_listed_whole(anna: TestClient, world: World, base: PipelineRows) -> None:
    page = anna.get(LINKS).json()
    (link,) = page["items"]
    created_at, link_id = link.pop("created_at"), link.pop("id")
    assert created_at.endswith("Z")
    assert link_id > 0
    assert page["next_cursor"] is None
    assert link == {
        "version": 1, "is_active": True, "from_pipeline_id": world.pipeline.id, "trigger": "lost",
        "from_stage_id": None, "to_pipeline_id": base.id, "to_stage_id": None, "kind": "return", "copied": ["source"],
        "owner_rule": "same", "owner_id": None, "delay_seconds": 0,
        "conditions": [
            {"field": "amount", "op": "at_least", "value": 100},
            {"field": "priority", "op": "is_one_of", "value": ["hot", "warm"]},
            {"field": "company", "op": "filled", "value": None},
        ],
        "cooldown_seconds": 0, "max_rounds": 3, "skip_if_open": False, "step_kind": "call", "step_text": "Ask why",
        "step_due_seconds": 86400,
    }  # fmt: skip


def test_links_of_one_pipeline_are_told_apart(anna: TestClient, world: World, base: PipelineRows) -> None:
    assert len(anna.get(LINKS, params={"from_pipeline_id": world.pipeline.id}).json()["items"]) == 1
    assert anna.get(LINKS, params={"from_pipeline_id": base.id}).json()["items"] == []


def test_a_deal_lost_by_the_api_sets_its_link_off_and_the_new_one_tells_where_it_came_of(
    anna: TestClient, world: World, base: PipelineRows
) -> None:
    lost = anna.post(
        f"/api/v1/deals/{world.deal}/lose", json={"loss_reason_id": world.pipeline.reasons[0], "expected_version": 1}
    )
    assert lost.status_code == 200
    (child,) = anna.get("/api/v1/deals", params={"pipeline_id": base.id}).json()["items"]
    assert (child["origin_deal_id"], child["round"], child["return_source"]) == (world.deal, 1, "First sales")
    assert child["origin_link_id"] == anna.get(LINKS).json()["items"][0]["id"]
    assert child["created_channel"] == "system"
    source = anna.get(f"/api/v1/deals/{world.deal}").json()
    assert (source["origin_deal_id"], source["origin_link_id"], source["round"]) == (None, None, 1)
