"""Commands run from pages: one transaction each, as whoever is signed in now, refusals in words."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.auth.sessions import sign_out
from crm.db import Database
from crm.errors import DatabaseUnavailable, DealMovedMeanwhile, Forbidden, InvalidInput, StageRulesBroken, Violation
from crm.i18n import current_reader
from crm.models import LintOccasion, LintRun, Pipeline, Role, Team, User
from crm.pipelines.commands import create_pipeline
from crm.pipelines.stage_plans import StagePlan
from crm.ui.act import run
from tests.conftest import Cast, UnchangedFactory
from tests.ui.conftest import SignIn


def add_team(session: Session, actor: Actor, *, name: str) -> tuple[int | None, str]:
    """Stand for any command that writes."""
    session.add(Team(name=name))
    session.flush()
    return actor.user_id, current_reader().language


def refuse_after_writing(session: Session, actor: Actor) -> None:
    """Stand for a command that finds out late."""
    add_team(session, actor, name="Never")
    raise InvalidInput(
        [Violation("value_required", "title"), Violation("text_too_long", "title", {"length": 9, "limit": 5}),
         Violation("step_closed")]
    )  # fmt: skip


def teams(database: Database) -> list[str]:
    with database.read_scope() as session:
        return list(session.scalars(select(Team.name).order_by(Team.id)))


def test_run_commits_and_gives_the_value(database: Database, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.anna)
    outcome = run(add_team, name="Third")
    assert outcome.ok
    assert outcome.value == (cast.anna.user_id, "en")
    assert teams(database) == ["Team 1", "Team 2", "Third"]


def test_run_sets_the_readers_language_for_callbacks(database: Database, cast: Cast, sign_in: SignIn) -> None:
    with database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).language = "ru"
    sign_in(cast.anna)
    assert run(add_team, name="Third").value == (cast.anna.user_id, "ru")


def test_redesigned_pipeline_is_looked_over_once(database: Database, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.vera)
    made = run(create_pipeline, name="New", stages=[StagePlan("Contact made"), StagePlan("Offer sent")]).value
    assert run(create_pipeline, name="New", stages=[StagePlan("Contact made")]).error is not None
    with database.read_scope() as session:
        (looked,) = session.scalars(select(LintRun))
        assert (looked.pipeline_id, looked.occasion) == (made, LintOccasion.SAVE)


def test_save_stands_when_the_look_behind_it_fails(
    database: Database, cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def busy(session: Session, actor: Actor, pipeline_id: int) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr("crm.ui.act.load_health", busy)
    sign_in(cast.vera)
    assert run(create_pipeline, name="New", stages=[StagePlan("Contact made")]).ok
    assert "not looked over: database_unavailable" in caplog.text
    with database.read_scope() as session:
        assert session.scalars(select(Pipeline.name)).all() == ["New"]
        assert session.scalars(select(LintRun)).all() == []


def test_refused_command_changes_nothing_and_tells_each_field(
    database: Database, cast: Cast, sign_in: SignIn, unchanged: UnchangedFactory
) -> None:
    sign_in(cast.anna)
    with unchanged(database):
        outcome = run(refuse_after_writing)
    assert not outcome.ok
    assert outcome.value is None
    assert outcome.message == "Some values need your attention."
    assert outcome.field_error("title") == "Fill this in. The text is too long: 9 characters, 5 at most."
    assert outcome.field_error("amount") is None
    assert outcome.other_errors == ("This step is done already.",)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Forbidden(action="work_deals"), "Your role does not allow this. Ask your administrator."),
        (DealMovedMeanwhile(), "Somebody has just changed this deal. The page shows it as it is now."),
        (StageRulesBroken([]), "The deal can't go there yet."),
        (
            DatabaseUnavailable(),
            "The database does not answer right now. Nothing was saved; try again in a minute.",
        ),
    ],
)
def test_every_refusal_has_its_sentence(
    error: Exception, sentence: str, database: Database, cast: Cast, sign_in: SignIn
) -> None:
    sign_in(cast.anna)

    def refuse(session: Session, actor: Actor) -> None:
        raise error

    assert run(refuse).message == sentence


def test_signed_out_reader_changes_nothing(
    database: Database, cast: Cast, sign_in: SignIn, unchanged: UnchangedFactory
) -> None:
    token = sign_in(cast.anna)
    with database.session_scope() as session:
        sign_out(session, token)
    with unchanged(database):
        outcome = run(add_team, name="Never")
    assert outcome.message == "You are signed out. Reload the page to sign in again."


def test_run_acts_with_the_role_of_now(database: Database, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.vera)
    with database.session_scope() as session:
        session.get_one(User, cast.vera.user_id).role = Role.MANAGER
    assert run(lambda session, actor: actor.role).value is Role.MANAGER


def test_broken_command_is_no_refusal(database: Database, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.anna)

    def broken(session: Session, actor: Actor) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(broken)


def test_told_keeps_a_notice_over_a_rerun() -> None:
    def script() -> None:
        import streamlit as st

        from crm.errors import InvalidInput, Violation
        from crm.ui.act import Outcome
        from crm.ui.notices import show_flash

        show_flash()
        if st.button("Do"):
            Outcome(value=1).told("Saved")
            st.rerun()
        if st.button("Refuse"):
            Outcome(error=InvalidInput([Violation("value_required", "title")])).told("Saved")
            st.rerun()

    at = AppTest.from_function(script).run()
    at.button[0].click().run()
    assert [toast.value for toast in at.toast] == ["Saved"]
    at.run()
    assert not at.toast
    at.button[1].click().run()
    assert not at.toast
    assert "Some values need your attention. Fill this in." in at.markdown[0].value
