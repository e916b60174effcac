"""Work for tests, known by name so that other processes can do it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crm.actor import Actor
from crm.db import Database
from crm.jobs import JobRun
from crm.models import JobKind
from crm.worker.kinds import Job
from crm.worker.schedules import SCHEDULES, Schedule

STEPS = 6


def note(arguments: Mapping[str, Any], line: str) -> None:
    """Write a line to the file of the job; appended at once, so that other processes may write there, too."""
    with Path(arguments["file"]).open("a", encoding="utf-8") as stream:
        stream.write(f"{line}\n")


def say_hello(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write who asked."""
    note(arguments, f"hello {actor.name}")
    run.report(1, 1)
    return {"greeted": actor.name}


def rest(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> None:
    """Do nothing."""


def climb(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write one line a step and keep each; wait before `hold_at` until a file lets go on."""
    for step in range(int(run.state.get("step", 0)), STEPS):
        while step == arguments.get("hold_at") and not Path(arguments["go"]).exists():
            time.sleep(0.01)
            run.report(step, STEPS)
        note(arguments, f"step {step}")
        run.report(step + 1, STEPS, state={"step": step + 1})
    return {"steps": STEPS, "process": os.getpid()}


def break_down(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> None:
    """Fail, always."""
    note(arguments, "try")
    raise ValueError("the password is swordfish")


def kill_oneself(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> None:
    """Die as a process does that takes too much memory."""
    note(arguments, "try")
    os.kill(os.getpid(), signal.SIGKILL)


CLOCK: Mapping[str, Job] = {JobKind.TIDY: Job(rest), JobKind.SCAN_BASE: Job(climb)}
LIGHT: Mapping[str, Job] = {
    JobKind.TIDY: Job(say_hello),
    JobKind.SCAN_BASE: Job(climb),
    JobKind.DUE_LINKS: Job(break_down, tries=3, wait_seconds=60),
}
HEAVY: Mapping[str, Job] = {
    JobKind.SCAN_BASE: Job(climb, is_heavy=True),
    JobKind.DUE_LINKS: Job(kill_oneself, tries=2, wait_seconds=60, is_heavy=True),
}
SETS: Mapping[str, tuple[Mapping[str, Job], tuple[Schedule, ...]]] = {
    "light": (LIGHT, ()),
    "heavy": (HEAVY, ()),
    "clock": (CLOCK, tuple(one for one in SCHEDULES if one.kind is JobKind.TIDY)),
}
