"""Intake: a saved record is compared with the base at once, and what it is like becomes pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import combinations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.duplicates.pair_store import BRIDGE, FoundPair, close_gone, keep_pairs
from crm.matching.lookup import Candidate, Lookup, look_up
from crm.matching.models_in_use import KnownModel, load_model
from crm.matching.normalise import Evidence
from crm.matching.statistics import EMAIL, PHONE
from crm.matching.store import changed_records, evidence_of, mark_matched
from crm.matching.values import Match, MatchLine
from crm.models import EntityType, MatchEvidence, MatchPair, PairSource, PairState

# A save that changes more than this, an import for one, is matched in the background.
MATCHED_AT_ONCE = 20
_BRIDGED_AT_MOST = 4


def match_changed_records(session: Session) -> None:
    """Match the records whose evidence this session has changed; for the end of an interactive or API save."""
    for entity_type, ids in changed_records(session).items():
        if len(ids) <= MATCHED_AT_ONCE:
            match_saved(session, entity_type, ids)


def match_saved(session: Session, entity_type: EntityType, ids: Iterable[int]) -> None:
    """Compare saved records with the base, keep their pairs, close those no longer alike, open bridges."""
    session.flush()
    rows = session.execute(
        select(MatchEvidence.entity_id, MatchEvidence.evidence, MatchEvidence.updated_at)
        .where(MatchEvidence.entity_type == entity_type, MatchEvidence.entity_id.in_(sorted(set(ids))))
        .order_by(MatchEvidence.entity_id)
    ).all()
    if not rows:
        return
    now, known = utc_now(), load_model(session, entity_type)
    for row in rows:
        _match_one(session, entity_type, row.entity_id, evidence_of(row.evidence), known, now)
    mark_matched(session, entity_type, {row.entity_id: row.updated_at for row in rows}, now)


def _match_one(
    session: Session, entity_type: EntityType, entity_id: int, evidence: Evidence, known: KnownModel, now: datetime
) -> None:
    found = look_up(session, entity_type, evidence, exclude_id=entity_id, known=known)
    pairs = [_pair(entity_id, one.entity_id, one.match) for one in found.candidates]
    keep_pairs(session, entity_type, pairs, source=PairSource.INTAKE, known=known, now=now)
    bridges = _bridges(evidence, found)
    keep_pairs(session, entity_type, bridges, source=PairSource.BRIDGE, known=known, now=now)
    _close_unlike(session, entity_type, entity_id, evidence, found)


def _pair(one_id: int, other_id: int, match: Match) -> FoundPair:
    return FoundPair(min(one_id, other_id), max(one_id, other_id), match)


def _bridges(evidence: Evidence, found: Lookup) -> list[FoundPair]:
    """Return pairs of records that the one between them ties by identifiers of each; nothing else may part them."""
    auto_at = found.known.model.auto_at
    strong = [
        (one, shared)
        for one in found.candidates
        if one.match.weight >= auto_at and not one.match.guards and (shared := _shared(evidence, one.evidence))
    ][:_BRIDGED_AT_MOST]
    bridges = []
    for (one, left), (other, right) in combinations(strong, 2):
        if left == right or _shared(one.evidence, other.evidence):
            continue
        direct = found.scorer.score(one.evidence, other.evidence)
        if not direct.guards:
            bridges.append(_bridge(one, other, min(left), min(right), direct, found))
    return bridges


def _bridge(one: Candidate, other: Candidate, left: str, right: str, direct: Match, found: Lookup) -> FoundPair:
    if one.entity_id > other.entity_id:
        one, other, left, right = other, one, right, left
    if direct.weight >= found.known.model.review_at:
        return FoundPair(one.entity_id, other.entity_id, direct)
    weight = min(one.match.weight, other.match.weight)
    match = Match(
        weight=weight,
        probability=one.match.probability * other.match.probability,
        lines=(MatchLine(BRIDGE, weight, left, right),),
        guards=(),
    )
    return FoundPair(one.entity_id, other.entity_id, match)


def _shared(evidence: Evidence, other: Evidence) -> frozenset[str]:
    """Return the personal identifiers two records have in common."""
    own = {(PHONE, value) for value in evidence.mobiles} | {(EMAIL, value) for value in evidence.mailboxes}
    theirs = {(PHONE, value) for value in other.mobiles} | {(EMAIL, value) for value in other.mailboxes}
    return frozenset(value for _, value in own & theirs)


def _close_unlike(session: Session, entity_type: EntityType, entity_id: int, evidence: Evidence, found: Lookup) -> None:
    alike = {one.entity_id for one in found.candidates}
    query = select(MatchPair.id, MatchPair.left_id, MatchPair.right_id).where(
        MatchPair.entity_type == entity_type,
        or_(MatchPair.left_id == entity_id, MatchPair.right_id == entity_id),
        MatchPair.state.in_((PairState.OPEN, PairState.SNOOZED)),
        MatchPair.source != PairSource.BRIDGE,
    )
    others = {row.id: row.left_id if row.right_id == entity_id else row.right_id for row in session.execute(query)}
    doubtful = {pair_id: other_id for pair_id, other_id in others.items() if other_id not in alike}
    if not doubtful:
        return
    present = _evidences(session, entity_type, list(doubtful.values()))
    # Not among the candidates may mean that a key is too full by now: only the weight tells.
    gone = [
        pair_id
        for pair_id, other_id in doubtful.items()
        if other_id not in present or found.scorer.weigh(evidence, present[other_id]) < found.known.model.review_at
    ]
    close_gone(session, entity_type, gone)


def _evidences(session: Session, entity_type: EntityType, ids: Sequence[int]) -> dict[int, Evidence]:
    query = select(MatchEvidence.entity_id, MatchEvidence.evidence).where(
        MatchEvidence.entity_type == entity_type, MatchEvidence.entity_id.in_(sorted(ids))
    )
    return {row.entity_id: evidence_of(row.evidence) for row in session.execute(query)}
