"""Parts of the duplicates benchmark, each run in a process of its own, so that memory is measured apart.

A part prints one JSON object, its figures, as its last line.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.bases import empty_database, postgresql_server
from bench.intake import measure_intake
from bench.leads import TRUTHS, write_leads
from bench.truth import judge
from crm.cli.peak_memory import PeakMemory
from crm.matching.batch import match_all
from crm.matching.lead_evidence import evidence_of_leads
from crm.matching.lead_files import LeadLayout, lead_layout
from crm.matching.model import default_model
from crm.matching.normalise.evidence import Evidence, evidence_from_json
from crm.matching.statistics import CountedStatistics
from crm.models.codes import EntityType

Figures = dict[str, Any]
OWN_NAME = "own.csv"
SPLINK_NAME = "splink.csv"


class Job:
    """What a part works on: a folder with the leads of one benchmark, the kind of record, how many processes."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.folder: Path = given.folder
        self.entity_type = EntityType(given.entity)
        self.count: int = given.count
        self.seed: int = given.seed
        self.processes: int = given.processes
        self.leads = self.folder / "leads.csv"
        self.columns = self.folder / f"evidence_{self.entity_type.value}.parquet"
        self.evidence = self.folder / f"evidence_{self.entity_type.value}.jsonl"


def generate(job: Job) -> Figures:
    """Write the leads, unless they are there."""
    if not job.leads.exists():
        partial = job.leads.with_suffix(".part")
        write_leads(partial, job.count, job.seed)
        partial.replace(job.leads)
    return {}


def normalise(job: Job) -> Figures:
    """Make evidence of the rows and keep it as the base does, as JSON."""
    with _measured() as figures:
        records = _read_file(job)
    with job.evidence.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(record.to_json(), ensure_ascii=False) + "\n" for record in records)
    return figures | {"records": len(records)}


def batch(job: Job) -> Figures:
    """Match everything with everything, evidence being in memory."""
    records = _load_evidence(job)
    model = default_model(job.entity_type)
    with _measured() as figures:
        result = match_all(records, model, processes=job.processes)
    figures |= {"pairs": result.compared, "found": len(result.pairs)}
    clusters = {record.record_id: str(place) for record, place in zip(records, result.clusters, strict=True)}
    return figures | _judged(job, clusters, OWN_NAME)


def export(job: Job) -> Figures:
    """Write evidence and keys as columns, the way they go to other machines."""
    from crm.matching.scale.columns import evidence_table, without_idle_keys, write_parquet

    records = _load_evidence(job)
    with _measured() as figures:
        table = evidence_table(records, job.entity_type, CountedStatistics.of(records))
        write_parquet(without_idle_keys(table), job.columns)
    return figures


def splink(job: Job) -> Figures:
    """Let Splink do the same with the same evidence and keys: train, score, cluster."""
    from crm.matching.scale.columns import read_parquet
    from crm.matching.scale.engine import ask, duckdb_engine, train

    table = read_parquet(job.columns)
    with _measured() as figures:
        began = time.perf_counter()
        with duckdb_engine(job.processes) as engine:
            model = train(engine, table, job.entity_type)
        figures["train_seconds"] = time.perf_counter() - began
        with duckdb_engine(job.processes) as engine:
            opinion = ask(engine, table, model, job.entity_type)
    figures["found"] = opinion.pairs.num_rows
    return figures | _judged(job, opinion.clusters, SPLINK_NAME)


def intake_sqlite(job: Job) -> Figures:
    """Look up and keep single leads on a base of SQLite."""
    base = job.folder / "intake.sqlite3"
    for ending in ("", "-wal", "-shm"):
        base.with_name(base.name + ending).unlink(missing_ok=True)
    return measure_intake(f"sqlite:///{base}", job.leads, job.evidence, job.entity_type)


def intake_postgresql(job: Job) -> Figures:
    """Look up and keep single leads on a base of PostgreSQL."""
    with postgresql_server() as server, empty_database(server, "duplicates") as url:
        return measure_intake(url, job.leads, job.evidence, job.entity_type)


PARTS: dict[str, Callable[[Job], Figures]] = {
    "generate": generate,
    "normalise": normalise,
    "batch": batch,
    "export": export,
    "splink": splink,
    "intake-sqlite": intake_sqlite,
    "intake-postgresql": intake_postgresql,
}


def _read_file(job: Job) -> list[Evidence]:
    with job.leads.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        layout: LeadLayout = lead_layout(next(reader), job.entity_type)
        rows: Iterator[tuple[int, Sequence[str]]] = enumerate(reader, start=2)
        return evidence_of_leads(layout, rows, job.entity_type, processes=job.processes)


def _load_evidence(job: Job) -> list[Evidence]:
    with job.evidence.open(encoding="utf-8") as stream:
        return [evidence_from_json(json.loads(line)) for line in stream]


def _judged(job: Job, clusters: Mapping[str, str], name: str) -> Figures:
    with job.leads.open(encoding="utf-8", newline="") as stream:
        column = TRUTHS[job.entity_type.value]
        truth = {row["record_id"]: row[column] for row in csv.DictReader(stream) if row[column]}
        if job.entity_type is EntityType.COMPANY:
            stream.seek(0)
            told = {row["record_id"] for row in csv.DictReader(stream) if row["company"] or row["inn"]}
            truth = {record: key for record, key in truth.items() if record in told}
    with (job.folder / name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("record_id", "cluster"))
        writer.writerows(clusters.items())
    judged = judge(truth, clusters)
    return {"precision": judged.precision, "recall": judged.recall, "f1": judged.f1, "b3": judged.b3}


@contextmanager
def _measured() -> Iterator[Figures]:
    """Take wall time, processor time with that of children, and the peak of memory of this process and its children."""
    figures: Figures = {}
    began, worked = time.perf_counter(), _processor_seconds()
    memory = PeakMemory(os.getpid())
    with memory:
        yield figures
        figures["seconds"] = time.perf_counter() - began
        figures["megabytes"] = memory.stop()
    figures["processor_seconds"] = _processor_seconds() - worked


def _processor_seconds() -> float:
    own, children = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main() -> None:
    """Run one part and print its figures."""
    known = argparse.ArgumentParser(prog="python -m bench.duplicate_parts", description=__doc__)
    known.add_argument("part", choices=PARTS)
    known.add_argument("--folder", type=Path, required=True)
    known.add_argument("--entity", default=EntityType.CONTACT.value)
    known.add_argument("--count", type=int, required=True)
    known.add_argument("--seed", type=int, default=1)
    known.add_argument("--processes", type=int, default=1)
    given = known.parse_args()
    print(json.dumps(PARTS[given.part](Job(given))))


if __name__ == "__main__":
    main()
