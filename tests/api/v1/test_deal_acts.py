"""What is done with deals through the API: moves, closing, handing over, notes, the timeline."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from crm.db import Database
from crm.models import Activity, Channel, Deal, DealStatus, Event, NextStep, RuleOverride, StageVisit, VisitOutcome
from tests import factories
from tests.api.v1.conftest import ClientOf, World, step_body
from tests.conftest import Cast, UnchangedFactory


def path(world: World, act: str) -> str:
    return f"/api/v1/deals/{world.deal}/{act}"


def test_move_saves_plans_and_moves_in_one_act(anna: TestClient, database: Database, world: World) -> None:
    body = {
        "stage_id": world.pipeline.stages[1],
        "expected_version": 1,
        "changes": {"amount_minor": 500},
        "next_step": step_body(text="Send the offer"),
    }
    answer = anna.post(path(world, "move"), json=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["stage_id"], answer.json()["amount_minor"], answer.headers["ETag"]) == (
        world.pipeline.stages[1], 500, '"2"',
    )  # fmt: skip
    with database.read_scope() as session:
        visits = session.scalars(select(StageVisit).where(StageVisit.deal_id == world.deal).order_by(StageVisit.id))
        assert [(visit.stage_id, visit.outcome) for visit in visits] == [
            (world.pipeline.stages[0], VisitOutcome.FORWARD),
            (world.pipeline.stages[1], VisitOutcome.OPEN),
        ]
        moved = session.scalars(select(Event).where(Event.kind == "deal.moved")).one()
        assert (moved.deal_id, moved.channel) == (world.deal, Channel.API)


def test_move_refuses_with_every_violation_and_changes_nothing(
    anna: TestClient, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory
) -> None:
    with database.session_scope() as session:
        bare = factories.add_deal(session, cast.anna, world.pipeline, due_in=None)
    body = {"stage_id": world.pipeline.stages[2], "expected_version": 1, "changes": {"source": "Fair"}}
    with unchanged(database):
        answer = anna.post(f"/api/v1/deals/{bare}/move", json=body)
    assert answer.status_code == 422
    told = answer.json()
    assert told["code"] == "stage_rules_broken"
    assert [(one["code"], one["field"], one["params"]) for one in told["violations"]] == [
        ("skip_not_allowed", "stage", {"stage": "Need found"}),
        ("next_step_missing", "next_step", {}),
    ]
    assert told["violations"][0]["message"] == "No skipping: the next stage is “Need found”."


def test_late_move_is_told_the_present_version(anna: TestClient, world: World) -> None:
    body = {"stage_id": world.pipeline.stages[1], "expected_version": 1}
    assert anna.post(path(world, "move"), json=body).status_code == 200
    late = anna.post(path(world, "move"), json=body)
    assert (late.status_code, late.json()["code"], late.json()["current_version"]) == (409, "deal_moved_meanwhile", 2)


def test_head_passes_a_rule_with_a_reason_and_a_manager_does_not(
    anna: TestClient, client_of: ClientOf, database: Database, cast: Cast, world: World
) -> None:
    body = {"stage_id": world.pipeline.stages[2], "expected_version": 1, "override_reason": "Came back with an order"}
    refused = anna.post(path(world, "move"), json=body)
    assert [(one["code"], one["field"]) for one in refused.json()["violations"]] == [
        ("skip_not_allowed", "stage"),
        ("override_not_allowed", "override_reason"),
    ]
    answer = client_of(cast.boris).post(path(world, "move"), json=body)
    assert (answer.status_code, answer.json()["stage_id"]) == (200, world.pipeline.stages[2])
    with database.read_scope() as session:
        assert session.scalars(select(RuleOverride.rules)).one() == ["skip_not_allowed"]


def test_win_closes_from_the_last_stage(anna: TestClient, database: Database, cast: Cast, world: World) -> None:
    with database.session_scope() as session:
        deal = factories.add_deal(session, cast.anna, world.pipeline, stage=3, amount_minor=None)
    refused = anna.post(f"/api/v1/deals/{deal}/win", json={"expected_version": 1})
    assert [one["code"] for one in refused.json()["violations"]] == ["amount_not_positive"]
    answer = anna.post(f"/api/v1/deals/{deal}/win", json={"expected_version": 1, "changes": {"amount_minor": 1}})
    assert (answer.status_code, answer.json()["status"], answer.json()["stage_id"]) == (200, "won", world.pipeline.won)
    with database.read_scope() as session:
        assert session.get_one(Deal, deal).status is DealStatus.WON


def test_lose_wants_a_reason_and_its_note(anna: TestClient, database: Database, world: World) -> None:
    def lose(**values: Any) -> Any:
        return anna.post(path(world, "lose"), json={"expected_version": 1, **values})

    assert [one["code"] for one in lose().json()["violations"]] == ["loss_reason_missing"]
    assert [one["code"] for one in lose(loss_reason_id=world.pipeline.reasons[1]).json()["violations"]] == [
        "loss_note_missing"
    ]
    answer = lose(loss_reason_id=world.pipeline.reasons[1], loss_note="Bought elsewhere")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["status"], told["loss_reason_id"], told["loss_note"], told["next_due_at"]) == (
        "lost", world.pipeline.reasons[1], "Bought elsewhere", None,
    )  # fmt: skip
    with database.read_scope() as session:
        step = session.get_one(NextStep, world.step)
        assert step.done_at is not None


def test_reassign_is_for_heads(
    anna: TestClient, client_of: ClientOf, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory
) -> None:
    body = {"owner_id": cast.anton.user_id, "expected_version": 1}
    with unchanged(database):
        refused = anna.post(path(world, "reassign"), json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    answer = client_of(cast.boris).post(path(world, "reassign"), json=body)
    assert (answer.status_code, answer.json()["owner_id"]) == (200, cast.anton.user_id)
    assert anna.get(f"/api/v1/deals/{world.deal}").status_code == 404


@pytest.mark.parametrize("direction", ["in", None])
def test_activity_is_written_down_and_shown(
    anna: TestClient, database: Database, world: World, direction: str | None
) -> None:
    body = {"kind": "call", "text": "Line one\nline two", "direction": direction}
    answer = anna.post(path(world, "activities"), json=body)
    assert answer.status_code == 201, answer.text
    with database.read_scope() as session:
        assert session.get_one(Activity, answer.json()["id"]).text == "Line one\nline two"
    newest = anna.get(path(world, "timeline")).json()["items"][0]
    assert (newest["activity_kind"], newest["direction"], newest["text"], newest["author"]) == (
        "call", direction, "Line one\nline two", "Anna",
    )  # fmt: skip


def test_timeline_pages_hold_every_item_once(anna: TestClient, world: World) -> None:
    for number in range(7):
        anna.post(path(world, "activities"), json={"kind": "note", "text": f"Note {number}"})
    anna.patch(f"/api/v1/deals/{world.deal}", json={"expected_version": 1, "source": "Fair"})
    whole = anna.get(path(world, "timeline")).json()["items"]
    assert len(whole) == 8
    keys: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = anna.get(path(world, "timeline"), params={"limit": 3} | cursor).json()
        keys += [item["key"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert keys == [item["key"] for item in whole]
