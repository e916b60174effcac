"""`duplicates train`, `export` and `second-opinion`: Splink, an optional extra, over our evidence and keys."""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from crm.cli.duplicates_file import add_file_options, entity_of, open_leads, own_identifiers
from crm.errors import CrmError
from crm.i18n import _, ngettext
from crm.i18n.formats import number
from crm.matching.lead_evidence import evidence_of_leads
from crm.matching.statistics import CountedStatistics
from crm.models.codes import EntityType

_NEEDED = {"duckdb": ("splink", "duckdb", "pyarrow"), "spark": ("splink", "pyspark", "pyarrow")}


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    export = commands.add_parser("export", help="write evidence and keys of a file as Parquet, for other machines")
    add_file_options(export)
    export.add_argument("--out", type=Path, required=True, metavar="OUT.parquet")
    export.set_defaults(run=export_file)
    train = commands.add_parser("train", help="let Splink learn weights from exported evidence, without labels")
    train.add_argument("parquet", type=Path, metavar="FILE.parquet")
    train.add_argument("--entity", default=EntityType.CONTACT.value, help="contact (default) or company")
    train.add_argument("--out", type=Path, required=True, metavar="MODEL.json")
    train.set_defaults(run=train_model)
    ask = commands.add_parser("second-opinion", help="cluster exported evidence with Splink and a trained model")
    ask.add_argument("parquet", type=Path, metavar="FILE.parquet")
    ask.add_argument("--entity", default=EntityType.CONTACT.value, help="contact (default) or company")
    ask.add_argument("--model", type=Path, required=True, metavar="MODEL.json")
    ask.add_argument("--out", type=Path, required=True, metavar="OUT.csv", help="record_id, cluster")
    ask.add_argument("--pairs", type=Path, metavar="PAIRS.csv", help="also the pairs: left, right, weight")
    ask.add_argument("--engine", choices=tuple(_NEEDED), default="duckdb")
    ask.add_argument("--master", default="local[*]", help="of Spark: local[*] (default), spark://host:7077, yarn, ...")
    ask.set_defaults(run=ask_splink)


def export_file(arguments: argparse.Namespace) -> None:
    """Write evidence and keys as columns."""
    columns = _columns()
    leads, entity_type = open_leads(arguments), _compared(arguments)
    records = evidence_of_leads(leads.layout, leads.rows(), entity_type, own=own_identifiers(arguments))
    if not records:
        raise CrmError("leads_missing")
    table = columns.evidence_table(records, entity_type, CountedStatistics.of(records, entity_type))
    columns.write_parquet(columns.without_idle_keys(table), arguments.out)
    print(ngettext("{n} record written.", "{n} records written.", len(records)))


def train_model(arguments: argparse.Namespace) -> None:
    """Train on the exported evidence and save the model."""
    engine, entity_type = _engine("duckdb"), _compared(arguments)
    table = _columns().read_parquet(arguments.parquet)
    began = time.perf_counter()
    with engine.duckdb_engine() as api:
        model = engine.train(api, table, entity_type)
    arguments.out.write_text(json.dumps(model, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(_("Trained in {seconds} s.", seconds=number(round(time.perf_counter() - began, 1))))
    for comparison, level, m, u in _weights(model):
        print(f"  {comparison:14} {level[:48]:48} m {m:.4f}  u {u:.3g}")


def ask_splink(arguments: argparse.Namespace) -> None:
    """Score and cluster exported evidence on DuckDB or Spark; write clusters, and pairs where asked."""
    engine, entity_type = _engine(arguments.engine), _compared(arguments)
    model = json.loads(arguments.model.read_text(encoding="utf-8"))
    table = _columns().read_parquet(arguments.parquet)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="voronka-spark-") as folder:
        on_spark = arguments.engine == "spark"
        opened = engine.spark_engine(arguments.master, Path(folder)) if on_spark else engine.duckdb_engine()
        with opened as api:
            opinion = engine.ask(api, table, model, entity_type)
    _write(arguments.out, ("record_id", "cluster"), opinion.clusters.items())
    if arguments.pairs:
        pairs = opinion.pairs.to_pylist()
        _write(arguments.pairs, ("left", "right", "weight"), (tuple(pair.values()) for pair in pairs))
    print(
        ", ".join(
            (
                ngettext("{n} record", "{n} records", len(opinion.clusters)),
                ngettext("{n} cluster", "{n} clusters", len(set(opinion.clusters.values()))),
                ngettext("{n} pair", "{n} pairs", opinion.pairs.num_rows),
                _("{seconds} s", seconds=number(round(time.perf_counter() - began, 1))),
            )
        )
        + "."
    )


def _compared(arguments: argparse.Namespace) -> EntityType:
    entity_type = entity_of(arguments)
    if entity_type is EntityType.DEAL:
        known = ", ".join((EntityType.CONTACT, EntityType.COMPANY))
        raise CrmError("entity_unknown", name=arguments.entity, known=known)
    return entity_type


def _columns() -> ModuleType:
    _demand("pyarrow")
    from crm.matching.scale import columns

    return columns


def _engine(name: str) -> ModuleType:
    _demand(*_NEEDED[name])
    from crm.matching.scale import engine

    return engine


def _demand(*packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise CrmError("scale_extra_missing", packages=", ".join(missing))


def _weights(model: dict[str, Any]) -> Iterator[tuple[str, str, float, float]]:
    for comparison in model["comparisons"]:
        for level in comparison["comparison_levels"]:
            if level.get("m_probability") and level.get("u_probability"):
                name = comparison["output_column_name"]
                yield name, level["label_for_charts"], level["m_probability"], level["u_probability"]


def _write(target: Path, header: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    try:
        with target.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(header)
            writer.writerows(rows)
    except OSError as error:
        raise CrmError("names_not_written", name=target.name) from error
