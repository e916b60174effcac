from __future__ import annotations

from typing import Any

from sqlalchemy import select

from crm.contacts.search import search
from crm.db import Database
from crm.imports.reads import load_rows
from crm.models import Company, Contact, ContactPoint, ExternalId, Role, RowVerdict, Team, User
from tests.conftest import Cast
from tests.factories import add_company, add_contact
from tests.imports.importing import Importer

COMPANIES: dict[str, Any] = {
    "system": "old",
    "files": [
        {
            "file": "firms.csv",
            "kind": "companies",
            "columns": {
                "external_id": "id", "name": "name", "inn": "inn", "website": "site", "phone": "phone", "email": "mail",
                "parent": "parent", "owner": "owner", "note": ["year", "size"],
            },
        }
    ],
}  # fmt: skip
CONTACTS: dict[str, Any] = {
    "system": "old",
    "files": [
        {
            "file": "people.csv",
            "kind": "contacts",
            "columns": {
                "name": "name", "company": "company", "phone": "phone", "email": "mail", "telegram": "tg",
                "position": "job", "owner": "owner",
            },
        }
    ],
}  # fmt: skip


def firms(*rows: str) -> dict[str, str]:
    """Return a file of companies."""
    return {"firms.csv": "\n".join(["id;name;inn;site;phone;mail;parent;owner;year;size", *rows])}


def people(*rows: str) -> dict[str, str]:
    """Return a file of contacts."""
    return {"people.csv": "\n".join(["name;company;phone;mail;tg;job;owner", *rows])}


def companies(database: Database) -> dict[str, Company]:
    """Return all companies by name."""
    with database.read_scope() as session:
        return {row.name: row for row in session.scalars(select(Company).order_by(Company.id.desc()))}


def contacts(database: Database) -> dict[str, Contact]:
    """Return all contacts by name."""
    with database.read_scope() as session:
        return {row.name: row for row in session.scalars(select(Contact))}


def said(database: Database, cast: Cast, import_id: int, verdict: RowVerdict) -> list[list[str]]:
    """Return the codes of violations and warnings of each row with a verdict."""
    with database.read_scope() as session:
        rows = load_rows(session, cast.vera, import_id, verdict=verdict)
    return [[one.code for one in (*row.violations, *row.warnings)] for _id, row in rows]


def test_company_comes_with_its_points_note_and_search_words(importer: Importer, cast: Cast) -> None:
    importer.run(
        cast.vera,
        firms("1;ООО Мир;7707083893;mir.ru;8 (495) 123-45-67, 89161234567;INFO@mir.ru;;Anna;1996;XL"),
        COMPANIES,
    )
    company = companies(importer.database)["ООО Мир"]
    assert (company.inn, company.website, company.owner_id) == ("7707083893", "https://mir.ru", cast.anna.user_id)
    assert company.note == "year: 1996\nsize: XL"
    with importer.database.read_scope() as session:
        points = session.scalars(select(ContactPoint.normalised).order_by(ContactPoint.id)).all()
        assert session.scalars(select(ExternalId.entity_id)).all() == [company.id]
        assert points == ["+74951234567", "+79161234567", "info@mir.ru"]
        for typed in ("495 123-45-67", "info@mir.ru", "мир", "7707083893"):
            assert [hit.record_id for hit in search(session, cast.anna, typed)] == [company.id]


def test_values_that_do_not_fit_are_kept_in_the_note_with_a_warning(importer: Importer, cast: Cast) -> None:
    import_id = importer.run(cast.vera, firms("1;Mir;123;javascript:alert(1);ask Anna;nobody;;;;"), COMPANIES)
    company = companies(importer.database)["Mir"]
    assert (company.inn, company.website) == (None, None)
    assert (company.note or "").split("\n") == ["123", "javascript:alert(1)", "ask Anna", "nobody"]
    assert said(importer.database, cast, import_id, RowVerdict.CREATED) == [
        ["inn_length", "website_invalid", "phone_invalid", "email_invalid"]
    ]


def test_parents_are_linked_in_any_order_and_never_in_a_circle(importer: Importer, cast: Cast) -> None:
    rows = (
        "1;Daughter;;;;;Mother;;;",
        "2;Mother;;;;;Grandmother;;;",
        "3;Grandmother;;;;;Daughter;;;",
        "4;Orphan;;;;;Nobody;;;",
    )
    import_id = importer.run(cast.vera, firms(*rows), COMPANIES, batch_rows=1)
    found = companies(importer.database)
    parents = {name: row.parent_id for name, row in found.items()}
    linked = [parents["Daughter"], parents["Mother"], parents["Grandmother"]]
    assert linked.count(None) == 1  # one of the three links would have closed the circle
    assert parents["Orphan"] is None
    assert ["parent_unknown"] in said(importer.database, cast, import_id, RowVerdict.CREATED)
    again = importer.run(cast.vera, firms(*rows), COMPANIES)
    assert len(said(importer.database, cast, again, RowVerdict.UNCHANGED)) == 4


def test_two_ids_are_two_companies_whatever_they_are_called(importer: Importer, cast: Cast) -> None:
    importer.run(cast.vera, firms("1;Mir;;;;;;;;", "2;Mir;;;;;;;;"), COMPANIES)
    with importer.database.read_scope() as session:
        assert len(session.scalars(select(Company.id)).all()) == 2


