"""Findings about where a pipeline leads: dead ends, loops without a brake, deals that are moved away."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.models import Pipeline
from crm.models.codes import LinkTrigger
from crm.pipelines.descriptions import read_description
from crm.pipelines.linter.findings import lint
from crm.pipelines.linter.foreign import facts_of_description
from crm.pipelines.linter.values import AddLink, CopyInsteadOfMove, SetLoopLimit, Severity, StandAlone
from tests.pipelines.linter.funnels import GOOD_REASONS, GOOD_STAGES, add_good_pipeline, add_link, found_in


def test_ends_of_the_only_pipeline_may_lead_nowhere(session: Session) -> None:
    rows = add_good_pipeline(session, stands_alone=False)
    assert found_in(session, rows.id) == []


def test_dead_ends_are_told_while_other_pipelines_exist(session: Session) -> None:
    rows = add_good_pipeline(session, stands_alone=False)
    regular = add_good_pipeline(session, "Regular clients")
    refusals = add_good_pipeline(session, "Refusals")
    won, lost = found_in(session, rows.id)
    assert (won.code, won.subject, lost.subject) == ("L11", "won", "lost")
    assert won.fixes == (AddLink(LinkTrigger.WON, regular.id), StandAlone())
    assert lost.fixes[0] == AddLink(LinkTrigger.LOST, refusals.id)
    assert found_in(session, refusals.id) == []  # it stands alone


def test_only_a_working_link_leads_on(session: Session) -> None:
    rows, other = add_good_pipeline(session, stands_alone=False), add_good_pipeline(session, "Other")
    add_link(session, rows.id, other.id, "won")
    add_link(session, rows.id, other.id, "lost", is_active=False)
    add_link(session, rows.id, other.id, "stage", from_stage_id=rows.stages[0])
    assert [one.subject for one in found_in(session, rows.id, "L11")] == ["lost"]


def test_archived_pipelines_are_nowhere_to_lead_to(session: Session) -> None:
    rows, other = add_good_pipeline(session, stands_alone=False), add_good_pipeline(session, "Other")
    add_link(session, rows.id, other.id, "won")
    session.execute(update(Pipeline).where(Pipeline.id == other.id).values(is_archived=True))
    assert found_in(session, rows.id) == []
    add_good_pipeline(session, "Third")
    assert [one.subject for one in found_in(session, rows.id, "L11")] == ["won", "lost"]


def test_loop_without_a_brake_is_an_error_of_each_pipeline_in_it(session: Session) -> None:
    first, second, third = (add_good_pipeline(session, name) for name in ("A", "B", "C"))
    there = add_link(session, first.id, second.id, "lost")
    back = add_link(session, second.id, first.id, "won")
    add_link(session, third.id, first.id, "won")
    (found,) = found_in(session, first.id, "L14")
    assert (found.severity, found.subject, found.params["way"]) == (Severity.ERROR, f"link:{there}", "A → B → A")
    assert found.fixes == (SetLoopLimit(there, 30 * 86400, 3),)
    assert [one.subject for one in found_in(session, second.id, "L14")] == [f"link:{back}"]
    assert found_in(session, third.id, "L14") == []


def test_one_brake_is_enough_for_a_loop(session: Session) -> None:
    first, second = add_good_pipeline(session, "A"), add_good_pipeline(session, "B")
    add_link(session, first.id, second.id, "lost")
    add_link(session, second.id, first.id, "won", max_rounds=2)
    assert found_in(session, first.id, "L14") == []
    again = add_link(session, second.id, second.id, "lost")
    assert [one.subject for one in found_in(session, second.id, "L14")] == [f"link:{again}"]


def described(moves: str) -> str:
    """Return a description of two pipelines, the first of which leads on."""
    stages = "\n".join(
        f'[[pipelines.stages]]\nname = "{name}"\nexit_criterion = "Done"\nnorm = "1d"\nrequired = ["contact"]'
        for name in GOOD_STAGES
    )
    reasons = "".join(f'[[loss_reasons]]\nname = "{name}"\n' for name in (*GOOD_REASONS, "Price"))
    pipelines = "".join(
        f'[[pipelines]]\nkey = "{key}"\nname = "{key.title()}"\nstands_alone = true\n{stages}\n'
        for key in ("sales", "making")
    )
    return f'{reasons}\n{pipelines}\n[[links]]\nfrom = "sales"\ntrigger = "won"\nto = "making"\n{moves}\n'


def test_move_into_another_pipeline_is_an_error_of_a_foreign_description() -> None:
    sales, making = facts_of_description(read_description(described('mode = "move"')), "en")
    (found,) = lint(sales)
    assert (found.code, found.severity, found.params["pipeline"]) == ("L15", Severity.ERROR, "Making")
    assert found.fixes == (CopyInsteadOfMove(1),)
    assert lint(making) == ()


def test_copy_into_another_pipeline_is_fine() -> None:
    assert [lint(facts) for facts in facts_of_description(read_description(described("")), "en")] == [(), ()]
