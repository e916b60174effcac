"""Commands about background jobs: list, start, cancel, wait."""

from __future__ import annotations

import argparse
import time

from crm.auth.actors import system_actor
from crm.auth.jobs import JobInfo, cancel_job, load_job, recent_jobs
from crm.db import read_scope, session_scope
from crm.i18n.formats import full_moment
from crm.jobs import request_job
from crm.models import Channel, JobKind, JobStatus

ACTOR = system_actor(Channel.CLI)
NOT_DONE = 2
# What returns by the clock anyway; the rest begins where there is something to do it with.
STARTED_BY_HAND = (
    JobKind.SCAN_BASE,
    JobKind.MATCH_CHANGED,
    JobKind.LINT_PIPELINES,
    JobKind.DUE_LINKS,
    JobKind.TRUST_DAY,
    JobKind.TIDY,
)
POLL_SECONDS = 0.5


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `jobs list`, `jobs start`, `jobs cancel` and `jobs wait`."""
    jobs = commands.add_parser("jobs", help="background work").add_subparsers(required=True, metavar="command")
    listing = jobs.add_parser("list", help="print the newest jobs")
    listing.add_argument("--limit", type=int, default=20)
    listing.set_defaults(run=print_jobs)
    start = jobs.add_parser("start", help="ask for a job and print its id; a worker does it")
    start.add_argument("kind", choices=[kind.value for kind in STARTED_BY_HAND])
    start.set_defaults(run=start_job)
    cancel = jobs.add_parser("cancel", help="take a job back, or stop it at its next report")
    cancel.add_argument("id", type=int)
    cancel.set_defaults(run=cancel_one)
    wait = jobs.add_parser("wait", help="wait until a job is over; exit code 2 when it was not done")
    wait.add_argument("id", type=int)
    wait.set_defaults(run=wait_for)


def print_jobs(arguments: argparse.Namespace) -> None:
    """Print the newest jobs, the newest first."""
    with read_scope() as session:
        jobs = recent_jobs(session, ACTOR, limit=arguments.limit)
    for job in jobs:
        print(_line(job))


def start_job(arguments: argparse.Namespace) -> None:
    """Ask for a job of a kind; one that is not over yet is taken instead of a second."""
    with session_scope() as session:
        print(request_job(session, ACTOR, JobKind(arguments.kind), unique_key=arguments.kind))


def cancel_one(arguments: argparse.Namespace) -> None:
    """Cancel a job and print how it stands."""
    with session_scope() as session:
        cancel_job(session, ACTOR, arguments.id)
    with read_scope() as session:
        print(_line(load_job(session, ACTOR, arguments.id)))


def wait_for(arguments: argparse.Namespace) -> int:
    """Wait until a job is over and print it."""
    while True:
        with read_scope() as session:
            job = load_job(session, ACTOR, arguments.id)
        if job.is_over:
            print(_line(job))
            return 0 if job.status is JobStatus.DONE else NOT_DONE
        time.sleep(POLL_SECONDS)


def _line(job: JobInfo) -> str:
    progress = "" if job.total is None else f"{job.done}/{job.total}"
    status = "cancelling" if job.is_cancelling else job.status.value
    moment = full_moment(job.created_at)
    parts = (str(job.id), job.kind, status, progress, moment, job.requested_by or "", job.error or "")
    return "\t".join(parts)
