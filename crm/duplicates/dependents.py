"""Which later merges stand on a merge: those of its survivor, and those that touched the same rows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm.duplicates.journal import Changed, Doubled, Pointed, TakenOut, from_json, in_turn, overlap, touched
from crm.duplicates.row_values import record_table, table_of
from crm.models import EntityType, Merge

_ENDS = {"deals": EntityType.DEAL, "contacts": EntityType.CONTACT, "companies": EntityType.COMPANY}


def dependents_of(session: Session, merge: Merge) -> list[Merge]:
    """Return the merges in force that must be undone before this one, the newest first; theirs are among them."""
    found: dict[int, Merge] = {}
    left = [merge]
    while left:
        for one in _direct(session, left.pop()):
            if one.id not in found and one.id != merge.id:
                found[one.id] = one
                left.append(one)
    return sorted(found.values(), key=lambda one: one.id, reverse=True)


def _direct(session: Session, merge: Merge) -> list[Merge]:
    of_type = (Merge.entity_type == merge.entity_type, Merge.undone_at.is_(None), Merge.id > merge.id)
    # A record that the survivor took in later, or the one it went into: what is whose can't be told apart between.
    same = or_(Merge.survivor_id == merge.survivor_id, Merge.merged_id == merge.survivor_id)
    found = list(session.scalars(select(Merge).where(*of_type, same).execution_options(populate_existing=True)))
    keys = touched(from_json(merge.moved))
    for entity_type, ids in _others(session, merge).items():
        others = _later(session, merge, entity_type, ids)
        found += [later for later in others if overlap(keys, touched(from_json(later.moved)))]
    return found


def _later(session: Session, merge: Merge, entity_type: EntityType, ids: Iterable[int]) -> Iterable[Merge]:
    later = (Merge.entity_type == entity_type, Merge.undone_at.is_(None), Merge.id > merge.id)
    for some in in_turn(sorted(ids)):
        which = or_(Merge.survivor_id.in_(some), Merge.merged_id.in_(some))
        yield from session.scalars(select(Merge).where(*later, which).execution_options(populate_existing=True))


def _others(session: Session, merge: Merge) -> dict[EntityType, set[int]]:
    """Return the records of the other types at the far ends of the rows that a merge touched."""
    found: dict[EntityType, set[int]] = {}
    own = record_table(merge.entity_type).name
    parts: set[int] = set()
    for entry in from_json(merge.moved):
        if entry.table == "deal_contacts":
            parts |= _rows(entry)
        elif isinstance(entry, Pointed) and entry.table in _ENDS and entry.table != own:
            found.setdefault(_ENDS[entry.table], set()).update(entry.ids)
        elif isinstance(entry, Changed) and entry.table == own and "company_id" in entry.columns:
            companies = {one for one in entry.columns["company_id"] if one is not None}
            found.setdefault(EntityType.COMPANY, set()).update(companies)
    far = {EntityType.CONTACT: EntityType.DEAL, EntityType.DEAL: EntityType.CONTACT}.get(merge.entity_type)
    if far is not None and parts:
        found.setdefault(far, set()).update(_far_ends(session, merge, far, parts))
    return found


def _rows(entry: Pointed | Changed | TakenOut | Doubled) -> set[int]:
    if isinstance(entry, Pointed):
        return set(entry.ids)
    if isinstance(entry, Changed):
        return {entry.id}
    if isinstance(entry, TakenOut):
        return {entry.id, entry.kept}
    return {row_id for pair in entry.pairs for row_id in pair}


def _far_ends(session: Session, merge: Merge, far: EntityType, parts: Iterable[int]) -> set[int]:
    """Return the records at the other ends of parts in deals, with all that they were merged with.

    A part may have been moved on, or taken out for another of its family, by merges that came in between.
    """
    table = table_of("deal_contacts")
    near, column = (table.c.contact_id, table.c.deal_id)
    if far is EntityType.CONTACT:
        near, column = column, near
    found: set[int] = set()
    for some in in_turn(sorted(_family(session, merge.entity_type, [merge.survivor_id, merge.merged_id]))):
        found |= set(session.scalars(select(column).where(near.in_(some))))
    for some in in_turn(sorted(parts)):
        found |= set(session.scalars(select(column).where(table.c.id.in_(some))))
    return _family(session, far, found)


def _family(session: Session, entity_type: EntityType, ids: Iterable[int]) -> set[int]:
    """Return records with those they live on in, and all that live on in those."""
    table = record_table(entity_type)
    found: set[int] = set()
    for some in in_turn(sorted(ids)):
        up = select(table.c.id, table.c.merged_into_id).where(table.c.id.in_(some)).cte("family_up", recursive=True)
        up = up.union(select(table.c.id, table.c.merged_into_id).where(table.c.id == up.c.merged_into_id))
        down = select(up.c.id).cte("family", recursive=True)
        down = down.union(select(table.c.id).where(table.c.merged_into_id == down.c.id))
        found |= set(session.scalars(select(down.c.id)))
    return found
