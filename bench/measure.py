"""Measure boards, deal pages, days, searches, moves and the API on a generated base; see bench/README.md."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from sqlalchemy.orm import Session

from bench import api, moves
from bench.bases import Base, scratch_copy
from bench.browser import measure_browser
from bench.dashboards import measure_dashboards
from bench.designing import measure_designing
from bench.floor import Bare
from bench.merging import measure_merging
from bench.moves import Crowd, Task
from bench.other_reads import other_cases
from bench.reads import BAR_MS, Case, busiest_pipeline, load_viewers, read_cases, search_cases
from bench.report import Row, Section, print_section
from bench.timing import Taken, processor_share, summarise, take_turns
from crm.db import Database

MOVES_ALONE = 400
MOVES_OF_WRITER = 80
API_REQUESTS = 60
SEARCHES_SHOWN = 12


def measure_reads(base: Base, repeats: int) -> list[Section]:
    """Measure what is read: pages case by case, searches each alone and all together."""
    sections: list[Section] = []
    database = Database(base.url)
    bare = Bare(database)
    with _section(f"{base.kind}: pages", sections) as rows:
        rows.extend(_row(case, _runs(database, bare, case, repeats)) for case in read_cases(database))
    with _section(f"{base.kind}: other reads", sections) as rows:
        rows.extend(_row(case, _runs(database, bare, case, repeats)) for case in _others(database))
    with _section(f"{base.kind}: search, the slowest queries", sections, shown=SEARCHES_SHOWN) as rows:
        taken = [(case, _runs(database, bare, case, max(5, repeats // 3))) for case in search_cases(database)]
        rows.extend(_searches_together(taken))
        rows.extend(sorted((_row(*one) for one in taken), key=lambda row: -row.times.median))
    bare.close()
    database.close()
    return sections


def measure_writes(base: Base) -> list[Section]:
    """Measure moves and the API on a copy that is thrown away."""
    sections: list[Section] = []
    with scratch_copy(base) as url:
        database = Database(url)
        wanted = [MOVES_ALONE, *[moves.WRITERS * MOVES_OF_WRITER] * 2, api.moves_needed(API_REQUESTS)]
        tasks = moves.plan_moves(database, sum(wanted))
        share = len(tasks) / sum(wanted)  # a small base has fewer open deals than are wanted
        alone, threads, processes, asked = _cut(tasks, [int(count * share) for count in wanted])
        with _section(f"{base.kind}: moves", sections) as rows:
            ours, floor = moves.measure_single(database, alone)
            rows.append(Row("move, all rules, one writer", ours, floor, moves.BAR_MS))
            rows.append(_crowd_row("move, 8 threads of one process", moves.measure_threads(database, threads)))
            database.close()
            rows.append(_crowd_row("move, 8 processes", moves.measure_processes(url, processes)))
        with _section(f"{base.kind}: REST API", sections) as rows:
            for rate in api.measure_api(url, tasks[0].pipeline_id, asked, each=int(API_REQUESTS * share)):
                name = f"{rate.name}, {rate.clients} client{'s' * (rate.clients > 1)}"
                rows.append(Row(name, rate.times, per_second=rate.per_second, errors=rate.refused))
    return sections


def measure_design(base: Base) -> list[Section]:
    """Measure how long a redesign of the busiest pipeline lasts, on a copy that is thrown away."""
    sections: list[Section] = []
    with scratch_copy(base) as url:
        database = Database(url)
        with _section(f"{base.kind}: designing", sections) as rows:
            rows.extend(measure_designing(database))
        database.close()
    return sections


def measure_figures(base: Base, repeats: int) -> list[Section]:
    """Measure the data of the dashboards against DuckDB over the same facts."""
    sections: list[Section] = []
    database = Database(base.url)
    with _section(f"{base.kind}: dashboards", sections) as rows:
        rows.extend(measure_dashboards(database, repeats))
    database.close()
    return sections


def measure_pages(base: Base, repeats: int) -> list[Section]:
    """Measure the dashboards in a browser, on a copy that is thrown away."""
    sections: list[Section] = []
    with scratch_copy(base) as url, _section(f"{base.kind}: dashboards in the browser", sections) as rows:
        rows.extend(measure_browser(url, repeats))
    return sections


def measure_merges(base: Base) -> list[Section]:
    """Measure ten thousand pairs merged in bulk and taken back, on a copy that is thrown away."""
    sections: list[Section] = []
    with scratch_copy(base) as url:
        database = Database(url)
        with _section(f"{base.kind}: merging", sections) as rows:
            rows.extend(measure_merging(database))
        database.close()
    return sections


def _others(database: Database) -> list[Case]:
    with database.read_scope() as session:
        return other_cases(load_viewers(database), busiest_pipeline(session))


def _runs(database: Database, bare: Bare, case: Case, repeats: int) -> list[list[Taken]]:
    jobs: list[Callable[[], object]] = [partial(_read, database, case.ours)]
    if case.floor is not None:
        jobs.append(partial(case.floor, bare))
    return take_turns(jobs, repeats=repeats)


def _read(database: Database, ours: Callable[[Session], object]) -> None:
    with database.read_scope() as session:
        ours(session)


def _row(case: Case, runs: list[list[Taken]]) -> Row:
    return Row(case.name, summarise(runs[0]), summarise(runs[1]) if len(runs) > 1 else None, case.bar_ms)


def _crowd_row(name: str, crowd: Crowd) -> Row:
    note = f"worst {crowd.times.worst:.0f} ms, {crowd.lock_errors} lock errors"
    return Row(name, crowd.times, per_second=crowd.per_second, note=note, errors=sum(crowd.refused.values()))


def _searches_together(taken: Sequence[tuple[Case, list[list[Taken]]]]) -> Iterator[Row]:
    for who in dict.fromkeys(case.who for case, _runs in taken):
        of_all = [runs for case, runs in taken if case.who == who]
        together = [[run for runs in of_all for run in runs[at]] for at in range(len(of_all[0]))]
        floor = summarise(together[1]) if len(together) > 1 else None
        yield Row(f"search, {who}, all {len(of_all)} queries", summarise(together[0]), floor, BAR_MS)


def _cut(tasks: Sequence[Task], sizes: Sequence[int]) -> Iterator[Sequence[Task]]:
    start = 0
    for size in sizes:
        yield tasks[start : start + size]
        start += size


@contextmanager
def _section(title: str, sections: list[Section], shown: int | None = None) -> Iterator[list[Row]]:
    before = processor_share()
    rows: list[Row] = []
    yield rows
    sections.append(Section(title, tuple(rows), os.getloadavg()[0], round((before + processor_share()) / 2, 2)))
    print_section(sections[-1], shown)
