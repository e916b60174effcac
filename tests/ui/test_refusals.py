"""Refusals that stand away from their fields: each names its field, a forbidden way is told alone."""

from __future__ import annotations

from dataclasses import replace

from crm.errors import Violation
from crm.models.codes import Role
from crm.pipelines.stage_rules import check_move
from crm.ui.refusals import barred, refused_move
from tests.pipelines.stage_rules.moves import ANNA, CONTACT, LOST, NEED, OFFER, PIPELINE, VOLUME, move


def test_missing_fields_are_called_by_their_names() -> None:
    start = replace(CONTACT, required_exit=("source",))
    target = replace(NEED, required=("expected_close_on", VOLUME.key))
    assert refused_move(check_move(move(start, target, filled=frozenset())), PIPELINE) == (
        "“Contact made” can't be left without the field “Source”. "
        "“Need found” needs the field “Expected close”. “Need found” needs the field “Volume”."
    )


def test_wrong_values_are_told_with_their_field_and_plain_sentences_as_they_are() -> None:
    found = [
        Violation("text_too_long", "title", {"length": 301, "limit": 300}),
        Violation("amount_not_positive", "amount"),
        Violation("next_step_missing", "next_step"),
    ]
    assert refused_move(found, PIPELINE) == (
        "Title: The text is too long: 301 characters, 300 at most. A won deal needs an amount above zero. "
        "Plan the next step: an open deal always has one."
    )


def test_forbidden_way_is_told_without_what_else_is_missing() -> None:
    found = check_move(move(CONTACT, replace(OFFER, required=("company",)), open_steps=()))
    assert len(found) == 3
    assert refused_move(found, PIPELINE) == "No skipping: the next stage is “Need found”."


def test_who_passes_rules_with_a_reason_is_never_barred() -> None:
    pipeline = replace(PIPELINE, transitions={(role, CONTACT.id, NEED.id): False for role in (Role.MANAGER, Role.HEAD)})
    assert barred(ANNA, pipeline, CONTACT, NEED).startswith("Your role does not move deals from “Contact made”")
    assert barred(ANNA, pipeline, CONTACT, LOST) == ""
    assert barred(ANNA, PIPELINE, CONTACT, NEED) == ""
    assert barred(replace(ANNA, role=Role.HEAD), pipeline, CONTACT, NEED) == ""
