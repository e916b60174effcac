"""The score that findings leave, worked out by hand."""

from __future__ import annotations

import pytest

from crm.analytics.trust.counting import points_of, score_of
from crm.analytics.trust.findings import FINDINGS
from crm.analytics.trust.values import Count, Counts


def counts(**given: tuple[int, int]) -> Counts:
    """Return counts of findings; what is not given had nothing to look at."""
    return {one.code: Count(*given.get(one.code, (0, 0))) for one in FINDINGS}


def test_clean_deals_have_a_hundred() -> None:
    assert score_of(counts(no_step=(0, 7), sterile=(0, 2))) == 100


def test_nothing_to_look_at_has_no_score() -> None:
    assert score_of(counts()) is None
    assert set(points_of(counts()).values()) == {None}


def test_share_costs_its_weights_part_of_all_weights_looked_at() -> None:
    # Weights 15 and 10: half of the one and a fifth of the other.
    found = counts(no_step=(5, 10), late_step=(1, 5))
    assert points_of(found)["no_step"] == pytest.approx(30)
    assert points_of(found)["late_step"] == pytest.approx(8)
    assert points_of(found)["sterile"] is None
    assert score_of(found) == pytest.approx(62)


def test_deals_made_by_hand_cost_nothing() -> None:
    found = counts(by_hand=(9, 9), no_source=(0, 9))
    assert points_of(found)["by_hand"] == 0
    assert score_of(found) == 100


def test_everything_wrong_leaves_nothing() -> None:
    assert score_of({one.code: Count(3, 3) for one in FINDINGS}) == pytest.approx(0)


def test_codes_are_told_apart_and_weights_are_not_negative() -> None:
    assert len({one.code for one in FINDINGS}) == len(FINDINGS)
    assert all(one.weight >= 0 for one in FINDINGS)
