"""How alike two words are: typing errors count little, other words much."""

from __future__ import annotations

from rapidfuzz.distance import OSA, JaroWinkler


def likeness(left: str, right: str) -> float:
    """Return how alike two words are, 0 to 1."""
    longest = max(len(left), len(right))
    if longest == 0:
        return 0.0
    edits = OSA.distance(left, right, score_cutoff=3)
    by_edits = 1.0 - edits / longest if edits <= 3 else 0.0
    return max(by_edits, JaroWinkler.similarity(left, right) - 0.08)


def near_words(one: str, other: str) -> bool:
    """Tell whether typing errors could turn one word into the other: none in a short one, two in a long one."""
    if one == other:
        return True
    shortest = min(len(one), len(other))
    allowed = 0 if shortest < 4 else 1 if shortest < 8 else 2
    return allowed > 0 and OSA.distance(one, other, score_cutoff=allowed) <= allowed
