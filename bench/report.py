"""What was measured, as rows for people and for JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.timing import Times

HEADINGS = ("what", "median", "p95", "CPU", "floor", "ratio", "bar", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: times in milliseconds; `floor` is the bare driver's in the same run, `bar` what is asked of us.

    `errors` counts what must not happen at all: lock errors, refused requests.
    """

    name: str
    times: Times
    floor: Times | None = None
    bar_ms: float | None = None
    per_second: float | None = None
    note: str = ""
    errors: int | None = None

    @property
    def ratio(self) -> float | None:
        """Return how many times the floor this takes."""
        return round(self.times.median / self.floor.median, 1) if self.floor and self.floor.median else None

    @property
    def holds(self) -> bool | None:
        """Tell whether the median is below its bar and no error was met; None where nothing is asked."""
        if self.bar_ms is None and self.errors is None:
            return None
        return not self.errors and (self.bar_ms is None or self.times.median < self.bar_ms)


@dataclass(frozen=True, slots=True)
class Section:
    """Rows measured one after another; `load` is the machine's, `share` what a busy thread got of a core."""

    title: str
    rows: tuple[Row, ...]
    load: float
    share: float


def print_section(section: Section, shown: int | None = None) -> None:
    """Print the first rows of a section, or all, as a table."""
    table = [HEADINGS, *map(_cells, section.rows[:shown])]
    widths = [max(len(line[at]) for line in table) for at in range(len(HEADINGS))]
    print(f"\n{section.title} (ms; load {section.load:.1f}, a busy thread got {section.share:.0%} of a core)")
    for line in table:
        first, *middle, last = (
            cell.ljust(width) if at in {0, len(HEADINGS) - 1} else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join([first, *middle, last]).rstrip(), flush=True)


def write_json(path: Path, deals: int, sections: Sequence[Section]) -> None:
    """Write everything measured to a file."""
    told = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "deals": deals,
        "sections": [asdict(section) for section in sections],
    }
    path.write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")


def machine() -> str:
    """Return processors, memory and Python of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def _cells(row: Row) -> tuple[str, ...]:
    verdict = {None: "", True: "holds", False: "MISSED"}[row.holds]
    rate = f"{row.per_second:.0f}/s" if row.per_second is not None else ""
    return (
        row.name,
        f"{row.times.median:.1f}",
        f"{row.times.p95:.1f}",
        f"{row.times.processor:.1f}",
        f"{row.floor.median:.1f}" if row.floor else "",
        f"{row.ratio:.1f}x" if row.ratio is not None else "",
        f"{row.bar_ms:.0f}" if row.bar_ms is not None else "",
        ", ".join(part for part in (rate, row.note, verdict) if part),
    )
