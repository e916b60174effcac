"""Background jobs as people see and cancel them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.auth.jobs import cancel_job, load_job, recent_jobs
from crm.clock import utc_now
from crm.jobs import request_job
from crm.models import BackgroundJob, JobKind, JobStatus
from tests.conftest import Cast


def test_job_tells_who_asked_and_how_far_it_is(session: Session, cast: Cast) -> None:
    job_id = request_job(session, cast.boris, JobKind.SCAN_BASE, entity="contact")
    row = session.get_one(BackgroundJob, job_id)
    row.status, row.done, row.total, row.attempts = JobStatus.RUNNING, 3, 10, 1
    session.flush()
    job = load_job(session, cast.boris, job_id)
    assert (job.kind, job.requested_by, job.arguments) == ("scan_base", "Boris", {"entity": "contact"})
    assert (job.status, job.done, job.total, job.tries) == (JobStatus.RUNNING, 3, 10, 1)
    assert (job.is_over, job.is_cancelling) == (False, False)


def test_newest_jobs_come_first_and_may_be_of_one_kind(session: Session, cast: Cast) -> None:
    ids = [request_job(session, system_actor(), kind) for kind in (JobKind.TIDY, JobKind.SCAN_BASE, JobKind.TIDY)]
    assert [job.id for job in recent_jobs(session, cast.vera)] == ids[::-1]
    assert [job.id for job in recent_jobs(session, cast.vera, limit=1)] == ids[-1:]
    assert [job.id for job in recent_jobs(session, cast.vera, kind=JobKind.TIDY)] == [ids[2], ids[0]]
    assert recent_jobs(session, cast.vera)[0].requested_by is None


def test_waiting_job_is_cancelled_at_once_and_makes_room_for_another(session: Session, cast: Cast) -> None:
    job_id = request_job(session, cast.anna, JobKind.SCAN_BASE, unique_key="scan")
    assert cancel_job(session, cast.anna, job_id) is JobStatus.CANCELLED
    assert load_job(session, cast.anna, job_id).is_over
    assert request_job(session, cast.anna, JobKind.SCAN_BASE, unique_key="scan") != job_id


def test_running_job_is_asked_to_stop(session: Session, cast: Cast) -> None:
    job_id = request_job(session, cast.anna, JobKind.SCAN_BASE)
    session.get_one(BackgroundJob, job_id).status = JobStatus.RUNNING
    session.flush()
    assert cancel_job(session, cast.vera, job_id) is JobStatus.RUNNING
    assert load_job(session, cast.anna, job_id).is_cancelling


def test_job_that_is_over_stays_as_it_is(session: Session, cast: Cast) -> None:
    job_id = request_job(session, cast.anna, JobKind.SCAN_BASE)
    row = session.get_one(BackgroundJob, job_id)
    row.status, row.finished_at = JobStatus.DONE, utc_now()
    session.flush()
    assert cancel_job(session, cast.anna, job_id) is JobStatus.DONE
    assert session.get_one(BackgroundJob, job_id).cancel_requested_at is None
