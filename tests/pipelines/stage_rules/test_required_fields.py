"""Fields that the target stage requires."""

from __future__ import annotations

from dataclasses import replace

from crm.errors import Violation
from crm.pipelines.stage_rules import required_fields
from tests.pipelines.stage_rules.moves import CONTACT, LOST, NEED, PIPELINE, VOLUME, WON, move

ASKING = replace(NEED, required=("amount", "company", VOLUME.key))


def test_every_missing_field_is_told_in_the_order_of_the_stage() -> None:
    found = required_fields.check(move(CONTACT, ASKING, filled=frozenset()))
    assert found == [
        Violation("field_missing", key, {"stage": "Need found"}) for key in ("amount", "company", "field:12")
    ]


def test_filled_fields_are_not_asked_again() -> None:
    assert required_fields.check(move(CONTACT, ASKING, filled=frozenset({"amount", "company", VOLUME.key}))) == []


def test_only_the_target_stage_is_asked() -> None:
    assert required_fields.check(move(ASKING, replace(WON, required=("source",)), filled=frozenset({"source"}))) == []


def test_the_two_ends_may_require_fields_too() -> None:
    for end in (WON, LOST):
        found = required_fields.check(move(CONTACT, replace(end, required=("source",))))
        assert found == [Violation("field_missing", "source", {"stage": end.name})]


def test_switched_off_field_is_not_asked() -> None:
    off = replace(PIPELINE, fields={VOLUME.key: replace(VOLUME, is_active=False)})
    found = required_fields.check(move(CONTACT, ASKING, pipeline=off, filled=frozenset({"amount", "company"})))
    assert found == []
