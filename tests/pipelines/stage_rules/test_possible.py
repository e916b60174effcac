"""Moves that make no sense are told alone and first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crm.errors import Violation
from crm.models.codes import DealStatus
from crm.pipelines.stage_rules.possible import check_possible
from tests.pipelines.stage_rules.moves import CONTACT, LOST, NEED, PIPELINE, RETIRED, WON, move


def test_open_deal_may_go_to_another_stage_in_use() -> None:
    assert check_possible(move(CONTACT, NEED)) == []
    assert check_possible(move(CONTACT, LOST)) == []


def test_stage_of_another_pipeline_is_refused() -> None:
    assert check_possible(move(CONTACT, None)) == [Violation("stage_of_other_pipeline", "stage")]


@pytest.mark.parametrize("status", [DealStatus.WON, DealStatus.LOST])
def test_closed_deal_goes_nowhere(status: DealStatus) -> None:
    for target in (CONTACT, WON, LOST):
        assert check_possible(move(WON, target, status=status)) == [Violation("deal_closed", "stage")]


def test_retired_stage_is_refused() -> None:
    assert check_possible(move(CONTACT, RETIRED)) == [Violation("stage_retired", "stage")]


def test_same_stage_is_refused() -> None:
    assert check_possible(move(NEED, NEED)) == [Violation("stage_same", "stage")]


def test_closed_deal_may_be_taken_up_again_by_who_insists() -> None:
    taken_up = move(WON, CONTACT, status=DealStatus.WON, is_insisted=True)
    assert check_possible(taken_up) == []
    assert check_possible(move(WON, LOST, status=DealStatus.WON, is_insisted=True)) == [
        Violation("deal_closed", "stage")
    ]
    assert check_possible(move(WON, RETIRED, status=DealStatus.WON, is_insisted=True)) == [
        Violation("stage_retired", "stage")
    ]


def test_nobody_takes_a_deal_up_again_in_the_archive() -> None:
    archived = replace(PIPELINE, is_archived=True)
    taken_up = move(WON, CONTACT, status=DealStatus.WON, is_insisted=True, pipeline=archived)
    assert check_possible(taken_up) == [Violation("pipeline_archived", "stage")]
    assert check_possible(replace(taken_up, is_insisted=False)) == [Violation("deal_closed", "stage")]
    assert check_possible(move(CONTACT, NEED, pipeline=archived)) == []
