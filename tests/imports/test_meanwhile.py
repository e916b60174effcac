"""Records that are merged while an import runs: its rows go to where they live on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.db import Database
from crm.duplicates.merging import merge_records
from crm.imports import run as import_run
from crm.imports.progress import Counts
from crm.models import Company, Contact, Deal, EntityType
from tests.conftest import Cast
from tests.factories import add_company, add_contact, add_pipeline
from tests.imports.importing import Importer, deals_file, deals_mapping

COMPANY, CONTACT = EntityType.COMPANY, EntityType.CONTACT


def mapping(kind: str, **columns: str) -> dict[str, object]:
    """Return the mapping of one file of clients."""
    part = {"file": f"{kind}.csv", "kind": kind, "columns": {**columns, "name": "name"}, "defaults": {"owner": "Anna"}}
    return {"system": "old", "files": [part]}


def after_row(database: Database, number: int, work: Callable[[Session], object]) -> Callable[[Counts], None]:
    """Return what does some work, once, when so many rows of an import are done."""
    done: list[object] = []

    def progress(counts: Counts) -> None:
        if counts.done == number and not done:
            with database.session_scope() as session:
                done.append(work(session))

    return progress


def test_deals_go_to_the_company_that_theirs_was_merged_into(
    importer: Importer, database: Database, cast: Cast
) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
        merged, survivor = add_company(session, cast.anna, "Mir LLC"), add_company(session, cast.anna, "Mir Trade")
    rows = ("1;First;;Anna;5;Mir LLC;;;;", "2;Second;;Anna;7;Mir LLC;;;;", "3;Third;;Anna;7;Mir Trade;;;;")
    merging = after_row(
        database, 1, lambda s: merge_records(s, cast.vera, entity_type=COMPANY, survivor_id=survivor, merged_id=merged)
    )
    importer.run(cast.vera, deals_file(*rows), deals_mapping(), batch_rows=1, on_progress=merging)
    with database.read_scope() as session:
        assert session.scalars(select(Deal.company_id)).all() == [survivor] * 3
        assert len(session.scalars(select(Company.id)).all()) == 2


def test_merged_person_is_found_by_the_phone(importer: Importer, database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        merged = add_contact(session, cast.anna, "Olga Serova", phone="+79161234567")
        survivor = add_contact(session, cast.anna, "Olga Serova")
    merging = after_row(
        database, 1, lambda s: merge_records(s, cast.vera, entity_type=CONTACT, survivor_id=survivor, merged_id=merged)
    )
    # In two batches: what was read of the phone for the first one is no longer so.
    text = "name;phone;position\nIvan;+79161234567;\nOlga Serova;+79161234567;director\n"
    importer.run(
        cast.vera, {"contacts.csv": text}, mapping("contacts", phone="phone", position="position"), batch_rows=1,
        on_progress=merging,
    )  # fmt: skip
    with database.read_scope() as session:
        assert session.get_one(Contact, survivor).position == "director"
        assert session.get_one(Contact, merged).position is None


def test_known_foreign_id_leads_to_the_survivor(importer: Importer, database: Database, cast: Cast) -> None:
    told = mapping("companies", external_id="id", address="address")
    importer.run(cast.vera, {"companies.csv": "id;name;address\n1;Mir;\n2;Dom;\n"}, told)
    with database.session_scope() as session:
        merged, other = session.scalars(select(Company.id).order_by(Company.id)).all()
        survivor = add_company(session, cast.anna, "Mir Trade")
    merging = after_row(
        database, 1, lambda s: merge_records(s, cast.vera, entity_type=COMPANY, survivor_id=survivor, merged_id=merged)
    )
    text = "id;name;address\n2;Dom;Tver\n1;Mir;Moscow\n"
    importer.run(cast.vera, {"companies.csv": text}, told, batch_rows=1, on_progress=merging)
    with database.read_scope() as session:
        assert session.get_one(Company, survivor).address == "Moscow"
        assert session.get_one(Company, merged).address is None
        assert session.get_one(Company, other).address == "Tver"


def test_daughters_of_a_merged_company_are_those_of_the_survivor(
    importer: Importer, database: Database, cast: Cast
) -> None:
    with database.session_scope() as session:
        merged, survivor = add_company(session, cast.anna, "Holding"), add_company(session, cast.anna, "Group")
    merging = after_row(
        database, 1, lambda s: merge_records(s, cast.vera, entity_type=COMPANY, survivor_id=survivor, merged_id=merged)
    )
    importer.run(
        cast.vera, {"companies.csv": "name;parent\nEast;Holding\nWest;Holding\n"},
        mapping("companies", parent="parent"),
        batch_rows=1, on_progress=merging,
    )  # fmt: skip
    with database.read_scope() as session:
        parents = session.scalars(select(Company.parent_id).where(Company.name.in_(["East", "West"]))).all()
    assert parents == [survivor, survivor]


def test_rows_judged_before_a_merge_are_judged_again(
    importer: Importer, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.is_sqlite:
        pytest.skip("one writer at a time: nothing is merged between judging and writing")
    with database.session_scope() as session:
        add_pipeline(session)
        merged, survivor = add_company(session, cast.anna, "Mir LLC"), add_company(session, cast.anna, "Mir Trade")
    hold, tries = import_run.hold_records, []

    def late(*judged: object) -> None:
        if not tries:
            with database.session_scope() as other:
                merge_records(other, cast.vera, entity_type=COMPANY, survivor_id=survivor, merged_id=merged)
        tries.append(judged)
        hold(*judged)  # type: ignore[arg-type]

    monkeypatch.setattr(import_run, "hold_records", late)
    importer.run(cast.vera, deals_file("1;First;;Anna;5;Mir LLC;;;;"), deals_mapping())
    with database.read_scope() as session:
        assert session.scalars(select(Deal.company_id)).all() == [survivor]
    assert len(tries) == 2
