"""Companies and contacts through the API."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from crm.db import Database
from crm.models import Channel, Company, Contact, Event
from tests import factories
from tests.api.v1.conftest import ClientOf, World
from tests.conftest import Cast, UnchangedFactory

COMPANIES, CONTACTS = "/api/v1/companies", "/api/v1/contacts"
PHONE = {"kind": "phone", "value": "8 (916) 765-43-21"}
NORMALISED = PHONE | {"normalised": "+79167654321"}


def test_company_is_created_read_and_found(anna: TestClient, database: Database, cast: Cast, world: World) -> None:
    body = {"name": " ООО «Ромашка» ", "inn": "7707083893", "website": "romashka.ru", "points": [PHONE], "note": "a\nb"}
    answer = anna.post(COMPANIES, json=body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert answer.headers["Location"] == f"{COMPANIES}/{told['id']}"
    assert {name: told[name] for name in ("name", "inn", "website", "note", "points", "owner_id")} == {
        "name": "ООО «Ромашка»", "inn": "7707083893", "website": "https://romashka.ru", "note": "a\nb",
        "points": [NORMALISED], "owner_id": cast.anna.user_id,
    }  # fmt: skip
    assert anna.get(f"{COMPANIES}/{told['id']}").json() == told
    for query in ({"text": "ромашка"}, {"inn": "7707083893"}, {"text": "+79167654321"}):
        assert [one["id"] for one in anna.get(COMPANIES, params=query).json()["items"]] == [told["id"]], query
    with database.read_scope() as session:
        created = select(Event.channel).where(Event.kind == "company.created", Event.entity_id == told["id"])
        assert session.scalars(created).all() == [Channel.API]


def test_contact_is_created_read_and_found(anna: TestClient, cast: Cast, world: World) -> None:
    body = {"name": "Olga", "position": "Buyer", "company_id": world.company, "points": [PHONE]}
    told = anna.post(CONTACTS, json=body).json()
    assert {name: told[name] for name in ("name", "position", "company_id", "points", "owner_id")} == body | {
        "points": [NORMALISED], "owner_id": cast.anna.user_id,
    }  # fmt: skip
    assert anna.get(f"{CONTACTS}/{told['id']}").json() == told
    for query in ({"text": "olga"}, {"company_id": world.company}, {"text": "765-43-21"}):
        assert [one["id"] for one in anna.get(CONTACTS, params=query).json()["items"]] == [told["id"]], query


@pytest.mark.parametrize("kind", ["company", "contact"])
def test_edit_changes_what_is_given_and_nothing_else(anna: TestClient, world: World, kind: str) -> None:
    path = f"{COMPANIES}/{world.company}" if kind == "company" else f"{CONTACTS}/{world.contact}"
    before = anna.get(path).json()
    answer = anna.patch(path, json={"expected_version": 1, "note": "Pays late"})
    assert answer.status_code == 200, answer.text
    assert answer.json() == before | {"note": "Pays late", "version": 2}
    answer = anna.patch(path, json={"points": [PHONE], "note": None}, headers={"If-Match": '"2"'})
    assert answer.json() == before | {"points": [NORMALISED], "version": 3}
    assert answer.headers["ETag"] == '"3"'


@pytest.mark.parametrize("kind", ["company", "contact"])
def test_stale_edit_is_refused_with_the_present_version(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory, kind: str
) -> None:
    path = f"{COMPANIES}/{world.company}" if kind == "company" else f"{CONTACTS}/{world.contact}"
    with unchanged(database):
        answer = anna.patch(path, json={"expected_version": 7, "note": "x"})
        unversioned = anna.patch(path, json={"note": "x"})
    assert (answer.status_code, answer.json()["code"], answer.json()["current_version"]) == (
        409,
        "changed_meanwhile",
        1,
    )
    assert [one["field"] for one in unversioned.json()["violations"]] == ["expected_version"]


@pytest.mark.parametrize("kind", ["company", "contact"])
def test_handing_over_is_for_heads(
    anna: TestClient, client_of: ClientOf, database: Database, cast: Cast, world: World, kind: str
) -> None:
    table: Any = Company if kind == "company" else Contact
    client_id = world.company if kind == "company" else world.contact
    path = f"{COMPANIES if kind == 'company' else CONTACTS}/{client_id}/reassign"
    body = {"owner_id": cast.anton.user_id, "expected_version": 1}
    assert anna.post(path, json=body).status_code == 403
    answer = client_of(cast.boris).post(path, json=body)
    assert (answer.status_code, answer.json()["owner_id"]) == (200, cast.anton.user_id)
    with database.read_scope() as session:
        assert session.get_one(table, client_id).owner_id == cast.anton.user_id


@pytest.mark.parametrize("path", [COMPANIES, CONTACTS])
def test_pages_hold_every_client_once(anna: TestClient, database: Database, cast: Cast, path: str) -> None:
    add: Any = factories.add_company if path == COMPANIES else factories.add_contact
    with database.session_scope() as session:
        ids = [add(session, cast.anna, name=f"Client {number}") for number in range(7)]
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = anna.get(path, params={"limit": 3} | cursor).json()
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ids[::-1]


def test_wrong_values_are_told_all_at_once(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    body = {"name": " ", "inn": "123", "website": "javascript:alert(1)", "points": [{"kind": "email", "value": "no"}]}
    with unchanged(database):
        answer = anna.post(COMPANIES, json=body)
    assert answer.status_code == 422
    assert {(one["field"], one["code"]) for one in answer.json()["violations"]} == {
        ("name", "value_required"), ("inn", "inn_length"), ("website", "website_invalid"), ("email", "email_invalid"),
    }  # fmt: skip
