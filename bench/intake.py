"""One lead against a whole base: how long finding its like takes, and keeping it, on SQLite and PostgreSQL."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from bench.facts import Block
from bench.filling import bulk_loader
from bench.leads import TRUTHS
from bench.timing import share_of
from crm.clock import utc_now
from crm.db import Database
from crm.db.migrate import migrate
from crm.matching.counting import keep_statistics
from crm.matching.keys import keys_of
from crm.matching.lead_files import LeadReader, lead_layout
from crm.matching.lookup import find_matches
from crm.matching.models_in_use import load_model
from crm.matching.normalise import make_evidence
from crm.matching.normalise.evidence import NORM_VERSION, Evidence, evidence_from_json
from crm.matching.statistics import CountedStatistics
from crm.matching.store import refresh_evidence, text_of
from crm.matching.values import OwnIdentifiers, RawRecord
from crm.models.codes import EntityType

MOST_LEADS = 3_000  # held out of the base and looked up
_KEPT_EVERY = 3  # of those looked up, one in so many is kept
_WARM_UP = 100
_ROWS_AT_ONCE = 20_000
_NOBODY = OwnIdentifiers()


def measure_intake(url: str, leads: Path, evidence: Path, entity_type: EntityType) -> dict[str, Any]:
    """Fill an empty base with evidence but for some leads, look these up one by one; return milliseconds."""
    raws, truth = _held_out(leads, entity_type)
    database = Database(url)
    began = time.perf_counter()
    migrate(database)
    with bulk_loader(database) as loader:
        for block in _blocks(_stored(evidence, raws), entity_type):
            loader.load(block)
    counted = CountedStatistics.of((one for _id, one in _stored(evidence, raws)), entity_type)
    keep_statistics(database, entity_type, counted)
    del counted
    filled = time.perf_counter() - began
    found, kept, right, wrong = [], [], 0, 0
    with database.read_scope() as session:
        auto_at = load_model(session, entity_type).model.auto_at
    for place, (entity_id, raw) in enumerate(raws.items()):
        began = time.perf_counter()
        with database.read_scope() as session:
            candidates = find_matches(session, entity_type, make_evidence(raw))
        found.append((time.perf_counter() - began) * 1000)
        best = candidates[0] if candidates else None
        if best and best.match.weight >= auto_at and not best.match.guards:
            is_right = truth[best.entity_id] == truth[entity_id]
            right, wrong = right + is_right, wrong + (not is_right)
        if place % _KEPT_EVERY == 0:
            began = time.perf_counter()
            with database.session_scope() as session:
                refresh_evidence(session, entity_type, [entity_id], _reader(raws), lambda _session: _NOBODY)
            kept.append((time.perf_counter() - began) * 1000)
    database.close()
    return {
        "filled_seconds": filled,
        "looked_up": _times(found[_WARM_UP:] or found),
        "kept": _times(kept[_WARM_UP // _KEPT_EVERY :] or kept),
        "attached": right + wrong,
        "attached_precision": right / (right + wrong) if right + wrong else 1.0,
    }


def _held_out(leads: Path, entity_type: EntityType) -> tuple[dict[int, RawRecord], dict[int, str]]:
    """Return leads spread over the file, and the truth of all records."""
    with leads.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader)
        make = LeadReader(lead_layout(header, entity_type)).record
        at = header.index(TRUTHS[entity_type.value])
        rows = {int(cells[0]): cells for cells in reader}
    step = max(len(rows) // MOST_LEADS, 10)
    raws = {key: make(cells[0], cells) for key, cells in islice(rows.items(), 0, None, step)}
    return raws, {key: cells[at] for key, cells in rows.items()}


def _stored(evidence: Path, left_out: Mapping[int, RawRecord]) -> Iterator[tuple[int, Evidence]]:
    with evidence.open(encoding="utf-8") as stream:
        for line in stream:
            one = evidence_from_json(json.loads(line))
            if int(one.record_id) not in left_out:
                yield int(one.record_id), one


def _blocks(records: Iterator[tuple[int, Evidence]], entity_type: EntityType) -> Iterator[Block]:
    kind, now = entity_type.value, int(utc_now().timestamp())
    keys: list[tuple[int, int]] = []
    while part := list(islice(records, _ROWS_AT_ONCE)):
        keys += [(key, entity_id) for entity_id, one in part for key in keys_of(one, entity_type)]
        yield Block(
            "match_evidence",
            {
                "entity_type": [kind] * len(part),
                "entity_id": [entity_id for entity_id, _one in part],
                "evidence": [text_of(one) for _id, one in part],
                "norm_version": [NORM_VERSION] * len(part),
                "updated_at": [now] * len(part),
                "matched_at": [now] * len(part),
            },
        )
    keys.sort()  # the table is its own index: rows in order go to its end
    for start in range(0, len(keys), _ROWS_AT_ONCE):
        rows = keys[start : start + _ROWS_AT_ONCE]
        columns: dict[str, list[Any]] = {
            "entity_type": [kind] * len(rows),
            "key": [key for key, _id in rows],
            "entity_id": [one for _key, one in rows],
        }
        yield Block("match_keys", columns)


def _reader(raws: Mapping[int, RawRecord]) -> Any:
    def read(_session: Session, ids: Sequence[int]) -> dict[int, RawRecord]:
        return {one: raws[one] for one in ids}

    return read


def _times(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken)
    return {name: share_of(ordered, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
