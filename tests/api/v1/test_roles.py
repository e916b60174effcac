"""Whose records a key opens: Anna's, by everybody, on every method and address of the API."""

from __future__ import annotations

from typing import Any

import pytest

from crm.api.app import api
from crm.api.description import operations
from crm.db import Database
from tests import factories
from tests.api.v1.conftest import ClientOf, World, step_body
from tests.conftest import Cast, UnchangedFactory


def attempts(world: World, cast: Cast) -> dict[str, tuple[str, str, dict[str, Any] | None]]:
    """Return method, path and a good body of every operation that names a record, by the operation's name."""
    deal, company = f"/deals/{world.deal}", f"/companies/{world.company}"
    contact, step = f"/contacts/{world.contact}", f"/next-steps/{world.step}"
    objection, said = f"/objections/{world.objection}", {"text": "Too dear", "kind": "real"}
    owner = {"owner_id": cast.boris.user_id, "expected_version": 1}
    due_at, pair = step_body()["due_at"], f"/duplicates/{world.pair}"
    return {
        "get_deal": ("GET", deal, None),
        "patch_deal": ("PATCH", deal, {"expected_version": 1, "source": "x"}),
        "post_move": ("POST", f"{deal}/move", {"expected_version": 1, "stage_id": world.pipeline.stages[1]}),
        "post_win": ("POST", f"{deal}/win", {"expected_version": 1}),
        "post_loss": ("POST", f"{deal}/lose", {"expected_version": 1, "loss_reason_id": world.pipeline.reasons[0]}),
        "post_deal_reassign": ("POST", f"{deal}/reassign", owner),
        "post_activity": ("POST", f"{deal}/activities", {"kind": "note", "text": "x"}),
        "get_timeline": ("GET", f"{deal}/timeline", None),
        "get_objections": ("GET", f"{deal}/objections", None),
        "post_objection": ("POST", f"{deal}/objections", said),
        "get_objection": ("GET", objection, None),
        "put_objection": ("PUT", objection, said | {"expected_version": 1}),
        "post_settle": ("POST", f"{objection}/settle", {"expected_version": 1, "outcome": "open"}),
        "get_company": ("GET", company, None),
        "patch_company": ("PATCH", company, {"expected_version": 1, "note": "x"}),
        "post_company_reassign": ("POST", f"{company}/reassign", owner),
        "get_contact": ("GET", contact, None),
        "patch_contact": ("PATCH", contact, {"expected_version": 1, "note": "x"}),
        "post_contact_reassign": ("POST", f"{contact}/reassign", owner),
        "get_next_step": ("GET", step, None),
        "post_complete": ("POST", f"{step}/complete", {"result": "done", "following": step_body()}),
        "post_postpone": ("POST", f"{step}/postpone", {"expected_version": 1, "due_at": due_at}),
        "post_next_step": ("POST", "/next-steps", step_body(deal_id=world.deal)),
        "get_user": ("GET", f"/users/{cast.anna.user_id}", None),
        "get_duplicate": ("GET", pair, None),
        "post_pair_merge": ("POST", f"{pair}/merge", {"survivor_id": world.contact, "dry_run": True}),
        "post_dismiss": ("POST", f"{pair}/dismiss", {}),
        "post_reopen": ("POST", f"{pair}/reopen", {}),
        "post_snooze": ("POST", f"{pair}/snooze", {"until": due_at}),
        "post_undo": ("POST", f"/merges/{world.merge}/undo", {"dry_run": True}),
    }


FOR_EVERYBODY = {"get_pipelines", "get_pipeline", "get_links", "get_me", "post_check"}
LISTS = {"get_deals", "get_companies", "get_contacts", "get_next_steps", "get_users", "get_duplicates", "get_merges"}
CREATE = {"post_deal", "post_company", "post_contact"}
FOR_HEADS = {
    "post_deal_reassign", "post_company_reassign", "post_contact_reassign", "get_duplicate", "post_pair_merge",
    "post_dismiss", "post_reopen", "post_snooze", "post_undo",
}  # fmt: skip


def test_matrix_knows_every_operation(world: World, cast: Cast) -> None:
    known = {operation["operationId"] for _path, _method, operation in operations(api.openapi())}
    assert known == set(attempts(world, cast)) | FOR_EVERYBODY | LISTS | CREATE


@pytest.mark.parametrize("stranger", ["anton", "dina"])
def test_hidden_record_is_answered_like_a_missing_one_and_stays_as_it_is(
    client_of: ClientOf, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory, stranger: str
) -> None:
    client = client_of(getattr(cast, stranger))
    with unchanged(database):
        for name, (method, path, body) in attempts(world, cast).items():
            hidden = client.request(method, f"/api/v1{path}", json=body)
            missing = client.request(method, f"/api/v1{gone(path)}", json=body and gone_in(body))
            # A manager may hand over nothing at all; that says nothing about the record either.
            expected = 403 if name in FOR_HEADS and stranger == "anton" else 404
            assert (name, hidden.status_code) == (name, expected)
            assert (name, missing.status_code, missing.json()) == (name, expected, hidden.json())
            assert "Metal sheet" not in hidden.text
            assert "Ivan" not in hidden.text


