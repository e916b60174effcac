"""Imports that meet merged records: the survivor is found and changed, an import's undo takes none away."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from crm.actor import Actor
from crm.db import Database
from crm.deals.invariants import broken_invariants
from crm.duplicates.merging import merge_records
from crm.duplicates.undo import undo_merge
from crm.models import Company, Contact, Deal, DealStatus, EntityType
from tests.conftest import Cast
from tests.duplicates.exported import exported
from tests.factories import add_company, add_contact, add_pipeline
from tests.imports.conftest import importer
from tests.imports.importing import Importer, deals_file, deals_mapping

__all__ = ["importer"]
CONTACT, COMPANY, DEAL = EntityType.CONTACT, EntityType.COMPANY, EntityType.DEAL
CONTACTS = {
    "system": "old",
    "files": [
        {"file": "people.csv", "kind": "contacts",
         "columns": {"external_id": "id", "name": "name", "phone": "phone", "position": "job"}},
    ],
}  # fmt: skip


def deals_by_title(database: Database) -> dict[str, int]:
    with database.read_scope() as session:
        return {title: deal_id for deal_id, title in session.execute(select(Deal.id, Deal.title))}


def put_into(database: Database, actor: Actor, entity_type: EntityType, survivor_id: int, merged_id: int) -> int:
    with database.session_scope() as session:
        return merge_records(session, actor, entity_type=entity_type, survivor_id=survivor_id, merged_id=merged_id)


def test_import_by_a_foreign_id_of_the_merged_record_changes_the_survivor(
    importer: Importer, database: Database, cast: Cast
) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
    importer.run(cast.vera, deals_file("1;First;;Anna;5;;;;;", "2;Second;;Anna;7;;;;;"), deals_mapping())
    ids = deals_by_title(database)
    put_into(database, cast.vera, DEAL, ids["First"], ids["Second"])
    importer.run(cast.vera, deals_file("2;Second again;;Anna;9;;;;;"), deals_mapping())
    with database.read_scope() as session:
        survivor, merged = session.get_one(Deal, ids["First"]), session.get_one(Deal, ids["Second"])
        assert (survivor.title, survivor.amount_minor) == ("Second again", 900)
        assert (merged.title, merged.status) == ("Second", DealStatus.MERGED)


def test_import_by_the_phone_of_the_merged_contact_changes_the_survivor(
    importer: Importer, database: Database, cast: Cast
) -> None:
    with database.session_scope() as session:
        a = add_contact(session, cast.anna, "Ivan Petrov", phone="+79161234567")
        b = add_contact(session, cast.anna, "Ivan Petrov", phone="+79161234567", email="i@mir.ru")
    put_into(database, cast.vera, CONTACT, a, b)
    importer.run(cast.vera, {"people.csv": "id;name;phone;job\n7;Ivan Petrov;+79161234567;Head\n"}, CONTACTS)
    with database.read_scope() as session:
        assert set(session.scalars(select(Contact.id))) == {a, b}
        assert session.get_one(Contact, a).position == "Head"
        assert session.get_one(Contact, b).position is None


def test_import_naming_a_merged_company_finds_the_survivor(importer: Importer, database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
        a, b = add_company(session, cast.anna, "Mir LLC"), add_company(session, cast.anna, "Mir LLC")
    put_into(database, cast.vera, COMPANY, b, a)
    importer.run(cast.vera, deals_file("1;First;;Anna;5;Mir LLC;;;;"), deals_mapping())
    with database.read_scope() as session:
        assert session.scalars(select(Deal.company_id)).one() == b
        assert set(session.scalars(select(Company.id))) == {a, b}


def test_undo_of_an_import_keeps_what_was_merged_since(importer: Importer, database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
    rows = deals_file("1;First;;Anna;5;;;;;", "2;Second;;Anna;7;;;;;", "3;Third;;Anna;7;;;;;")
    import_id = importer.run(cast.vera, rows, deals_mapping())
    ids = deals_by_title(database)
    merge_id = put_into(database, cast.vera, DEAL, ids["First"], ids["Second"])
    undone = importer.undo(cast.vera, import_id)
    assert dict(undone.removed) == {"deal": 1}
    assert set(deals_by_title(database)) == {"First", "Second"}
    with database.session_scope() as session:
        assert undo_merge(session, cast.vera, merge_id=merge_id).conflicts == ()
        assert broken_invariants(session, cast.vera) == []
        assert session.get_one(Deal, ids["Second"]).status is DealStatus.OPEN


def test_undo_of_an_import_leaves_survivors_values(importer: Importer, database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
    importer.run(cast.vera, deals_file("1;First;;Anna;5;;;;;", "2;Second;;Anna;7;;;;;"), deals_mapping())
    ids = deals_by_title(database)
    second = importer.run(cast.vera, deals_file("1;First again;;Anna;6;;;;;"), deals_mapping())
    with database.read_scope() as session:
        before = exported(session)
    merge_id = put_into(database, cast.vera, DEAL, ids["First"], ids["Second"])
    undone = importer.undo(cast.vera, second)
    assert dict(undone.restored) == {}
    with database.session_scope() as session:
        assert session.get_one(Deal, ids["First"]).title == "First again"
        undo_merge(session, cast.vera, merge_id=merge_id)
    with database.read_scope() as session:
        after = exported(session)
    assert of_records(after) == of_records(before)


def of_records(text: str) -> dict[str, Any]:
    """Return an export without what an import tells of itself."""
    tables: dict[str, Any] = json.loads(text)
    return {name: rows for name, rows in tables.items() if name not in {"imports", "import_rows"}}
