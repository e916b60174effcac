"""Intervals of shares against values known from statistics."""

from __future__ import annotations

import pytest

from crm.analytics.intervals import newcombe, stratified, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(8, 10, 49.02, 94.33), (0, 10, 0.0, 27.75), (10, 10, 72.25, 100.0), (81, 263, 25.53, 36.62)],
)
def test_wilson_gives_the_values_of_the_text_books(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson(successes, trials) == pytest.approx((low, high), abs=0.005)


def test_nothing_tried_has_no_interval() -> None:
    assert wilson(0, 0) is None
    assert newcombe(0, 0, 5, 10) is None
    assert newcombe(5, 10, 0, 0) is None


@pytest.mark.parametrize(
    ("own", "other", "low", "high"),
    [  # R. G. Newcombe 1998, table II, method 10
        ((56, 70), (48, 80), 5.24, 33.39),
        ((9, 10), (3, 10), 17.05, 80.90),
        ((5, 56), (0, 29), -3.81, 19.26),
        ((10, 10), (0, 10), 60.75, 100.0),
    ],
)
def test_newcombe_gives_the_values_of_his_paper(
    own: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    assert newcombe(*own, *other) == pytest.approx((low, high), abs=0.005)


def test_strata_are_compared_within_themselves() -> None:
    # Better by 10 points on either stage, though worse in all: most of the decisions were on the harder one.
    own, strata = (0, 0), [(45, 50, 400, 500), (120, 400, 20, 100)]
    for successes, trials, _others, _of_others in strata:
        own = own[0] + successes, own[1] + trials
    assert own[0] / own[1] < 420 / 600
    bounds = stratified(strata)
    assert bounds is not None
    assert sum(bounds) / 2 == pytest.approx(10)
    assert bounds[0] > 0


def test_one_stratum_is_the_plain_difference() -> None:
    # 80 % less 60 %; half the width is 1.96 times the root of .8 * .2 / 70 + .6 * .4 / 80, which is 0.0727.
    assert stratified([(56, 70, 48, 80)]) == pytest.approx((5.75, 34.25), abs=0.01)


@pytest.mark.parametrize("strata", [[], [(5, 10, 0, 0)], [(0, 0, 5, 10)]])
def test_strata_without_others_say_nothing(strata: list[tuple[int, int, int, int]]) -> None:
    assert stratified(strata) is None
