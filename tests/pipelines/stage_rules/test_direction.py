"""Forward only, no skipping, lost from anywhere."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pytest

from crm.errors import Violation
from crm.pipelines.stage_rules import direction
from crm.pipelines.values import StageInfo
from tests.pipelines.stage_rules.moves import CONTACT, LOST, NEED, OFFER, PIPELINE, WON, move


@pytest.mark.parametrize(("source", "target"), [(CONTACT, NEED), (NEED, OFFER), (OFFER, WON)], ids=attrgetter("name"))
def test_next_stage_is_allowed(source: StageInfo, target: StageInfo) -> None:
    assert direction.check(move(source, target)) == []


@pytest.mark.parametrize("source", [CONTACT, NEED, OFFER], ids=attrgetter("name"))
def test_lost_is_allowed_from_every_stage(source: StageInfo) -> None:
    assert direction.check(move(source, LOST)) == []


def test_back_is_refused_and_names_the_stage_behind() -> None:
    expected = [Violation("back_not_allowed", "stage", {"stage": "Contact made"})]
    assert direction.check(move(OFFER, CONTACT)) == expected
    assert direction.check(move(NEED, CONTACT)) == expected


@pytest.mark.parametrize("target", [OFFER, WON], ids=attrgetter("name"))
def test_skipping_is_refused_and_names_the_stage_that_comes_next(target: StageInfo) -> None:
    assert direction.check(move(CONTACT, target)) == [Violation("skip_not_allowed", "stage", {"stage": "Need found"})]


def test_retired_stage_between_is_not_in_the_way() -> None:
    retired = replace(NEED, is_retired=True)
    pipeline = replace(PIPELINE, stages=(CONTACT, OFFER, WON, LOST, retired))
    assert direction.check(move(CONTACT, OFFER, pipeline=pipeline)) == []
