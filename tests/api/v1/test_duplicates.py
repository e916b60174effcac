"""Duplicates through the API: the queue, decisions, merging and undoing, who looks like a typed client."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from crm.clock import utc_now
from crm.contacts.commands import create_contact
from crm.db import Database
from crm.duplicates.intake import match_changed_records
from crm.duplicates.merging import merge_records
from crm.models import Contact, DealContact, EntityType, MatchPair, PairSource, PairState, PointKind
from tests import factories
from tests.api.v1.conftest import ClientOf, World
from tests.conftest import Cast, UnchangedFactory

DUPLICATES, MERGES = "/api/v1/duplicates", "/api/v1/merges"
NUMBER = "8 (916) 240-17-35"


@pytest.fixture
def boris(client_of: ClientOf, cast: Cast) -> TestClient:
    """Return the client of Anna's head."""
    return client_of(cast.boris)


def survivor_of(database: Database, contact_id: int) -> int | None:
    with database.read_scope() as session:
        return session.get_one(Contact, contact_id).merged_into_id


def test_queue_tells_pairs_with_their_reasons(boris: TestClient, world: World) -> None:
    (pair,) = boris.get(DUPLICATES).json()["items"]
    assert (pair["id"], pair["kind"], pair["state"], pair["source"]) == (world.pair, "contact", "open", "intake")
    assert [line["code"] for line in pair["lines"]] == ["prior", "phone_equal"]
    detail = boris.get(f"{DUPLICATES}/{world.pair}")
    assert detail.headers["ETag"] == '"1"'
    assert detail.json()["better_survivor_id"] in {pair["left"]["id"], pair["right"]["id"]}
    assert boris.get(DUPLICATES, params={"kind": "deal"}).json()["items"] == []
    assert boris.get(DUPLICATES, params={"source": "bridge"}).json()["items"] == []
    assert boris.get(DUPLICATES, params={"text": "nobody"}).json()["items"] == []
    for text in (pair["left"]["name"], f"#{pair['right']['id']}"):
        assert [one["id"] for one in boris.get(DUPLICATES, params={"text": text}).json()["items"]] == [world.pair]


def test_queue_is_paged_by_rank(boris: TestClient, database: Database, cast: Cast, world: World) -> None:
    with database.session_scope() as session:
        contacts = [factories.add_contact(session, cast.anna) for _number in range(4)]
        for number, right in enumerate(contacts[1:]):
            pair = MatchPair(
                entity_type=EntityType.CONTACT, left_id=contacts[0], right_id=right, weight=1.0, probability=0.5,
                lines=[], guards=[], is_automatic=False, rank=0.1 + number / 3, state=PairState.OPEN,
                source=PairSource.BATCH, found_at=utc_now(),
            )  # fmt: skip
            session.add(pair)
    whole = [one["id"] for one in boris.get(DUPLICATES).json()["items"]]
    walked, cursor = [], None
    while True:
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = boris.get(DUPLICATES, params=params).json()
        walked += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert walked == whole
    assert len(walked) == 4


def test_dry_run_tells_what_a_merge_would_do_and_changes_nothing(
    boris: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    with unchanged(database):
        answer = boris.post(f"{DUPLICATES}/{world.pair}/merge", json={"survivor_id": world.contact, "dry_run": True})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["merge_id"], told["survivor_id"], told["refusals"]) == (None, world.contact, [])


