"""The rules of a pipeline as a whole."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.deals.moves import Move, move_deal
from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound, StageRulesBroken
from crm.i18n.event_texts import event_sentence
from crm.models import Event, Role
from crm.pipelines.commands import reorder_stages
from crm.pipelines.reads import load_pipeline
from crm.pipelines.rules import PipelineRules, edit_rules, set_transitions
from tests.conftest import Cast
from tests.factories import PipelineRows, add_deal, add_pipeline
from tests.refusals import refused

FREE = PipelineRules(forward_only=False, no_skipping=False, creation_roles=frozenset({Role.ADMIN}))


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def last_event(session: Session) -> Event:
    return session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()


def test_edit_rules_sets_switches_and_policy_and_tells_what_changed(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    edit_rules(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, rules=FREE)
    info = load_pipeline(session, pipeline.id)
    assert (info.forward_only, info.no_skipping, info.creation_roles) == (False, False, frozenset({Role.ADMIN}))
    assert info.version == 2
    event = last_event(session)
    assert (event.kind, event.entity_id) == ("pipeline.edited", pipeline.id)
    assert event.details["changes"] == {
        "forward_only": [True, False],
        "no_skipping": [True, False],
        "creation_roles": [["admin", "head", "manager"], ["admin"]],
    }


def test_rules_that_stay_leave_no_trace(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    same: dict[tuple[int, int], bool] = {}
    edit_rules(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, rules=PipelineRules())
    set_transitions(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, role=Role.MANAGER, exceptions=same)
    reorder_stages(session, cast.vera, pipeline_id=pipeline.id, expected_version=1, stage_ids=pipeline.stages)
    assert load_pipeline(session, pipeline.id).version == 1
    assert session.scalars(select(Event)).all() == []


def test_set_transitions_replaces_those_of_one_role(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first, second, third, _fourth = pipeline.stages
    given = {(third, first): True, (first, second): False, (first, pipeline.won): True}
    set_transitions(
        session, cast.vera, pipeline_id=pipeline.id, expected_version=1, role=Role.MANAGER, exceptions=given
    )
    set_transitions(
        session,
        cast.vera,
        pipeline_id=pipeline.id,
        expected_version=2,
        role=Role.HEAD,
        exceptions={(second, first): True},
    )
    set_transitions(
        session, cast.vera, pipeline_id=pipeline.id, expected_version=3, role=Role.MANAGER,
        exceptions={(third, first): True},
    )  # fmt: skip
    assert load_pipeline(session, pipeline.id).transitions == {
        (Role.MANAGER, third, first): True,
        (Role.HEAD, second, first): True,
    }
    event = last_event(session)
    assert event.details["changes"]["transitions"] == [
        ["- Contact made → Need found", "+ Contact made → Paid", "+ Offer sent → Contact made"],
        ["+ Offer sent → Contact made"],
    ]
    assert event_sentence(event.kind, event.details) == (
        "Changed who may move where in “First sales” (Manager): Exceptions"
    )


def test_transition_leads_from_an_open_stage_to_another_that_is_no_loss(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    first, second = pipeline.stages[:2]
    other = add_pipeline(session, "Other").stages[0]
    for wrong in ((first, first), (first, pipeline.lost), (pipeline.won, first), (first, other), (other, second)):
        with refused(session, InvalidInput) as refusal:
            set_transitions(
                session, cast.vera, pipeline_id=pipeline.id, expected_version=1, role=Role.HEAD,
                exceptions={wrong: False},
            )  # fmt: skip
        assert refusal.told == [("transition_invalid", "transitions")]


def test_exceptions_are_judged_at_the_next_move(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=2)
    back = Move(pipeline.stages[0])
    with refused(session, StageRulesBroken):
        move_deal(session, cast.anna, deal_id=deal_id, move=back)
    allowed = {(pipeline.stages[2], pipeline.stages[0]): True}
    set_transitions(
        session, cast.vera, pipeline_id=pipeline.id, expected_version=1, role=Role.MANAGER, exceptions=allowed
    )
    with refused(session, StageRulesBroken):
        move_deal(session, cast.boris, deal_id=deal_id, move=back)
    move_deal(session, cast.anna, deal_id=deal_id, move=back)


def test_rules_are_an_administrators_and_know_their_version(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    for actor, version, pipeline_id, error in (
        (cast.boris, 1, pipeline.id, Forbidden),
        (cast.vera, 0, pipeline.id, ChangedMeanwhile),
        (cast.vera, 1, 999, NotFound),
    ):
        with refused(session, error):
            edit_rules(session, actor, pipeline_id=pipeline_id, expected_version=version, rules=FREE)
        with refused(session, error):
            set_transitions(
                session, actor, pipeline_id=pipeline_id, expected_version=version, role=Role.HEAD, exceptions={}
            )


def test_deal_that_stands_keeps_standing_when_rules_change(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1, due_in=timedelta(days=3))
    barred = {(one, two): False for one in pipeline.stages for two in [*pipeline.stages, pipeline.won] if one != two}
    set_transitions(
        session, cast.vera, pipeline_id=pipeline.id, expected_version=1, role=Role.MANAGER, exceptions=barred
    )
    with refused(session, StageRulesBroken) as refusal:
        move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[2]))
    assert refusal.told == [("move_forbidden", "stage")]
