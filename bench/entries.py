"""Search entries of generated records: the rooms' own words and marks; clients bear marks of their deals' owners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from bench.facts import Block, Ints
from crm.contacts.search_index import kind_mark, owner_mark

CHUNK = 20_000
_OWNER_PLACES = 1 << 20  # a pair of client and owner is kept as one number


@dataclass(frozen=True, slots=True)
class Gathered:
    """Words of companies and contacts in the order of their ids, and who is marked on them, as deals tell."""

    company_words: list[str] = field(default_factory=list)
    contact_words: list[str] = field(default_factory=list)
    company_owners: list[Ints] = field(default_factory=list)
    contact_owners: list[Ints] = field(default_factory=list)


def paired(client_ids: Ints, owner_ids: Ints) -> Ints:
    """Return pairs of client and owner, each as one number."""
    return client_ids * _OWNER_PLACES + owner_ids


def deal_entries(ids: Ints, words: Sequence[str], owners: Ints) -> Block:
    """Return the entries of a chunk of deals."""
    marks = [f"{kind_mark('deal')} {owner_mark(owner)}" for owner in owners.tolist()]
    return _entries("deal", ids, words, marks)


def client_entries(gathered: Gathered) -> Iterator[Block]:
    """Yield the entries of all companies and contacts."""
    for kind, words, pairs in (
        ("company", gathered.company_words, gathered.company_owners),
        ("contact", gathered.contact_words, gathered.contact_owners),
    ):
        known = np.unique(np.concatenate(pairs))
        client, owner = np.divmod(known, _OWNER_PLACES)
        for first in range(0, len(words), CHUNK):
            ids = np.arange(first + 1, min(first + CHUNK, len(words)) + 1)
            bounds = np.searchsorted(client, np.append(ids, ids[-1] + 1)).tolist()
            marks = [
                " ".join([kind_mark(kind), *map(owner_mark, owner[start:end].tolist())])
                for start, end in pairwise(bounds)
            ]
            yield _entries(kind, ids, words[first : first + CHUNK], marks)


def _entries(kind: str, ids: Ints, words: Sequence[str], marks: Sequence[str]) -> Block:
    # A company, its three people and their five deals stand together, as if they had come at one time.
    places = {"company": (1, 0), "contact": (3, 1), "deal": (5, 4)}
    of_nine, offset = places[kind]
    numbers = (ids - 1) // of_nine * 9 + offset + (ids - 1) % of_nine + 1
    return Block(
        "search_entries",
        {
            "id": numbers.tolist(),
            "kind": [kind] * len(ids),
            "record_id": ids.tolist(),
            "words": [f"{found} {mark}" for found, mark in zip(words, marks, strict=True)],
        },
    )
