"""Objections through the API."""

from __future__ import annotations

from starlette.testclient import TestClient

from crm.db import Database
from tests.api.v1.conftest import ClientOf, World
from tests.conftest import Cast, UnchangedFactory

OBJECTIONS = "/api/v1/objections"


def test_objection_is_written_down_edited_and_settled(anna: TestClient, world: World) -> None:
    of_deal = f"/api/v1/deals/{world.deal}/objections"
    answer = anna.post(of_deal, json={"text": "Too dear", "kind": "real", "buys_if": "5 % off"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["Location"] == f"{OBJECTIONS}/{made['id']}"
    assert (made["stage_id"], made["outcome"], made["version"]) == (world.pipeline.stages[0], "open", 1)
    path = f"{OBJECTIONS}/{made['id']}"
    edited = anna.put(path, json={"text": "Far too dear", "expected_version": 1}).json()
    assert (edited["text"], edited["kind"], edited["buys_if"]) == ("Far too dear", "unknown", None)
    settled = anna.post(f"{path}/settle", json={"outcome": "overcome", "note": "Tests"}, headers={"If-Match": '"2"'})
    assert settled.status_code == 200, settled.text
    assert anna.get(path).json() == settled.json()
    # The one said before stands first: it is not settled.
    assert anna.get(of_deal).json()["items"][1:] == [settled.json()]


def test_later_writer_is_told(anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory) -> None:
    made = anna.post(f"/api/v1/deals/{world.deal}/objections", json={"text": "Slow"}).json()
    path = f"{OBJECTIONS}/{made['id']}"
    anna.put(path, json={"text": "Very slow", "expected_version": 1})
    with unchanged(database):
        late = anna.post(f"{path}/settle", json={"outcome": "overcome", "expected_version": 1})
        blank = anna.put(path, json={"text": " ", "expected_version": 2})
    assert (late.status_code, late.json()["code"]) == (409, "changed_meanwhile")
    assert [one["code"] for one in blank.json()["violations"]] == ["value_required"]


def test_colleague_finds_no_objection(anna: TestClient, client_of: ClientOf, cast: Cast, world: World) -> None:
    made = anna.post(f"/api/v1/deals/{world.deal}/objections", json={"text": "Slow"}).json()
    dina = client_of(cast.dina)
    assert dina.get(f"{OBJECTIONS}/{made['id']}").status_code == 404
    assert dina.get(f"/api/v1/deals/{world.deal}/objections").status_code == 404
