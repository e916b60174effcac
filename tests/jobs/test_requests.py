"""Asking for work: in the caller's transaction, once for each key, and heard at once."""

from __future__ import annotations

import threading
from contextlib import suppress

from sqlalchemy import select

from crm.auth.actors import system_actor
from crm.db import Database
from crm.jobs import request_job
from crm.jobs.requests import wake_on_request
from crm.models import BackgroundJob, JobKind, JobStatus
from tests.conftest import Cast


def test_request_is_a_waiting_row_of_who_asked(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        job_id = request_job(session, cast.vera, JobKind.SCAN_BASE, entity="contact")
    with database.read_scope() as session:
        job = session.get_one(BackgroundJob, job_id)
        assert (job.kind, job.status, job.arguments) == ("scan_base", JobStatus.QUEUED, {"entity": "contact"})
        assert (job.requested_by, job.done, job.total, job.state, job.attempts) == (cast.vera.user_id, 0, None, {}, 0)


def test_request_of_a_transaction_that_rolls_back_never_was(database: Database, cast: Cast) -> None:
    with suppress(ZeroDivisionError), database.session_scope() as session:
        request_job(session, cast.vera, JobKind.SCAN_BASE)
        raise ZeroDivisionError
    with database.read_scope() as session:
        assert session.scalars(select(BackgroundJob)).all() == []


def test_key_gives_the_unfinished_job_back_and_a_new_one_after_it(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        first = request_job(session, cast.vera, JobKind.SCAN_BASE, unique_key="scan")
        other = request_job(session, cast.vera, JobKind.SCAN_BASE, unique_key="scan 2")
    with database.session_scope() as session:
        assert request_job(session, cast.vera, JobKind.SCAN_BASE, unique_key="scan") == first
        session.get_one(BackgroundJob, first).status = JobStatus.DONE
    with database.session_scope() as session:
        assert request_job(session, cast.vera, JobKind.SCAN_BASE, unique_key="scan") not in {first, other}


def test_two_who_ask_at_once_get_one_job(database: Database, cast: Cast) -> None:
    start, found = threading.Barrier(4), []

    def ask() -> None:
        start.wait()
        with database.session_scope() as session:
            found.append(request_job(session, cast.vera, JobKind.SCAN_BASE, unique_key="scan"))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_who_waits_is_woken_by_the_commit_and_not_before(database: Database) -> None:
    woken: list[int] = []
    forget = wake_on_request(lambda: woken.append(1))
    with database.session_scope() as session:
        request_job(session, system_actor(), JobKind.TIDY)
        assert woken == []
    assert woken == [1]
    forget()
    with database.session_scope() as session:
        request_job(session, system_actor(), JobKind.TIDY)
    assert woken == [1]
