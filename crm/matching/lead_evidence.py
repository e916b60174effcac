"""Rows of a file into evidence, in several processes, without what only people read."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice

from crm.matching.lead_files import LeadLayout, LeadReader, identified
from crm.matching.normalise import make_evidence
from crm.matching.normalise.evidence import Evidence
from crm.matching.values import OwnIdentifiers
from crm.models.codes import EntityType

Rows = Iterable[tuple[int, Sequence[str]]]  # line, cells
_CHUNK = 2_000

_reader: LeadReader | None = None
_own = OwnIdentifiers()
_keeps_goods = False


def evidence_of_leads(
    layout: LeadLayout,
    rows: Rows,
    entity_type: EntityType,
    *,
    own: OwnIdentifiers | None = None,
    processes: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> list[Evidence]:
    """Return the evidence of rows in their order; texts as typed are left out, for a million of them is large.

    Errors: CrmError where two rows have the same id.
    """
    alike: dict[Hashable, Hashable] = {}
    records: list[Evidence] = []
    for made in _made(_chunks(identified(layout, rows)), (layout, own or OwnIdentifiers(), entity_type), processes):
        records.extend(_sharing(one, alike) for one in made)
        if on_progress:
            on_progress(len(records))
    return records


def _made(
    chunks: Iterator[list[tuple[str, Sequence[str]]]],
    setting: tuple[LeadLayout, OwnIdentifiers, EntityType],
    processes: int,
) -> Iterator[list[Evidence]]:
    if processes < 2:
        _prepare(*setting)
        yield from map(_make, chunks)
        return
    forks = "fork" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if forks else None)
    with context.Pool(processes, _prepare, setting) as pool:
        yield from pool.imap(_make, chunks)


def _chunks(rows: Iterator[tuple[str, Sequence[str]]]) -> Iterator[list[tuple[str, Sequence[str]]]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _prepare(layout: LeadLayout, own: OwnIdentifiers, entity_type: EntityType) -> None:
    global _reader, _own, _keeps_goods
    _reader, _own, _keeps_goods = LeadReader(layout), own, entity_type is EntityType.DEAL


def _make(rows: list[tuple[str, Sequence[str]]]) -> list[Evidence]:
    assert _reader is not None, "prepared before"  # noqa: S101
    return [_lean(make_evidence(_reader.record(record_id, cells), _own)) for record_id, cells in rows]


def _lean(evidence: Evidence) -> Evidence:
    # The record was made a line above and nobody else has it; copying thirty fields would take as long as making it.
    for field in ("given_typed", "surname_typed", "company_typed", "address_typed"):
        object.__setattr__(evidence, field, "")
    object.__setattr__(evidence, "misplaced", ())
    if not _keeps_goods:
        object.__setattr__(evidence, "goods", ())
    return evidence


def _sharing(evidence: Evidence, alike: dict[Hashable, Hashable]) -> Evidence:
    """Return the record with the words it has in common with others kept once in memory."""
    for field in ("given", "surname", "patronymic", "initials", "companies", "city"):
        value = getattr(evidence, field)
        object.__setattr__(evidence, field, alike.setdefault(value, value))
    return evidence
