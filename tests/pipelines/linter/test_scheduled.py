"""The weekly look over all pipelines."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from crm.auth.actors import system_actor
from crm.db import Database
from crm.errors import Forbidden
from crm.jobs import LooseRun
from crm.models import LintOccasion, LintRun, Pipeline
from crm.pipelines.linter.scheduled import lint_pipelines
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_pipeline


def looked_over(database: Database) -> list[int]:
    with database.read_scope() as session:
        assert set(session.scalars(select(LintRun.occasion))) <= {LintOccasion.SCHEDULE}
        return list(session.scalars(select(LintRun.pipeline_id).order_by(LintRun.id)))


def test_every_pipeline_in_use_is_looked_over_and_progress_is_told(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        ids = [add_pipeline(session, name).id for name in ("One", "Two", "Old", "Three")]
        session.get_one(Pipeline, ids.pop(2)).is_archived = True
    heard: list[tuple[int, int | None]] = []
    run = LooseRun(lambda done, total: heard.append((done, total)))
    assert lint_pipelines(database, system_actor(), run, {}) == {"pipelines": 3}
    assert looked_over(database) == ids
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_interrupted_look_goes_on_where_it_was(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        ids = [add_pipeline(session, name).id for name in ("One", "Two", "Three")]

    def interrupt(done: int, _total: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    run = LooseRun(interrupt)
    with pytest.raises(KeyboardInterrupt):
        lint_pipelines(database, system_actor(), run, {})
    assert looked_over(database) == ids[:1]
    again = LooseRun()
    again.state = {"after": ids[0], "done": 1}
    assert lint_pipelines(database, system_actor(), again, {}) == {"pipelines": 3}
    assert looked_over(database) == ids


def test_manager_looks_over_nothing(database: Database, cast: Cast, unchanged: UnchangedFactory) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
    with unchanged(database), pytest.raises(Forbidden):
        lint_pipelines(database, cast.anna, LooseRun(), {})
