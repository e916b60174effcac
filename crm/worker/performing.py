"""Doing one job, in this process or in a child, down to a plain outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from crm.actor import Actor
from crm.auth.actors import load_actor, system_actor
from crm.child_process import start_child
from crm.db import Database, use_database
from crm.errors import CrmError, DatabaseUnavailable
from crm.jobs.claims import Claim
from crm.jobs.run import HeldRun, JobStopped, Stop
from crm.models import Channel
from crm.settings import get_settings
from crm.worker.kinds import Work

WORKER_LOST = "worker_lost"
BROKE = "job_broke"  # the exception itself, which may quote what nobody else should read, is in the log
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try: a result, a reason to stop, or an error that another try may or may not mend."""

    result: Mapping[str, Any] | None = None
    stop: Stop | None = None
    error: str | None = None
    may_try_again: bool = False


def perform(database: Database, work: Work, claim: Claim, is_stopping: Callable[[], bool] = lambda: False) -> Outcome:
    """Do a job here."""
    run = HeldRun(database, job_id=claim.job_id, held_by=claim.held_by, state=claim.state, is_stopping=is_stopping)
    try:
        result = work(database, _actor(database, claim), run, claim.arguments)
    except JobStopped as stopped:
        return Outcome(stop=stopped.reason)
    except DatabaseUnavailable as error:
        log.warning("job %s (%s) waits: the database does not answer", claim.job_id, claim.kind)
        return Outcome(error=error.code, may_try_again=True)
    except CrmError as error:  # it says no, and would say so again
        log.exception("job %s (%s) was refused", claim.job_id, claim.kind)
        return Outcome(error=error.code)
    except Exception:  # whatever work does, the worker lives on
        log.exception("job %s (%s) broke", claim.job_id, claim.kind)
        return Outcome(error=BROKE, may_try_again=True)
    return Outcome(result=result or {}, stop=run.ended_for)


def perform_in_child(database: Database, work: Work, claim: Claim, on_start: Callable[[BaseProcess], None]) -> Outcome:
    """Do a job in a process of its own, which `on_start` gets to mind and to close."""
    url = database.url.render_as_string(hide_password=False)
    process, receiver = start_child(_live, url, work, claim)
    on_start(process)
    try:
        outcome: Outcome = receiver.recv()
    except EOFError:  # killed, or out of memory
        outcome = Outcome(error=WORKER_LOST, may_try_again=True)
    process.join()
    receiver.close()
    return outcome


def _live(sender: Connection, url: str, work: Work, claim: Claim) -> None:
    database = Database(url, synchronous=get_settings().sqlite_synchronous)
    use_database(database)
    try:
        outcome = perform(database, work, claim)
    finally:
        database.close()
    sender.send(outcome)


def _actor(database: Database, claim: Claim) -> Actor:
    if claim.requested_by is None:
        return system_actor()
    with database.read_scope() as session:
        return load_actor(session, claim.requested_by, Channel.SYSTEM)