def test_company_without_id_is_matched_by_inn_before_name(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        by_inn = add_company(session, cast.anna, name="Old name", inn="7707083893")
        add_company(session, cast.anna, name="Mir")
    import_id = importer.run(cast.vera, firms(";Mir;7707083893;mir.ru;;;;;;"), COMPANIES)
    with database.read_scope() as session:
        changed = session.get_one(Company, by_inn)
    assert (changed.name, changed.website) == ("Old name", "https://mir.ru")
    assert said(database, cast, import_id, RowVerdict.UPDATED) == [[]]


def test_same_company_twice_in_a_file_fails_the_second_time(importer: Importer, cast: Cast) -> None:
    import_id = importer.run(cast.vera, firms(";Мир;;;;;;;;", ";«МИР»;;;;;;;;"), COMPANIES)
    assert said(importer.database, cast, import_id, RowVerdict.FAILED) == [["row_repeats"]]


def test_contact_gets_company_and_points(importer: Importer, cast: Cast) -> None:
    importer.run(cast.vera, people("Ivan Petrov;Mir;8 916 123-45-67;ivan@mir.ru;@ivan_p;Buyer;Anna"), CONTACTS)
    contact = contacts(importer.database)["Ivan Petrov"]
    assert contact.company_id == companies(importer.database)["Mir"].id
    assert (contact.position, contact.owner_id) == ("Buyer", cast.anna.user_id)
    with importer.database.read_scope() as session:
        assert session.scalars(select(ContactPoint.normalised).order_by(ContactPoint.id)).all() == [
            "+79161234567", "ivan@mir.ru", "ivan_p",
        ]  # fmt: skip


def test_contacts_again_change_nothing_and_new_points_are_added(importer: Importer, cast: Cast) -> None:
    rows = ("Ivan Petrov;Mir;89161234567;;;;", "Olga;;;olga@x.ru;;;", "Loner;;;;;;", "Pyotr;Mir;;;;;")
    importer.run(cast.vera, people(*rows), CONTACTS)
    again = importer.run(cast.vera, people(*rows), CONTACTS)
    assert len(said(importer.database, cast, again, RowVerdict.UNCHANGED)) == 4
    more = importer.run(cast.vera, people("Ivan Petrov;Mir;89161234567;ivan@mir.ru;;Buyer;"), CONTACTS)
    assert len(said(importer.database, cast, more, RowVerdict.UPDATED)) == 1
    with importer.database.read_scope() as session:
        assert "ivan@mir.ru" in set(session.scalars(select(ContactPoint.normalised)))


def test_shared_phone_makes_nobody_one_person(importer: Importer, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_contact(session, cast.anna, name="Ivan Petrov", phone="+74951234567")
    importer.run(cast.vera, people("Olga Orlova;;84951234567;;;;", "Ivan;;84951234567;;;Buyer;"), CONTACTS)
    found = contacts(database)
    assert set(found) == {"Ivan Petrov", "Olga Orlova"}
    assert found["Ivan Petrov"].position == "Buyer"


def test_people_file_makes_teams_and_heads(importer: Importer, cast: Cast, database: Database) -> None:
    mapping = {
        "system": "old",
        "files": [{"file": "u.csv", "kind": "users", "columns": {"name": "n", "team": ["r", "h"], "head": "h"}}],
    }
    text = "n,h,r\nOlga,Hana,East\nPavel,Hana,East\nAnna,Hans,West\n,Hans,West\nOlga,Hana,East\n"
    import_id = importer.run(cast.vera, {"u.csv": text}, mapping)
    with database.read_scope() as session:
        users = {user.name: user for user in session.scalars(select(User))}
        teams = {team.id: team.name for team in session.scalars(select(Team))}
    assert teams[users["Olga"].team_id or 0] == "East, Hana"
    assert users["Hana"].team_id == users["Olga"].team_id == users["Pavel"].team_id
    assert (users["Hana"].role, users["Olga"].role) == (Role.HEAD, Role.MANAGER)
    assert not users["Olga"].is_active
    assert users["Anna"].team_id == cast.anna.team_id  # who has a team keeps it
    assert users["Anna"].is_active
    assert said(database, cast, import_id, RowVerdict.FAILED) == [["value_required"], ["row_repeats"]]
    again = importer.run(cast.vera, {"u.csv": "n,h,r\nOlga,Hana,East\nPavel,Hana,East\n"}, mapping)
    assert len(said(database, cast, again, RowVerdict.UNCHANGED)) == 2


def test_head_makes_no_accounts(importer: Importer, cast: Cast) -> None:
    mapping = {"system": "old", "files": [{"file": "u.csv", "kind": "users", "columns": {"name": "n"}}]}
    import_id = importer.run(cast.boris, {"u.csv": "n\nNewcomer\n"}, mapping)
    with importer.database.read_scope() as session:
        rows = load_rows(session, cast.boris, import_id, verdict=RowVerdict.FAILED)
    assert [[one.code for one in row.violations] for _id, row in rows] == [["owner_unknown"]]
