"""Deals through the API: lists with filters and pages, one deal, creating and editing."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.db import Database
from crm.models import Channel, Deal, DealContact, Event, FieldType, NextStep, Priority, StageVisit
from crm.pipelines.fields import create_field
from tests import factories
from tests.api.v1.conftest import World, step_body
from tests.conftest import Cast, UnchangedFactory

DEALS = "/api/v1/deals"


@pytest.fixture
def hundred(database: Database, cast: Cast, world: World) -> list[int]:
    """Commit 120 more deals of Anna, last changed in the reverse order of their making; return all ids."""
    now = utc_now()
    with database.session_scope() as session:
        return [world.deal] + [
            factories.add_deal(session, cast.anna, world.pipeline, updated_at=now - timedelta(minutes=number + 1))
            for number in range(120)
        ]


@pytest.mark.parametrize(
    ("sort", "turned"),
    [("newest", lambda ids: ids[::-1]), ("updated", lambda ids: ids[:0:-1] + ids[:1])],
    ids=["newest", "updated"],
)
def test_pages_hold_every_deal_once_in_order(anna: TestClient, hundred: list[int], sort: str, turned: Any) -> None:
    seen: list[int] = []
    query: dict[str, Any] = {"limit": 50, "sort": sort}
    while True:
        answer = anna.get(DEALS, params=query)
        assert answer.status_code == 200
        page = answer.json()
        seen += [deal["id"] for deal in page["items"]]
        if page["next_cursor"] is None:
            break
        assert len(page["items"]) == 50
        query["cursor"] = page["next_cursor"]
    assert seen == turned(hundred)


def test_a_page_asks_the_database_for_no_more_than_it_shows(
    anna: TestClient, hundred: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from crm.api.v1 import deals

    asked: list[int] = []

    def counting(*arguments: Any, limit: int, **more: Any) -> Any:
        rows = list_deals(*arguments, limit=limit, **more)
        asked.append(len(rows))
        return rows

    list_deals = deals.list_deals
    monkeypatch.setattr(deals, "list_deals", counting)
    assert len(anna.get(DEALS, params={"limit": 3}).json()["items"]) == 3
    assert asked == [4]


NO_CURSORS = ("", "x", "ZGVhbHMubmV3ZXN0OjE", "ZGVhbHMudXBkYXRlZDox", "юг", "%00", "ZGVhbHMubmV3ZXN0Oi0x", "A" * 200)


def cursor_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_cursor_beyond_all_time_is_refused(anna: TestClient, world: World) -> None:
    far = "9" * 18
    for path, kind in (
        (f"{DEALS}?sort=updated", f"deals.updated:{far}:1"),
        ("/api/v1/next-steps?limit=5", f"steps:{far}:1"),
        (f"{DEALS}/{world.deal}/timeline?limit=5", f"timeline:{far}:1:1"),
    ):
        answer = anna.get(f"{path}&cursor={cursor_of(kind)}")
        assert [one["code"] for one in answer.json()["violations"]] == ["cursor_invalid"], path
    assert anna.get(DEALS, params={"cursor": cursor_of(f"deals.newest:{far}")}).status_code == 200


def test_cursor_of_another_list_is_refused(anna: TestClient, world: World) -> None:
    for path, text in (("next-steps", "deals.updated:1:1"), ("contacts", "companies:1"), ("deals", "users:1")):
        answer = anna.get(f"/api/v1/{path}", params={"cursor": cursor_of(text)})
        assert [one["code"] for one in answer.json()["violations"]] == ["cursor_invalid"], path


def test_made_up_cursor_and_one_of_another_order_are_refused(anna: TestClient, world: World) -> None:
    for cursor in NO_CURSORS:
        answer = anna.get(DEALS, params={"cursor": cursor, "sort": "updated"})
        assert (cursor, answer.status_code) == (cursor, 422)
        assert [one["code"] for one in answer.json()["violations"]] == ["cursor_invalid"]


def test_filters_narrow_the_list(anna: TestClient, database: Database, cast: Cast, world: World) -> None:
    with database.session_scope() as session:
        other = factories.add_pipeline(session, name="Repeat sales", stages=("Order",))
        contact = factories.add_contact(session, cast.anna, name="Olga Sidorova", phone="+79035554433")
        company = factories.add_company(session, cast.anna, name="Severstal")
        hot = factories.add_deal(
            session, cast.anna, other, title="Rebar 12 mm", priority=Priority.HOT, source="Site", company_id=company,
            created_at=utc_now() - timedelta(days=30),
        )  # fmt: skip
        session.add(DealContact(deal_id=hot, contact_id=contact))
        session.flush()
        lost = factories.add_closed_deal(session, cast.anna, world.pipeline)
        for kind, ids in (("deal", [hot, lost, world.deal]), ("contact", [contact]), ("company", [company])):
            index_records(session, kind, ids)
    day_ago = (utc_now() - timedelta(days=1)).isoformat()

    def ids(**query: Any) -> list[int]:
        answer = anna.get(DEALS, params=query)
        assert answer.status_code == 200, answer.text
        return [deal["id"] for deal in answer.json()["items"]]

    assert ids(pipeline_id=other.id) == [hot]
    assert ids(stage_id=world.pipeline.stages[0]) == [world.deal]
    assert ids(owner_id=cast.anna.user_id) == [lost, hot, world.deal]
    assert ids(owner_id=cast.anton.user_id) == []
    assert ids(status="won") == [lost]
    assert ids(status="lost") == []
    assert ids(priority="hot") == [hot]
    assert ids(source="Site") == [hot]
    assert ids(source="site") == []
    assert ids(company_id=company) == [hot]
    assert ids(contact_id=contact) == [hot]
    assert ids(text="rebar") == [hot]
    assert ids(text="severstal") == [hot]
    assert ids(text="8 903 555-44-33") == [hot]
    assert ids(text="%") == []
    assert ids(created_from=day_ago) == [lost, world.deal]
    assert ids(created_to=day_ago) == [hot]
    assert ids(updated_from=day_ago, status="open") == [hot, world.deal]
    assert ids(updated_to=day_ago) == []


def test_create_makes_a_whole_deal_through_the_api_channel(
    anna: TestClient, database: Database, cast: Cast, world: World
) -> None:
    with database.session_scope() as session:
        field = create_field(session, cast.vera, name="Steel grade", field_type=FieldType.TEXT)
    body = {
        "pipeline_id": world.pipeline.id,
        "title": "  Sheet steel  ",
        "amount_minor": 125_000_050,
        "currency": "USD",
        "priority": "hot",
        "company_id": world.company,
        "contacts": [{"contact_id": world.contact, "role": "buyer"}],
        "source": "Site",
        "utm_source": "yandex",
        "expected_close_on": "2027-03-01",
        "custom": {f"field:{field}": "St3"},
        "next_step": step_body(),
    }
    answer = anna.post(DEALS, json=body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert answer.headers["Location"] == f"{DEALS}/{told['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert {name: told[name] for name in ("amount_minor", "currency", "priority", "source", "utm_source")} == {
        "amount_minor": 125_000_050, "currency": "USD", "priority": "hot", "source": "Site", "utm_source": "yandex",
    }  # fmt: skip
    assert told["title"] == "Sheet steel"
    assert told["custom"] == {f"field:{field}": "St3"}
    assert told["expected_close_on"] == "2027-03-01"
    assert told["next_due_at"] == body["next_step"]["due_at"]
    with database.read_scope() as session:
        deal = session.get_one(Deal, told["id"])
        assert (deal.owner_id, deal.created_by, deal.created_channel) == (
            cast.anna.user_id, cast.anna.user_id, Channel.API,
        )  # fmt: skip
        assert session.scalars(select(DealContact.contact_id).where(DealContact.deal_id == deal.id)).all() == [
            world.contact
        ]
        visit = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal.id)).one()
        assert (visit.stage_id, visit.channel) == (world.pipeline.stages[0], Channel.API)
        assert session.scalars(select(NextStep.text).where(NextStep.deal_id == deal.id)).all() == ["Call back"]
        kinds = select(Event.kind).where(Event.deal_id == deal.id, Event.channel == Channel.API).order_by(Event.id)
        assert session.scalars(kinds).all() == ["deal.created", "next_step.planned"]


def test_read_tells_names_contacts_and_steps(anna: TestClient, database: Database, world: World) -> None:
    with database.session_scope() as session:
        session.add(DealContact(deal_id=world.deal, contact_id=world.contact, role="buyer"))
    answer = anna.get(f"{DEALS}/{world.deal}")
    told = answer.json()
    assert answer.headers["ETag"] == '"1"'
    assert (told["pipeline_name"], told["stage_name"]) == ("First sales", "Contact made")
    assert (told["owner_name"], told["company_name"]) == ("Anna", "Mir LLC")
    assert told["contacts"] == [
        {
            "contact_id": world.contact,
            "name": "Ivan Petrov",
            "role": "buyer",
            "points": [{"kind": "phone", "value": "+79161234567", "normalised": "+79161234567"}],
        }
    ]
    assert [step["id"] for step in told["next_steps"]] == [world.step]


def test_edit_changes_what_is_given_and_nothing_else(anna: TestClient, database: Database, world: World) -> None:
    before = anna.get(f"{DEALS}/{world.deal}").json()
    answer = anna.patch(f"{DEALS}/{world.deal}", json={"expected_version": 1, "amount_minor": None, "source": "Fair"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert answer.headers["ETag"] == '"2"'
    changed = {"amount_minor", "source", "version", "updated_at"}
    assert {name for name in told if told[name] != before[name]} <= changed
    assert (told["amount_minor"], told["source"], told["version"]) == (None, "Fair", 2)


def test_version_comes_in_body_or_header_and_must_be_the_present_one(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    path, edit = f"{DEALS}/{world.deal}", {"source": "Fair"}
    with unchanged(database):
        missing = anna.patch(path, json=edit)
        stale = anna.patch(path, json=edit | {"expected_version": 9})
        stale_header = anna.patch(path, json=edit, headers={"If-Match": '"9"'})
        twice = anna.patch(path, json=edit | {"expected_version": 1}, headers={"If-Match": '"2"'})
        unreadable = anna.patch(path, json=edit, headers={"If-Match": "*"})
    assert (missing.status_code, missing.json()["violations"][0]["code"]) == (422, "value_required")
    for answer in (stale, stale_header):
        assert answer.status_code == 409
        assert answer.json()["code"] == "deal_moved_meanwhile"
        assert answer.json()["current_version"] == 1
    assert (twice.status_code, twice.json()["violations"][0]["code"]) == (422, "version_ambiguous")
    assert (unreadable.status_code, unreadable.json()["violations"][0]["code"]) == (422, "version_unreadable")
    assert anna.patch(path, json=edit, headers={"If-Match": '"1"'}).status_code == 200


def test_custom_values_of_every_type_come_back_as_they_went_in(
    anna: TestClient, database: Database, cast: Cast, world: World
) -> None:
    values = {
        FieldType.TEXT: "St3", FieldType.NUMBER: 2.5, FieldType.MONEY: 100, FieldType.DATE: "2026-12-31",
        FieldType.YES_NO: False,
    }  # fmt: skip
    with database.session_scope() as session:
        keys = {
            f"field:{create_field(session, cast.vera, name=kind.value, field_type=kind)}": value
            for kind, value in values.items()
        }
    path = f"{DEALS}/{world.deal}"
    told = anna.patch(path, json={"expected_version": 1, "custom": keys}).json()
    assert told["custom"] == keys
    first = next(iter(keys))
    told = anna.patch(path, json={"expected_version": 2, "custom": {first: None}}).json()
    assert first not in told["custom"]
    assert len(told["custom"]) == len(keys) - 1
