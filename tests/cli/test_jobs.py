"""`jobs` on the command line."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from crm.cli.jobs import STARTED_BY_HAND
from crm.cli.run import main
from crm.clock import utc_now
from crm.db import Database
from crm.models import BackgroundJob, JobStatus
from crm.worker.schedules import SCHEDULES
from tests.conftest import Cast


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")


def test_job_is_started_once_and_cancelled(database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "start", "tidy"]) == main(["jobs", "start", "tidy"]) == 0
    first, second = capsys.readouterr().out.split()
    assert first == second
    assert main(["jobs", "cancel", first]) == 0
    assert capsys.readouterr().out.startswith(f"{first}\ttidy\tcancelled\t")
    assert main(["jobs", "wait", first]) == 2
    assert main(["jobs", "cancel", "999"]) == 1
    with database.read_scope() as session:
        assert session.scalars(select(BackgroundJob.status)).all() == [JobStatus.CANCELLED]


def test_list_and_wait_tell_how_jobs_stand(database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    main(["jobs", "start", "tidy"])
    main(["jobs", "start", "lint_pipelines"])
    with database.session_scope() as session:
        tidy = session.scalars(select(BackgroundJob).where(BackgroundJob.kind == "tidy")).one()
        tidy.status, tidy.finished_at, tidy.done, tidy.total = JobStatus.DONE, utc_now(), 2, 2
    capsys.readouterr()
    assert main(["jobs", "list"]) == 0
    lint, tidied = (line.split("\t")[1:4] for line in capsys.readouterr().out.splitlines())
    assert (lint, tidied) == (["lint_pipelines", "queued", ""], ["tidy", "done", "2/2"])
    assert main(["jobs", "wait", str(tidy.id)]) == 0


def test_what_the_clock_starts_can_be_started_by_hand() -> None:
    assert {one.kind for one in SCHEDULES} == set(STARTED_BY_HAND)
