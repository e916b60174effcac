"""Running Splink over our columns, on DuckDB or Spark: train without labels, score the blocked pairs, cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from splink import Linker, block_on
from splink.internals.database_api import DatabaseAPI

from crm.matching.scale.settings import TRAINING_BLOCKS, settings_of
from crm.models.codes import EntityType

# Log2 odds from which pairs are joined: below, connected components chain strangers.
CLUSTER_AT = {EntityType.CONTACT: 5.0, EntityType.COMPANY: 5.0}
_RANDOM_PAIRS = 2_000_000
_TRAINING_PAIRS = 1_000_000
_SEED = 1


@dataclass(frozen=True, slots=True)
class Opinion:
    """What Splink thinks: pairs above the threshold, and the cluster of each record."""

    pairs: pa.Table  # record_id_l, record_id_r, match_weight (log2 odds)
    clusters: Mapping[str, str]


@contextmanager
def duckdb_engine(threads: int = 0, memory_mb: int = 0) -> Iterator[DatabaseAPI[Any]]:
    """Yield DuckDB in this process; zero lets it take what the machine has."""
    import duckdb
    from splink import DuckDBAPI

    _quiet()
    with duckdb.connect() as connection:
        if threads:
            connection.execute(f"SET threads = {int(threads)}")
        if memory_mb:
            connection.execute(f"SET memory_limit = '{int(memory_mb)}MB'")
        yield DuckDBAPI(connection=connection)


@contextmanager
def spark_engine(master: str = "local[2]", folder: Path | None = None) -> Iterator[DatabaseAPI[Any]]:
    """Yield Spark on a master; `folder` takes what it spills and its checkpoints."""
    from pyspark.sql import SparkSession
    from splink import SparkAPI
    from splink.backends.spark import similarity_jar_location

    _quiet()
    builder = (
        SparkSession.builder.master(master)
        .appName("voronka-duplicates")
        .config("spark.jars", similarity_jar_location())
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "8")
        .config("spark.default.parallelism", "8")
    )
    if master.startswith("local"):  # nobody else has to reach the driver; a machine's own name may lead nowhere
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    if folder is not None:
        builder = builder.config("spark.local.dir", str(folder)).config("spark.sql.warehouse.dir", str(folder))
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    if folder is not None:
        session.sparkContext.setCheckpointDir(str(folder / "checkpoints"))
    try:
        untyped: Any = SparkAPI
        yield untyped(spark_session=session, break_lineage_method="parquet", num_partitions_on_repartition=8)
    finally:
        session.stop()


def train(engine: DatabaseAPI[Any], table: pa.Table, entity_type: EntityType) -> dict[str, Any]:
    """Learn m by expectation maximisation and u by random pairs; return the model as plain values for JSON."""
    linker = _linker(engine, table, settings_of(entity_type, table.num_rows))
    linker.training.estimate_u_using_random_sampling(max_pairs=_RANDOM_PAIRS, seed=_SEED)
    for columns in TRAINING_BLOCKS[entity_type]:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*columns), max_pairs=_TRAINING_PAIRS, fix_probability_two_random_records_match=True
        )
    return dict(linker.misc.save_model_to_json())


def fitted_to(model: Mapping[str, Any], entity_type: EntityType, records: int, dialect: str) -> dict[str, Any]:
    """Return the model for a base of another size and another engine.

    Prior and fixed u go with 1 / records; conditions are written anew, for a saved model speaks its engine's SQL.
    """
    fitted: dict[str, Any] = settings_of(entity_type, records).create_settings_dict(dialect)
    for comparison, learnt in zip(fitted["comparisons"], model["comparisons"], strict=True):
        for level, known in zip(comparison["comparison_levels"], learnt["comparison_levels"], strict=True):
            names = ("m_probability",) if level.get("fix_u_probability") else ("m_probability", "u_probability")
            level |= {name: known[name] for name in names if known.get(name) is not None}
    return fitted


def ask(engine: DatabaseAPI[Any], table: pa.Table, model: Mapping[str, Any], entity_type: EntityType) -> Opinion:
    """Score every pair that shares a key; cluster those of at least `CLUSTER_AT` log2 odds."""
    weight_at = CLUSTER_AT[entity_type]
    linker = _linker(engine, table, fitted_to(model, entity_type, table.num_rows, engine.sql_dialect.sql_dialect_str))
    pairs = linker.inference.predict(threshold_match_weight=weight_at)
    joined = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold_match_weight=weight_at)
    clusters = _arrow(joined, ("cluster_id", "record_id"))
    return Opinion(
        pairs=_arrow(pairs, ("record_id_l", "record_id_r", "match_weight")),
        clusters=dict(
            zip(clusters.column("record_id").to_pylist(), clusters.column("cluster_id").to_pylist(), strict=True)
        ),
    )


def _linker(engine: DatabaseAPI[Any], table: pa.Table, settings: Any) -> Linker:
    return Linker(engine.register(table), settings, log_level=None)


def _arrow(frame: Any, columns: tuple[str, ...]) -> pa.Table:
    return frame.as_pyarrow_table().select(list(columns))


def _quiet() -> None:
    logging.getLogger("splink").setLevel(logging.ERROR)
