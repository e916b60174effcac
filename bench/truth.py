"""How right a clustering is, by pairs and by records (B-cubed)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judged:
    """Precision, recall and F1 by pairs; `b3` is F1 of B-cubed."""

    precision: float
    recall: float
    f1: float
    b3: float


def judge(truth: Mapping[str, str], clusters: Mapping[str, str]) -> Judged:
    """Compare clusters with the truth of the records that have one; who is in no cluster is alone."""
    predicted = [clusters.get(record) or f"alone {record}" for record in truth]
    true = list(truth.values())
    sizes, true_sizes, both = Counter(predicted), Counter(true), Counter(zip(predicted, true, strict=True))
    right, said, there = (_pairs(counts) for counts in (both, sizes, true_sizes))
    precision, recall = right / said if said else 1.0, right / there if there else 1.0
    b3_precision = b3_recall = 0.0
    for (cluster, entity), count in both.items():
        b3_precision += count * count / sizes[cluster]
        b3_recall += count * count / true_sizes[entity]
    records = max(len(true), 1)
    return Judged(precision, recall, _f1(precision, recall), _f1(b3_precision / records, b3_recall / records))


def _pairs(counts: Counter[str] | Counter[tuple[str, str]]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
