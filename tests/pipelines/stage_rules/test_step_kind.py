"""Which next steps count on a stage."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from crm.i18n.texts import violation_sentence
from crm.models.codes import StepKind
from crm.pipelines.stage_rules import OpenStep, step_kind
from tests.pipelines.stage_rules.moves import CALL, CONTACT, LOST, NEED, NOW, TOMORROW, WON, move

MEETING = OpenStep(StepKind.MEETING, TOMORROW)
PICKY = replace(NEED, step_kinds=(StepKind.MEETING, StepKind.OFFER))


def test_any_kind_counts_where_none_is_named() -> None:
    assert step_kind.check(move(CONTACT, NEED)) == []


def test_one_step_of_a_named_kind_is_enough() -> None:
    assert step_kind.check(move(CONTACT, PICKY, open_steps=(CALL, MEETING))) == []


def test_other_kinds_are_refused_with_those_that_count() -> None:
    (found,) = step_kind.check(move(CONTACT, PICKY))
    assert (found.code, found.field) == ("next_step_kind_wrong", "next_step")
    assert violation_sentence(found) == "On “Need found” the next step is one of: Meeting, Send an offer."


def test_overdue_step_of_a_named_kind_does_not_count() -> None:
    late = OpenStep(StepKind.MEETING, NOW - timedelta(days=1))
    assert [one.code for one in step_kind.check(move(CONTACT, PICKY, open_steps=(late, CALL)))] == [
        "next_step_kind_wrong"
    ]


def test_missing_step_is_left_to_the_rule_of_next_steps() -> None:
    assert step_kind.check(move(CONTACT, PICKY, open_steps=())) == []


def test_closing_asks_for_no_step() -> None:
    for end in (WON, LOST):
        assert step_kind.check(move(CONTACT, replace(end, step_kinds=(StepKind.MEETING,)))) == []
