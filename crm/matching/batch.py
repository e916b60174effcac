"""The whole job over evidence in memory: keys, blocks, pairs, weights, clusters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from crm.matching.clustering import cluster
from crm.matching.keys import BLOCK, NAME_BLOCK, NAME_ONLY, keyed
from crm.matching.model import MatchModel
from crm.matching.normalise.evidence import Evidence
from crm.matching.scorer import Scorer
from crm.matching.statistics import CountedStatistics, Statistics

Progress = Callable[[str, int, int], None]  # stage, done, of how many


@dataclass(frozen=True, slots=True)
class MatchedPair:
    """Two records at or above the review threshold, by their places in the input."""

    left: int
    right: int
    weight: float
    guards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Pairs from the review threshold on, strongest first, and the cluster of each record."""

    pairs: list[MatchedPair]
    clusters: list[int]
    compared: int
    statistics: Statistics


def match_all(
    evidences: Iterable[Evidence], model: MatchModel, *, processes: int = 1, progress: Progress | None = None
) -> BatchResult:
    """Compare every record with those it shares a key with; return pairs and clusters."""
    records = list(evidences)
    statistics = CountedStatistics.of(records)
    blocks: dict[int, list[int]] = defaultdict(list)
    weak: set[int] = set()
    for place, evidence in enumerate(records):
        for kind, key in keyed(evidence, model.entity_type):
            blocks[key].append(place)
            if kind in NAME_ONLY:
                weak.add(key)
    pairs: set[tuple[int, int]] = set()
    for key, places in blocks.items():
        if 2 <= len(places) <= (NAME_BLOCK if key in weak else BLOCK):
            pairs.update((left, right) for at, left in enumerate(places) for right in places[at + 1 :])
    scorer = Scorer(model, statistics)
    found = []
    for left, right in pairs:
        weight = scorer.weigh(records[left], records[right])
        if weight >= model.review_at:
            found.append(MatchedPair(left, right, weight, scorer.guards(records[left], records[right])))
    found.sort(key=lambda pair: (-pair.weight, pair.left, pair.right))
    joined = [(pair.left, pair.right, pair.weight) for pair in found if pair.weight >= model.cluster_at]
    return BatchResult(found, cluster(records, joined, model.entity_type), len(pairs), statistics)
