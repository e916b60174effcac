"""Making evidence anew in the background: where the norm has changed, where there is none yet, where it is stale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.match_upkeep import remake_evidence
from crm.db import Database
from crm.duplicates.pair_records import TABLES, in_use
from crm.jobs import JobRun
from crm.matching.key_sweep import sweep_keys
from crm.matching.normalise import NORM_VERSION
from crm.matching.store import STALE
from crm.models import EntityType, MatchEvidence

RECORDS_AT_ONCE = 250
_LOOKED_AT = 50  # the oldest and the newest records of a kind
# Who hangs on whom: a person's evidence holds the company's name, not the other way round.
KINDS = (EntityType.COMPANY, EntityType.CONTACT, EntityType.DEAL)


def renormalise(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make outdated and missing evidence anew, with `everything` all of it; goes on from the state after a break."""
    del actor
    everything = bool(arguments.get("everything"))
    state = dict(run.state.get("renormalise") or {})
    done = int(state.get("done", 0))
    with database.read_scope() as session:
        total = done + sum(_left(session, kind, state, everything=everything) for kind in KINDS)
        sweeps = everything or bool(state.get("sweeps")) or _has_older_norm(session)
    state["sweeps"] = sweeps
    for kind in KINDS:
        after = int(state.get(kind.value, 0))
        while after >= 0:
            with database.session_scope() as session:
                ids = session.scalars(_wanted(kind, after, everything=everything).limit(RECORDS_AT_ONCE)).all()
                remake_evidence(session, kind, ids)
                done += len(ids)
                after = ids[-1] if len(ids) == RECORDS_AT_ONCE else -1
                state |= {kind.value: after, "done": done}
                run.mark(session, done, max(total, done), state={**run.state, "renormalise": state})
        done += _renew_outdated(database, kind)
    # What keys an older norm made can't be told any more: whatever the present one does not make goes.
    for kind in KINDS if sweeps else ():
        sweep_keys(database, kind, lambda: run.report(done, max(total, done)))
    return {"renormalised": done}


def outdated_count(session: Session, at_most: int) -> int:
    """Count outdated and missing evidence up to a limit.

    Whether any is missing is told by the oldest and the newest records alone: cheap where all is well.
    """
    outdated = select(MatchEvidence.entity_id).where(MatchEvidence.norm_version < NORM_VERSION).limit(at_most)
    count = session.scalar(select(func.count()).select_from(outdated.subquery())) or 0
    for kind in KINDS:
        if count < at_most and session.scalar(select(_lacks(kind, newest=False) | _lacks(kind, newest=True))):
            missing = select(TABLES[kind].id).where(in_use(kind), ~_has_evidence(kind)).limit(at_most)
            count += session.scalar(select(func.count()).select_from(missing.subquery())) or 0
    return min(count, at_most)


def _has_older_norm(session: Session) -> bool:
    older = select(MatchEvidence.entity_id).where(MatchEvidence.norm_version.between(STALE + 1, NORM_VERSION - 1))
    return session.scalar(older.limit(1)) is not None


def _renew_outdated(database: Database, kind: EntityType) -> int:
    """Make anew what became outdated meanwhile, and drop what is left of records no longer in use."""
    query = (
        select(MatchEvidence.entity_id)
        .where(MatchEvidence.norm_version < NORM_VERSION, MatchEvidence.entity_type == kind)
        .order_by(MatchEvidence.entity_id)
        .limit(RECORDS_AT_ONCE)
    )
    done = 0
    while True:
        with database.session_scope() as session:
            ids = session.scalars(query).all()
            remake_evidence(session, kind, ids)
        done += len(ids)
        if len(ids) < RECORDS_AT_ONCE:
            return done


def _lacks(kind: EntityType, *, newest: bool) -> ColumnElement[bool]:
    table = TABLES[kind]
    order = table.id.desc() if newest else table.id
    some = select(table.id).where(in_use(kind)).order_by(order).limit(_LOOKED_AT).subquery()
    present = exists().where(MatchEvidence.entity_type == kind, MatchEvidence.entity_id == some.c.id)
    return exists().where(some.c.id.is_not(None), ~present)


def _has_evidence(kind: EntityType) -> ColumnElement[bool]:
    return exists().where(MatchEvidence.entity_type == kind, MatchEvidence.entity_id == TABLES[kind].id)


def _wanted(kind: EntityType, after: int, *, everything: bool) -> Select[int]:
    table = TABLES[kind]
    query = select(table.id).where(table.id > after, in_use(kind)).order_by(table.id)
    if everything:
        return query
    current = exists().where(
        MatchEvidence.entity_type == kind,
        MatchEvidence.entity_id == table.id,
        MatchEvidence.norm_version == NORM_VERSION,
    )
    return query.where(~current)


def _left(session: Session, kind: EntityType, state: Mapping[str, Any], *, everything: bool) -> int:
    after = int(state.get(kind.value, 0))
    if after < 0:
        return 0
    wanted = _wanted(kind, after, everything=everything).order_by(None).subquery()
    return session.scalar(select(func.count()).select_from(wanted)) or 0
