"""What merging costs: ten thousand pairs of people merged in bulk and taken back, to the byte."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from bench.report import Row
from bench.timing import Taken, summarise, timed
from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import Database
from crm.duplicates.bulk import plan_bulk, start_bulk, undo_bulk
from crm.duplicates.bulk_work import merge_batch, undo_batch
from crm.duplicates.merge_plan import plan_merge
from crm.duplicates.undo_plan import plan_undo
from crm.jobs import LooseRun
from crm.models import (
    BackgroundJob,
    Base,
    Contact,
    EntityType,
    JobStatus,
    MatchPair,
    Merge,
    PairSource,
    PairState,
)

PAIRS = 10_000
LOOKS = 30
BAR_MS = 50
# As tests/duplicates/exported.py: journals only grow, what is derived is made anew, versions never go back.
_LEFT_OUT = {
    "background_jobs", "events", "identifier_stats", "job_schedules", "match_evidence", "match_keys", "match_models",
    "match_pairs", "merge_batches", "merges", "search_entries", "term_frequencies", "wrong_fields",
}  # fmt: skip
_ONLY_FORWARD = {"version", "updated_at"}


def measure_merging(database: Database) -> Iterator[Row]:
    """Yield the rows: plan, bulk merge, its undo, what screens read; errors are pairs left and rows not back."""
    actor = system_actor()
    pairs = _add_pairs(database)
    before = _digest(database)
    with database.read_scope() as session:
        plan = timed(lambda: plan_bulk(session, actor, entity_type=EntityType.CONTACT))
        yield Row(f"plan of a bulk merge, {pairs:,} pairs", summarise([plan]))
    yield _plans(database, actor)
    with database.session_scope() as session:
        batch_id = start_bulk(session, actor, entity_type=EntityType.CONTACT)
        newest = select(BackgroundJob.arguments).order_by(BackgroundJob.id.desc()).limit(1)
        arguments = dict(session.scalars(newest).one())
    watch = _Stopwatch()
    result = merge_batch(database, actor, watch, arguments)
    yield watch.row("merge in bulk", left=pairs - result["merged"])
    yield _undo_plans(database, actor)
    with database.session_scope() as session:
        session.execute(update(BackgroundJob).values(status=JobStatus.DONE))
        undo_bulk(session, actor, batch_id=batch_id)
    watch = _Stopwatch()
    result = undo_batch(database, actor, watch, {"batch_id": batch_id})
    row = watch.row("undo of the batch", left=pairs - result["undone"])
    differing = _differing(before, _digest(database))
    yield replace(
        row, errors=(row.errors or 0) + differing, note=f"{row.note}; tables that differ after it: {differing}"
    )


class _Stopwatch(LooseRun):
    """A run that takes the time of each transaction, and of all."""

    def __init__(self) -> None:
        super().__init__()
        self.began = self.last = (time.perf_counter(), time.thread_time())
        self.taken: list[Taken] = []

    def mark(
        self, session: Session, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None
    ) -> None:
        """Take the time since the last mark: the commit of one stands with the next."""
        now = (time.perf_counter(), time.thread_time())
        self.taken.append(Taken((now[0] - self.last[0]) * 1000, (now[1] - self.last[1]) * 1000))
        self.last = now

    def row(self, name: str, *, left: int) -> Row:
        """Return the row of all transactions."""
        seconds = time.perf_counter() - self.began[0]
        count = len(self.taken)
        note = f"{count:,} in {seconds:.0f} s, {left} left"
        return Row(f"{name}, each", summarise(self.taken), per_second=round(count / seconds, 1), note=note, errors=left)


def _add_pairs(database: Database) -> int:
    """Say of ten thousand couples of neighbours, those of few deals among them, that they are one person each."""
    with database.session_scope() as session:
        contacts = session.scalar(select(func.max(Contact.id))) or 0
        pairs = min(PAIRS, contacts // 2)
        step = contacts // pairs
        now = utc_now()
        rows = [
            {
                "entity_type": EntityType.CONTACT, "left_id": 1 + at * step, "right_id": 2 + at * step, "weight": 40.0,
                "probability": 0.999, "lines": [], "guards": [], "is_automatic": True, "rank": 1.0, "value_minor": 0,
                "state": PairState.OPEN, "source": PairSource.BATCH, "found_at": now, "version": 1,
            }
            for at in range(pairs)
        ]  # fmt: skip
        session.execute(insert(MatchPair), rows)
    return pairs


def _plans(database: Database, actor: Actor) -> Row:
    with database.read_scope() as session:
        ids = session.execute(select(MatchPair.left_id, MatchPair.right_id).order_by(MatchPair.id).limit(LOOKS)).all()
        kind = EntityType.CONTACT
        looks = [
            partial(plan_merge, session, actor, entity_type=kind, survivor_id=one, merged_id=two) for one, two in ids
        ]
        return Row("plan of a merge", summarise([timed(look) for look in looks]), bar_ms=BAR_MS)


def _undo_plans(database: Database, actor: Actor) -> Row:
    with database.read_scope() as session:
        ids = session.scalars(select(Merge.id).order_by(Merge.id).limit(LOOKS)).all()
        looks = [partial(plan_undo, session, actor, merge_id=one) for one in ids]
        return Row("plan of an undo", summarise([timed(look) for look in looks]), bar_ms=BAR_MS)


def _digest(database: Database) -> dict[str, str]:
    """Return a checksum of every table but journals, row by row in the order of keys."""
    found = {}
    with database.read_scope() as session:
        for table in Base.metadata.sorted_tables:
            if table.name in _LEFT_OUT:
                continue
            columns = [column for column in table.columns if column.name not in _ONLY_FORWARD]
            rows = select(*columns).order_by(*table.primary_key.columns).execution_options(yield_per=5000)
            told = hashlib.sha256()
            for row in session.execute(rows):
                told.update(json.dumps(tuple(row), default=str, sort_keys=True).encode())
            found[table.name] = told.hexdigest()
    return found


def _differing(before: dict[str, str], after: dict[str, str]) -> int:
    return sum(before[name] != after[name] for name in before)
