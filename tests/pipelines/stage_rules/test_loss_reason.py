"""Lost deals say why."""

from __future__ import annotations

from operator import attrgetter

import pytest

from crm.errors import Violation
from crm.pipelines.stage_rules import loss_reason
from crm.pipelines.values import StageInfo
from tests.pipelines.stage_rules.moves import CONTACT, LOST, NEED, OLD, OTHER, PRICE, WON, move


@pytest.mark.parametrize("target", [NEED, WON], ids=attrgetter("name"))
def test_only_a_loss_asks_for_a_reason(target: StageInfo) -> None:
    assert loss_reason.check(move(CONTACT, target)) == []


def test_missing_reason_is_refused() -> None:
    assert loss_reason.check(move(CONTACT, LOST)) == [Violation("loss_reason_missing", "loss_reason")]


@pytest.mark.parametrize("reason_id", [OLD.id, 999], ids=["switched off", "of nobody"])
def test_reason_that_is_not_offered_is_refused(reason_id: int) -> None:
    found = loss_reason.check(move(CONTACT, LOST, loss_reason_id=reason_id))
    assert found == [Violation("loss_reason_unknown", "loss_reason")]


@pytest.mark.parametrize("note", [None, "", "  \n\t "])
def test_reason_that_needs_a_note_is_refused_without_one(note: str | None) -> None:
    found = loss_reason.check(move(CONTACT, LOST, loss_reason_id=OTHER.id, loss_note=note))
    assert found == [Violation("loss_note_missing", "loss_note")]


def test_good_reasons_pass() -> None:
    assert loss_reason.check(move(CONTACT, LOST, loss_reason_id=PRICE.id)) == []
    assert loss_reason.check(move(CONTACT, LOST, loss_reason_id=OTHER.id, loss_note="No cranes")) == []
