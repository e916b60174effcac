"""The description of the API: who may read it, and that it is whole, ours and plain."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from crm.api.app import api
from crm.api.description import operations
from crm.auth.sessions import cookie_name, create_session
from crm.clock import utc_now
from crm.db import Database
from crm.models import User
from tests.api.v1.conftest import ADDRESS, guarded, new_key
from tests.conftest import Cast

PLACES = ("/api/docs", "/api/openapi.json")


@pytest.fixture
def browser(database: Database, cast: Cast) -> TestClient:
    with database.session_scope() as session:
        token = create_session(session, cast.anna.user_id or 0, address="", user_agent="", now=utc_now())
    return TestClient(guarded, ADDRESS, cookies={cookie_name(): token})


def test_description_is_for_who_is_signed_in_or_has_a_key(browser: TestClient, database: Database, cast: Cast) -> None:
    key = {"Authorization": f"Bearer {new_key(database, cast.anton)}"}
    nobody = TestClient(guarded, ADDRESS)
    for path in PLACES:
        assert nobody.get(path).status_code == 401
        assert nobody.get(path, headers={"Authorization": "Bearer vk_made_up"}).status_code == 401
        assert browser.get(path).status_code == 200
        assert nobody.get(path, headers=key).status_code == 200


def test_page_shows_every_operation_with_an_example(browser: TestClient) -> None:
    page = browser.get("/api/docs").text
    for path, method, operation in operations(api.openapi()):
        assert f'<details id="{operation["operationId"]}">' in page
        assert f"{method.upper()}</span> <code>{path}</code>" in page
    assert page.count("<pre>curl ") == len(list(operations(api.openapi())))
    for name in api.openapi()["components"]["schemas"]:
        assert f'id="{name}"' in page


def test_links_inside_the_page_lead_somewhere(browser: TestClient) -> None:
    page = browser.get("/api/docs").text
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))


def test_page_runs_no_script_and_asks_nobody_else(browser: TestClient) -> None:
    answer = browser.get("/api/docs")
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script|\son\w+=|javascript:|<iframe", answer.text)
    fetched = re.findall(r'(?:src|<link[^>]* href)="([^"]+)"', answer.text)
    assert fetched
    assert all(address.startswith("/account/assets/") for address in fetched)


def test_page_speaks_the_readers_language(browser: TestClient, database: Database, cast: Cast) -> None:
    assert '<html lang="en">' in browser.get("/api/docs").text
    with database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).language = "ru"
    assert '<html lang="ru">' in browser.get("/api/docs").text


def test_document_says_how_to_bring_the_key_and_every_refusal() -> None:
    document = api.openapi()
    assert document["security"] == [{"key": []}]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["servers"] == [{"url": "/api"}]
    for _path, method, operation in operations(document):
        assert {"401", "403", "422", "429", "503"} <= set(operation["responses"])
        named = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("Idempotency-Key" in named) == (method != "get")
        if method != "get":
            assert {"404", "409", "413"} <= set(operation["responses"])
            assert operation["requestBody"]["required"] is True


def test_bodies_that_come_in_know_no_other_fields() -> None:
    schemas = api.openapi()["components"]["schemas"]
    taken = {
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        for _path, method, operation in operations(api.openapi())
        if method != "get"
    }
    assert len(taken) >= 14
    for name in taken | {"NextStepPlan", "ContactPart", "PointIn", "DealValues"}:
        assert schemas[name]["additionalProperties"] is False, name
