"""A closed deal stays where it ended."""

from __future__ import annotations

import pytest

from crm.errors import Violation
from crm.models.codes import DealStatus
from crm.pipelines.stage_rules import closed
from tests.pipelines.stage_rules.moves import CONTACT, LOST, NEED, WON, move


def test_open_deal_may_move() -> None:
    assert closed.check(move(CONTACT, NEED)) == []


@pytest.mark.parametrize(("end", "status"), [(WON, DealStatus.WON), (LOST, DealStatus.LOST)])
def test_closed_deal_is_refused(end: object, status: DealStatus) -> None:
    assert closed.check(move(end, CONTACT, status=status)) == [Violation("deal_closed", "stage")]  # type: ignore[arg-type]
