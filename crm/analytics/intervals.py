"""How sure a share is: Wilson's score interval."""

from __future__ import annotations

from math import sqrt

# Of the normal distribution, for 95 of 100.
Z = 1.959963984540054


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
