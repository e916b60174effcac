"""Clusters from pairs: strongest first, never joining two clusters that name different people or different INNs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from crm.matching.normalise.evidence import Evidence
from crm.models.codes import EntityType


def cluster(
    evidences: Sequence[Evidence], pairs: Iterable[tuple[int, int, float]], entity_type: EntityType = EntityType.CONTACT
) -> list[int]:
    """Return the cluster of each record, named by its smallest place; pairs are (left place, right place, weight)."""
    parent = list(range(len(evidences)))
    profiles: dict[int, Counter[tuple[str, ...]]] = {}

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for left, right, _ in sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1])):
        one, other = root(left), root(right)
        if one == other:
            continue
        ours, theirs = (_profile(profiles, evidences, place, entity_type) for place in (one, other))
        if _conflict(ours, theirs):
            continue
        low, high = min(one, other), max(one, other)
        parent[high] = low
        profiles[low] = ours + theirs
        profiles.pop(high, None)
    return [root(place) for place in range(len(evidences))]


def _profile(
    profiles: dict[int, Counter[tuple[str, ...]]], evidences: Sequence[Evidence], place: int, entity_type: EntityType
) -> Counter[tuple[str, ...]]:
    known = profiles.get(place)
    if known is None:
        evidence = evidences[place]
        names = evidence.inns[:1] if entity_type is EntityType.COMPANY else evidence.given
        known = profiles[place] = Counter([names]) if names else Counter()
    return known


def _conflict(ours: Counter[tuple[str, ...]], theirs: Counter[tuple[str, ...]]) -> bool:
    if not ours or not theirs:
        return False
    return set(ours.most_common(1)[0][0]).isdisjoint(theirs.most_common(1)[0][0])
