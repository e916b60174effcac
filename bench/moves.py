"""Moves under the stopwatch: one after another beside the bare driver, then by 8 writers at once."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier as ProcessBarrier
from typing import Any, Protocol

from sqlalchemy import func, select

from bench.floor_move import BareMover
from bench.timing import Times, summarise, take_turns, timed
from crm.actor import Actor
from crm.auth.actors import load_actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.moves import Move, move_deal
from crm.deals.values import CustomValue, DealChanges, StepPlan
from crm.errors import ChangedMeanwhile, CrmError, DatabaseUnavailable
from crm.models import Channel, Deal, DealStatus, FieldType, StepKind
from crm.pipelines.reads import list_pipelines, load_pipeline
from crm.pipelines.values import PipelineInfo

BAR_MS = 15.0
WRITERS = 8
_FILLINGS: dict[FieldType, CustomValue] = {
    FieldType.TEXT: "Уточнено по телефону",
    FieldType.NUMBER: 40,
    FieldType.MONEY: 300_000_00,
    FieldType.YES_NO: True,
}


@dataclass(frozen=True, slots=True)
class Task:
    """A move that breaks no rule, by the deal's owner."""

    deal_id: int
    owner_id: int
    from_stage_id: int
    pipeline_id: int
    move: Move


@dataclass(frozen=True, slots=True)
class Crowd:
    """What 8 writers did at once: how many moves a second, and how each of them lasted."""

    per_second: float
    times: Times
    lock_errors: int
    refused: Counter[str]


class Meeting(Protocol):
    """A barrier of threads or of processes."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until all are there."""


def plan_moves(database: Database, wanted: int) -> list[Task]:
    """Return so many possible moves of different deals, each to the next open stage with all that it requires."""
    tasks: list[Task] = []
    with database.read_scope() as session:
        for summary in list_pipelines(session):
            pipeline = load_pipeline(session, summary.id)
            stages = [stage.id for stage in pipeline.open_stages[:-1]]
            share = wanted // 6 + 1
            rows = session.execute(
                select(Deal.id, Deal.owner_id, Deal.stage_id, Deal.version)
                .where(Deal.pipeline_id == pipeline.id, Deal.status == DealStatus.OPEN, Deal.stage_id.in_(stages))
                .order_by(func.abs(Deal.id * 7919 % 10007), Deal.id)
                .limit(share)
            )
            tasks += [_task(pipeline, *row) for row in rows]
    tasks.sort(key=lambda task: task.deal_id * 7919 % 10007)
    return tasks[:wanted]


def measure_single(database: Database, tasks: Sequence[Task]) -> tuple[Times, Times]:
    """Make half of the moves through the command and half through the bare driver, in turns."""
    actors = _actors(database, tasks)
    ours, bare = iter(tasks[::2]), iter(tasks[1::2])
    mover = BareMover(database)
    jobs: tuple[Callable[[], object], ...] = (
        lambda: _make(database, actors, next(ours)),
        lambda: _make_bare(mover, next(bare)),
    )
    warm_up = min(10, len(tasks) // 4)
    runs = take_turns(jobs, repeats=len(tasks) // 2 - warm_up, warm_up=warm_up)
    mover.close()
    return summarise(runs[0]), summarise(runs[1])


def measure_threads(database: Database, tasks: Sequence[Task]) -> Crowd:
    """Let 8 threads of one process move at once."""
    meeting = threading.Barrier(WRITERS)
    with ThreadPoolExecutor(WRITERS) as pool:
        shares = [pool.submit(_work, database, part, meeting) for part in _parts(tasks)]
        return _crowd([share.result() for share in shares])


def measure_processes(url: str, tasks: Sequence[Task]) -> Crowd:
    """Let 8 processes move at once."""
    context = multiprocessing.get_context("spawn")
    meeting, results = context.Barrier(WRITERS), context.Queue()
    workers = [context.Process(target=_work_alone, args=(url, part, meeting, results)) for part in _parts(tasks)]
    for worker in workers:
        worker.start()
    done = [results.get(timeout=600) for _ in workers]
    for worker in workers:
        worker.join()
    return _crowd(done)


@dataclass(frozen=True, slots=True)
class _Done:
    began: float
    ended: float
    runs: list[Any]
    refused: list[str]


def _work_alone(url: str, tasks: Sequence[Task], meeting: ProcessBarrier, results: Queue[_Done]) -> None:
    database = Database(url)
    results.put(_work(database, tasks, meeting))
    database.close()


def _work(database: Database, tasks: Sequence[Task], meeting: Meeting) -> _Done:
    actors = _actors(database, tasks)
    _make(database, actors, tasks[0])
    refused: list[str] = []
    runs = []
    meeting.wait(120)
    began = time.time()
    for task in tasks[1:]:
        try:
            runs.append(timed(lambda task=task: _make(database, actors, task)))  # type: ignore[misc]
        except CrmError as error:
            refused.append(error.code)
    return _Done(began, time.time(), runs, refused)


def _crowd(done: Sequence[_Done]) -> Crowd:
    runs = [run for one in done for run in one.runs]
    refused = Counter(code for one in done for code in one.refused)
    seconds = max(one.ended for one in done) - min(one.began for one in done)
    return Crowd(round(len(runs) / seconds, 1), summarise(runs), refused[DatabaseUnavailable.code], refused)


def _make(database: Database, actors: dict[int, Actor], task: Task) -> None:
    with database.session_scope() as session:
        move_deal(session, actors[task.owner_id], deal_id=task.deal_id, move=task.move)


def _make_bare(mover: BareMover, task: Task) -> None:
    if not mover.move(task.deal_id, task.from_stage_id, task.move):
        raise ChangedMeanwhile


def _parts(tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
    return (tasks[number::WRITERS] for number in range(WRITERS))


def _actors(database: Database, tasks: Sequence[Task]) -> dict[int, Actor]:
    with database.read_scope() as session:
        return {owner: load_actor(session, owner, Channel.UI) for owner in {task.owner_id for task in tasks}}


def _task(pipeline: PipelineInfo, deal_id: int, owner_id: int, stage_id: int, version: int) -> Task:
    stages = list(pipeline.open_stages)
    target = stages[[stage.id for stage in stages].index(stage_id) + 1]
    now = utc_now()
    custom = {
        field.id: _FILLINGS[field.type] for key in target.required if (field := pipeline.fields.get(key)) is not None
    }
    changes = DealChanges(
        amount_minor=1_250_000_00, source="Сайт", expected_close_on=(now + timedelta(days=30)).date(), custom=custom
    )
    plan = StepPlan(StepKind.CALL, now + timedelta(days=1), "Позвонить и уточнить объём")
    return Task(deal_id, owner_id, stage_id, pipeline.id, Move(target.id, version, stage_id, changes, plan))
