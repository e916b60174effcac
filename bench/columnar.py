"""The physical limit of dashboards: the same facts as columns in Parquet files, asked by DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import text

from crm.db import Database

COLUMNS = {
    "deals": "id, pipeline_id, stage_id, status, owner_id, amount_minor, currency, source, priority, loss_reason_id, "
    "loss_stage_id, created_at, closed_at",
    "stage_visits": "deal_id, pipeline_id, stage_id, owner_id, entered_at, stay_entered_at, left_at, outcome, "
    "next_stage_id",
    "stage_reaches": "deal_id, pipeline_id, stage_id, began_at, reached_at, entered_at, outcome, credited_to, in_order",
}
ROWS_AT_ONCE = 200_000


class Columnar:
    """A snapshot of a base as Parquet files, with one connection to them."""

    def __init__(self, database: Database, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = duckdb.connect(config={"threads": 2})
        for table, columns in COLUMNS.items():
            path = folder / f"{table}.parquet"
            _write(database, f"SELECT {columns} FROM {table}", path)
            self._connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{path}')")

    def rows(self, sql: str, *values: object) -> Sequence[Any]:
        """Return the rows of a query whose marks are question marks."""
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        """Let the files go."""
        self._connection.close()


def _write(database: Database, query: str, path: Path) -> None:
    writer: pq.ParquetWriter | None = None
    with database.read_engine.connect() as connection:
        found = connection.execution_options(stream_results=True).execute(text(query))
        names = list(found.keys())
        for part in found.partitions(ROWS_AT_ONCE):
            table = pa.table(
                {name: _column(name, values) for name, values in zip(names, zip(*part, strict=True), strict=True)}
            )
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
    if writer is None:
        raise LookupError(f"no rows: {query}")
    writer.close()


def _column(name: str, values: Sequence[Any]) -> pa.Array:
    # Typed by name: a part may hold nothing but NULL.
    if name in {"outcome", "currency", "source"} and not any(isinstance(one, int) for one in values):
        return pa.array(values, pa.string())
    return pa.array([None if one is None else int(one) for one in values], pa.int64())
