"""No open deal without a step that lies ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import attrgetter

import pytest

from crm.errors import Violation
from crm.models.codes import StepKind
from crm.pipelines.stage_rules import OpenStep, next_step
from crm.pipelines.values import StageInfo
from tests.pipelines.stage_rules.moves import CALL, CONTACT, LOST, NEED, NOW, WON, move

YESTERDAY = NOW - timedelta(days=1)


def late(due_at: datetime) -> OpenStep:
    return OpenStep(StepKind.CALL, due_at)


def test_step_in_the_future_is_enough() -> None:
    assert next_step.check(move(CONTACT, NEED)) == []


def test_one_step_ahead_is_enough_beside_an_overdue_one() -> None:
    assert next_step.check(move(CONTACT, NEED, open_steps=(CALL, late(YESTERDAY)))) == []


def test_missing_step_is_refused() -> None:
    assert next_step.check(move(CONTACT, NEED, open_steps=())) == [Violation("next_step_missing", "next_step")]


@pytest.mark.parametrize("due_at", [YESTERDAY, NOW], ids=["yesterday", "this second"])
def test_step_that_does_not_lie_ahead_is_refused(due_at: datetime) -> None:
    assert next_step.check(move(CONTACT, NEED, open_steps=(late(due_at),))) == [
        Violation("next_step_past", "next_step")
    ]


@pytest.mark.parametrize("end", [WON, LOST], ids=attrgetter("name"))
def test_closing_needs_no_step(end: StageInfo) -> None:
    assert next_step.check(move(CONTACT, end, open_steps=())) == []
