"""A base as JSON: what an undo of every merge must bring back to the byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.models import Base

# Journals only grow; what matching and search derive is made anew and compared by itself; jobs are no records.
JOURNALS = frozenset(
    {
        "background_jobs", "events", "identifier_stats", "job_schedules", "match_evidence", "match_keys",
        "match_models", "match_pairs", "merge_batches", "merges", "search_entries", "term_frequencies", "wrong_fields",
    }
)  # fmt: skip
# A version that went back would let an old page save over a new one; those who fetch what changed need the new time.
ONLY_FORWARD = frozenset({"version", "updated_at"})


def exported(session: Session) -> str:
    """Return every table but journals as JSON, rows by their keys."""
    session.flush()
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for table in sorted(Base.metadata.sorted_tables, key=lambda one: one.name):
        if table.name in JOURNALS:
            continue
        columns = [column for column in table.columns if column.name not in ONLY_FORWARD]
        rows = session.execute(select(*columns).order_by(*table.primary_key.columns))
        tables[table.name] = [dict(row._mapping) for row in rows]
    return json.dumps(tables, default=str, ensure_ascii=False, indent=1, sort_keys=True)


def search_words(session: Session) -> dict[tuple[str, int], frozenset[str]]:
    """Return the words each record is found by."""
    table = Base.metadata.tables["search_entries"]
    rows = session.execute(select(table.c.kind, table.c.record_id, table.c.words))
    return {(kind, record_id): frozenset(words.split()) for kind, record_id, words in rows}
