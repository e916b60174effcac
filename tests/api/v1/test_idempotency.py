"""A request sent twice under one Idempotency-Key is done once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from crm.api.v1 import idempotency
from crm.clock import utc_now
from crm.db import Database
from crm.models import Activity, ApiKey, Deal, Event, IdempotentWrite
from tests import factories
from tests.api.v1.conftest import ADDRESS, ClientOf, World, guarded, new_key, step_body
from tests.conftest import Cast, UnchangedFactory

KEY = {"Idempotency-Key": "order-4711"}


def new_deal(world: World, **values: Any) -> dict[str, Any]:
    return {"pipeline_id": world.pipeline.id, "title": "New", "next_step": step_body(), **values}


def counts(database: Database) -> tuple[int, ...]:
    with database.read_scope() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) or 0 for table in (Deal, Activity, Event))


def test_repeat_gets_the_first_answer_and_changes_nothing(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    body = new_deal(world)
    first = anna.post("/api/v1/deals", json=body, headers=KEY)
    assert (first.status_code, first.headers.get("Idempotent-Replay")) == (201, None)
    assert (
        anna.patch(f"/api/v1/deals/{first.json()['id']}", json={"expected_version": 1, "source": "x"}).status_code
        == 200
    )
    with unchanged(database):
        second = anna.post("/api/v1/deals", json=body, headers=KEY)
    assert (second.status_code, second.json(), second.headers["Idempotent-Replay"]) == (201, first.json(), "true")
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["ETag"] == first.headers["ETag"]


def test_a_late_answer_to_a_move_is_the_same_and_no_conflict(anna: TestClient, world: World) -> None:
    path, body = f"/api/v1/deals/{world.deal}/move", {"stage_id": world.pipeline.stages[1], "expected_version": 1}
    first = anna.post(path, json=body, headers=KEY)
    second = anna.post(path, json=body, headers=KEY)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.json() == first.json()
    assert anna.post(path, json=body).status_code == 409


def test_another_request_under_the_key_is_refused(
    anna: TestClient, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory
) -> None:
    with database.session_scope() as session:
        other = factories.add_deal(session, cast.anna, world.pipeline)
    move = {"stage_id": world.pipeline.stages[1]}
    path = f"/api/v1/deals/{world.deal}/move"
    assert anna.post(path, json=move, headers=KEY | {"If-Match": '"1"'}).status_code == 200
    with unchanged(database):
        for what, answer in {
            "path": anna.post(f"/api/v1/deals/{other}/move", json=move, headers=KEY | {"If-Match": '"1"'}),
            "version": anna.post(path, json=move, headers=KEY | {"If-Match": '"2"'}),
            "body": anna.post(path, json=move | {"changes": {}}, headers=KEY | {"If-Match": '"1"'}),
        }.items():
            assert (what, answer.status_code, answer.json()["code"]) == (what, 422, "idempotency_mismatch")
            assert [one["code"] for one in answer.json()["violations"]] == ["idempotency_mismatch"]


def test_refused_request_does_not_spend_the_key(anna: TestClient, database: Database, world: World) -> None:
    assert anna.post("/api/v1/deals", json=new_deal(world, currency="x"), headers=KEY).status_code == 422
    with database.read_scope() as session:
        assert session.scalars(select(IdempotentWrite.id)).all() == []
    assert anna.post("/api/v1/deals", json=new_deal(world), headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 201, "naïve"])
def test_unfit_key_is_refused(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory, key: str
) -> None:
    with unchanged(database):
        answer = anna.post("/api/v1/deals", json=new_deal(world), headers={"Idempotency-Key": key.encode("latin-1")})
    assert (answer.status_code, answer.json()["violations"][0]["code"]) == (422, "idempotency_key_invalid")


def test_twenty_at_once_write_one_deal(database: Database, cast: Cast, world: World) -> None:
    token = new_key(database, cast.anna)
    body = new_deal(world)
    before = counts(database)

    def send(_number: int) -> Any:
        # A client of its own: they share nothing but the database.
        client = TestClient(guarded, ADDRESS, headers={"Authorization": f"Bearer {token}"} | KEY)
        return client.post("/api/v1/deals", json=body)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(send, range(20)))
    assert {answer.status_code for answer in answers} == {201}, {answer.text for answer in answers}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.headers.get("Idempotent-Replay", "") for answer in answers) == [""] + ["true"] * 19
    assert counts(database) == (before[0] + 1, before[1], before[2] + 2)


def test_twenty_moves_at_once_without_a_key_move_once(client_of: ClientOf, cast: Cast, world: World) -> None:
    client = client_of(cast.anna)
    body = {"stage_id": world.pipeline.stages[1], "expected_version": 1}
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post(f"/api/v1/deals/{world.deal}/move", json=body), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


def test_old_answers_are_forgotten(
    anna: TestClient, database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, note = f"/api/v1/deals/{world.deal}/activities", {"kind": "note", "text": "one"}
    anna.post(path, json=note, headers=KEY)
    anna.post(path, json=note, headers={"Idempotency-Key": "fresh"})
    with database.session_scope() as session:
        session.execute(
            update(IdempotentWrite)
            .where(IdempotentWrite.idempotency_key == KEY["Idempotency-Key"])
            .values(created_at=utc_now() - timedelta(hours=25))
        )
    monkeypatch.setattr(idempotency, "_swept_at", float("-inf"))
    assert "Idempotent-Replay" not in anna.post(path, json=note, headers=KEY).headers
    with database.read_scope() as session:
        kept = session.scalars(select(IdempotentWrite.idempotency_key).order_by(IdempotentWrite.id)).all()
    assert sorted(kept) == ["fresh", KEY["Idempotency-Key"]]
    assert anna.post(path, json=note, headers=KEY).headers["Idempotent-Replay"] == "true"


def test_kept_answers_go_with_their_key(anna: TestClient, database: Database, cast: Cast, world: World) -> None:
    anna.post("/api/v1/companies", json={"name": "New"}, headers=KEY)
    with database.session_scope() as session:
        session.delete(session.scalars(select(ApiKey)).one())
        session.flush()
        assert session.scalars(select(IdempotentWrite.id)).all() == []
