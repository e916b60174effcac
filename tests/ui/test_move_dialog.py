"""What the dialog of a move can ask for, and what only a head's reason passes."""

from __future__ import annotations

from crm.i18n.rule_texts import RULE_NAMES
from crm.ui.move_dialog import ASKABLE, BARRIERS


def test_every_rule_that_may_be_passed_opens_the_dialog_of_a_head() -> None:
    assert set(RULE_NAMES) <= ASKABLE | BARRIERS
    assert set(RULE_NAMES) >= BARRIERS


def test_barriers_can_not_be_met_by_filling_something_in() -> None:
    assert not ASKABLE & BARRIERS
