"""Taking times: warm-up, repeats in turns, medians; beside the clock the processor time of the thread itself."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Job = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Taken:
    """One run: milliseconds by the clock, and of processor time of this thread (a server's is not in it)."""

    clock: float
    processor: float


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of repeated runs; `processor` is the median of the thread's own processor time."""

    median: float
    p95: float
    worst: float
    processor: float
    runs: int


def summarise(runs: Sequence[Taken]) -> Times:
    """Return median, 95th percentile and worst of at least one run."""
    clock = sorted(run.clock for run in runs)
    processor = sorted(run.processor for run in runs)
    return Times(share_of(clock, 0.5), share_of(clock, 0.95), round(clock[-1], 3), share_of(processor, 0.5), len(runs))


def take_turns(jobs: Sequence[Job], *, repeats: int, warm_up: int = 3) -> list[list[Taken]]:
    """Run the jobs one after another, again and again; return the runs of each.

    Taking turns, all of them bear the same load of the machine: their ratios hold where single times do not.
    """
    for _ in range(warm_up):
        for job in jobs:
            job()
    runs: list[list[Taken]] = [[] for _ in jobs]
    gc.collect()
    for _ in range(repeats):
        for job, of_job in zip(jobs, runs, strict=True):
            of_job.append(timed(job))
    return runs


def timed(job: Job) -> Taken:
    """Run a job once."""
    began, worked = time.perf_counter(), time.thread_time()
    job()
    return Taken((time.perf_counter() - began) * 1000, (time.thread_time() - worked) * 1000)


def processor_share(seconds: float = 0.5) -> float:
    """Return the share of a processor that a busy thread gets now: 1 on a quiet machine."""
    began, worked = time.perf_counter(), time.thread_time()
    while time.perf_counter() - began < seconds:
        pass
    return (time.thread_time() - worked) / (time.perf_counter() - began)


def share_of(ordered: Sequence[float], share: float) -> float:
    """Return the value below which this share of ascending values lies."""
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
