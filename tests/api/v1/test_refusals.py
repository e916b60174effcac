"""Refusals that come from around the endpoints: no such path, no such method, a broken program, a busy database."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from crm.api.v1 import deals
from crm.db import Database, use_database
from tests.api.v1.conftest import ADDRESS, World, guarded, new_key
from tests.conftest import Cast

SHAPE = {"code", "message", "violations"}


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/api/v1/", "/api/v1/deals/", "/api/v1/deals/1/2", "/api/v1//deals"]
)
def test_unknown_path_is_not_found(anna: TestClient, path: str) -> None:
    answer = anna.get(path, follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert set(answer.json()) == SHAPE


METHODS = {
    "/api/v1/deals": "GET, POST",
    "/api/v1/deals/1": "GET, PATCH",
    "/api/v1/deals/1/move": "POST",
    "/api/v1/users/me": "GET",
}


def test_method_that_a_path_does_not_know_is_told_the_ones_it_knows(anna: TestClient) -> None:
    for path, methods in METHODS.items():
        for method in ("DELETE", "PUT", "TRACE", "OPTIONS"):
            answer = anna.request(method, path)
            assert (path, answer.status_code, answer.headers.get("Allow")) == (path, 405, methods)
            assert answer.json()["code"] == "method_not_allowed"


def test_broken_program_tells_a_number_and_nothing_else(
    database: Database, cast: Cast, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: Any, **_named: Any) -> None:
        raise ValueError("secret of the program")

    monkeypatch.setattr(deals, "list_deals", broken)
    token = new_key(database, cast.anna)
    client = TestClient(guarded, ADDRESS, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)
    with caplog.at_level(logging.ERROR):
        answer = client.get("/api/v1/deals")
    assert (answer.status_code, answer.json()["code"], set(answer.json())) == (500, "broken", SHAPE)
    assert "secret" not in answer.text
    number = answer.json()["message"].split()[-1]
    assert any(number in record.getMessage() for record in caplog.records)
    assert token not in caplog.text


def test_locked_database_is_told_with_the_time_to_wait(
    database: Database, database_url: str, anna: TestClient, world: World
) -> None:
    impatient = Database(database_url, busy_timeout_seconds=1)
    note = {"kind": "note", "text": "x"}
    use_database(impatient)
    try:
        with database.write_engine.connect() as holder:
            holder.execute(text("UPDATE deals SET title = title"))
            answer = anna.post(f"/api/v1/deals/{world.deal}/activities", json=note)
            reading = anna.get(f"/api/v1/deals/{world.deal}")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert set(answer.json()) == SHAPE
        assert reading.status_code == 200
        assert anna.post(f"/api/v1/deals/{world.deal}/activities", json=note).status_code == 201
    finally:
        use_database(database)
        impatient.close()


def test_body_past_the_limit_is_too_large(anna: TestClient, world: World) -> None:
    answer = anna.post(f"/api/v1/deals/{world.deal}/activities", json={"kind": "note", "text": "x" * 1_100_000})
    assert (answer.status_code, answer.json()["code"], set(answer.json())) == (413, "body_too_large", SHAPE)


def test_answers_are_json_and_are_kept_by_nobody(anna: TestClient, world: World) -> None:
    for path in ("deals", f"deals/{world.deal}", "nothing", "deals?x=1"):
        answer = anna.get(f"/api/v1/{path}")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers
