from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from crm.analytics.trust.days import keep_day
from crm.clock import utc_now
from crm.db import Database
from crm.deals.activities import add_activity
from crm.deals.commands import NewDeal, create_deal, edit_deal
from crm.deals.values import DealChanges, StepPlan
from crm.duplicates.merging import merge_records
from crm.duplicates.undo import undo_merge
from crm.errors import Forbidden
from crm.imports.undo import ImportUndoneAlready, Kept
from crm.models import ActivityKind, Company, Contact, Deal, EntityType, Import, ImportStatus, StepKind, User
from tests.conftest import Cast, rows_of_all_tables
from tests.factories import add_company, add_contact, add_deal, add_pipeline
from tests.imports.importing import Importer, deals_file, deals_mapping

MAPPING = deals_mapping(
    pipeline="Old funnel",
    pipelines=[{"name": "Old funnel", "open": ["Contact made", "Offer sent"], "won": "Paid", "lost": "Gone"}],
    owners={"create": True},
)
ROWS = (
    "1;Sheet;Offer sent;New Person;5;Mir LLC;01.02.2025;21.02.2025;;",
    "2;Tube;Paid;Anton;7;Mir LLC;01.02.2025;;01.03.2025;",
    "3;Rod;Gone;Anna;0;;01.02.2025;;01.03.2025;Too dear",
)


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row but for events, imports, and the moments at which rows were last touched."""
    tables = rows_of_all_tables(database)
    for name in ("events", "imports", "import_rows", "saved_mappings"):
        tables.pop(name)
    touched = list(Deal.__table__.columns.keys()).index("updated_at")
    tables["deals"] = [row[:touched] + row[touched + 1 :] for row in tables["deals"]]
    tables["match_evidence"] = [row[:4] for row in tables["match_evidence"]]
    tables["search_entries"] = [row[1:] for row in tables["search_entries"]]
    return tables


def test_undo_leaves_nothing(importer: Importer, cast: Cast) -> None:
    before = content(importer.database)
    import_id = importer.run(cast.vera, deals_file(*ROWS), MAPPING)
    undone = importer.undo(cast.vera, import_id)
    assert content(importer.database) == before
    assert dict(undone.removed) == {"deal": 3, "company": 1, "loss_reason": 1, "pipeline": 1, "user": 1}
    assert undone.kept == ()
    with importer.database.read_scope() as session:
        row = session.get_one(Import, import_id)
    assert row.status is ImportStatus.UNDONE
    assert rows_of_all_tables(importer.database)["import_rows"] == []


def test_what_a_night_counted_keeps_nothing_of_an_import(importer: Importer, cast: Cast) -> None:
    before = content(importer.database)
    import_id = importer.run(cast.vera, deals_file(*ROWS), MAPPING)
    with importer.database.session_scope() as session:
        assert keep_day(session, cast.vera)
    assert importer.undo(cast.vera, import_id).kept == ()
    assert content(importer.database) == before


def test_undo_restores_what_was_changed(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
    importer.run(cast.vera, deals_file("1;A;;Anna;5;Mir LLC;;;;", "2;B;Invoice issued;Anna;5;;;;;"), deals_mapping())
    before = content(database)
    second = ("1;A2;Need found;Anton;6;Luna LLC;;;;", "2;B;Paid;Anna;7;;;;01.03.2025;", "3;C;;Anna;;;;;;")
    import_id = importer.run(cast.vera, deals_file(*second), deals_mapping())
    assert content(database) != before
    undone = importer.undo(cast.vera, import_id)
    assert content(database) == before
    assert (dict(undone.removed), dict(undone.restored)) == ({"deal": 1, "company": 1}, {"deal": 2})


def test_undo_restores_clients(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_company(session, cast.anna, name="Mir LLC")
        add_contact(session, cast.anna, name="Ivan Petrov", phone="+79161234567")
    before = content(database)
    mapping = {
        "system": "old",
        "files": [
            {"file": "co.csv", "kind": "companies", "columns": {
                "external_id": "id", "name": "name", "website": "site", "phone": "phone", "owner": "owner",
            }},
            {"file": "ct.csv", "kind": "contacts", "columns": {
                "name": "name", "phone": "phone", "email": "mail", "company": "company", "position": "job",
            }},
        ],
    }  # fmt: skip
    files = {
        "co.csv": "id;name;site;phone;owner\n9;MIR LLC;mir.ru;+74951234567;Anton\n",
        "ct.csv": "name;phone;mail;company;job\nIvan Petrov;89161234567;i@mir.ru;Mir LLC;Buyer\n",
    }
    import_id = importer.run(cast.vera, files, mapping)
    with database.read_scope() as session:
        company = session.scalars(select(Company)).one()
    assert (company.website, company.owner_id, company.version) == ("https://mir.ru", cast.anton.user_id, 2)
    undone = importer.undo(cast.vera, import_id)
    assert dict(undone.restored) == {"contact": 1, "company": 1}
    after = content(database)
    # Rows that the factories wrote without search entries have them now; all else is as it was.
    after.pop("search_entries")
    before.pop("search_entries")
    assert after == before


def test_record_that_somebody_changed_since_stays_with_what_it_needs(importer: Importer, cast: Cast) -> None:
    import_id = importer.run(cast.vera, deals_file(*ROWS), MAPPING)
    with importer.database.session_scope() as session:
        deal = session.scalars(select(Deal).where(Deal.title == "Sheet")).one()
        edit_deal(session, cast.vera, deal_id=deal.id, expected_version=1, changes=DealChanges(amount_minor=1))
    undone = importer.undo(cast.vera, import_id)
    assert Kept("deal", deal.id, "changed") in undone.kept
    assert {(one.entity, one.reason) for one in undone.kept} == {
        ("deal", "changed"), ("company", "in_use"), ("pipeline", "in_use"), ("user", "in_use"),
    }  # fmt: skip
    with importer.database.read_scope() as session:
        assert [row.title for row in session.scalars(select(Deal))] == ["Sheet"]


def test_note_by_somebody_is_a_change_too(importer: Importer, cast: Cast) -> None:
    import_id = importer.run(cast.vera, deals_file(*ROWS), MAPPING)
    with importer.database.session_scope() as session:
        deal_id = session.scalars(select(Deal.id).where(Deal.title == "Tube")).one()
        add_activity(session, cast.vera, deal_id=deal_id, kind=ActivityKind.NOTE, text="Called")
    assert Kept("deal", deal_id, "changed") in importer.undo(cast.vera, import_id).kept


def test_company_that_a_later_deal_uses_stays(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
    import_id = importer.run(cast.vera, deals_file(*ROWS), MAPPING)
    with database.session_scope() as session:
        company_id = session.scalars(select(Company.id)).one()
        step = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1), "Call")
        changes = DealChanges(title="Mine", company_id=company_id)
        create_deal(session, cast.vera, NewDeal(pipeline.id, changes, step))
    undone = importer.undo(cast.vera, import_id)
    # The company's owner came with the import too.
    assert [(one.entity, one.reason) for one in undone.kept] == [("company", "in_use"), ("user", "in_use")]


def test_changed_record_is_not_restored(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        add_deal(session, cast.anna, pipeline)
    importer.run(cast.vera, deals_file("1;A;;Anna;5;;;;;"), deals_mapping())
    second = importer.run(cast.vera, deals_file("1;A;;Anna;6;;;;;"), deals_mapping())
    with database.session_scope() as session:
        deal = session.scalars(select(Deal).where(Deal.title == "A")).one()
        edit_deal(session, cast.anna, deal_id=deal.id, expected_version=2, changes=DealChanges(amount_minor=700))
    undone = importer.undo(cast.vera, second)
    assert undone.kept == (Kept("deal", deal.id, "changed"),)
    with database.read_scope() as session:
        assert session.get_one(Deal, deal.id).amount_minor == 700


def test_imports_are_taken_back_one_after_the_other(importer: Importer, cast: Cast) -> None:
    before = content(importer.database)
    first = importer.run(cast.vera, deals_file(*ROWS), MAPPING)
    changed = importer.run(cast.vera, deals_file("1;Sheet 3;Offer sent;Anton;8;;;;;"), MAPPING)
    importer.undo(cast.vera, changed)
    importer.undo(cast.vera, first)
    assert content(importer.database) == before


def test_person_who_got_a_way_in_stays(importer: Importer, cast: Cast) -> None:
    import_id = importer.run(cast.vera, deals_file(*ROWS), MAPPING)
    with importer.database.session_scope() as session:
        person = session.scalars(select(User).where(User.name == "New Person")).one()
        person.is_active = True
    undone = importer.undo(cast.vera, import_id)
    assert undone.kept == (Kept("user", person.id, "changed"),)


def test_undo_twice_is_refused_and_only_an_admin_may(importer: Importer, cast: Cast) -> None:
    import_id = importer.run(cast.vera, deals_file(*ROWS), MAPPING)
    with pytest.raises(Forbidden):
        importer.undo(cast.boris, import_id)
    importer.undo(cast.vera, import_id)
    with pytest.raises(ImportUndoneAlready):
        importer.undo(cast.vera, import_id)


def test_restored_person_goes_to_where_the_former_company_lives_on_and_home_with_it(
    importer: Importer, database: Database, cast: Cast
) -> None:
    with database.session_scope() as session:
        former, _other, survivor = (add_company(session, cast.anna, name) for name in ("Mir", "Dom", "Mir Trade"))
        person = add_contact(session, cast.anna, "Olga Serova", phone="+79161234567", company_id=former)
    part = {
        "file": "people.csv",
        "kind": "contacts",
        "columns": {"name": "name", "phone": "phone", "company": "company"},
    }
    text = "name;phone;company\nOlga Serova;+79161234567;Dom\n"
    import_id = importer.run(cast.vera, {"people.csv": text}, {"system": "old", "files": [part]})
    with database.session_scope() as session:
        merge_id = merge_records(
            session, cast.vera, entity_type=EntityType.COMPANY, survivor_id=survivor, merged_id=former
        )
    assert importer.undo(cast.vera, import_id).restored == {"contact": 1}
    with database.read_scope() as session:
        assert session.get_one(Contact, person).company_id == survivor
    with database.session_scope() as session:
        undo_merge(session, cast.vera, merge_id=merge_id)
    with database.read_scope() as session:
        assert session.get_one(Contact, person).company_id == former


def test_restored_company_does_not_become_its_own_parent(importer: Importer, database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        former = add_company(session, cast.anna, "Holding")
        daughter, middle = (add_company(session, cast.anna, name) for name in ("East", "Middle"))
        add_company(session, cast.anna, "Group")
        session.get_one(Company, daughter).parent_id = former
        session.get_one(Company, middle).parent_id = daughter
    part = {"file": "firms.csv", "kind": "companies", "columns": {"name": "name", "parent": "parent"}}
    told = {"system": "old", "files": [part]}
    import_id = importer.run(cast.vera, {"firms.csv": "name;parent\nEast;Group\n"}, told)
    with database.session_scope() as session:
        merge_records(session, cast.vera, entity_type=EntityType.COMPANY, survivor_id=middle, merged_id=former)
    assert importer.undo(cast.vera, import_id).restored == {"company": 1}
    with database.read_scope() as session:
        assert session.get_one(Company, daughter).parent_id is None
