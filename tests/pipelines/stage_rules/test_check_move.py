"""The judge: every rule is asked, everything is told at once, impossible moves are told alone."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from crm.i18n.rule_texts import RULE_NAMES, rule_name
from crm.i18n.texts import violation_sentence
from crm.models.codes import DealStatus, Role, StepKind
from crm.pipelines import stage_rules
from crm.pipelines.stage_rules import STAGE_RULES, check_move, is_passable
from tests.pipelines.stage_rules.moves import CONTACT, LOST, NEED, OFFER, OTHER, PIPELINE, RETIRED, WON, move

NOT_RULES = {"__init__", "facts", "possible"}


def test_every_rule_of_the_folder_is_asked_and_tested() -> None:
    files = {path.stem for path in Path(stage_rules.__file__).parent.glob("*.py")} - NOT_RULES
    asked = {rule.__module__.rpartition(".")[2] for rule in STAGE_RULES}
    tested = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    assert asked == files
    assert files <= tested
    for name in files:
        assert import_module(f"crm.pipelines.stage_rules.{name}").check in STAGE_RULES


def test_good_move_passes() -> None:
    assert check_move(move(CONTACT, NEED)) == []
    assert check_move(move(OFFER, WON)) == []
    assert check_move(move(CONTACT, LOST, loss_reason_id=OTHER.id, loss_note="Bought from a neighbour")) == []


def test_everything_broken_is_told_at_once_in_the_order_of_the_rules() -> None:
    target = replace(OFFER, required=("company", "source"))
    found = check_move(move(CONTACT, target, filled=frozenset(), amount_minor=None, open_steps=()))
    assert [(one.code, one.field) for one in found] == [
        ("skip_not_allowed", "stage"),
        ("field_missing", "company"),
        ("field_missing", "source"),
        ("next_step_missing", "next_step"),
    ]
    found = check_move(move(CONTACT, WON, amount_minor=0))
    assert [one.code for one in found] == ["skip_not_allowed", "amount_not_positive"]


def test_impossible_move_is_told_alone() -> None:
    spoiled: dict[str, Any] = {"filled": frozenset(), "amount_minor": None, "open_steps": ()}
    found = check_move(move(WON, replace(CONTACT, required=("company",)), status=DealStatus.WON, **spoiled))
    assert [one.code for one in found] == ["deal_closed"]


def test_closed_deal_is_judged_on_for_who_insists_on_taking_it_up_again() -> None:
    target = replace(CONTACT, required=("company",), step_kinds=(StepKind.MEETING,))
    found = check_move(move(LOST, target, status=DealStatus.LOST, is_insisted=True))
    assert [one.code for one in found] == ["deal_closed", "field_missing", "next_step_kind_wrong"]
    found = check_move(move(LOST, WON, status=DealStatus.LOST, is_insisted=True, amount_minor=0))
    assert [one.code for one in found] == ["deal_closed"]


def test_next_steps_reasons_of_loss_and_impossible_moves_are_never_passed() -> None:
    lost = move(CONTACT, LOST)
    assert not any(is_passable(lost, one) for one in check_move(lost))
    for facts in (
        move(CONTACT, NEED, open_steps=()),
        move(CONTACT, None),
        move(CONTACT, RETIRED),
        move(NEED, NEED),
        move(LOST, WON, status=DealStatus.LOST),
    ):
        (found,) = check_move(facts)
        assert not is_passable(facts, found)


def test_what_may_be_passed_is_told_in_few_words() -> None:
    target = replace(OFFER, required=("company",), step_kinds=(StepKind.MEETING,))
    start = replace(CONTACT, required_exit=("source",))
    broken = (
        check_move(move(start, target))
        + check_move(move(OFFER, CONTACT))
        + check_move(move(OFFER, WON, amount_minor=0))
    )
    banned = replace(PIPELINE, transitions={(Role.MANAGER, CONTACT.id, NEED.id): False})
    broken += check_move(move(CONTACT, NEED, pipeline=banned))
    broken += check_move(move(LOST, CONTACT, status=DealStatus.LOST, is_insisted=True))
    assert {one.code for one in broken} == set(RULE_NAMES)
    assert all(is_passable(move(OFFER, CONTACT), one) for one in broken)
    assert all(rule_name(one.code) != one.code for one in broken)


def test_every_violation_has_a_sentence() -> None:
    for facts in (move(OFFER, CONTACT), move(CONTACT, OFFER), move(CONTACT, replace(NEED, required=("company",)))):
        assert all("{" not in violation_sentence(violation) for violation in check_move(facts))
