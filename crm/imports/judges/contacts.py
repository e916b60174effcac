"""Rows that are people at clients: matched by foreign id, then by phone or e-mail with a fitting name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.contacts.normalise import Point
from crm.imports.clients_known import HIDDEN, in_turn
from crm.imports.formats import Row
from crm.imports.judged import ClientDraft, Judged
from crm.imports.judges.shared_cells import differences, owner_of, points_of, with_strays
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.reading import RowReader
from crm.imports.world import NewCompany, World
from crm.models import Contact, ContactPoint
from crm.models.codes import RowVerdict


@dataclass(frozen=True, slots=True)
class _Read:
    """A row as read."""

    reader: RowReader
    foreign: str
    name: str
    company: str
    columns: dict[str, Any]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class _Present:
    """People of a batch who are there already, with the points they have."""

    rows: dict[int, Contact]
    points: dict[int, set[tuple[Any, str]]]


def judge_contacts(
    session: Session, world: World, prepared: Prepared, file: PreparedFile, rows: Sequence[Row]
) -> list[Judged[ClientDraft]]:
    """Say for each row whether its person is created, changed or already so."""
    read = [_read(world, RowReader(prepared, file, row, world.place.zone)) for row in rows]
    companies = [world.companies.by_name(one.company) for one in read]
    world.foreign["contact"].load(session, world.actor, (one.foreign for one in read))
    world.contacts.load(
        session, world.actor, (point for one in read for point in one.points), (one for one in companies if one)
    )
    world.contacts.load_loners(session, world.actor, (one.name for one in read if not one.company and not one.points))
    matches = [match for one in read if (match := _match(world, one)) and match > 0]
    world.foreign["contact"].load_owned(session, matches)
    present = _load_present(session, matches)
    return [_judge(world, one, present) for one in read]


def _read(world: World, reader: RowReader) -> _Read:
    strays: list[str] = []
    name = reader.line("name", 300, required=True) or ""
    points = points_of(world, reader, strays)
    columns = {
        "name": name,
        "position": reader.line("position", 200),
        "note": with_strays(reader.note("note"), strays),
        "created_at": reader.moment("created_on"),
    }
    foreign = reader.line("external_id", 300) or ""
    return _Read(reader, foreign, name, reader.line("company", 300) or "", columns, points)


def _match(world: World, read: _Read) -> int | None:
    """Return the person a row means, HIDDEN for one the actor may not see, None for a new one."""
    if read.foreign and (known := world.foreign["contact"].get(read.foreign)) is not None:
        return known
    match = world.contacts.find(read.name, read.points, world.companies.by_name(read.company))
    return None if match and read.foreign and world.foreign["contact"].has_one(match) else match


def _load_present(session: Session, ids: Sequence[int]) -> _Present:
    present = _Present({}, {})
    for some in in_turn(list(dict.fromkeys(ids))):
        for row in session.scalars(select(Contact).where(Contact.id.in_(some))):
            present.rows[row.id] = row
        query = select(ContactPoint.contact_id, ContactPoint.kind, ContactPoint.normalised)
        for contact_id, kind, normalised in session.execute(query.where(ContactPoint.contact_id.in_(some))):
            present.points.setdefault(contact_id or 0, set()).add((kind, normalised))
    return present


def _judge(world: World, read: _Read, present: _Present) -> Judged[ClientDraft]:
    reader = read.reader
    match = _match(world, read)
    if match == HIDDEN:
        reader.refuse("not_found", "external_id")
    if match and world.seen.get(("contact", match)):
        reader.refuse("row_repeats", "name", line=world.seen["contact", match])
    owner_id = owner_of(world, reader) if not match or reader.raw("owner") else None
    if reader.found:
        return _judged(reader, RowVerdict.FAILED, read.name, None)
    row = present.rows.get(match) if match else None
    company_id = company_named(world, reader, read.company, owner_id or (row.owner_id if row else 0))
    draft = (
        _changed(world, read, row, present, owner_id, company_id)
        if row
        else _created(world, read, match, owner_id, company_id)
    )
    world.seen["contact", draft.id] = reader.row.line
    if read.foreign:
        world.foreign["contact"].put(read.foreign, draft.id)
    verdict = RowVerdict.CREATED if row is None else RowVerdict.UPDATED if draft.changes else RowVerdict.UNCHANGED
    return _judged(reader, verdict, read.name, draft)


def company_named(world: World, reader: RowReader, name: str, owner_id: int, inn: str | None = None) -> int | None:
    """Return the company a row names, promised where there is none yet; None for a blank name and no INN."""
    if not name and not inn:
        return None
    known = world.companies.by_inn(inn) or world.companies.by_name(name)
    if known is not None:
        if name and world.companies.has_twins(name):
            reader.warn("company_has_twins", "company", name=name)
        return known
    if not name:
        reader.warn("company_unknown", "inn", name=inn or "")
        return None
    promised = world.new_id()
    world.new_companies[promised] = NewCompany(name, inn, owner_id)
    world.companies.add(promised, name, inn)
    return promised


def _created(world: World, read: _Read, match: int | None, owner_id: int | None, company_id: int | None) -> ClientDraft:
    created_at = read.columns["created_at"] or world.now
    columns = {**read.columns, "owner_id": owner_id, "company_id": company_id, "created_at": created_at}
    draft = ClientDraft(match or world.new_id(), columns, read.points, read.foreign)
    world.new_contacts.pop(draft.id, None)
    world.contacts.add(draft.id, read.name, read.points, company_id)
    return draft


def _changed(
    world: World, read: _Read, row: Contact, present: _Present, owner_id: int | None, company_id: int | None
) -> ClientDraft:
    columns = {name: value for name, value in read.columns.items() if name != "created_at"}
    columns |= {"owner_id": owner_id, "company_id": company_id}
    known_by_foreign = bool(read.foreign) and world.foreign["contact"].get(read.foreign) is not None
    if not known_by_foreign and len(read.name) <= len(row.name):
        columns["name"] = None  # the fuller name stays
    changes = dict(differences(row, columns))
    points = tuple(
        point for point in read.points if (point.kind, point.normalised) not in present.points.get(row.id, set())
    )
    if points:
        changes["points"] = [None, [point.value for point in points]]
    if read.foreign and not known_by_foreign:
        changes["external_id"] = [None, read.foreign]
    written = {name: columns[name] for name in changes if name in columns}
    return ClientDraft(row.id, written, points, read.foreign, changes)


def _judged(reader: RowReader, verdict: RowVerdict, label: str, draft: ClientDraft | None) -> Judged[ClientDraft]:
    return Judged(reader.row.line, reader.row.cells, verdict, label, draft, tuple(reader.found), tuple(reader.warnings))
