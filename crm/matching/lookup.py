"""Intake: the few records of a base that one record may be the same as, in milliseconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from crm.matching.base_statistics import BaseStatistics
from crm.matching.fetching import look, padded
from crm.matching.keys import BLOCK, NAME_BLOCK, NAME_ONLY, keyed
from crm.matching.models_in_use import KnownModel, load_model
from crm.matching.normalise.evidence import Evidence
from crm.matching.scorer import Scorer
from crm.matching.store import evidence_of
from crm.matching.values import Match
from crm.models import EntityType

COMPARED_AT_MOST = 200
_KEYS_AT_ONCE, _KEYS_STEP = 100, 4
_FEW = 16
_OF_KEY = (
    "SELECT * FROM (SELECT {0} AS place, entity_id FROM match_keys WHERE entity_type = ? AND key = ? LIMIT ?) AS k{0}"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be the same."""

    entity_id: int
    match: Match
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Lookup:
    """The likeliest records first, and the scorer they were weighed with."""

    candidates: list[Candidate]
    scorer: Scorer
    known: KnownModel


def find_matches(
    session: Session,
    entity_type: EntityType,
    evidence: Evidence,
    *,
    exclude_id: int | None = None,
    least_weight: float | None = None,
    limit: int | None = None,
) -> list[Candidate]:
    """Return records like the one described, the likeliest first; from the review threshold on where none is given.

    At most 81 records of a key are read; a fuller key tells too little and is skipped.
    """
    return look_up(
        session, entity_type, evidence, exclude_id=exclude_id, least_weight=least_weight, limit=limit
    ).candidates


def look_up(
    session: Session,
    entity_type: EntityType,
    evidence: Evidence,
    *,
    exclude_id: int | None = None,
    least_weight: float | None = None,
    limit: int | None = None,
    known: KnownModel | None = None,
) -> Lookup:
    """Do as `find_matches` and return the scorer as well."""
    known = known or load_model(session, entity_type)
    connection = session.connection()
    statistics = BaseStatistics(connection, entity_type, evidence)
    scorer = Scorer(known.model, statistics)
    ids = _candidate_ids(connection, entity_type, evidence, exclude_id)
    others = _evidences(connection, entity_type, ids)
    statistics.meet(other for _, other in others)
    least = known.model.review_at if least_weight is None else least_weight
    weighed = [(scorer.weigh(evidence, other), key, other) for key, other in others]
    weighed = sorted((one for one in weighed if one[0] >= least), key=lambda one: (-one[0], one[1]))[:limit]
    candidates = [Candidate(key, scorer.score(evidence, other), other) for _, key, other in weighed]
    return Lookup(candidates, scorer, known)


def _candidate_ids(
    connection: Connection, entity_type: EntityType, evidence: Evidence, exclude_id: int | None
) -> list[int]:
    # One more than is compared, and one for the record itself: so a fuller key is told from a full one.
    keys = [(key, NAME_BLOCK if kind in NAME_ONLY else BLOCK) for kind, key in keyed(evidence, entity_type)]
    met: Counter[int] = Counter()
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        part = keys[start : start + _KEYS_AT_ONCE]
        found: list[list[int]] = [[] for _ in part]
        for place, entity_id in _read_keys(connection, entity_type, part):
            if entity_id != exclude_id:
                found[place].append(entity_id)
        for (_, most), ids in zip(part, found, strict=True):
            if len(ids) <= most:
                met.update(ids)
    if len(met) <= COMPARED_AT_MOST:
        return list(met)
    return [entity_id for entity_id, _ in sorted(met.items(), key=lambda one: (-one[1], one[0]))[:COMPARED_AT_MOST]]


def _read_keys(
    connection: Connection, entity_type: EntityType, keys: Sequence[tuple[int, int]]
) -> Sequence[tuple[int, int]]:
    missing = -len(keys) % _KEYS_STEP
    given = [value for key, most in keys for value in (entity_type.value, key, most + 2)]
    given += (entity_type.value, keys[-1][0], 0) * missing  # of these no row is asked for
    return look(connection, _keys_statement(len(keys) + missing), given)


def _evidences(connection: Connection, entity_type: EntityType, ids: Sequence[int]) -> list[tuple[int, Evidence]]:
    if not ids:
        return []
    asked = padded(ids, 2 if len(ids) <= _FEW else _FEW)
    rows = look(connection, _evidence_statement(len(asked)), [entity_type.value, *asked])
    return [(key, evidence_of(text)) for key, text in rows]


@lru_cache(maxsize=_KEYS_AT_ONCE)
def _keys_statement(count: int) -> str:
    return " UNION ALL ".join(_OF_KEY.format(place) for place in range(count))


@lru_cache(maxsize=COMPARED_AT_MOST)
def _evidence_statement(count: int) -> str:
    marks = ", ".join(["?"] * count)
    return f"SELECT entity_id, evidence FROM match_evidence WHERE entity_type = ? AND entity_id IN ({marks})"  # noqa: S608
