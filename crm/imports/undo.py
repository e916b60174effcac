"""Taking a whole import back: what it created goes, what it changed is restored, what people touched since stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.errors import CrmError
from crm.events import record
from crm.imports.removal import ORDER, changed_since, remove_records
from crm.imports.restoring import RESTORERS
from crm.imports.run import imports_actor, taken
from crm.models import ImportRow
from crm.models.codes import ImportStatus, RowVerdict

_KEPT_IN_EVENT = 200


class ImportUndoneAlready(CrmError):
    """There is nothing left to take back."""

    code = "import_undone_already"


@dataclass(frozen=True, slots=True)
class Kept:
    """A record that an undo leaves as it is: "changed" by somebody since, or "in_use" by other records."""

    entity: str
    entity_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: how many records of each kind it removed and restored, and which it left."""

    removed: Mapping[str, int]
    restored: Mapping[str, int]
    kept: tuple[Kept, ...]


def undo_import(session: Session, actor: Actor, *, import_id: int) -> Undone:
    """Take an import back as far as nobody has worked on its records since.

    Errors: Forbidden; NotFound; ImportUndoneAlready.
    """
    require(actor, Action.UNDO_IMPORTS)
    row = taken(session, import_id)
    if row.status is ImportStatus.UNDONE:
        raise ImportUndoneAlready(id=import_id)
    undone = _undo(session, imports_actor(actor), import_id)
    session.execute(delete(ImportRow).where(ImportRow.import_id == import_id))
    row.status, row.finished_at = ImportStatus.UNDONE, utc_now()
    record(
        session, imports_actor(actor), "import.undone", "import", import_id, name=row.name,
        removed=dict(undone.removed), restored=dict(undone.restored),
        kept=[[one.entity, one.entity_id, one.reason] for one in undone.kept[:_KEPT_IN_EVENT]],
    )  # fmt: skip
    return undone


def _undo(session: Session, actor: Actor, import_id: int) -> Undone:
    removed: dict[str, int] = {}
    restored: dict[str, int] = {}
    kept: list[Kept] = []
    for entity in ORDER:
        restored[entity] = _restore(session, actor, import_id, entity, kept)
        made = [row.entity_id or 0 for row in _rows(session, import_id, entity, RowVerdict.CREATED)]
        changed = changed_since(session, entity, made)
        gone = remove_records(session, entity, [one for one in made if one not in changed])
        removed[entity] = len(gone)
        kept += [Kept(entity, one, "changed" if one in changed else "in_use") for one in made if one not in gone]
    return Undone(_filled(removed), _filled(restored), tuple(kept))


def _restore(session: Session, actor: Actor, import_id: int, entity: str, kept: list[Kept]) -> int:
    """Restore what was changed of one kind; return how many, add the others to `kept`."""
    restored = 0
    for row in _rows(session, import_id, entity, RowVerdict.UPDATED) if entity in RESTORERS else ():
        if RESTORERS[entity](session, actor, row.entity_id or 0, row.before or {}):
            restored += 1
        else:
            kept.append(Kept(entity, row.entity_id or 0, "changed"))
    return restored


def _filled(counts: Mapping[str, int]) -> dict[str, int]:
    return {entity: count for entity, count in counts.items() if count}


def _rows(session: Session, import_id: int, entity: str, verdict: RowVerdict) -> list[ImportRow]:
    query = select(ImportRow).where(
        ImportRow.import_id == import_id, ImportRow.entity == entity, ImportRow.verdict == verdict
    )
    return list(session.scalars(query.order_by(ImportRow.id.desc())))
