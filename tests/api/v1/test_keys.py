"""Keys: who gets in, with which scope, how often, and in which language refusals are told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from crm.api.v1.rate_limit import MAX_BUCKETS, RateLimit
from crm.auth.api_keys import revoke_api_key
from crm.clock import utc_now
from crm.db import Database
from crm.models import ApiKey, User
from crm.settings import get_settings
from tests.api.v1.conftest import ADDRESS, ClientOf, World, guarded, new_key
from tests.conftest import Cast, UnchangedFactory

ME = "/api/v1/users/me"


@pytest.fixture
def nobody(database: Database, cast: Cast) -> TestClient:
    return TestClient(guarded, ADDRESS)


NO_KEYS = (None, "", "Bearer", "Bearer ", "Bearer vk_nope", "Basic dms6", "vk_", "Bearer " + "x" * 5000)
PLACES = (("GET", ME), ("POST", "/api/v1/deals"), ("GET", "/api/v1/nothing"), ("TRACE", "/api/v1/deals"))


def test_without_a_living_key_nothing_answers(nobody: TestClient) -> None:
    for header in NO_KEYS:
        for method, path in PLACES:
            answer = nobody.request(method, path, headers={} if header is None else {"Authorization": header})
            assert (header, path, answer.status_code) == (header, path, 401)
            assert (answer.json()["code"], answer.headers["WWW-Authenticate"]) == ("unauthenticated", "Bearer")
            assert set(answer.json()) == {"code", "message", "violations"}


def test_key_is_dead_the_moment_it_is_revoked(client_of: ClientOf, database: Database, cast: Cast) -> None:
    client = client_of(cast.anna)
    assert client.get(ME).status_code == 200
    with database.session_scope() as session:
        revoke_api_key(session, cast.anna, session.scalars(select(ApiKey.id)).one(), now=utc_now())
    assert client.get(ME).status_code == 401


def test_expired_key_and_switched_off_owner_get_nothing(client_of: ClientOf, database: Database, cast: Cast) -> None:
    anna, anton = client_of(cast.anna), client_of(cast.anton)
    with database.session_scope() as session:
        session.execute(
            update(ApiKey)
            .where(ApiKey.user_id == cast.anna.user_id)
            .values(expires_at=utc_now() - timedelta(seconds=1))
        )
        session.execute(update(User).where(User.id == cast.anton.user_id).values(is_active=False))
    assert (anna.get(ME).status_code, anton.get(ME).status_code) == (401, 401)


def test_rights_are_those_of_the_owner_now_and_not_when_the_key_was_made(
    client_of: ClientOf, database: Database, cast: Cast, world: World
) -> None:
    client = client_of(cast.anton)
    assert client.get(f"/api/v1/deals/{world.deal}").status_code == 404
    with database.session_scope() as session:
        session.execute(update(User).where(User.id == cast.anton.user_id).values(role="head"))
    assert client.get(f"/api/v1/deals/{world.deal}").status_code == 200


def test_scopes_are_kept(
    client_of: ClientOf, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory
) -> None:
    reader, writer = client_of(cast.anna, scopes=("read",)), client_of(cast.anna, scopes=("write",))
    note = {"kind": "note", "text": "x"}
    with unchanged(database):
        refused = reader.post(f"/api/v1/deals/{world.deal}/activities", json=note)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert reader.get(ME).status_code == 200
    assert writer.get(ME).status_code == 403
    assert writer.post(f"/api/v1/deals/{world.deal}/activities", json=note).status_code == 201


def test_a_session_cookie_opens_nothing(nobody: TestClient, database: Database, cast: Cast) -> None:
    from crm.auth.sessions import cookie_name, create_session

    with database.session_scope() as session:
        token = create_session(session, cast.vera.user_id or 0, address="", user_agent="", now=utc_now())
    nobody.cookies.set(cookie_name(), token)
    assert nobody.get(ME).status_code == 401
    assert nobody.get("/api/openapi.json").status_code == 200


def test_spent_rate_is_told_with_the_time_to_wait(
    client_of: ClientOf, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, anton = client_of(cast.anna), client_of(cast.anton)
    monkeypatch.setenv("CRM_API_REQUESTS_PER_MINUTE", "3")
    get_settings.cache_clear()
    answers = [anna.get("/api/v1/nothing" if number == 1 else ME) for number in range(5)]
    assert [answer.status_code for answer in answers] == [200, 404, 200, 429, 429]
    assert answers[3].json()["code"] == "too_many_requests"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 20
    assert anton.get(ME).status_code == 200


def test_bucket_refills_evenly_and_holds_a_minute() -> None:
    limit = RateLimit()
    assert [limit.take(1, 2, now) for now in (0, 0, 0, 29, 30, 30)] == [0, 0, 30, 1, 0, 30]
    assert [limit.take(1, 2, now) for now in (10_000, 10_000, 10_000)] == [0, 0, 30]
    assert limit.take(2, 2, 10_000) == 0


def test_buckets_do_not_grow_for_ever() -> None:
    limit = RateLimit()
    for key_id in range(MAX_BUCKETS + 10):
        limit.take(key_id, 1, 0)
    assert len(limit._buckets) == MAX_BUCKETS
    assert limit.take(MAX_BUCKETS + 9, 1, 0) > 0


def test_refusals_speak_the_language_asked_for_else_the_owners(
    client_of: ClientOf, database: Database, cast: Cast
) -> None:
    with database.session_scope() as session:
        session.execute(update(User).where(User.id == cast.anton.user_id).values(language="ru"))
    from crm.i18n import reader
    from crm.i18n.texts import sentence

    with reader("ru"):
        russian = sentence("not_found", {})
    anna, anton = client_of(cast.anna), client_of(cast.anton)

    def message(client: TestClient, **headers: str) -> str:
        return client.get(
            "/api/v1/deals/5", headers={name.replace("_", "-"): text for name, text in headers.items()}
        ).json()["message"]

    assert message(anton) == message(anna, accept_language="ru-RU,ru;q=0.9,en;q=0.5") == russian
    assert message(anna) == message(anton, accept_language="en") == message(anna, accept_language="fi, *;q=0.1")


def test_use_of_a_key_is_written_down(client_of: ClientOf, database: Database, cast: Cast) -> None:
    token = new_key(database, cast.anna)
    TestClient(guarded, ADDRESS, headers={"Authorization": f"bearer {token}"}).get(ME)
    with database.read_scope() as session:
        used_at = session.scalars(select(ApiKey.last_used_at)).one()
    assert used_at is not None
    assert utc_now() - used_at < timedelta(seconds=30)
