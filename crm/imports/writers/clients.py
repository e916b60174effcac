"""Writing companies and contacts in bulk, those that other records name included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from crm.contacts.normalise import Point
from crm.contacts.search_index import index_records
from crm.events import record, record_many
from crm.imports.clients_known import in_turn
from crm.imports.fields import RecordKind
from crm.imports.journal import Journal
from crm.imports.judged import ClientDraft, Judged
from crm.imports.judges.deal_updates import plain
from crm.imports.meanwhile import hold_living
from crm.imports.prepare import Prepared
from crm.imports.reading import RowReader
from crm.imports.world import NewCompany, NewContact, World
from crm.models import Company, Contact, ContactPoint, ExternalId, ImportRow
from crm.models.codes import RowVerdict

_MODELS: Mapping[str, Any] = {"company": Company, "contact": Contact}


def write_companies(
    session: Session, world: World, journal: Journal, file: str, judged: Sequence[Judged[ClientDraft]]
) -> None:
    """Create and change the companies of a batch."""
    _write(session, world, journal, file, "company", judged)


def write_contacts(
    session: Session, world: World, journal: Journal, file: str, judged: Sequence[Judged[ClientDraft]]
) -> None:
    """Create and change the people of a batch, with the companies that only they name."""
    drafts = [one.draft for one in judged if one.draft]
    write_promised(session, world, journal, (one.columns.get("company_id") for one in drafts), ())
    _write(session, world, journal, file, "contact", judged)


def write_promised(
    session: Session,
    world: World,
    journal: Journal,
    company_ids: Iterable[int | None],
    contact_ids: Iterable[int | None],
) -> None:
    """Create the companies and people that were promised to other records and are not written yet."""
    people = {
        one: world.new_contacts[one]
        for one in dict.fromkeys(contact_ids)
        if one is not None and not world.is_written(one)
    }
    wanted = [*company_ids, *(person.company_id for person in people.values())]
    companies = {
        one: world.new_companies[one] for one in dict.fromkeys(wanted) if one is not None and not world.is_written(one)
    }
    _insert(session, world, journal, "company", [_promised_company(world, *pair) for pair in companies.items()])
    _insert(session, world, journal, "contact", [_promised_contact(world, *pair) for pair in people.items()])
    for entity, ids in (("company", companies), ("contact", people)):
        for one in ids:
            journal.made(entity, world.real_id(one))


def link_parents(session: Session, world: World, prepared: Prepared, journal: Journal) -> None:
    """Give companies the parents that stood further down in the files than they did themselves."""
    links = _parents_in_files(world, prepared)
    own = set(
        session.scalars(
            select(ImportRow.entity_id).where(
                ImportRow.import_id == journal.import_id,
                ImportRow.entity == "company",
                ImportRow.verdict == RowVerdict.CREATED,
            )
        )
    )
    hold_living(session, "company", {*links, *(world.real_id(parent) for _known, parent in links.values())}, True)
    for some in in_turn(list(links)):
        orphans = select(Company).where(Company.id.in_(some), Company.parent_id.is_(None))
        for company in session.scalars(orphans):
            known_id, parent_id = links[company.id]
            if not world.companies.set_parent(known_id, parent_id):
                continue
            company.parent_id = world.real_id(parent_id)
            if company.id not in own:
                company.version += 1
                journal.changed("company", company.id, _before({"parent_id": None}, company.version))
    session.flush()


def _parents_in_files(world: World, prepared: Prepared) -> dict[int, tuple[int, int]]:
    """Return, by the id of a company's row, its own and its parent's id as this run knows them."""
    links: dict[int, tuple[int, int]] = {}
    with_parents = [file for file in prepared.of_kind(RecordKind.COMPANIES) if "parent" in file.positions]
    for file in with_parents:
        for row in file.table.rows():
            reader = RowReader(prepared, file, row, world.place.zone)
            company_id = world.companies.by_name(reader.line("name", 300))
            parent_id = world.companies.by_name(reader.line("parent", 300))
            is_imported = company_id is not None and world.seen.get(("company", company_id)) == row.line
            if company_id and parent_id and is_imported and world.is_written(parent_id):
                links[world.real_id(company_id)] = company_id, parent_id
    return links


def _write(
    session: Session, world: World, journal: Journal, file: str, entity: str, judged: Sequence[Judged[ClientDraft]]
) -> None:
    created = [one.draft for one in judged if one.draft and one.verdict is RowVerdict.CREATED]
    _insert(session, world, journal, entity, created)
    for one in judged:
        if one.draft and one.verdict is RowVerdict.UPDATED:
            before = _change(session, world, journal, entity, one.draft)
            journal.row(file, one, entity, one.draft.id, before)
        else:
            journal.row(file, one, entity if one.draft else None, world.real_id(one.draft.id) if one.draft else None)


def _insert(session: Session, world: World, journal: Journal, entity: str, drafts: Sequence[ClientDraft]) -> None:
    if not drafts:
        return
    model = _MODELS[entity]
    rows = [_real_columns(world, _without_new_parent(world, draft)) for draft in drafts]
    ids = session.scalars(insert(model).returning(model.id, sort_by_parameter_order=True), rows).all()
    points, foreign = [], []
    for draft, record_id in zip(drafts, ids, strict=True):
        world.settle(draft.id, record_id)
    for draft, record_id in zip(drafts, ids, strict=True):
        points += _point_rows(entity, record_id, draft.points)
        if draft.foreign:
            foreign.append(_foreign_row(world, entity, draft.foreign, record_id))
    _link_new_parents(session, world, drafts, rows)
    if points:
        session.execute(insert(ContactPoint), points)
    if foreign:
        session.execute(insert(ExternalId), foreign)
    index_records(session, entity, ids)
    details = {
        record_id: {"name": row["name"], "import_id": journal.import_id}
        for record_id, row in zip(ids, rows, strict=True)
    }
    record_many(session, world.actor, f"{entity}.imported", entity, details, world.now)


def _change(session: Session, world: World, journal: Journal, entity: str, draft: ClientDraft) -> dict[str, Any]:
    model = _MODELS[entity]
    row = session.get_one(model, draft.id)
    columns = _real_columns(world, draft.columns)
    old = {name: plain(getattr(row, name)) for name in columns}
    for name, value in columns.items():
        setattr(row, name, value)
    row.version += 1
    holder = getattr(ContactPoint, f"{entity}_id")
    present = session.scalar(select(func.count()).where(holder == row.id)) or 0
    added = [ContactPoint(**values) for values in _point_rows(entity, row.id, draft.points, start=present)]
    session.add_all(added)
    before = _before(old, row.version)
    if "external_id" in draft.changes:
        foreign = ExternalId(**_foreign_row(world, entity, draft.foreign, row.id))
        session.add(foreign)
        session.flush()
        before["external_ids"] = [foreign.id]
    session.flush()
    before["points"] = [point.id for point in added]
    index_records(session, entity, [row.id])
    record(
        session, world.actor, f"{entity}.edited", entity, row.id, at=world.now,
        changes={name: [plain(old), plain(new)] for name, (old, new) in draft.changes.items()},
        import_id=journal.import_id,
    )  # fmt: skip
    return before


def _without_new_parent(world: World, draft: ClientDraft) -> dict[str, Any]:
    """Return the columns without a parent that is only written together with its daughter."""
    parent_id = draft.columns.get("parent_id")
    together = parent_id is not None and not world.is_written(parent_id)
    return {**draft.columns, "parent_id": None} if together else dict(draft.columns)


def _link_new_parents(
    session: Session, world: World, drafts: Sequence[ClientDraft], rows: Sequence[Mapping[str, Any]]
) -> None:
    links = [
        {"id": world.real_id(draft.id), "parent_id": world.real_id(draft.columns["parent_id"])}
        for draft, row in zip(drafts, rows, strict=True)
        if draft.columns.get("parent_id") is not None and row["parent_id"] is None
    ]
    if links:
        session.execute(update(Company), links)


def _before(columns: Mapping[str, Any], version: int) -> dict[str, Any]:
    return {"columns": dict(columns), "version": version}


def _real_columns(world: World, columns: Mapping[str, Any]) -> dict[str, Any]:
    references = {"owner_id", "company_id", "parent_id"}
    return {name: world.real_or_none(value) if name in references else value for name, value in columns.items()}


def _point_rows(entity: str, record_id: int, points: Iterable[Point], *, start: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "contact_id": record_id if entity == "contact" else None,
            "company_id": record_id if entity == "company" else None,
            "kind": point.kind,
            "value": point.value,
            "normalised": point.normalised,
            "position": position,
        }
        for position, point in enumerate(points, start=start)
    ]


def _foreign_row(world: World, entity: str, foreign: str, record_id: int) -> dict[str, Any]:
    return {"system": world.mapping.system, "entity": entity, "external_id": foreign, "entity_id": record_id}


def _promised_company(world: World, new_id: int, company: NewCompany) -> ClientDraft:
    columns = {"name": company.name, "inn": company.inn, "owner_id": company.owner_id, "created_at": world.now}
    return ClientDraft(new_id, columns, (), "")


def _promised_contact(world: World, new_id: int, person: NewContact) -> ClientDraft:
    columns = {
        "name": person.name,
        "position": person.position,
        "company_id": person.company_id,
        "note": person.note,
        "owner_id": person.owner_id,
        "created_at": world.now,
    }
    return ClientDraft(new_id, columns, person.points, "")
