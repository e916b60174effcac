"""The score, its history, acceptance, and when pipelines are looked over."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.errors import Forbidden, InvalidInput, NotFound
from crm.models import Event, LintAcceptance, LintOccasion, LintRun
from crm.pipelines.commands import StagePlan, add_stage, create_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason
from crm.pipelines.linter.acceptance import accept_finding, revoke_acceptance
from crm.pipelines.linter.runs import (
    lint_pipeline,
    load_health,
    load_score_history,
    redesigned_pipelines,
)
from crm.pipelines.linter.score import score_of
from crm.pipelines.linter.values import Finding, Severity
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_deal
from tests.pipelines.linter.funnels import BAD_STAGES, GOOD_STAGES, add_good_pipeline

WHY = "The owner wants it so this year"


def finding(code: str, severity: Severity) -> Finding:
    return Finding(code, severity, ("x",))


def test_score_of_nothing_is_a_hundred() -> None:
    assert score_of([]) == 100


def test_score_counts_three_findings_of_a_code_and_the_worst_of_them() -> None:
    hints = [finding("L13", Severity.HINT)] * 10
    names = [finding("L03", Severity.ERROR)] * 4
    assert score_of(hints) == 100 - 3 * 2
    assert score_of([*hints, *names, finding("L01", Severity.WARNING)]) == 100 - 6 - 36 - 6
    assert score_of([*hints[:2], finding("L13", Severity.ERROR), finding("L13", Severity.ERROR)]) == 100 - 12 - 12 - 2


def test_score_never_falls_below_nothing(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=BAD_STAGES)
    assert load_health(session, cast.vera, rows.id).score == max(0, 100 - 6 - 12 - 36 - 12 - 12 - 24)
    assert score_of([finding(f"L{number}", Severity.ERROR) for number in range(9)]) == 0


def test_accepted_finding_no_longer_lowers_the_score(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=GOOD_STAGES[:4])
    assert load_health(session, cast.vera, rows.id).score == 94
    accept_finding(session, cast.vera, pipeline_id=rows.id, code="L01", subject="", reason=f"  {WHY} ")
    health = load_health(session, cast.vera, rows.id)
    assert health.score == 100
    (accepted,) = [one for one in health.told if one.acceptance]
    assert accepted.finding.code == "L01"
    assert accepted.acceptance is not None
    assert (accepted.acceptance.reason, accepted.acceptance.author) == (WHY, "Vera")
    assert health.to_mend == ()
    event = session.scalars(select(Event).where(Event.kind == "lint.accepted")).one()
    assert event.details["reason"] == WHY
    revoke_acceptance(session, cast.vera, pipeline_id=rows.id, code="L01", subject="")
    assert load_health(session, cast.vera, rows.id).score == 94


def test_second_acceptance_replaces_the_first(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=GOOD_STAGES[:4])
    for reason in (WHY, f"{WHY}, and the next"):
        accept_finding(session, cast.vera, pipeline_id=rows.id, code="L01", subject="", reason=reason)
    assert session.scalars(select(LintAcceptance.reason)).all() == [f"{WHY}, and the next"]


@pytest.mark.parametrize(("reason", "code"), [("too short", "reason_too_short"), (" " * 20, "value_required")])
def test_acceptance_needs_a_reason_of_ten_characters(
    session: Session, cast: Cast, unchanged: UnchangedFactory, reason: str, code: str
) -> None:
    rows = add_good_pipeline(session, stages=GOOD_STAGES[:4])
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        accept_finding(session, cast.vera, pipeline_id=rows.id, code="L01", subject="", reason=reason)
    assert [one.code for one in refused.value.violations] == [code]


def test_only_what_is_found_can_be_accepted_and_only_what_is_accepted_taken_back(
    session: Session, cast: Cast, unchanged: UnchangedFactory
) -> None:
    rows = add_good_pipeline(session)
    with unchanged(session), pytest.raises(NotFound):
        accept_finding(session, cast.vera, pipeline_id=rows.id, code="L01", subject="", reason=WHY)
    with unchanged(session), pytest.raises(NotFound):
        revoke_acceptance(session, cast.vera, pipeline_id=rows.id, code="L01", subject="")


def test_only_who_designs_may_accept(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    rows = add_good_pipeline(session, stages=GOOD_STAGES[:4])
    for actor in (cast.anna, cast.boris):
        with unchanged(session), pytest.raises(Forbidden):
            accept_finding(session, actor, pipeline_id=rows.id, code="L01", subject="", reason=WHY)


def test_look_over_keeps_the_score_and_what_was_found(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=GOOD_STAGES[:4])
    accept_finding(session, cast.vera, pipeline_id=rows.id, code="L01", subject="", reason=WHY)
    lint_pipeline(session, cast.vera, pipeline_id=rows.id, occasion=LintOccasion.DEMAND)
    (run,) = session.scalars(select(LintRun))
    assert (run.score, run.occasion) == (100, LintOccasion.DEMAND)
    assert run.findings == [{"code": "L01", "severity": "warning", "subject": "", "accepted": True}]
    (past,) = load_score_history(session, cast.vera, rows.id)
    assert (past.score, past.open_findings) == (100, 0)


def test_redesigned_pipelines_are_told_by_their_events(session: Session, cast: Cast) -> None:
    untouched = add_good_pipeline(session, "Untouched")
    made = create_pipeline(session, cast.vera, name="New", stages=[StagePlan("Contact made")])
    add_stage(session, cast.vera, pipeline_id=made, expected_version=1, plan=StagePlan("Offer sent"))
    add_loss_reason(session, cast.vera, pipeline_id=made, plan=ReasonPlan("Price"))
    assert redesigned_pipelines(session, cast.vera) == {made}
    assert untouched.id != made


def test_reason_of_all_pipelines_redesigns_all(session: Session, cast: Cast) -> None:
    first, second = add_good_pipeline(session), add_good_pipeline(session, "Second")
    add_loss_reason(session, cast.vera, pipeline_id=None, plan=ReasonPlan("Price rose"))
    assert redesigned_pipelines(session, cast.vera) == {first.id, second.id}


def test_work_on_deals_redesigns_nothing(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    add_deal(session, cast.anna, rows)
    assert redesigned_pipelines(session, cast.anna) == frozenset()
