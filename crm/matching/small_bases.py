"""Statistics of a base too small to tell what is rare: what is counted there is told beside what is usual elsewhere."""

from __future__ import annotations

from crm.matching.statistics import HOLDERS, IdentifierFacts, Statistics

LEAST_RECORDS = 1_000
# In a strange base a word stands in one of 200 records; what is counted outweighs that from so many records on.
_USUAL, _USUAL_COUNTS = 0.005, 50
_WORDS = frozenset({"given", "surname", "patronymic", "city", "zip", "born", "address", "company", "company_word"})
_FEW = 5  # so many people of one firm, or at one address, are not more of them in a larger base


def as_of(field: str, records: int, counted: int) -> int:
    """Return in how many records a word would stand, had the base the least of records; of a larger one as counted."""
    if counted >= LEAST_RECORDS or field == HOLDERS:
        return records
    if field in _WORDS:
        rate = (records + _USUAL * _USUAL_COUNTS) / (counted + _USUAL_COUNTS)
        return max(round(min(rate, 1.0) * LEAST_RECORDS), 1)
    return _of_least(records, counted)


def facts_as_of(facts: IdentifierFacts, counted: int) -> IdentifierFacts:
    """Return what would be known of an identifier, had the base the least of records."""
    return facts if counted >= LEAST_RECORDS else facts._replace(records=_of_least(facts.records, counted))


def _of_least(records: int, counted: int) -> int:
    return records if records <= _FEW else max(round(records * LEAST_RECORDS / max(counted, records)), records)


class OfLeastSize:
    """Statistics as if there were a thousand records at least."""

    def __init__(self, counted: Statistics) -> None:
        self._counted = counted
        self._records = counted.record_count
        self._record_count = max(self._records, LEAST_RECORDS)

    @property
    def record_count(self) -> int:
        """Return how many records there are, or the least."""
        return self._record_count

    def frequency(self, field: str, value: str) -> int:
        """Return in how many records a word stands, one at least."""
        return as_of(field, self._counted.frequency(field, value), self._records)

    def identifier(self, kind: str, value: str) -> IdentifierFacts:
        """Return what is known of an identifier."""
        return facts_as_of(self._counted.identifier(kind, value), self._records)
