"""The whole job over evidence in memory: keys, blocks, pairs, weights, clusters."""

from __future__ import annotations

import gc
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from crm.matching.blocking import KeyColumns, Pairs, joined_columns, key_columns, left_of, pairs_of, right_of
from crm.matching.clustering import cluster
from crm.matching.crew import in_shares
from crm.matching.fitting import SAMPLE, fitted
from crm.matching.model import MatchModel
from crm.matching.normalise.evidence import Evidence
from crm.matching.scorer import Scorer
from crm.matching.small_bases import OfLeastSize
from crm.matching.statistics import CountedStatistics, Statistics

Progress = Callable[[str, int, int], None]  # stage, done, of how many
_TOLD_EVERY = 50_000
_COUNTING = 0.35  # how long counting takes, making the keys being 1


@dataclass(frozen=True, slots=True)
class MatchedPair:
    """Two records at or above the review threshold, by their places in the input."""

    left: int
    right: int
    weight: float
    guards: tuple[str, ...]


class MatchedPairs(Sequence[MatchedPair]):
    """Pairs in columns, strongest first; a million of them take some twenty megabytes."""

    def __init__(self, pairs: Pairs, weights: NDArray[np.float64], guards: NDArray[np.uint16],
                 meanings: Sequence[tuple[str, ...]]) -> None:  # fmt: skip
        order = np.lexsort((pairs, -weights))
        self._left, self._right = left_of(pairs[order]), right_of(pairs[order])
        self._weights, self._guards, self._meanings = weights[order], guards[order], meanings

    def __len__(self) -> int:
        return len(self._weights)

    @overload
    def __getitem__(self, place: int) -> MatchedPair: ...
    @overload
    def __getitem__(self, place: slice) -> list[MatchedPair]: ...
    def __getitem__(self, place: int | slice) -> MatchedPair | list[MatchedPair]:
        if isinstance(place, slice):
            return [self[at] for at in range(*place.indices(len(self)))]
        return MatchedPair(
            int(self._left[place]),
            int(self._right[place]),
            float(self._weights[place]),
            self._meanings[self._guards[place]],
        )

    def from_weight(self, weight: float) -> Iterator[tuple[int, int, float]]:
        """Yield left place, right place and weight of pairs from a weight on, strongest first."""
        count = int(np.searchsorted(-self._weights, -weight, side="right"))
        for start in range(0, count, _TOLD_EVERY):
            part = slice(start, min(start + _TOLD_EVERY, count))
            yield from zip(
                self._left[part].tolist(), self._right[part].tolist(), self._weights[part].tolist(), strict=True
            )

    def best_within(self, clusters: Sequence[int]) -> NDArray[np.float64]:
        """Return the greatest weight of each record's pairs inside its cluster; minus infinity for none."""
        names = np.asarray(clusters)
        best = np.full(len(names), -np.inf)
        inside = names[self._left] == names[self._right]
        for places in (self._left[inside], self._right[inside]):
            np.maximum.at(best, places, self._weights[inside])
        return best


@dataclass(frozen=True, slots=True)
class BatchResult:
    """Pairs from the review threshold on, strongest first, the cluster of each record, and what weighed them."""

    pairs: MatchedPairs
    clusters: list[int]
    compared: int
    statistics: Statistics
    scorer: Scorer


def match_all(
    evidences: Iterable[Evidence],
    model: MatchModel,
    *,
    processes: int = 1,
    progress: Progress | None = None,
    of_base: bool = False,
) -> BatchResult:
    """Compare every record with those it shares a key with; return pairs and clusters.

    The records of a base are weighed as its lookups weigh them, those of a file by weights fitted to the file.
    More processes are forked from this one, which must have no busy threads then.
    """
    tell = progress or _silent
    with _without_collector():
        records = evidences if isinstance(evidences, list) else list(evidences)
        tell("keys", 0, len(records))
        statistics, columns = _counted(records, model, processes)
        tell("blocks", 0, len(columns.keys))
        pairs = pairs_of(columns)
        del columns
        if of_base:
            scorer = Scorer(model, OfLeastSize(statistics))
        else:
            scorer = Scorer(model, statistics)
            scorer = Scorer(fitted(model, scorer, _sample(records, pairs)), statistics)
        found = _weighed(records, pairs, scorer, model.review_at, processes, tell)
        tell("clusters", 0, len(records))
        clusters = cluster(records, found.from_weight(model.cluster_at), scorer.context)
    return BatchResult(found, clusters, len(pairs), statistics, scorer)


