"""Blocks: records that share a key are paired, once; a fuller key tells too little and is left out."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crm.matching.keys import BLOCK, NAME_BLOCK, NAME_ONLY, keyed
from crm.matching.normalise.evidence import Evidence
from crm.models.codes import EntityType

Pairs = NDArray[np.uint64]  # the left place in the upper half, the greater right place in the lower
_AT_ONCE = 4_000_000
_HALF = np.uint64(32)
_LOWER = np.uint64(0xFFFFFFFF)


class KeyColumns(NamedTuple):
    """Keys of records side by side: the key, whose it is, and whether it is a name alone."""

    keys: NDArray[np.int64]
    places: NDArray[np.uint32]
    weak: NDArray[np.bool_]


def key_columns(records: Iterable[Evidence], entity_type: EntityType, first_place: int = 0) -> KeyColumns:
    """Make the keys of records that stand in a row, the first of them at `first_place`."""
    keys, weak, counts = array("q"), bytearray(), array("I")
    for record in records:
        own = keyed(record, entity_type)
        counts.append(len(own))
        for kind, key in own:
            keys.append(key)
            weak.append(kind in NAME_ONLY)
    places = np.arange(first_place, first_place + len(counts), dtype=np.uint32)
    return KeyColumns(
        np.frombuffer(keys, dtype=np.int64) if keys else np.empty(0, dtype=np.int64),
        np.repeat(places, np.frombuffer(counts, dtype=np.uint32) if counts else 0),
        np.frombuffer(bytes(weak), dtype=np.bool_),
    )


def joined_columns(parts: Sequence[KeyColumns]) -> KeyColumns:
    """Put columns of consecutive records one below the other."""
    keys, places, weak = (np.concatenate(column) for column in zip(*parts, strict=True))
    return KeyColumns(keys, places, weak)


def pairs_of(columns: KeyColumns) -> Pairs:
    """Return every pair of records that share a key of a block small enough, each once, in ascending order."""
    order = np.argsort(columns.keys, kind="stable")  # stable: within a key the places still ascend
    keys, places = columns.keys[order], columns.places[order]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.empty(0, np.int64)
    sizes = np.diff(np.append(starts, len(keys)))
    most = np.where(columns.weak[order][starts], NAME_BLOCK, BLOCK)
    fits = (sizes >= 2) & (sizes <= most)
    found: list[Pairs] = []
    for size in np.unique(sizes[fits]):
        left, right = np.triu_indices(int(size), k=1)
        of_size = starts[fits & (sizes == size)]
        step = max(_AT_ONCE // len(left), 1)
        for at in range(0, len(of_size), step):
            block = places[of_size[at : at + step, None] + np.arange(size)]
            codes = (block[:, left].astype(np.uint64) << _HALF) | block[:, right]
            found.append(codes.ravel())
    return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.uint64)


def left_of(pairs: Pairs) -> NDArray[np.uint32]:
    """Return the smaller places."""
    return (pairs >> _HALF).astype(np.uint32)


def right_of(pairs: Pairs) -> NDArray[np.uint32]:
    """Return the greater places."""
    return (pairs & _LOWER).astype(np.uint32)
