"""Forward only, no skipping, lost from anywhere."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pytest

from crm.errors import Violation
from crm.models.codes import DealStatus, Role
from crm.pipelines.stage_rules import direction
from crm.pipelines.values import StageInfo
from tests.pipelines.stage_rules.moves import ANNA, CONTACT, LOST, NEED, OFFER, PIPELINE, WON, move


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


def test_switches_let_deals_go_back_and_past_stages() -> None:
    back = replace(PIPELINE, forward_only=False)
    assert direction.check(move(OFFER, CONTACT, pipeline=back)) == []
    assert direction.check(move(CONTACT, OFFER, pipeline=back)) == [
        Violation("skip_not_allowed", "stage", {"stage": "Need found"})
    ]
    jump = replace(PIPELINE, no_skipping=False)
    assert direction.check(move(CONTACT, OFFER, pipeline=jump)) == []
    assert direction.check(move(CONTACT, WON, pipeline=jump)) == []
    assert [one.code for one in direction.check(move(OFFER, CONTACT, pipeline=jump))] == ["back_not_allowed"]


def test_exception_allows_one_role_what_the_switches_forbid() -> None:
    pipeline = replace(
        PIPELINE,
        transitions={(Role.MANAGER, OFFER.id, CONTACT.id): True, (Role.HEAD, CONTACT.id, WON.id): True},
    )
    assert direction.check(move(OFFER, CONTACT, pipeline=pipeline)) == []
    assert direction.check(move(CONTACT, WON, pipeline=pipeline, actor=replace(ANNA, role=Role.HEAD))) == []
    assert [one.code for one in direction.check(move(CONTACT, WON, pipeline=pipeline))] == ["skip_not_allowed"]
    assert [one.code for one in direction.check(move(OFFER, NEED, pipeline=pipeline))] == ["back_not_allowed"]


def test_exception_forbids_one_role_what_the_switches_allow_and_names_both_stages() -> None:
    pipeline = replace(PIPELINE, transitions={(Role.MANAGER, CONTACT.id, NEED.id): False})
    expected = Violation("move_forbidden", "stage", {"start": "Contact made", "stage": "Need found"})
    assert direction.check(move(CONTACT, NEED, pipeline=pipeline)) == [expected]
    assert direction.check(move(CONTACT, NEED, pipeline=pipeline, actor=replace(ANNA, role=Role.HEAD))) == []


def test_ways_of_a_role_are_told_without_a_deal() -> None:
    pipeline = replace(PIPELINE, transitions={(Role.MANAGER, CONTACT.id, NEED.id): False})
    told = {
        (role, target.name): [one.code for one in direction.way_violations(pipeline, role, CONTACT, target)]
        for role in (Role.MANAGER, Role.HEAD)
        for target in (NEED, OFFER, LOST)
    }
    assert told == {
        (Role.MANAGER, "Need found"): ["move_forbidden"],
        (Role.MANAGER, "Offer sent"): ["skip_not_allowed"],
        (Role.MANAGER, "Lost"): [],
        (Role.HEAD, "Need found"): [],
        (Role.HEAD, "Offer sent"): ["skip_not_allowed"],
        (Role.HEAD, "Lost"): [],
    }


def test_closing_as_lost_can_not_be_forbidden() -> None:
    pipeline = replace(PIPELINE, transitions={(Role.MANAGER, CONTACT.id, LOST.id): False})
    assert direction.check(move(CONTACT, LOST, pipeline=pipeline)) == []


def test_closed_deal_has_no_direction() -> None:
    assert direction.check(move(WON, CONTACT, status=DealStatus.WON)) == []
