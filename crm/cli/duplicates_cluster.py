"""`duplicates cluster`: which rows of a file are the same client, company or purchase; no base is touched."""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections import Counter
from math import inf
from pathlib import Path

from crm.cli.duplicates_file import LeadFile, Teller, add_file_options, entity_of, open_leads, own_identifiers
from crm.cli.peak_memory import PeakMemory
from crm.errors import CrmError
from crm.i18n import _, ngettext
from crm.i18n.formats import number
from crm.matching.batch import BatchResult, match_all
from crm.matching.lead_evidence import evidence_of_leads
from crm.matching.model import default_model
from crm.matching.normalise.evidence import Evidence

WRITTEN = ("record_id", "cluster", "score")
# Below this, starting processes takes longer than they save.
_WORTH_SHARING = 20_000
_BYTES_A_ROW = 100


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `duplicates cluster`."""
    parser = commands.add_parser("cluster", help="write which rows of a file belong together")
    add_file_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.csv", help="record_id, cluster, score")
    parser.add_argument("--processes", type=int, default=0, metavar="N", help="default: as many as processors")
    parser.set_defaults(run=cluster_file)


def cluster_file(arguments: argparse.Namespace) -> None:
    """Cluster the file and write one row per record, in the order of the file."""
    began = time.perf_counter()
    memory = PeakMemory()
    with memory:
        leads = open_leads(arguments)
        teller = Teller()
        records = _evidence(leads, arguments, teller)
        model = default_model(entity_of(arguments))
        processes = _processes(arguments) if len(records) >= _WORTH_SHARING else 1
        result = match_all(records, model, processes=processes, progress=teller.tell)
        teller.close()
        _write(arguments.out, records, result)
        megabytes = memory.stop()
    _close(result, time.perf_counter() - began, megabytes)


def _evidence(leads: LeadFile, arguments: argparse.Namespace, teller: Teller) -> list[Evidence]:
    is_large = arguments.file.stat().st_size > _WORTH_SHARING * _BYTES_A_ROW
    records = evidence_of_leads(
        leads.layout,
        leads.rows(),
        entity_of(arguments),
        own=own_identifiers(arguments),
        processes=_processes(arguments) if is_large else 1,
        on_progress=lambda done: teller.tell("read", done, 0),
    )
    if not records:
        raise CrmError("leads_missing")
    return records


def _processes(arguments: argparse.Namespace) -> int:
    return int(arguments.processes) if arguments.processes > 0 else os.cpu_count() or 1


def _write(target: Path, records: list[Evidence], result: BatchResult) -> None:
    best = result.pairs.best_within(result.clusters)
    try:
        with target.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(WRITTEN)
            for record, place, weight in zip(records, result.clusters, best.tolist(), strict=True):
                score = "" if weight == -inf else f"{weight:.2f}"
                writer.writerow((record.record_id, records[place].record_id, score))
    except OSError as error:
        raise CrmError("names_not_written", name=target.name) from error


def _close(result: BatchResult, seconds: float, megabytes: int | None) -> None:
    records, clusters = len(result.clusters), len(Counter(result.clusters))
    parts = [
        ngettext("{n} record", "{n} records", records),
        ngettext("{n} cluster", "{n} clusters", clusters),
        ngettext("{n} duplicate", "{n} duplicates", records - clusters),
        _("{seconds} s", seconds=number(round(seconds, 1))),
    ]
    if megabytes is not None:
        parts.append(_("{megabytes} MB of memory at most", megabytes=number(megabytes)))
    print(", ".join(parts) + ".")
