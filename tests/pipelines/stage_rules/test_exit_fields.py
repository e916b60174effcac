"""What a stage asks for on the way on from it."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pytest

from crm.errors import Violation
from crm.models.codes import DealStatus
from crm.pipelines.stage_rules import exit_fields
from crm.pipelines.values import StageInfo
from tests.pipelines.stage_rules.moves import CONTACT, LOST, NEED, OFFER, PIPELINE, VOLUME, WON, move

ASKING = replace(NEED, required_exit=("company", VOLUME.key))


@pytest.mark.parametrize("target", [OFFER, WON], ids=attrgetter("name"))
def test_every_field_the_present_stage_asks_for_is_missed(target: StageInfo) -> None:
    expected = [Violation("field_missing_on_exit", key, {"stage": "Need found"}) for key in ("company", VOLUME.key)]
    assert exit_fields.check(move(ASKING, target)) == expected
    assert exit_fields.check(move(ASKING, target, filled=frozenset({"company"}))) == expected[1:]


@pytest.mark.parametrize("target", [CONTACT, LOST], ids=attrgetter("name"))
def test_going_back_and_losing_ask_for_nothing(target: StageInfo) -> None:
    assert exit_fields.check(move(ASKING, target)) == []


def test_field_the_target_needs_too_is_told_once() -> None:
    target = replace(OFFER, required=("company",))
    assert [one.field for one in exit_fields.check(move(ASKING, target))] == [VOLUME.key]


def test_switched_off_field_is_not_asked_for() -> None:
    pipeline = replace(PIPELINE, fields={VOLUME.key: replace(VOLUME, is_active=False)})
    assert [one.field for one in exit_fields.check(move(ASKING, OFFER, pipeline=pipeline))] == ["company"]


def test_closed_deal_leaves_nothing_behind() -> None:
    end = replace(WON, required_exit=("company",))
    assert exit_fields.check(move(end, CONTACT, status=DealStatus.WON)) == []
