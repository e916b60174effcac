"""A won deal is worth something."""

from __future__ import annotations

import pytest

from crm.errors import Violation
from crm.pipelines.stage_rules import won_amount
from tests.pipelines.stage_rules.moves import LOST, NEED, OFFER, WON, move


@pytest.mark.parametrize("amount_minor", [None, 0])
def test_winning_nothing_is_refused(amount_minor: int | None) -> None:
    found = won_amount.check(move(OFFER, WON, amount_minor=amount_minor))
    assert found == [Violation("amount_not_positive", "amount")]


def test_smallest_amount_is_enough() -> None:
    assert won_amount.check(move(OFFER, WON, amount_minor=1)) == []


def test_other_stages_do_not_ask_for_an_amount() -> None:
    assert won_amount.check(move(NEED, OFFER, amount_minor=None)) == []
    assert won_amount.check(move(NEED, LOST, amount_minor=0)) == []
