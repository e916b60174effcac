"""Intake: the few records of a base that one record may be the same as, in milliseconds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from crm.matching.base_statistics import BaseStatistics
from crm.matching.keys import BLOCK, NAME_BLOCK, NAME_ONLY, keyed
from crm.matching.models_in_use import KnownModel, load_model
from crm.matching.normalise.evidence import Evidence, evidence_from_json
from crm.matching.scorer import Scorer
from crm.matching.values import Match
from crm.models import EntityType

COMPARED_AT_MOST = 200
_KEYS_AT_ONCE = 100
_OF_KEY = (
    "SELECT * FROM (SELECT {} AS place, entity_id FROM match_keys WHERE entity_type = ? AND key = ? LIMIT {}) AS k{}"
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
    keys = [(key, kind in NAME_ONLY) for kind, key in keyed(evidence, entity_type)]
    met: Counter[int] = Counter()
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        part = keys[start : start + _KEYS_AT_ONCE]
        by_place: dict[int, list[int]] = {}
        for place, entity_id in _read_keys(connection, entity_type, part):
            by_place.setdefault(place, []).append(entity_id)
        for place, ids in by_place.items():
            others = [entity_id for entity_id in ids if entity_id != exclude_id]
            if len(others) < _limit(is_weak=part[place][1]):
                met.update(others)
    if len(met) <= COMPARED_AT_MOST:
        return list(met)
    return [entity_id for entity_id, _ in sorted(met.items(), key=lambda one: (-one[1], one[0]))[:COMPARED_AT_MOST]]


def _read_keys(
    connection: Connection, entity_type: EntityType, keys: Sequence[tuple[int, bool]]
) -> Iterable[tuple[int, int]]:
    sql = _keys_statement(tuple(is_weak for _, is_weak in keys), connection.dialect.paramstyle)
    given = tuple(value for key, _ in keys for value in (entity_type.value, key))
    return [(place, entity_id) for place, entity_id in connection.exec_driver_sql(sql, given)] if keys else []


def _evidences(connection: Connection, entity_type: EntityType, ids: Sequence[int]) -> list[tuple[int, Evidence]]:
    if not ids:
        return []
    sql = _evidence_statement(len(ids), connection.dialect.paramstyle)
    rows = connection.exec_driver_sql(sql, (entity_type.value, *ids))
    return [(key, evidence_from_json(json.loads(text))) for key, text in rows]


def _limit(*, is_weak: bool) -> int:
    return (NAME_BLOCK if is_weak else BLOCK) + 1


@lru_cache(maxsize=2_000)
def _keys_statement(weak: tuple[bool, ...], paramstyle: str) -> str:
    # One more than is compared, and one for the record itself: so a fuller key is told from a full one.
    parts = [_OF_KEY.format(place, _limit(is_weak=is_weak) + 1, place) for place, is_weak in enumerate(weak)]
    return _placeholders(" UNION ALL ".join(parts), paramstyle)


@lru_cache(maxsize=500)
def _evidence_statement(count: int, paramstyle: str) -> str:
    marks = ", ".join(["?"] * count)
    return _placeholders(
        f"SELECT entity_id, evidence FROM match_evidence WHERE entity_type = ? AND entity_id IN ({marks})",  # noqa: S608
        paramstyle,
    )


def _placeholders(sql: str, paramstyle: str) -> str:
    return sql if paramstyle == "qmark" else sql.replace("?", "%s")
