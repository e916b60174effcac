"""A long chain on the deal's page is cut to what lies around the deal."""

from __future__ import annotations

import pytest

from crm.deals.chain import ChainDeal
from crm.models import DealStatus
from crm.ui.chain_view import round_badge, shortened


def deals(count: int) -> list[ChainDeal]:
    return [
        ChainDeal(number, "Pipes", "Sales", "Asked", DealStatus.OPEN, 1, None, "RUB", None, None)
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "here", "shown"),
    [
        (1, 0, "0"),
        (5, 4, "0 1 2 3 4"),
        (9, 4, "0 1 2 3 4 5 6 7 8"),
        (30, 15, "0 … 12 13 14 15 16 17 18 … 29"),
        (30, 0, "0 1 2 3 … 29"),
        (30, 29, "0 … 26 27 28 29"),
    ],
)
def test_a_chain_is_cut_to_its_ends_and_what_is_near(count: int, here: int, shown: str) -> None:
    found = shortened(deals(count), here)
    assert " ".join("…" if deal is None else str(deal.id) for deal in found) == shown


def test_only_later_rounds_are_told() -> None:
    assert round_badge(1) == ""
    assert "round 2" in round_badge(2)
