"""One judge: the API refuses with exactly the violations of the command that the pages call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from crm.actor import Actor
from crm.clock import utc_now
from crm.contacts.commands import create_company
from crm.db import Database
from crm.deals.activities import add_activity
from crm.deals.commands import NewDeal, create_deal, edit_deal
from crm.deals.moves import Move, lose_deal, move_deal, win_deal
from crm.deals.next_steps import complete_next_step, plan_next_step
from crm.deals.values import DealChanges, DealPart, LossAnswer, StepDone, StepPlan
from crm.errors import Refused
from crm.i18n.texts import violation_sentence
from crm.models import ActivityKind, PointKind, StepKind, StepResult
from tests.api.v1.conftest import World, api_actor, step_body
from tests.conftest import Cast, UnchangedFactory

PAST = utc_now() - timedelta(days=1)
FAR = utc_now() + timedelta(days=4000)
LONG = "x" * 400

Command = Callable[[Session, Actor, World], Any]


def told(moment: Any) -> str:
    return str(moment.isoformat()).replace("+00:00", "Z")


def plan(**values: Any) -> StepPlan:
    return StepPlan(**{"kind": StepKind.CALL, "due_at": utc_now() + timedelta(days=1), "text": "", **values})


def new(world: World, **values: Any) -> dict[str, Any]:
    return {"pipeline_id": world.pipeline.id, "title": "New", "next_step": step_body(text=""), **values}


CASES: dict[str, tuple[Command, str, Callable[[World], dict[str, Any]]]] = {
    "a deal without anything": (
        lambda s, a, w: create_deal(s, a, NewDeal(w.pipeline.id, DealChanges(), None)),
        "/deals",
        lambda w: {"pipeline_id": w.pipeline.id},
    ),
    "a deal with every value wrong": (
        lambda s, a, w: create_deal(
            s, a,
            NewDeal(
                w.pipeline.id,
                DealChanges(
                    title=LONG, amount_minor=-1, currency="rubles", source="a\x07" + LONG, company_id=99,
                    contacts=(DealPart(99),), custom={7: "x"}, utm_term="\u202e" * 3,
                ),
                plan(due_at=PAST, text=LONG * 2, owner_id=99), owner_id=99, stage_id=w.pipeline.stages[2],
            ),
        ),
        "/deals",
        lambda w: new(
            w, title=LONG, amount_minor=-1, currency="rubles", source="a\x07" + LONG, company_id=99,
            contacts=[{"contact_id": 99}], custom={"field:7": "x"}, utm_term="\u202e" * 3, owner_id=99,
            stage_id=w.pipeline.stages[2], next_step=step_body(due_at=told(PAST), text=LONG * 2, owner_id=99),
        ),
    ),
    "a blank title": (
        lambda s, a, w: create_deal(s, a, NewDeal(w.pipeline.id, DealChanges(title=" \u200b"), plan())),
        "/deals",
        lambda w: new(w, title=" \u200b"),
    ),
    "an amount past the limit": (
        lambda s, a, w: create_deal(
            s, a, NewDeal(w.pipeline.id, DealChanges(title="New", amount_minor=10**16), plan())
        ),
        "/deals",
        lambda w: new(w, amount_minor=10**16),
    ),
    "an edit of another's company": (
        lambda s, a, w: edit_deal(s, a, deal_id=w.deal, expected_version=1, changes=DealChanges(company_id=99)),
        "PATCH /deals/{w.deal}",
        lambda w: {"expected_version": 1, "company_id": 99},
    ),
    "a move past a stage": (
        lambda s, a, w: move_deal(s, a, deal_id=w.deal, move=Move(w.pipeline.stages[3], 1)),
        "/deals/{w.deal}/move",
        lambda w: {"stage_id": w.pipeline.stages[3], "expected_version": 1},
    ),
    "a move to where it is": (
        lambda s, a, w: move_deal(s, a, deal_id=w.deal, move=Move(w.pipeline.stages[0], 1)),
        "/deals/{w.deal}/move",
        lambda w: {"stage_id": w.pipeline.stages[0], "expected_version": 1},
    ),
    "a move to nowhere": (
        lambda s, a, w: move_deal(s, a, deal_id=w.deal, move=Move(2**62, 1)),
        "/deals/{w.deal}/move",
        lambda w: {"stage_id": 2**62, "expected_version": 1},
    ),
    "a move with wrong values": (
        lambda s, a, w: move_deal(
            s, a, deal_id=w.deal,
            move=Move(w.pipeline.stages[1], 1, changes=DealChanges(currency="x"), next_step=plan(due_at=FAR)),
        ),
        "/deals/{w.deal}/move",
        lambda w: {
            "stage_id": w.pipeline.stages[1], "expected_version": 1, "changes": {"currency": "x"},
            "next_step": step_body(due_at=told(FAR), text=""),
        },
    ),
    "a win from the first stage": (
        lambda s, a, w: win_deal(s, a, deal_id=w.deal, move=Move(0, 1, changes=DealChanges(amount_minor=0))),
        "/deals/{w.deal}/win",
        lambda w: {"expected_version": 1, "changes": {"amount_minor": 0}},
    ),
    "a loss without a reason": (
        lambda s, a, w: lose_deal(s, a, deal_id=w.deal, move=Move(0, 1, loss=LossAnswer(None))),
        "/deals/{w.deal}/lose",
        lambda _w: {"expected_version": 1},
    ),
    "a loss for another pipeline's reason": (
        lambda s, a, w: lose_deal(s, a, deal_id=w.deal, move=Move(0, 1, loss=LossAnswer(99, "x"))),
        "/deals/{w.deal}/lose",
        lambda _w: {"expected_version": 1, "loss_reason_id": 99, "loss_note": "x"},
    ),
    "a step in the past": (
        lambda s, a, w: plan_next_step(s, a, deal_id=w.deal, plan=plan(due_at=PAST, owner_id=99)),
        "/next-steps",
        lambda w: step_body(deal_id=w.deal, due_at=told(PAST), owner_id=99, text=""),
    ),
    "a last step completed": (
        lambda s, a, w: complete_next_step(s, a, step_id=w.step, done=StepDone(StepResult.DONE)),
        "/next-steps/{w.step}/complete",
        lambda _w: {"result": "done"},
    ),
    "an empty note": (
        lambda s, a, w: add_activity(s, a, deal_id=w.deal, kind=ActivityKind.NOTE, text=" \n"),
        "/deals/{w.deal}/activities",
        lambda _w: {"kind": "note", "text": " \n"},
    ),
    "a note too long": (
        lambda s, a, w: add_activity(s, a, deal_id=w.deal, kind=ActivityKind.NOTE, text="x" * 20_001),
        "/deals/{w.deal}/activities",
        lambda _w: {"kind": "note", "text": "x" * 20_001},
    ),
    "a company with everything wrong": (
        lambda s, a, w: create_company(
            s, a, name="", inn="770", website="ftp://x", address=LONG * 2, parent_id=99, owner_id=99,
            points=[(PointKind.PHONE, "12"), (PointKind.EMAIL, "@")],
        ),
        "/companies",
        lambda _w: {
            "name": "", "inn": "770", "website": "ftp://x", "address": LONG * 2, "parent_id": 99, "owner_id": 99,
            "points": [{"kind": "phone", "value": "12"}, {"kind": "email", "value": "@"}],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_api_refuses_as_the_command_does(
    anna: TestClient, database: Database, cast: Cast, world: World, unchanged: UnchangedFactory, case: str
) -> None:
    command, place, body = CASES[case]
    with pytest.raises(Refused) as refusal, database.session_scope() as session:
        command(session, api_actor(cast.anna), world)
    method, _blank, path = place.rpartition(" ")
    with unchanged(database):
        answer = anna.request(method or "POST", "/api/v1" + path.format(w=world), json=body(world))
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == refusal.value.code
    assert answer.json()["violations"] == [
        {
            "code": violation.code,
            "field": violation.field,
            "message": violation_sentence(violation),
            "params": dict(violation.params),
        }
        for violation in refusal.value.violations
    ]
    assert refusal.value.violations
