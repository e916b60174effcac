"""The health of a pipeline on its page: score, findings, doors to deals, acceptance, looks over after each change."""

from __future__ import annotations

from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from crm.db import Database
from crm.models import LintAcceptance, LintOccasion, LintRun
from tests.conftest import Cast
from tests.pages.conftest import OpenShell
from tests.pipelines.linter.funnels import GOOD_STAGES, add_good_pipeline, travel_many


def page(shell: OpenShell, cast: Cast) -> AppTest:
    return shell(cast.vera).run().switch_page("pipelines.py").run()


def drawn(at: AppTest) -> str:
    return "\n".join(one.value for one in [*at.markdown, *at.caption])


def runs(database: Database) -> list[tuple[LintOccasion, int]]:
    with database.read_scope() as session:
        return [(run.occasion, run.score) for run in session.scalars(select(LintRun).order_by(LintRun.id))]


def test_clean_pipeline_has_nothing_to_mend(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_good_pipeline(session)
    at = page(shell, cast)
    assert not at.exception
    assert at.metric[0].value == "100"
    assert "In good health: nothing to mend" in drawn(at)


def test_finding_says_why_it_hurts_and_opens_its_deals(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "В работе"))
        travel_many(session, cast.anna, rows, (5,), 3)
    at = page(shell, cast)
    assert at.metric[0].value == "88"
    assert "“В работе” is a place to wait" in drawn(at)
    assert "Deals go in and stay." in drawn(at)
    door = at.get_by_key(f"door_L03_stage_{rows.stages[5]}_0")
    assert door.label == "3 deals"
    links = len(at.get("page_link"))
    door.click().run()
    assert not at.exception
    assert len(at.get("page_link")) == links + 3
    at.get_by_key(f"door_L03_stage_{rows.stages[5]}_0").click().run()
    assert len(at.get("page_link")) == links


def test_acceptance_needs_a_reason_raises_the_score_and_can_be_taken_back(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "Мусор"))
    subject = f"stage_{rows.stages[5]}"
    at = page(shell, cast)
    at.get_by_key(f"accept_why_L06_{subject}").set_value("short").run()
    at.get_by_key(f"accept_L06_{subject}").click().run()
    assert "Say why in 10 characters or more" in drawn(at)
    assert at.get_by_key(f"accept_why_L06_{subject}").value == "short"
    at.get_by_key(f"accept_why_L06_{subject}").set_value("Emptied every Friday").run()
    at.get_by_key(f"accept_L06_{subject}").click().run()
    assert not at.exception
    assert at.metric[0].value == "100"
    assert "“Emptied every Friday”" in drawn(at)
    assert "Vera" in drawn(at)
    at.get_by_key(f"revoke_L06_{subject}").click().run()
    assert at.metric[0].value == "88"
    assert runs(database) == [(LintOccasion.SAVE, 100), (LintOccasion.SAVE, 88)]
    with database.read_scope() as session:
        assert session.scalars(select(LintAcceptance)).all() == []


def test_look_again_is_kept_in_the_history(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_good_pipeline(session)
    at = page(shell, cast)
    at.get_by_key("lint_again").click().run()
    assert not at.exception
    assert runs(database) == [(LintOccasion.DEMAND, 100)]


def test_change_of_the_design_is_looked_over_in_its_own_transaction(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    with database.session_scope() as session:
        rows = add_good_pipeline(session)
    at = page(shell, cast)
    at.get_by_key(f"reason_{rows.reasons[0]}_active").set_value(False).run()
    at.get_by_key(f"reason_{rows.reasons[0]}_save").click().run()
    assert not at.exception
    assert runs(database) == [(LintOccasion.SAVE, 100)]


def test_foreign_pipeline_is_checked_and_nothing_is_written(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_good_pipeline(session)
    at = page(shell, cast)
    at.get_by_key("lint_check").click().run()
    assert not at.exception
    at.get_by_key("description_text").set_value("\n".join((*GOOD_STAGES, "Возражения"))).run()
    assert "“Возражения” is no step of the sale" in drawn(at)
    assert "no norm" not in drawn(at)
    assert runs(database) == []
