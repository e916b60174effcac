"""Statistics of one comparison of a base: words as the last count found them, identifiers as they are met now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from itertools import chain

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from crm.matching.fetching import look, padded
from crm.matching.normalise.evidence import Evidence
from crm.matching.small_bases import LEAST_RECORDS, as_of, facts_as_of
from crm.matching.statistics import (
    HOLDERS,
    IdentifierFacts,
    facts_of,
    holders_of,
    identifiers_of,
    label_of,
    terms_of,
)
from crm.models import EntityType, MatchEvidence

RECORDS = ("records", "")  # the row of `term_frequencies` that holds how many records were counted
_STEP = 4
_COUNTED = "SELECT field, value, records FROM term_frequencies WHERE entity_type = ? AND (field, value) IN (VALUES {})"
_SHARED = (
    " UNION ALL SELECT '=' || kind, value, records * 4"
    " + CASE WHEN is_shared THEN 2 ELSE 0 END + CASE WHEN stop_reason = 'hub' THEN 1 ELSE 0 END"
    " FROM identifier_stats WHERE entity_type = ? AND (kind, value) IN (VALUES {})"
)


class BaseStatistics:
    """What the scorer asks about a base while one record is compared with its candidates.

    An identifier's holders are the record and its candidates; where a key was too full to be read, and for what has
    no key, the last count of the whole base tells. Of a small base no word is told to be rarer than is usual.
    """

    def __init__(self, connection: Connection, entity_type: EntityType, evidence: Evidence) -> None:
        self._connection = connection
        self._entity_type = entity_type
        self._evidence = evidence
        self._terms: dict[tuple[str, str], int] = {}
        self._counted: dict[tuple[str, str], IdentifierFacts] = {}
        self._holders: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self._label = label_of(entity_type)
        self._own = frozenset(identifiers_of(evidence))
        held = {(HOLDERS, company) for company in evidence.companies}
        held.update(term for term, _ in holders_of(evidence, entity_type))
        self._read({*terms_of(evidence), *held, RECORDS}, self._own)
        self._records = self._terms.get(RECORDS) or self._count_records()
        self.record_count = max(self._records, LEAST_RECORDS)

    def meet(self, candidates: Iterable[Evidence]) -> None:
        """Note who else has the record's identifiers."""
        holders: Mapping[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
        for candidate in candidates:
            for identifier in identifiers_of(candidate):
                if identifier in self._own:
                    holders[identifier].append(self._label(candidate))
        self._holders = dict(holders)

    def frequency(self, field: str, value: str) -> int:
        """Return in how many records a word stands, one at least."""
        known = self._terms.get((field, value))
        if known is None:
            self._read({(field, value)}, ())
            known = self._terms.setdefault((field, value), 1)
        return as_of(field, known, self._records)

    def identifier(self, kind: str, value: str) -> IdentifierFacts:
        """Return what is known of an identifier."""
        met = facts_of(kind, (self._label(self._evidence), *self._holders.get((kind, value), ())))
        counted = self._counted.get((kind, value))
        facts = met if counted is None or counted.records <= met.records else counted
        return facts_as_of(facts, self._records)

    def _read(self, terms: Collection[tuple[str, str]], identifiers: Collection[tuple[str, str]]) -> None:
        known = padded(list(terms), _STEP)
        given = [self._entity_type.value, *chain.from_iterable(known)]
        if identifiers:
            asked = padded(list(identifiers), _STEP)
            given += [self._entity_type.value, *chain.from_iterable(asked)]
        sql = _statement(len(known), len(asked) if identifiers else 0)
        self._terms.update((term, 0 if term == RECORDS else 1) for term in terms)
        for field, value, records in look(self._connection, sql, given):
            if field.startswith("="):
                self._counted[field[1:], value] = IdentifierFacts(records // 4, 1, bool(records & 2), bool(records & 1))
            else:
                self._terms[field, value] = records

    def _count_records(self) -> int:
        of_kind = select(func.count()).where(MatchEvidence.entity_type == self._entity_type)
        return max(self._connection.execute(of_kind).scalar_one(), 1)


@lru_cache(maxsize=500)
def _statement(terms: int, identifiers: int) -> str:
    sql = _COUNTED.format(", ".join(["(?, ?)"] * terms))
    return sql + _SHARED.format(", ".join(["(?, ?)"] * identifiers)) if identifiers else sql
