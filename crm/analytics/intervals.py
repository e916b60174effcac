"""How sure a share is, and the difference of two: intervals that hold the true value 95 times of 100."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

# Of the normal distribution, for 95 of 100.
Z = 1.959963984540054
# Below so many decided deals or visits, of one or of all others, figures say nothing yet.
ENOUGH = 10


def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """Return the bounds of a share in per cent within which the true one lies 95 times of 100; None of no trials.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if not trials:
        return None
    share = successes / trials
    weight = 1 + Z * Z / trials
    middle = (share + Z * Z / (2 * trials)) / weight
    half = Z * sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials)) / weight
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


def newcombe(successes: int, trials: int, other_successes: int, other_trials: int) -> tuple[float, float] | None:
    """Return the bounds, in percentage points, of the first share less the second, 95 times of 100; None of no trials.

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions, 1998, method 10.
    """
    own, other = wilson(successes, trials), wilson(other_successes, other_trials)
    if own is None or other is None:
        return None
    share, other_share = 100 * successes / trials, 100 * other_successes / other_trials
    difference = share - other_share
    return (
        difference - sqrt((share - own[0]) ** 2 + (other[1] - other_share) ** 2),
        difference + sqrt((own[1] - share) ** 2 + (other_share - other[0]) ** 2),
    )


def stratified(strata: Iterable[tuple[int, int, int, int]]) -> tuple[float, float] | None:
    """Return the bounds, in points, of the difference of two shares over strata: each is compared within itself.

    A stratum is successes, trials, and those of the others. The weights are those of N. Mantel and W. Haenszel,
    Statistical aspects of the analysis of data from retrospective studies of disease, 1959. None of nothing to compare.
    """
    weights = difference = variance = 0.0
    for successes, trials, other_successes, other_trials in strata:
        if trials and other_trials:
            weight = trials * other_trials / (trials + other_trials)
            share, other = successes / trials, other_successes / other_trials
            weights += weight
            difference += weight * (share - other)
            variance += weight * weight * (share * (1 - share) / trials + other * (1 - other) / other_trials)
    if not weights:
        return None
    half = Z * sqrt(variance)
    return 100 * (difference - half) / weights, 100 * (difference + half) / weights
