"""What must hold between records, what matching knows of them, and pairs, once the background is idle."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_in_use
from crm.deals.invariants import SHOWN_IDS, BrokenInvariant
from crm.duplicates.match_changes import FOLLOWED, has_changes
from crm.duplicates.pair_records import TABLES
from crm.matching.key_sweep import keys_differ
from crm.matching.normalise import NORM_VERSION
from crm.matching.store import STALE
from crm.models import (
    BackgroundJob,
    EntityType,
    JobKind,
    JobSchedule,
    JobStatus,
    MatchEvidence,
    MatchPair,
    PairState,
)

RULES = ("without evidence of the present norm", "with other keys than its evidence makes", "out of use in a pair")
SAMPLED = 1_000
_WAITING = (PairState.OPEN, PairState.SNOOZED)
_JOBS = (JobKind.MATCH_CHANGED.value, JobKind.SCAN_BASE.value)


def broken_matching(session: Session, actor: Actor) -> list[BrokenInvariant]:
    """Return the rules that some record breaks; what a job is still to do breaks none.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    found = []
    for kind in EntityType:
        of_rules = (
            _without_evidence(session, kind) if _has_worked(session) else [],
            keys_differ(session, kind, _sample(session, kind)),
            _out_of_use_in_a_pair(session, kind) if not has_changes(session) else [],
        )
        for rule, ids in zip(RULES, of_rules, strict=True):
            if ids:
                ordered = sorted(ids)
                found.append(BrokenInvariant(f"{kind.value} {rule}", len(ordered), tuple(ordered[:SHOWN_IDS])))
    return found


def _has_worked(session: Session) -> bool:
    """Tell whether what was changed has been matched on this base at least once, and no such work waits."""
    unfinished = exists().where(
        BackgroundJob.kind.in_(_JOBS), BackgroundJob.status.in_((JobStatus.QUEUED, JobStatus.RUNNING))
    )
    return session.get(JobSchedule, FOLLOWED) is not None and not session.scalar(select(unfinished))


def _without_evidence(session: Session, kind: EntityType) -> Sequence[int]:
    table = TABLES[kind]
    # Stale evidence waits for its job, which says so by its mark.
    known = exists().where(
        MatchEvidence.entity_type == kind,
        MatchEvidence.entity_id == table.id,
        MatchEvidence.norm_version.in_((STALE, NORM_VERSION)),
    )
    query = select(table.id).where(table.merged_into_id.is_(None), ~known)
    if kind is EntityType.DEAL:
        query = query.where(deal_in_use())
    return session.scalars(query).all()


def _sample(session: Session, kind: EntityType) -> list[int]:
    of_kind = (MatchEvidence.entity_type == kind, MatchEvidence.norm_version == NORM_VERSION)
    count = session.scalar(select(func.count()).where(*of_kind)) or 0
    spread = MatchEvidence.entity_id % max(count // SAMPLED, 1) == 0
    query = select(MatchEvidence.entity_id).where(*of_kind, spread).order_by(MatchEvidence.entity_id)
    return list(session.scalars(query.limit(SAMPLED)))


def _out_of_use_in_a_pair(session: Session, kind: EntityType) -> Sequence[int]:
    table = TABLES[kind]
    out = ~deal_in_use() if kind is EntityType.DEAL else table.merged_into_id.is_not(None)
    waits = exists().where(
        MatchPair.entity_type == kind,
        MatchPair.state.in_(_WAITING),
        or_(MatchPair.left_id == table.id, MatchPair.right_id == table.id),
    )
    return session.scalars(select(table.id).where(out, waits)).all()
