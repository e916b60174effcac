"""Rows that are companies: matched by foreign id, INN, then name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.contacts.normalise import Point, inn_or_none, website_or_none
from crm.imports.clients_known import HIDDEN, in_turn, name_key
from crm.imports.formats import Row
from crm.imports.judged import ClientDraft, Judged
from crm.imports.judges.shared_cells import differences, kept, owner_of, points_of, with_strays
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.reading import RowReader
from crm.imports.world import World
from crm.models import Company, ContactPoint
from crm.models.codes import RowVerdict
from crm.typed_text import clean_line

_LIMITS = {"address": 500, "industry": 200}


@dataclass(frozen=True, slots=True)
class _Read:
    """A row as read: what it says, and which company it means so far."""

    reader: RowReader
    foreign: str
    name: str
    columns: dict[str, Any]
    points: tuple[Point, ...]
    parent: str


@dataclass(frozen=True, slots=True)
class _Present:
    """Companies of a batch that are there already, with the points they have."""

    rows: dict[int, Company]
    points: dict[int, set[tuple[Any, str]]]


def judge_companies(
    session: Session, world: World, prepared: Prepared, file: PreparedFile, rows: Sequence[Row]
) -> list[Judged[ClientDraft]]:
    """Say for each row whether its company is created, changed or already so."""
    read = [_read(world, RowReader(prepared, file, row, world.place.zone)) for row in rows]
    world.foreign["company"].load(session, world.actor, (one.foreign for one in read))
    matches = [_match(world, one) for one in read]
    world.foreign["company"].load_owned(session, (match for match in matches if match))
    present = _load_present(session, [match for match in matches if match and match > 0])
    return [_judge(world, one, present) for one in read]


def _read(world: World, reader: RowReader) -> _Read:
    strays: list[str] = []
    name = reader.line("name", 300, required=True) or ""
    region = world.place.region
    inn_text, site_text = clean_line(reader.raw("inn")), clean_line(reader.raw("website"))
    inn = kept(reader, "inn", inn_text, strays, lambda found: inn_or_none(inn_text, region, "inn", found))
    site = kept(reader, "website", site_text, strays, lambda found: website_or_none(site_text, "website", found))
    points = points_of(world, reader, strays)
    columns = {
        "name": name,
        "inn": inn,
        "website": site,
        **{field: reader.line(field, limit) for field, limit in _LIMITS.items()},
        "note": with_strays(reader.note("note"), strays),
        "created_at": reader.moment("created_on"),
    }
    foreign = reader.line("external_id", 300) or ""
    return _Read(reader, foreign, name, columns, points, reader.line("parent", 300) or "")


def _match(world: World, read: _Read) -> int | None:
    """Return the company a row means, HIDDEN for one the actor may not see, None for a new one."""
    if read.foreign and (known := world.foreign["company"].get(read.foreign)) is not None:
        return known
    match = world.companies.by_inn(read.columns["inn"]) or world.companies.by_name(read.name)
    # Two ids in the other system are two companies, whatever they are called.
    return None if match and read.foreign and world.foreign["company"].has_one(match) else match


def _load_present(session: Session, ids: Sequence[int]) -> _Present:
    present = _Present({}, {})
    for some in in_turn(list(dict.fromkeys(ids))):
        for row in session.scalars(select(Company).where(Company.id.in_(some))):
            present.rows[row.id] = row
        query = select(ContactPoint.company_id, ContactPoint.kind, ContactPoint.normalised)
        for company_id, kind, normalised in session.execute(query.where(ContactPoint.company_id.in_(some))):
            present.points.setdefault(company_id or 0, set()).add((kind, normalised))
    return present


def _judge(world: World, read: _Read, present: _Present) -> Judged[ClientDraft]:
    reader = read.reader
    match = _match(world, read)
    if match == HIDDEN:
        reader.refuse("not_found", "external_id")
    if match and world.seen.get(("company", match)):
        reader.refuse("row_repeats", "name", line=world.seen["company", match])
    owner_id = owner_of(world, reader) if not match or reader.raw("owner") else None
    if reader.found:
        return _judged(reader, RowVerdict.FAILED, read.name, None)
    row = present.rows.get(match) if match else None
    draft = _changed(world, read, row, present, owner_id) if row else _created(world, read, match, owner_id)
    world.seen["company", draft.id] = reader.row.line
    if read.foreign:
        world.foreign["company"].put(read.foreign, draft.id)
    verdict = RowVerdict.CREATED if row is None else RowVerdict.UPDATED if draft.changes else RowVerdict.UNCHANGED
    return _judged(reader, verdict, read.name, draft)


def _created(world: World, read: _Read, match: int | None, owner_id: int | None) -> ClientDraft:
    # A match without a row is one that a dry run has only promised, or another record of this batch has.
    columns = {**read.columns, "owner_id": owner_id, "created_at": read.columns["created_at"] or world.now}
    company_id = match or world.new_id()
    world.new_companies.pop(company_id, None)
    world.companies.add(company_id, read.name, columns["inn"])
    columns["parent_id"] = _parent_id(world, read, company_id)
    return ClientDraft(company_id, columns, read.points, read.foreign)


def _changed(world: World, read: _Read, row: Company, present: _Present, owner_id: int | None) -> ClientDraft:
    columns = {name: value for name, value in read.columns.items() if name != "created_at"}
    columns["owner_id"] = owner_id
    if world.foreign["company"].get(read.foreign) is None and row.name != read.name:
        columns["name"] = None  # found by name or INN: the spelling stays ours
    columns["parent_id"] = _parent_id(world, read, row.id)
    changes = dict(differences(row, columns))
    points = tuple(
        point for point in read.points if (point.kind, point.normalised) not in present.points.get(row.id, set())
    )
    if points:
        changes["points"] = [None, [point.value for point in points]]
    if read.foreign and world.foreign["company"].get(read.foreign) is None:
        changes["external_id"] = [None, read.foreign]
    written = {name: columns[name] for name in changes if name in columns}
    return ClientDraft(row.id, written, points, read.foreign, changes)


def _parent_id(world: World, read: _Read, company_id: int) -> int | None:
    """Return the parent as far as it is known; one further down in the files is linked after all of them."""
    if not read.parent:
        return None
    parent_id = world.companies.by_name(read.parent)
    if parent_id is None:
        if name_key(read.parent) not in world.company_names:
            read.reader.warn("parent_unknown", "parent", name=read.parent)
        return None
    if not world.companies.set_parent(company_id, parent_id):
        read.reader.warn("parent_goes_round", "parent", name=read.parent)
        return None
    return parent_id


def _judged(reader: RowReader, verdict: RowVerdict, label: str, draft: ClientDraft | None) -> Judged[ClientDraft]:
    return Judged(reader.row.line, reader.row.cells, verdict, label, draft, tuple(reader.found), tuple(reader.warnings))
