"""`duplicates bench`: time, memory and rightness on generated leads, beside Splink's where that is installed."""

from __future__ import annotations

import argparse
import subprocess
import sys

from crm.errors import CrmError
from crm.settings import ROOT

_KINDS = ("sqlite", "postgresql")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `duplicates bench`."""
    parser = commands.add_parser("bench", help="measure at N generated leads, beside Splink where it is installed")
    parser.add_argument("count", type=int, metavar="N")
    parser.add_argument("--databases", default=",".join(_KINDS), help="sqlite,postgresql (default) or one of them")
    parser.add_argument("--entity", default="contact", help="contact (default), company or deal")
    parser.add_argument("--processes", type=int, default=0, help="default: as many as processors")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=measure)


def measure(arguments: argparse.Namespace) -> int:
    """Run the benchmark of the checkout in a process of its own; return its exit code."""
    if not (ROOT / "bench" / "duplicates.py").is_file():
        raise CrmError("bench_missing")
    databases = [one.strip() for one in arguments.databases.split(",")]
    if unknown := [one for one in databases if one not in _KINDS]:
        raise CrmError("database_kind_unknown", name=unknown[0], known=", ".join(_KINDS))
    if arguments.entity not in {"contact", "company", "deal"}:
        raise CrmError("entity_unknown", name=arguments.entity, known="contact, company, deal")
    if arguments.count < 100:
        raise CrmError("bench_too_small", fewest=100)
    command = [sys.executable, "-m", "bench.duplicates", str(arguments.count), "--entity", arguments.entity]
    command += ["--databases", ",".join(databases), "--seed", str(arguments.seed)]
    if arguments.processes > 0:
        command += ["--processes", str(arguments.processes)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603