def gone(path: str) -> str:
    """Return the path with the number of a record that never was."""
    return "/".join("987654321" if part.isdigit() else part for part in path.split("/"))


def gone_in(body: dict[str, Any]) -> dict[str, Any]:
    return body | ({"deal_id": 987_654_321} if "deal_id" in body else {})


@pytest.mark.parametrize(
    ("person", "sees"), [("anna", True), ("boris", True), ("vera", True), ("anton", False), ("dina", False)]
)
def test_lists_and_searches_hold_what_the_person_sees(
    client_of: ClientOf, database: Database, cast: Cast, world: World, person: str, sees: bool
) -> None:
    from crm.contacts.search_index import index_records

    with database.session_scope() as session:
        for kind, record_id in (("deal", world.deal), ("company", world.company), ("contact", world.contact)):
            index_records(session, kind, [record_id])
    client = client_of(getattr(cast, person))
    anna = {"owner_id": cast.anna.user_id}
    queries: list[tuple[str, dict[str, Any]]] = [
        ("deals", {}),
        ("deals", anna),
        ("deals", {"text": "metal"}),
        ("deals", {"text": "mir"}),
        ("deals", {"company_id": world.company}),
        ("deals", {"pipeline_id": world.pipeline.id, "sort": "updated"}),
        ("companies", {}),
        ("companies", anna | {"text": "mir"}),
        ("contacts", {"text": "+79161234567"}),
        ("next-steps", anna),
        ("next-steps", {"deal_id": world.deal}),
    ]
    found = [(path, query, len(client.get(f"/api/v1/{path}", params=query).json()["items"])) for path, query in queries]
    assert found == [(path, query, 1 if sees else 0) for path, query in queries]


@pytest.mark.parametrize("person", ["boris", "vera"])
def test_heads_and_admins_work_on_what_they_see(
    client_of: ClientOf, database: Database, cast: Cast, world: World, person: str
) -> None:
    client = client_of(getattr(cast, person))
    statuses = {
        name: client.request(method, f"/api/v1{path}", json=body).status_code
        for name, (method, path, body) in attempts(world, cast).items()
        # These end the deal or its step, or raise the version that the others name.
        if name not in {"post_win", "post_loss", "post_complete", "post_move"} and not name.startswith("patch_")
    }
    assert set(statuses.values()) <= {200, 201}, statuses


@pytest.mark.parametrize("kind", ["deal", "company", "contact"])
def test_new_records_go_to_people_one_sees_and_to_nobody_else(
    client_of: ClientOf, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory, kind: str
) -> None:
    bodies = {
        "deal": ("/api/v1/deals", {"pipeline_id": world.pipeline.id, "title": "New", "next_step": step_body()}),
        "company": ("/api/v1/companies", {"name": "New"}),
        "contact": ("/api/v1/contacts", {"name": "New"}),
    }
    path, body = bodies[kind]
    anna, boris = client_of(cast.anna), client_of(cast.boris)
    with unchanged(database):
        for client, owner in ((anna, cast.anton), (boris, cast.dina)):
            refused = client.post(path, json=body | {"owner_id": owner.user_id})
            assert [(one["code"], one["field"]) for one in refused.json()["violations"]] == [
                ("choice_unknown", "owner")
            ]
    assert boris.post(path, json=body | {"owner_id": cast.anton.user_id}).json()["owner_id"] == cast.anton.user_id


def test_records_of_others_cannot_be_tied_to_ones_own(
    client_of: ClientOf, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory
) -> None:
    anton = client_of(cast.anton)
    with database.session_scope() as session:
        own = factories.add_deal(session, cast.anton, world.pipeline)
    with unchanged(database):
        for values in ({"company_id": world.company}, {"contacts": [{"contact_id": world.contact}]}):
            answer = anton.patch(f"/api/v1/deals/{own}", json={"expected_version": 1, **values})
            assert [one["code"] for one in answer.json()["violations"]] == ["choice_unknown"]
        answer = anton.post("/api/v1/contacts", json={"name": "New", "company_id": world.company})
        assert [one["code"] for one in answer.json()["violations"]] == ["choice_unknown"]


def test_idempotency_keys_of_others_are_out_of_reach(client_of: ClientOf, cast: Cast, world: World) -> None:
    note, header = {"kind": "note", "text": "secret of Anna"}, {"Idempotency-Key": "same"}
    path = f"/api/v1/deals/{world.deal}/activities"
    assert client_of(cast.anna).post(path, json=note, headers=header).status_code == 201
    answer = client_of(cast.anton).post(path, json=note, headers=header)
    assert answer.status_code == 404
    assert "Idempotent-Replay" not in answer.headers