def test_dry_run_tells_what_the_merge_would_refuse(
    boris: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    path, asked = f"{DUPLICATES}/{world.pair}/merge", {"survivor_id": world.contact, "dry_run": True}
    with unchanged(database):
        wrong = boris.post(path, json={**asked, "choices": {"colour": "merged"}})
        stale = boris.post(path, json={**asked, "survivor_version": 7})
        stale_too = boris.post(path, json={**asked, "merged_version": 7})
    assert [(one["code"], one["field"]) for one in wrong.json()["refusals"]] == [("merge_choice_unknown", "colour")]
    assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")
    assert (stale_too.status_code, stale_too.json()["code"]) == (409, "changed_meanwhile")


def test_pair_is_merged_old_address_leads_on_and_the_merge_is_undone(
    boris: TestClient, database: Database, world: World
) -> None:
    pair = boris.get(f"{DUPLICATES}/{world.pair}").json()
    other = pair["right"]["id"]
    merged = boris.post(f"{DUPLICATES}/{world.pair}/merge", json={"survivor_id": world.contact}).json()
    assert survivor_of(database, other) == world.contact
    gone = boris.get(f"/api/v1/contacts/{other}")
    assert (gone.status_code, gone.json()["merged_into"]) == (404, world.contact)
    newest = boris.get(MERGES).json()["items"][0]
    assert (newest["id"], newest["merged_id"], newest["undone_at"]) == (merged["merge_id"], other, None)
    planned = boris.post(f"{MERGES}/{newest['id']}/undo", json={"dry_run": True}).json()
    assert (planned["undone"], planned["conflicts"], planned["refusals"]) == ([], [], [])
    undone = boris.post(f"{MERGES}/{newest['id']}/undo", json={})
    assert undone.json()["undone"] == [newest["id"]]
    assert survivor_of(database, other) is None
    again = boris.post(f"{MERGES}/{newest['id']}/undo", json={})
    assert [one["code"] for one in again.json()["violations"]] == ["merge_undone"]


def test_chosen_values_are_taken_and_wrong_choices_refused(
    boris: TestClient, database: Database, world: World, unchanged: UnchangedFactory
) -> None:
    path = f"{DUPLICATES}/{world.pair}/merge"
    with unchanged(database):
        unknown = boris.post(path, json={"survivor_id": world.contact, "choices": {"colour": "merged"}})
        foreign = boris.post(path, json={"survivor_id": 987_654_321})
        stale = boris.post(path, json={"survivor_id": world.contact, "survivor_version": 7})
    assert [one["code"] for one in unknown.json()["violations"]] == ["merge_choice_unknown"]
    assert [(one["code"], one["field"]) for one in foreign.json()["violations"]] == [("choice_unknown", "survivor_id")]
    assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")


def test_decisions_are_told_and_taken_back(boris: TestClient, world: World) -> None:
    path = f"{DUPLICATES}/{world.pair}"
    until = (utc_now() + timedelta(days=7)).isoformat().replace("+00:00", "Z")
    assert boris.post(f"{path}/snooze", json={"until": until}).json()["state"] == "snoozed"
    assert boris.post(f"{path}/dismiss", json={"note": "Father and son"}).json()["state"] == "not_duplicate"
    late = boris.post(f"{path}/dismiss", json={})
    assert late.json()["code"] == "pair_decided"
    assert boris.post(f"{path}/reopen", json={}).json()["state"] == "open"


def test_typed_client_is_compared_before_it_is_created(
    client_of: ClientOf, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory
) -> None:
    points = [(PointKind.PHONE, NUMBER)]
    with database.session_scope() as session:
        own = create_contact(session, cast.anna, name="Александра Павлова", points=points)
        create_contact(session, cast.anton, name="Secret", points=points)
        match_changed_records(session)
    typed = {"name": "Саша +7 916 240 17 35"}
    anna = client_of(cast.anna)
    with unchanged(database):
        found = anna.post(f"{DUPLICATES}/check", json=typed).json()["items"]
    assert [(one["id"], one["name"]) for one in found] == [(own, "Александра Павлова"), (None, None)]
    assert {one["matched"] for one in found} == {"+79162401735"}
    assert "Secret" not in str(found)


def test_managers_and_keys_that_only_read_decide_nothing(
    client_of: ClientOf, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory
) -> None:
    anna, reader = client_of(cast.anna), client_of(cast.boris, scopes=("read",))
    with unchanged(database):
        assert anna.get(DUPLICATES).status_code == 403
        assert anna.get(MERGES).status_code == 403
        refused = reader.post(f"{DUPLICATES}/{world.pair}/dismiss", json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert reader.get(DUPLICATES).status_code == 200


def test_cursor_that_was_made_up_is_refused(boris: TestClient, world: World) -> None:
    for cursor in ("ZHVwbGljYXRlczo0Mjk0OTY3Mjk2OjA6MQ", "ZHVwbGljYXRlczoyMTQ2NDM1MDcyOjA6MQ", "nonsense"):
        answer = boris.get(DUPLICATES, params={"cursor": cursor})
        assert [one["code"] for one in answer.json()["violations"]] == ["cursor_invalid"], cursor


def test_repeat_under_one_key_merges_once(boris: TestClient, database: Database, world: World) -> None:
    path, header = f"{DUPLICATES}/{world.pair}/merge", {"Idempotency-Key": "once"}
    first = boris.post(path, json={"survivor_id": world.contact}, headers=header)
    second = boris.post(path, json={"survivor_id": world.contact}, headers=header)
    assert (first.status_code, second.json()) == (200, first.json())
    with database.read_scope() as session:
        assert len(session.scalars(select(Contact.id).where(Contact.merged_into_id == world.contact)).all()) == 1


def test_undo_counts_later_merges_out_of_sight_and_names_none(
    boris: TestClient, database: Database, cast: Cast, unchanged: UnchangedFactory
) -> None:
    with database.session_scope() as session:
        pipeline = factories.add_pipeline(session, "Sales of another team")
        people = [factories.add_contact(session, cast.anna, "Ivan") for _number in range(2)]
        deals = [factories.add_deal(session, cast.dina, pipeline, title="Secret") for _number in range(2)]
        session.add_all(DealContact(deal_id=deal, contact_id=one) for deal, one in zip(deals, people, strict=True))
        merge_id = merge_records(
            session, cast.boris, entity_type=EntityType.CONTACT, survivor_id=people[0], merged_id=people[1]
        )
        merge_records(session, cast.dina, entity_type=EntityType.DEAL, survivor_id=deals[0], merged_id=deals[1])
    with unchanged(database):
        plan = boris.post(f"{MERGES}/{merge_id}/undo", json={"dry_run": True})
        refused = boris.post(f"{MERGES}/{merge_id}/undo", json={"cascade": True})
    assert plan.json()["dependents"] == []
    assert [one["code"] for one in plan.json()["refusals"]] == ["merge_dependents_hidden"]
    assert [one["code"] for one in refused.json()["violations"]] == ["merge_dependents_hidden"]
    assert "1" in refused.json()["violations"][0]["message"]
    assert "Secret" not in plan.text + refused.text
