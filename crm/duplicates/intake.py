"""Intake: a saved record is compared with the base at once, and what it is like becomes pairs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import combinations

from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.duplicates.deal_pairs import fitting
from crm.duplicates.pair_store import BRIDGE, PAIRS_AT_ONCE, FoundPair, close_gone, keep_pairs
from crm.matching.fetching import fetch
from crm.matching.lookup import Candidate, Lookup, look_up
from crm.matching.models_in_use import KnownModel, load_model
from crm.matching.normalise import Evidence
from crm.matching.statistics import EMAIL, PHONE
from crm.matching.store import changed_records, mark_matched, read_evidence
from crm.matching.values import Match, MatchLine
from crm.models import EntityType, PairSource

log = logging.getLogger(__name__)

# A save that changes more than this, an import for one, is matched in the background.
MATCHED_AT_ONCE = 20
_BRIDGED_AT_MOST = 4
_WAITING = (
    "SELECT id, left_id, right_id FROM match_pairs WHERE entity_type = ? AND (left_id = ? OR right_id = ?)"
    " AND state IN ('open', 'snoozed') AND source <> 'bridge'"
)


def match_changed_records(session: Session) -> None:
    """Match the records whose evidence this session has changed; for the end of an interactive or API save.

    What can't be matched is left to the background: a save stands, whatever the matcher makes of it.
    """
    for entity_type, ids in changed_records(session).items():
        if len(ids) > MATCHED_AT_ONCE:
            continue
        session.flush()  # what the save itself gets wrong is not the matcher's
        try:
            with session.begin_nested():
                match_saved(session, entity_type, ids)
        except Exception:
            log.exception("saved records could not be matched: %s %s", entity_type, sorted(ids))


def match_saved(session: Session, entity_type: EntityType, ids: Iterable[int]) -> None:
    """Compare saved records with the base, keep their pairs, close those no longer alike, open bridges."""
    session.flush()
    saved = read_evidence(session, entity_type, ids)
    if not saved:
        return
    now, known = utc_now(), load_model(session, entity_type)
    pairs: dict[tuple[int, int], FoundPair] = {}
    bridges: dict[tuple[int, int], FoundPair] = {}
    gone: set[int] = set()
    for entity_id, (evidence, _) in sorted(saved.items()):
        found = look_up(session, entity_type, evidence, exclude_id=entity_id, known=known)
        waiting = _waiting(session, entity_type, entity_id)
        fit = _fitting(session, entity_type, entity_id, found, waiting)
        found = replace(found, candidates=[one for one in found.candidates if one.entity_id in fit])
        alike = (_pair(entity_id, one.entity_id, one.match) for one in found.candidates)
        pairs |= {(pair.left_id, pair.right_id): pair for pair in alike}
        bridges |= {(pair.left_id, pair.right_id): pair for pair in _bridges(evidence, found)}
        gone |= {pair_id for pair_id, other_id in waiting.items() if other_id not in fit}
        gone |= _unlike(session, entity_type, evidence, found, waiting)
    fit_bridges = fitting(session, entity_type, bridges)
    # All at the end and in one order: two who save at once don't lock each other out.
    _keep(session, entity_type, [pairs[sides] for sides in sorted(pairs)], PairSource.INTAKE, known, now)
    _keep(session, entity_type, [bridges[sides] for sides in sorted(fit_bridges)], PairSource.BRIDGE, known, now)
    close_gone(session, entity_type, gone)
    mark_matched(session, entity_type, {entity_id: second for entity_id, (_, second) in saved.items()}, now)


def _keep(
    session: Session,
    entity_type: EntityType,
    pairs: Sequence[FoundPair],
    source: PairSource,
    known: KnownModel,
    now: datetime,
) -> None:
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        part = pairs[start : start + PAIRS_AT_ONCE]
        keep_pairs(session, entity_type, part, source=source, known=known, now=now)


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


def _waiting(session: Session, entity_type: EntityType, entity_id: int) -> dict[int, int]:
    """Return the waiting pairs of a record by id, and the other record of each."""
    rows = fetch(session.connection(), _WAITING, (entity_type.value, entity_id, entity_id))
    return {pair_id: left_id if right_id == entity_id else right_id for pair_id, left_id, right_id in rows}


def _fitting(
    session: Session, entity_type: EntityType, entity_id: int, found: Lookup, waiting: Mapping[int, int]
) -> set[int]:
    """Return the records that may stand in a pair with this one at all."""
    others = {one.entity_id for one in found.candidates} | set(waiting.values())
    sides = {(min(entity_id, other_id), max(entity_id, other_id)) for other_id in others}
    return {
        left_id if right_id == entity_id else right_id for left_id, right_id in fitting(session, entity_type, sides)
    }


def _unlike(
    session: Session, entity_type: EntityType, evidence: Evidence, found: Lookup, waiting: Mapping[int, int]
) -> set[int]:
    """Return the waiting pairs of a record that it is no longer like."""
    alike = {one.entity_id for one in found.candidates}
    doubtful = {pair_id: other_id for pair_id, other_id in waiting.items() if other_id not in alike}
    if not doubtful:
        return set()
    present = read_evidence(session, entity_type, doubtful.values())
    # Not among the candidates may mean that a key is too full by now: only the weight tells.
    return {
        pair_id
        for pair_id, other_id in doubtful.items()
        if other_id not in present or found.scorer.weigh(evidence, present[other_id][0]) < found.known.model.review_at
    }
