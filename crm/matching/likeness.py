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
