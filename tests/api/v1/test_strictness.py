"""What comes in is taken by its letter: no unknown names, no other types, nothing twice, nothing unreadable."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from sqlalchemy import inspect
from starlette.testclient import TestClient

from crm.api.v1 import values
from crm.api.v1.schemas import next_steps, points, timeline
from crm.db import Database
from crm.models import (
    ActivityKind,
    Company,
    Contact,
    Deal,
    DealStatus,
    Direction,
    NextStep,
    PointKind,
    Priority,
    StepKind,
    StepResult,
)
from tests.api.v1.conftest import World, step_body
from tests.conftest import UnchangedFactory


def bodies(world: World) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return method, path and a good body by the table that it writes."""
    return {
        "new deal": ("POST", "deals", {"pipeline_id": world.pipeline.id, "title": "New", "next_step": step_body()}),
        "deal": ("PATCH", f"deals/{world.deal}", {"expected_version": 1}),
        "new company": ("POST", "companies", {"name": "New"}),
        "company": ("PATCH", f"companies/{world.company}", {"expected_version": 1}),
        "new contact": ("POST", "contacts", {"name": "New"}),
        "contact": ("PATCH", f"contacts/{world.contact}", {"expected_version": 1}),
        "new step": ("POST", "next-steps", step_body(deal_id=world.deal)),
    }


TABLES: dict[str, tuple[Any, set[str]]] = {
    # What an owner of a key may write, besides the fields that are values of the record.
    "new deal": (Deal, {"pipeline_id", "stage_id", "owner_id"}),
    "deal": (Deal, set()),
    "new company": (Company, {"owner_id"}),
    "company": (Company, set()),
    "new contact": (Contact, {"owner_id"}),
    "contact": (Contact, set()),
    "new step": (NextStep, {"deal_id", "kind", "text", "due_at", "owner_id"}),
}
VALUES: dict[Any, set[str]] = {
    Deal: {
        "title", "amount_minor", "currency", "priority", "company_id", "source", "utm_source", "utm_medium",
        "utm_campaign", "utm_content", "utm_term", "expected_close_on", "custom",
    },
    Company: {"name", "inn", "website", "address", "industry", "note", "parent_id"},
    Contact: {"name", "position", "company_id", "note"},
    NextStep: set(),
}  # fmt: skip


@pytest.mark.parametrize("what", TABLES)
def test_columns_that_are_not_offered_are_refused(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory, what: str
) -> None:
    table, allowed = TABLES[what]
    method, path, body = bodies(world)[what]
    columns = {attribute.key for attribute in inspect(table).column_attrs} - allowed - VALUES[table]
    assert {"id", "version", "created_at"} <= columns
    with unchanged(database):
        for column in [*sorted(columns), "contact_points", "is_admin", "__class__", "constructor"]:
            answer = anna.request(method, f"/api/v1/{path}", json=body | {column: 1})
            assert (column, answer.status_code) == (column, 422)
            assert [(one["code"], one["field"]) for one in answer.json()["violations"]] == [("field_unknown", column)]


NO_IDS = ("1", "x", 1.0, 1.5, True, [1], {"$gt": 0}, None, 0, -1, 2**63, 10**40, 1e300)


@pytest.mark.parametrize("field", ["pipeline_id", "next_step.owner_id", "contacts.0.contact_id"])
def test_ids_are_whole_positive_numbers_and_nothing_else(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory, field: str
) -> None:
    with unchanged(database):
        for value in NO_IDS:
            if field == "next_step.owner_id" and value is None:
                continue  # nobody named: the deal's owner
            body = bodies(world)["new deal"][2] | {"contacts": [{"contact_id": world.contact}]}
            target: Any = body
            *parents, last = field.split(".")
            for parent in parents:
                target = target[int(parent) if parent.isdigit() else parent]
            target[last] = value
            answer = anna.post("/api/v1/deals", json=body)
            assert (value, answer.status_code) == (value, 422)
            assert [one["field"] for one in answer.json()["violations"]] == [field]


