"""`duplicates scan` and `duplicates renormalise`: looking through the base from the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import Database, get_database, session_scope
from crm.duplicates.renormalising import renormalise
from crm.duplicates.scanning import scan_base
from crm.jobs import JobRun, LooseRun, note_done_job
from crm.models import Channel, JobKind

ACTOR = system_actor(Channel.CLI)
Work = Callable[[Database, Actor, JobRun, Mapping[str, Any]], Mapping[str, Any]]


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `scan` and `renormalise` under `duplicates`."""
    scan = commands.add_parser("scan", help="compare all records of the base; decisions of people stay")
    scan.add_argument("--processes", type=int, metavar="N", help="default: one for each processor, eight at most")
    scan.set_defaults(run=run_scan)
    anew = commands.add_parser("renormalise", help="make outdated and missing evidence of records anew")
    anew.add_argument("--everything", action="store_true", help="make all of it anew")
    anew.set_defaults(run=run_renormalise)


def run_scan(arguments: argparse.Namespace) -> int:
    """Look through the base, print what was found of each kind, leave word of it for the page of duplicates."""
    began_at = utc_now()
    found = _run(scan_base, {"processes": arguments.processes})
    with session_scope() as session:
        records = sum(told["records"] for told in found.values())
        note_done_job(session, ACTOR, JobKind.SCAN_BASE, began_at=began_at, done=records)
    for kind, told in found.items():
        print(f"{kind}: {told['records']} records, {told['pairs']} pairs alike, {told['closed']} no longer")
    return 0


def run_renormalise(arguments: argparse.Namespace) -> int:
    """Make evidence anew and print how much."""
    print(f"Renormalised: {_run(renormalise, {'everything': arguments.everything})['renormalised']}")
    return 0


def _run(work: Work, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    told = work(get_database(), ACTOR, LooseRun(_report), arguments)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return told


def _report(done: int, total: int | None) -> None:
    if sys.stderr.isatty():
        print(f"\r{done} of {total or '?'}\x1b[K", end="", file=sys.stderr, flush=True)