def _sample(records: list[Evidence], pairs: Pairs) -> Iterator[tuple[Evidence, Evidence]]:
    """Yield pairs spread evenly over all of them."""
    some = pairs[:: max(len(pairs) // SAMPLE, 1)]
    for left, right in zip(left_of(some).tolist(), right_of(some).tolist(), strict=True):
        yield records[left], records[right]


def _counted(records: list[Evidence], model: MatchModel, processes: int) -> tuple[CountedStatistics, KeyColumns]:
    """Count the data here and make keys here and in the other processes."""
    counted: list[CountedStatistics] = []

    def work(share: int, shares: int) -> bytes:
        if share == 0:
            counted.append(CountedStatistics.of(records, model.entity_type))
        first, end = _range_of_keys(len(records), share, shares)
        made = key_columns(records[first:end], model.entity_type, first)
        return b"".join(column.tobytes() for column in made)

    answers = in_shares(work, processes)
    return counted[0], joined_columns([_columns_from(answer) for answer in answers])


def _range_of_keys(count: int, share: int, shares: int) -> tuple[int, int]:
    """Return the records whose keys a share makes: the first share counts too, and gets so much less."""
    own = max((1 + _COUNTING) / shares - _COUNTING, 0.0)
    others = (1 - own) / max(shares - 1, 1)
    first, end = (own + others * (at - 1) if at else 0.0 for at in (share, share + 1))
    return round(count * first), count if share == shares - 1 else round(count * end)


def _columns_from(answer: bytes) -> KeyColumns:
    count = len(answer) // 13  # a key, a place and a flag
    return KeyColumns(
        np.frombuffer(answer, dtype=np.int64, count=count),
        np.frombuffer(answer, dtype=np.uint32, count=count, offset=8 * count),
        np.frombuffer(answer, dtype=np.bool_, count=count, offset=12 * count),
    )


def _weighed(
    records: list[Evidence], pairs: Pairs, scorer: Scorer, weight_at: float, processes: int, tell: Progress
) -> MatchedPairs:
    """Weigh the pairs, each process a part; the numbers are the same for any count of processes."""
    meanings: dict[tuple[str, ...], int] = {}

    def work(share: int, shares: int) -> bytes:
        first, end = _range(len(pairs), share, shares)
        kept, weights, guards = array("I"), array("d"), []
        for start in range(first, end, _TOLD_EVERY):
            part = pairs[start : min(start + _TOLD_EVERY, end)]
            if share == 0:
                tell("pairs", (start - first) * shares, len(pairs))
            for place, (left, right) in enumerate(zip(left_of(part).tolist(), right_of(part).tolist(), strict=True)):
                one, other = records[left], records[right]
                weight = scorer.weigh(one, other)
                if weight >= weight_at:
                    kept.append(start + place)
                    weights.append(weight)
                    guards.append(",".join(scorer.guards(one, other)))
        return b"".join(
            (len(kept).to_bytes(8, "little"), weights.tobytes(), kept.tobytes(), "\n".join(guards).encode())
        )

    kept, weights, guards = [], [], []
    for answer in in_shares(work, processes):
        count = int.from_bytes(answer[:8], "little")
        weights.append(np.frombuffer(answer, dtype=np.float64, count=count, offset=8))
        kept.append(np.frombuffer(answer, dtype=np.uint32, count=count, offset=8 + 8 * count))
        names = answer[8 + 12 * count :].decode().split("\n") if count else []
        codes = (meanings.setdefault(tuple(filter(None, name.split(","))), len(meanings)) for name in names)
        guards.append(np.fromiter(codes, dtype=np.uint16, count=count))
    return MatchedPairs(pairs[np.concatenate(kept)], np.concatenate(weights), np.concatenate(guards), list(meanings))


def _range(count: int, share: int, shares: int) -> tuple[int, int]:
    return count * share // shares, count * (share + 1) // shares


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of small values make no rings; looking through them again and again takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _silent(_stage: str, _done: int, _of: int) -> None:
    return
