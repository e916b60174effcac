"""Making evidence anew in the background: where the norm has changed, where there is none yet, where it is stale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts.match_input import own_identifiers
from crm.contacts.match_upkeep import remake_evidence
from crm.db import Database
from crm.duplicates.pair_records import TABLES
from crm.jobs import JobRun
from crm.matching.normalise import NORM_VERSION
from crm.models import EntityType, MatchEvidence

RECORDS_AT_ONCE = 250
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
    for kind in KINDS:
        after = int(state.get(kind.value, 0))
        while after >= 0:
            with database.session_scope() as session:
                ids = session.scalars(_wanted(kind, after, everything=everything).limit(RECORDS_AT_ONCE)).all()
                remake_evidence(session, kind, ids, own_identifiers(session))
                done += len(ids)
                after = ids[-1] if len(ids) == RECORDS_AT_ONCE else -1
                state |= {kind.value: after, "done": done}
                run.mark(session, done, max(total, done), state={**run.state, "renormalise": state})
    return {"renormalised": done}


def outdated_count(session: Session, at_most: int) -> int:
    """Count outdated evidence up to a limit; a kind of record that has none at all counts as the limit. Cheap."""
    bare = any(
        session.scalar(select(TABLES[kind].id).limit(1)) is not None
        and not session.scalar(select(exists().where(MatchEvidence.entity_type == kind)))
        for kind in KINDS
    )
    outdated = select(MatchEvidence.entity_id).where(MatchEvidence.norm_version < NORM_VERSION).limit(at_most)
    return at_most if bare else session.scalar(select(func.count()).select_from(outdated.subquery())) or 0


def _wanted(kind: EntityType, after: int, *, everything: bool) -> Select[int]:
    table = TABLES[kind]
    query = select(table.id).where(table.id > after, table.merged_into_id.is_(None)).order_by(table.id)
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
