"""The judge: every rule is asked, everything is told at once, impossible moves are told alone."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from crm.i18n.texts import violation_sentence
from crm.models.codes import DealStatus
from crm.pipelines import stage_rules
from crm.pipelines.stage_rules import STAGE_RULES, check_move
from tests.pipelines.stage_rules.moves import CONTACT, LOST, NEED, OFFER, OTHER, WON, move

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
    found = check_move(move(CONTACT, target, filled=frozenset(), amount_minor=None, open_step_dues=()))
    assert [(one.code, one.field) for one in found] == [
        ("skip_not_allowed", "stage"),
        ("field_missing", "company"),
        ("field_missing", "source"),
        ("next_step_missing", "next_step"),
    ]
    found = check_move(move(CONTACT, WON, amount_minor=0))
    assert [one.code for one in found] == ["skip_not_allowed", "amount_not_positive"]


def test_impossible_move_is_told_alone() -> None:
    spoiled: dict[str, Any] = {"filled": frozenset(), "amount_minor": None, "open_step_dues": ()}
    found = check_move(move(WON, replace(CONTACT, required=("company",)), status=DealStatus.WON, **spoiled))
    assert [one.code for one in found] == ["deal_closed"]


def test_every_violation_has_a_sentence() -> None:
    for facts in (move(OFFER, CONTACT), move(CONTACT, OFFER), move(CONTACT, replace(NEED, required=("company",)))):
        assert all("{" not in violation_sentence(violation) for violation in check_move(facts))
