"""Blocks against the definition by hand; shares of work against one worker alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from crm.matching.batch import MatchedPair, match_all
from crm.matching.blocking import KeyColumns, joined_columns, key_columns, left_of, pairs_of, right_of
from crm.matching.crew import WorkerLost, in_shares
from crm.matching.keys import BLOCK, NAME_BLOCK, keyed
from crm.matching.model import default_model
from crm.matching.normalise import Evidence
from crm.models.codes import EntityType

CONTACT = EntityType.CONTACT


def columns(blocks: dict[int, list[int]], weak: frozenset[int] = frozenset()) -> KeyColumns:
    rows = [(key, place) for key, places in blocks.items() for place in places]
    return KeyColumns(
        np.array([key for key, _place in rows], dtype=np.int64),
        np.array([place for _key, place in rows], dtype=np.uint32),
        np.array([key in weak for key, _place in rows], dtype=np.bool_),
    )


def pairs(found: KeyColumns) -> list[tuple[int, int]]:
    codes = pairs_of(found)
    return list(zip(left_of(codes).tolist(), right_of(codes).tolist(), strict=True))


def test_records_that_share_a_key_are_paired_once() -> None:
    found = columns({-7: [0, 2, 5], 3: [1], 9: [2, 5], 2**62: [4, 70_000]})
    assert pairs(found) == [(0, 2), (0, 5), (2, 5), (4, 70_000)]


@pytest.mark.parametrize(("weak", "most"), [(False, BLOCK), (True, NAME_BLOCK)], ids=["identifier", "name"])
def test_fuller_keys_are_left_out(weak: bool, most: int) -> None:
    whole, fuller = list(range(most)), list(range(100, 101 + most))
    found = columns({1: whole, 2: fuller}, frozenset({1, 2}) if weak else frozenset())
    assert pairs(found) == sorted(combinations(whole, 2))


def test_nothing_gives_no_pairs() -> None:
    assert pairs(columns({})) == []
    assert pairs(joined_columns([key_columns([], CONTACT)])) == []


def test_columns_hold_the_keys_of_their_records() -> None:
    records = [Evidence("a", mobiles=("+79161112233",)), Evidence("b"), Evidence("c", mobiles=("+79161112233",))]
    found = joined_columns([key_columns(records[:1], CONTACT), key_columns(records[1:], CONTACT, 1)])
    assert found.keys.tolist() == [key for record in records for _kind, key in keyed(record, CONTACT)]
    assert pairs(found) == [(0, 2)]


def test_shares_come_back_in_order() -> None:
    assert in_shares(lambda share, shares: f"{share} of {shares}".encode(), 3) == [b"0 of 3", b"1 of 3", b"2 of 3"]
    assert in_shares(lambda share, shares: f"{share} of {shares}".encode(), 1) == [b"0 of 1"]


def test_large_answers_come_back_whole() -> None:
    answers = in_shares(lambda share, _shares: bytes([share]) * 3_000_000, 2)
    assert [len(answer) for answer in answers] == [3_000_000, 3_000_000]


def test_worker_that_breaks_is_no_empty_answer(capfd: pytest.CaptureFixture[str]) -> None:
    def work(share: int, _shares: int) -> bytes:
        if share:
            raise ValueError("broken")
        return b""

    with pytest.raises(WorkerLost):
        in_shares(work, 2)
    assert "broken" in capfd.readouterr().err


def test_error_of_the_first_share_leaves_no_process_behind() -> None:
    def work(share: int, _shares: int) -> bytes:
        if not share:
            raise ValueError("broken")
        return b""

    with pytest.raises(ValueError, match="broken"):
        in_shares(work, 3)


def test_nothing_to_match_is_an_empty_result() -> None:
    result = match_all([], default_model(CONTACT), processes=2)
    assert (list(result.pairs), result.clusters, result.compared) == ([], [], 0)


def test_pairs_are_read_like_a_list() -> None:
    phones = [f"+7916111{number:04}" for number in range(3)]
    records = [Evidence(f"{at}{side}", mobiles=(phones[at],)) for at in range(3) for side in "lr"]
    found = match_all(records, default_model(CONTACT)).pairs
    assert [(pair.left, pair.right) for pair in found] == [(0, 1), (2, 3), (4, 5)]
    assert isinstance(found[0], MatchedPair)
    assert found[1:] == [found[1], found[2]]
    assert found[-1] == found[2]
    weight = found[0].weight
    assert [pair[:2] for pair in found.from_weight(weight)] == [(0, 1), (2, 3), (4, 5)]
    assert list(found.from_weight(weight + 0.001)) == []
    assert found.best_within([0, 0, 2, 3, 4, 4]).tolist() == [weight, weight, -np.inf, -np.inf, weight, weight]