NO_VALUES: tuple[tuple[str, Any], ...] = (
    ("title", None), ("title", 5), ("title", ["x"]), ("amount_minor", "100"), ("amount_minor", 1.0),
    ("amount_minor", True), ("amount_minor", 2**63), ("currency", None), ("priority", 0), ("priority", "HOT"),
    ("priority", None), ("contacts", None), ("contacts", {"contact_id": 1}), ("custom", []), ("custom", None),
    ("custom", {"12": 1}), ("custom", {"field:0": 1}), ("custom", {"field:x": 1}), ("custom", {"field:1": {}}),
    ("custom", {"field:1": [1]}), ("custom", {"field:1": 2**63}), ("custom", {"field:1": [["x"]]}),
    ("expected_close_on", "01.02.2027"), ("expected_close_on", "2027-02-30"), ("expected_close_on", 20270201),
    ("expected_close_on", "2027-02-01T00:00:00Z"), ("next_step", []), ("expected_version", "1"),
    ("expected_version", 0), ("expected_version", 2**31), ("source", 1), ("source", "x" * 2001),
    ("contacts", [{"contact_id": number} for number in range(1, 60)]),
)  # fmt: skip


def test_values_of_another_type_are_refused(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    with unchanged(database):
        for field, value in NO_VALUES:
            answer = anna.patch(f"/api/v1/deals/{world.deal}", json={"expected_version": 1, field: value})
            told = {str(one["field"]).split(".")[0] for one in answer.json().get("violations", ())}
            assert (field, value, answer.status_code, told) == (field, value, 422, {field})


NO_MOMENTS = (
    "2027-03-01", "2027-03-01T09:00:00", "2027-03-01 09:00:00Z", "20270301T090000Z", "1772355600", 1772355600,
    "2027-03-01T25:00:00Z", "2027-03-01T09:00:00+99:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "2027-03-01T09:00:00Z ", "tomorrow", "", "２０２７-03-01T09:00:00Z",
)  # fmt: skip


def test_times_are_written_in_one_way(anna: TestClient, world: World) -> None:
    for moment in NO_MOMENTS:
        answer = anna.post("/api/v1/next-steps", json=step_body(deal_id=world.deal, due_at=moment))
        told = [(one["code"], one["field"]) for one in answer.json().get("violations", ())]
        assert (moment, told) == (moment, [("moment_invalid", "due_at")])
        if isinstance(moment, str):
            answer = anna.get("/api/v1/next-steps", params={"due_from": moment})
            assert [one["code"] for one in answer.json()["violations"]] == ["moment_invalid"]


NO_ADDRESSES = (
    ("deals?owner_id=1&owner_id=2", "owner_id"), ("deals?owner=1", "owner"), ("deals?limit=0", "limit"),
    ("deals?limit=101", "limit"), ("deals?limit=", "limit"), ("deals?limit=%2B5", "limit"),
    ("deals?limit=5.0", "limit"), ("deals?limit=1_0", "limit"), ("deals?limit=%D9%A5", "limit"),
    ("deals?owner_id=9223372036854775808", "owner_id"), ("deals?owner_id=-1", "owner_id"),
    ("deals?status=OPEN", "status"), ("deals?status=0", "status"), ("deals?sort=title", "sort"),
    ("deals?sort=id%3BDROP", "sort"), ("deals?text=%00", "text"), ("deals?source=a%00b", "source"),
    ("deals?text=" + "x" * 201, "text"), ("deals?created_from=2027-03-01", "created_from"),
    ("pipelines?with_archived=1", "with_archived"), ("pipelines?limit=5", "limit"), ("users/me?id=1", "id"),
    ("deals/1?x=1", "x"), ("deals/0", "deal_id"), ("deals/9223372036854775808", "deal_id"), ("deals/1.0", "deal_id"),
    ("deals/-1", "deal_id"), ("deals/%00", "deal_id"), ("deals/%20", "deal_id"), ("deals/me", "deal_id"),
    ("users/5e0", "user_id"), ("companies/%F0%9F%98%80", "company_id"), ("deals?%00=1", "?"),
)  # fmt: skip


def test_addresses_and_parameters_are_taken_by_the_letter(anna: TestClient, world: World) -> None:
    for path, field in NO_ADDRESSES:
        answer = anna.get(f"/api/v1/{path}")
        told = [one["field"] for one in answer.json().get("violations", ())]
        assert (path, answer.status_code, told) == (path, 422, [field])


NO_BODIES: tuple[tuple[str | bytes, str | None], ...] = (
    ('{"kind": "note", "text": "x"}', "text/plain"), ('{"kind": "note", "text": "x"}', None),
    ("kind=note&text=x", "application/x-www-form-urlencoded"), ("", "application/json"), ("null", "application/json"),
    ("[]", "application/json"), ('"x"', "application/json"), ("{", "application/json"),
    ('{"kind": "note", "kind": "call", "text": "x"}', "application/json"), ("[" * 50_000, "application/json"),
    ('{"kind": "note", "text": NaN}', "application/json"), ("9" * 5000, "application/json"),
    (b'{"kind": "note", "text": "\xff"}', "application/json"),
    ('{"kind": "note", "text": "x"}'.encode("utf-16"), "application/json"),
    (b'\xef\xbb\xbf{"kind": "note", "text": "x"}', "application/json"),
)  # fmt: skip


def test_body_that_is_no_plain_json_object_is_refused(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    with unchanged(database):
        for body, kind in NO_BODIES:
            answer = anna.post(
                f"/api/v1/deals/{world.deal}/activities",
                content=body if isinstance(body, bytes) else body.encode(),
                headers={"Content-Type": kind} if kind else {},
            )
            told = [(one["code"], one["field"]) for one in answer.json().get("violations", ())]
            assert (body[:80], kind, answer.status_code, told) == (body[:80], kind, 422, [("body_unreadable", None)])


def texts_at(world: World, plain: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return requests that bring a text in every place that takes one."""
    return [
        ("POST", f"deals/{world.deal}/activities", {"kind": "note", "text": plain}),
        ("PATCH", f"deals/{world.deal}", {"expected_version": 1, "title": plain}),
        ("PATCH", f"deals/{world.deal}", {"expected_version": 1, "custom": {"field:1": plain}}),
        ("PATCH", f"deals/{world.deal}", {"expected_version": 1, "custom": {plain: 1}}),
        ("PATCH", f"deals/{world.deal}", {"expected_version": 1, "priority": plain}),
        ("PATCH", f"deals/{world.deal}", {"expected_version": 1, plain: 1}),
        ("POST", f"deals/{world.deal}/lose", {"expected_version": 1, "loss_note": plain}),
        ("POST", f"next-steps/{world.step}/complete", {"result": "done", "text": plain}),
        ("POST", "companies", {"name": "x", "note": plain}),
        ("POST", "contacts", {"name": "x", "points": [{"kind": "phone", "value": plain}]}),
    ]


def test_unreadable_text_is_refused_wherever_it_stands(
    anna: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    header = {"Content-Type": "application/json"}
    with unchanged(database):
        for text in ("a\x00b", "\ud800", "x\udfffy"):
            for method, path, body in texts_at(world, text):
                answer = anna.request(method, f"/api/v1/{path}", content=json.dumps(body), headers=header)
                assert (path, answer.status_code) == (path, 422)


def test_headers_sent_twice_are_refused(anna: TestClient, database: Database, world: World) -> None:
    answer = anna.post(
        f"/api/v1/deals/{world.deal}/activities",
        content=b'{"kind": "note", "text": "x"}',
        headers=[("Content-Type", "application/json"), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    )
    assert [(one["code"], one["field"]) for one in answer.json()["violations"]] == [
        ("parameter_repeated", "Idempotency-Key")
    ]


def test_many_wrong_names_are_not_all_told(anna: TestClient, world: World) -> None:
    body = {f"x{number}": "y" * 200 for number in range(2000)} | {"z" * 5000: 1}
    answer = anna.patch(f"/api/v1/deals/{world.deal}", json={"expected_version": 1, **body})
    assert answer.status_code == 422
    assert len(answer.json()["violations"]) == 50
    assert len(answer.content) < 10_000


def test_texts_of_search_are_taken_literally(anna: TestClient, database: Database, world: World) -> None:
    for text in (
        "%",
        "_",
        '"',
        "*",
        "NEAR(",
        "(a+)+$",
        "' OR 1=1 --",
        "\\",
        "a AND",
        "-",
        "^x",
        "'; DROP TABLE deals;",
    ):
        for path in ("deals", "companies", "contacts"):
            answer = anna.get(f"/api/v1/{path}", params={"text": text})
            assert (text, answer.status_code, answer.json()["items"]) == (text, 200, [])


def test_names_of_codes_are_the_codes() -> None:
    """The closed lists are written out for the type checker; they must be those of the models."""
    assert get_args(values.PriorityName) == tuple(one.name.lower() for one in Priority)
    hidden = {DealStatus.REMOVED, DealStatus.MERGED}
    assert get_args(values.StatusName) == tuple(one.name.lower() for one in DealStatus if one not in hidden)
    assert get_args(points.PointKindName) == tuple(PointKind)
    assert get_args(next_steps.StepKindName) == tuple(StepKind)
    assert get_args(next_steps.StepResultName) == tuple(StepResult)
    assert get_args(timeline.ActivityKindName) == tuple(ActivityKind)
    assert get_args(timeline.DirectionName) == tuple(Direction)
