"""The command line: make the bases that are missing, measure, print, and write JSON where asked."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.bases import KINDS, Base, open_base, recipe
from bench.measure import (
    measure_design,
    measure_figures,
    measure_merges,
    measure_pages,
    measure_reads,
    measure_writes,
)
from bench.report import Section, machine, write_json


def main() -> int:
    """Run what the arguments ask for; return 1 when a bar is missed or a lock error met."""
    given = _arguments()
    print(machine())
    sections: list[Section] = []
    for kind in given.database or KINDS:
        with open_base(kind, recipe(given.deals, given.seed)) as base:
            print(f"\n{kind}: {given.deals:,} deals, filled in {base.filled_seconds:.0f} s", flush=True)
            if not given.only_generate:
                sections += _measured(base, given)
    if given.json:
        write_json(given.json, given.deals, sections)
    missed = [row.name for section in sections for row in section.rows if row.holds is False]
    if missed:
        print(f"\nMissed: {'; '.join(missed)}")
    return int(bool(missed))


def _measured(base: Base, given: argparse.Namespace) -> list[Section]:
    reads = measure_reads(base, given.repeats) if given.only in {None, "reads"} else []
    writes = measure_writes(base) if given.only in {None, "writes"} else []
    design = measure_design(base) if given.only in {None, "design"} else []
    merging = measure_merges(base) if given.only in {None, "merging"} else []
    dashboards = measure_figures(base, max(3, given.repeats // 6)) if given.only in {None, "dashboards"} else []
    browser = measure_pages(base, max(3, given.repeats // 6)) if given.only in {None, "browser"} else []
    return reads + dashboards + browser + writes + design + merging


def _arguments() -> argparse.Namespace:
    known = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    known.add_argument("--deals", type=int, default=1_000_000)
    known.add_argument("--seed", type=int, default=1)
    known.add_argument("--database", choices=KINDS, action="append", help="one kind only; default both")
    known.add_argument("--only", choices=("reads", "writes", "design", "merging", "dashboards", "browser"))
    known.add_argument("--only-generate", action="store_true", help="make the bases and stop")
    known.add_argument("--repeats", type=int, default=30)
    known.add_argument("--json", type=Path, help="also write everything measured to this file")
    return known.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
