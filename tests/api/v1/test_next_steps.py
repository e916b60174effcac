"""Next steps through the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from starlette.testclient import TestClient

from crm.clock import utc_now
from crm.db import Database
from crm.models import Deal, NextStep, StepResult
from tests import factories
from tests.api.v1.conftest import ClientOf, World, step_body
from tests.conftest import Cast, UnchangedFactory

STEPS = "/api/v1/next-steps"


def due(**away: float) -> str:
    return (utc_now() + timedelta(**away)).isoformat().replace("+00:00", "Z")


def test_list_is_mine_by_due_date_unless_another_is_asked_for(
    anna: TestClient, client_of: ClientOf, database: Database, cast: Cast, world: World
) -> None:
    with database.session_scope() as session:
        deals = [
            factories.add_deal(session, owner, world.pipeline, due_in=timedelta(days=days))
            for owner, days in ((cast.anna, -3), (cast.anna, 5), (cast.anton, 2))
        ]
        steps = [session.scalars(select(NextStep.id).where(NextStep.deal_id == deal)).one() for deal in deals]
    boris = client_of(cast.boris)

    def ids(client: TestClient, **query: Any) -> list[int]:
        return [step["id"] for step in client.get(STEPS, params=query).json()["items"]]

    assert ids(anna) == [steps[0], world.step, steps[1]]
    assert ids(anna, due_to=due()) == [steps[0]]
    assert ids(anna, due_from=due(days=3)) == [steps[1]]
    assert ids(anna, deal_id=deals[1]) == [steps[1]]
    assert ids(anna, owner_id=cast.anton.user_id) == []
    assert ids(anna, deal_id=deals[2]) == []
    assert ids(boris) == []
    assert ids(boris, owner_id=cast.anton.user_id) == [steps[2]]
    page = anna.get(STEPS, params={"limit": 2}).json()
    rest = anna.get(STEPS, params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [step["id"] for step in page["items"] + rest["items"]] == [steps[0], world.step, steps[1]]
    assert rest["next_cursor"] is None


def test_plan_adds_a_step_and_moves_the_nearest_date(anna: TestClient, database: Database, world: World) -> None:
    soon = due(hours=2)
    answer = anna.post(STEPS, json=step_body(deal_id=world.deal, due_at=soon, kind="meeting"))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert (told["kind"], told["due_at"], told["done_at"]) == ("meeting", soon, None)
    assert answer.headers["Location"] == f"{STEPS}/{told['id']}"
    assert anna.get(f"{STEPS}/{told['id']}").json() == told
    assert anna.get(f"/api/v1/deals/{world.deal}").json()["next_due_at"] == soon


def test_complete_wants_a_following_step(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    path = f"{STEPS}/{world.step}/complete"
    with unchanged(database):
        refused = anna.post(path, json={"result": "reached"})
    assert [one["code"] for one in refused.json()["violations"]] == ["step_is_last"]
    answer = anna.post(path, json={"result": "reached", "text": "Wants an offer", "following": step_body()})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["completed"]["result"], told["completed"]["result_text"]) == ("reached", "Wants an offer")
    assert told["following"]["deal_id"] == world.deal
    with database.read_scope() as session:
        assert session.get_one(NextStep, world.step).result is StepResult.REACHED
    again = anna.post(path, json={"result": "done"})
    assert [one["code"] for one in again.json()["violations"]] == ["step_closed"]


def test_postpone_checks_date_and_version(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    path = f"{STEPS}/{world.step}/postpone"
    with unchanged(database):
        past = anna.post(path, json={"due_at": due(days=-1), "expected_version": 1})
        unversioned = anna.post(path, json={"due_at": due(days=4)})
        stale = anna.post(path, json={"due_at": due(days=4), "expected_version": 3})
    assert [one["code"] for one in past.json()["violations"]] == ["next_step_past"]
    assert [one["code"] for one in unversioned.json()["violations"]] == ["value_required"]
    assert (stale.status_code, stale.json()["code"], stale.json()["current_version"]) == (409, "changed_meanwhile", 1)
    later = due(days=4)
    answer = anna.post(path, json={"due_at": later, "expected_version": 1})
    assert (answer.status_code, answer.json()["due_at"], answer.json()["version"]) == (200, later, 2)
    with database.read_scope() as session:
        assert session.get_one(Deal, world.deal).next_due_at == session.get_one(NextStep, world.step).due_at


def test_times_in_any_zone_mean_the_same_instant(anna: TestClient, world: World) -> None:
    answer = anna.post(
        f"{STEPS}/{world.step}/postpone", json={"due_at": "2027-03-01T12:00:00.75+03:00", "expected_version": 1}
    )
    assert answer.json()["due_at"] == "2027-03-01T09:00:00Z"
