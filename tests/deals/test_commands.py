"""Creating, editing and handing over deals."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.deals.commands import NewDeal, create_deal, edit_deal, reassign_deal
from crm.deals.values import DealChanges, DealPart, StepPlan
from crm.errors import DealMovedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.i18n.formats import MAX_AMOUNT_MINOR
from crm.models import (
    Channel,
    Deal,
    DealContact,
    DealStatus,
    Event,
    FieldType,
    NextStep,
    Pipeline,
    Priority,
    StageRequirement,
    StageVisit,
    StepKind,
    User,
    VisitOutcome,
)
from crm.pipelines.fields import create_field, edit_field
from crm.pipelines.reads import load_fields
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_company, add_contact, add_deal, add_pipeline
from tests.refusals import refused

DAY = timedelta(days=1)


def call(days: float = 1) -> StepPlan:
    return StepPlan(StepKind.CALL, utc_now() + days * DAY, "Call about the need")


def new(pipeline: PipelineRows, next_step: StepPlan | None = None, **changes: Any) -> NewDeal:
    return NewDeal(pipeline.id, DealChanges(**{"title": "Sheet 2 mm", **changes}), next_step or call())


def events(session: Session) -> list[tuple[str, dict[str, Any]]]:
    return [(one.kind, one.details) for one in session.scalars(select(Event).order_by(Event.id))]


def visits(session: Session, deal_id: int) -> list[tuple[int, int, VisitOutcome]]:
    found = session.scalars(select(StageVisit).where(StageVisit.deal_id == deal_id).order_by(StageVisit.id))
    return [(one.stage_id, one.owner_id, one.outcome) for one in found]


# Creating


def test_create_deal_stands_on_the_first_stage_with_visit_and_step(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    plan = call()
    deal_id = create_deal(session, cast.anna, new(pipeline, plan))
    deal = session.get_one(Deal, deal_id)
    assert (deal.title, deal.stage_id, deal.status) == ("Sheet 2 mm", pipeline.stages[0], DealStatus.OPEN)
    assert (deal.owner_id, deal.created_by, deal.created_channel) == (cast.anna.user_id, cast.anna.user_id, Channel.UI)
    assert (deal.amount_minor, deal.currency, deal.priority, deal.version) == (None, "RUB", Priority.WARM, 1)
    assert deal.created_at == deal.stage_entered_at
    assert deal.next_due_at == plan.due_at
    visit = session.scalars(select(StageVisit)).one()
    assert (visit.deal_id, visit.stage_id, visit.owner_id) == (deal_id, pipeline.stages[0], cast.anna.user_id)
    assert (visit.entered_at, visit.left_at, visit.is_first) == (deal.created_at, None, True)
    step = session.scalars(select(NextStep)).one()
    assert (step.owner_id, step.text, step.due_at) == (cast.anna.user_id, "Call about the need", plan.due_at)
    assert [kind for kind, _ in events(session)] == ["deal.created", "next_step.planned"]


def test_create_deal_keeps_every_value(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    company, person = add_company(session, cast.anna), add_contact(session, cast.anna)
    values: dict[str, Any] = {
        "amount_minor": MAX_AMOUNT_MINOR,
        "currency": "EUR",
        "priority": Priority.HOT,
        "company_id": company,
        "source": "  Tilda   form ",
        "utm_source": "yandex",
        "utm_medium": "cpc",
        "utm_campaign": "весна",
        "utm_content": "b",
        "utm_term": "лист 2 мм",
        "expected_close_on": date(2026, 12, 31),
    }
    parts = (DealPart(person, " buyer "),)
    deal_id = create_deal(session, cast.anna, new(pipeline, title=" Лист\u200b \n 2 мм ", contacts=parts, **values))
    deal = session.get_one(Deal, deal_id)
    assert deal.title == "Лист 2 мм"
    assert {name: getattr(deal, name) for name in values} == {**values, "source": "Tilda form"}
    row = session.scalars(select(DealContact)).one()
    assert (row.contact_id, row.role, row.position) == (person, "buyer", 0)


def test_create_deal_tells_everything_wrong_at_once(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    session.add_all([StageRequirement(stage_id=pipeline.stages[0], builtin=key) for key in ("amount", "company")])
    foreign = add_company(session, cast.dina)
    changes = DealChanges(
        title=" ", source="s" * 101, amount_minor=-1, currency="rub", company_id=foreign, contacts=(DealPart(999),)
    )
    wrong = NewDeal(
        pipeline.id, changes, None, owner_id=cast.anton.user_id, stage_id=pipeline.stages[1], origin_deal_id=999
    )
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, wrong)
    assert refusal.told == [
        ("value_required", "title"),
        ("text_too_long", "source"),
        ("amount_invalid", "amount"),
        ("choice_unknown", "currency"),
        ("choice_unknown", "company"),
        ("choice_unknown", "contact"),
        ("choice_unknown", "owner"),
        ("stage_not_for_new", "stage"),
        ("choice_unknown", "origin_deal"),
        ("next_step_missing", "next_step"),
    ]


def test_create_deal_asks_for_title_step_and_fields_of_the_first_stage(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    session.add_all([StageRequirement(stage_id=pipeline.stages[0], builtin=key) for key in ("amount", "contact")])
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, NewDeal(pipeline.id, DealChanges(amount_minor=0), None))
    assert refusal.told == [
        ("value_required", "title"),
        ("field_missing", "amount"),
        ("field_missing", "contact"),
        ("next_step_missing", "next_step"),
    ]
    person = add_contact(session, cast.anna)
    create_deal(session, cast.anna, new(pipeline, amount_minor=1, contacts=(DealPart(person),)))


def test_create_deal_does_not_ask_for_a_switched_off_field(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    field_id = create_field(session, cast.vera, name="Volume", field_type=FieldType.NUMBER)
    session.add(StageRequirement(stage_id=pipeline.stages[0], field_id=field_id))
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, new(pipeline, custom={field_id: None}))
    assert refusal.told == [("field_missing", f"field:{field_id}")]
    edit_field(session, cast.vera, field_id=field_id, name="Volume", is_active=False)
    create_deal(session, cast.anna, new(pipeline))


@pytest.mark.parametrize(
    ("plan_days", "text", "told"),
    [
        (0, "", [("next_step_past", "next_step")]),
        (-1, "", [("next_step_past", "next_step")]),
        (732, "", [("next_step_too_far", "next_step")]),
        (1, "t" * 501, [("text_too_long", "next_step")]),
        (1, "\ud800", [("text_unreadable", "next_step")]),
    ],
)
def test_create_deal_refuses_a_bad_step(
    session: Session, cast: Cast, pipeline: PipelineRows, plan_days: int, text: str, told: list[tuple[str, str]]
) -> None:
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, new(pipeline, StepPlan(StepKind.CALL, utc_now() + plan_days * DAY, text)))
    assert refusal.told == told


def test_create_deal_for_somebody_the_actor_sees(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    for_anna = NewDeal(pipeline.id, DealChanges(title="Pipes"), call(), owner_id=cast.anna.user_id)
    deal = session.get_one(Deal, create_deal(session, cast.boris, for_anna))
    assert (deal.owner_id, deal.created_by) == (cast.anna.user_id, cast.boris.user_id)
    assert visits(session, deal.id) == [(pipeline.stages[0], cast.anna.user_id, VisitOutcome.OPEN)]
    assert session.scalars(select(NextStep.owner_id)).one() == cast.anna.user_id
    for_dina = NewDeal(pipeline.id, DealChanges(title="Pipes"), call(), owner_id=cast.dina.user_id)
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.boris, for_dina)
    assert refusal.told == [("choice_unknown", "owner")]


def test_create_deal_refuses_an_owner_who_left(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    session.get_one(User, cast.anton.user_id).is_active = False
    session.flush()
    with refused(session, InvalidInput) as refusal:
        create_deal(
            session, cast.boris, NewDeal(pipeline.id, DealChanges(title="P"), call(), owner_id=cast.anton.user_id)
        )
    assert refusal.told == [("choice_unknown", "owner")]


def test_create_deal_refuses_archived_unknown_and_foreign_places(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    other = add_pipeline(session, name="Returns")
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, NewDeal(pipeline.id, DealChanges(title="P"), call(), stage_id=other.stages[0]))
    assert refusal.told == [("stage_of_other_pipeline", "stage")]
    session.get_one(Pipeline, other.id).is_archived = True
    session.flush()
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, new(other))
    assert refusal.told == [("choice_unknown", "pipeline")]
    with refused(session, NotFound):
        create_deal(session, cast.anna, NewDeal(999, DealChanges(title="P"), call()))


def test_create_deal_links_only_to_an_origin_the_actor_sees(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    own, hidden = add_deal(session, cast.anna, pipeline), add_deal(session, cast.dina, pipeline)
    made = create_deal(session, cast.anna, NewDeal(pipeline.id, DealChanges(title="P"), call(), origin_deal_id=own))
    assert session.get_one(Deal, made).origin_deal_id == own
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, NewDeal(pipeline.id, DealChanges(title="P"), call(), origin_deal_id=hidden))
    assert refusal.told == [("choice_unknown", "origin_deal")]


# Editing


def test_edit_deal_records_old_and_new_values(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    company = add_company(session, cast.anna)
    changes = DealChanges(
        title="Pipes", amount_minor=5, priority=Priority.HOT, company_id=company, source="Call",
        expected_close_on=date(2026, 4, 1), currency="RUB",
    )  # fmt: skip
    version = edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=changes)
    assert version == 2
    assert events(session) == [
        (
            "deal.edited",
            {
                "changes": {
                    "title": ["Metal sheet", "Pipes"],
                    "amount_minor": [32_000_000, 5],
                    "priority": [1, 0],
                    "company_id": [None, company],
                    "source": [None, "Call"],
                    "expected_close_on": [None, "2026-04-01"],
                }
            },
        )
    ]
    edit_deal(
        session, cast.anna, deal_id=deal_id, expected_version=2,
        changes=DealChanges(expected_close_on=None, source=" ", company_id=None),
    )  # fmt: skip
    assert events(session)[-1][1]["changes"] == {
        "company_id": [company, None],
        "source": ["Call", None],
        "expected_close_on": ["2026-04-01", None],
    }


def test_edit_deal_that_changes_nothing_leaves_no_event(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    edit_deal(
        session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title=" Metal  sheet", source="")
    )
    assert events(session) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"title": ""}, [("value_required", "title")]),
        ({"title": "t" * 301}, [("text_too_long", "title")]),
        ({"title": "a\x00b"}, [("text_unreadable", "title")]),
        ({"amount_minor": -1}, [("amount_invalid", "amount")]),
        ({"amount_minor": True}, [("amount_invalid", "amount")]),
        ({"amount_minor": 1.5}, [("amount_invalid", "amount")]),
        ({"amount_minor": MAX_AMOUNT_MINOR + 1}, [("amount_too_large", "amount")]),
        ({"currency": "rubles"}, [("choice_unknown", "currency")]),
        ({"priority": 0}, [("choice_unknown", "priority")]),
        ({"utm_term": "u" * 201}, [("text_too_long", "utm_term")]),
        ({"custom": {999: "x"}}, [("choice_unknown", "field:999")]),
        ({"company_id": 999}, [("choice_unknown", "company")]),
        ({"contacts": (DealPart(999),)}, [("choice_unknown", "contact")]),
    ],
    ids=str,
)
def test_edit_deal_refuses_wrong_values(
    session: Session, cast: Cast, pipeline: PipelineRows, changes: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    with refused(session, InvalidInput) as refusal:
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(**changes))
    assert refusal.told == told


def test_edit_deal_takes_the_longest_texts_of_any_script(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    title = "<b>=1+1</b> שלום" + "🙂" * 285
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title=title[:300]))
    session.expire_all()
    assert session.get_one(Deal, deal_id).title == title[:300]


def test_edit_deal_refuses_an_old_version(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title="Pipes"))
    with refused(session, DealMovedMeanwhile):
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title="Tubes"))


def test_open_deal_can_not_be_saved_without_a_next_step(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, due_in=None)
    with refused(session, InvalidInput) as refusal:
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title="Pipes"))
    assert refusal.told == [("next_step_missing", "next_step")]
    plan = call()
    edit_deal(
        session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title="Pipes"), next_step=plan
    )
    deal = session.get_one(Deal, deal_id)
    assert (deal.title, deal.next_due_at) == ("Pipes", plan.due_at)


def test_edit_deal_of_a_closed_deal_needs_and_takes_no_step(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline)
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title="Pipes"))
    with refused(session, InvalidInput) as refusal:
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=2, changes=DealChanges(), next_step=call())
    assert refusal.told == [("deal_closed", "next_step")]


def test_required_field_of_the_stage_can_not_be_emptied(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    session.add_all(
        [StageRequirement(stage_id=pipeline.stages[1], builtin=key) for key in ("amount", "contact", "source")]
    )
    person = add_contact(session, cast.anna)
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    parts = (DealPart(person),)
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(contacts=parts))
    with refused(session, InvalidInput) as refusal:
        changes = DealChanges(amount_minor=None, contacts=(), source=None)
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=2, changes=changes)
    assert refusal.told == [("field_needed_here", "amount"), ("field_needed_here", "contact")]
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=2, changes=DealChanges(amount_minor=7))


def test_won_deal_keeps_an_amount(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    won = add_closed_deal(session, cast.anna, pipeline)
    lost = add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST)
    imported = add_closed_deal(session, cast.anna, pipeline, amount_minor=None)
    for amount in (None, 0):
        with refused(session, InvalidInput) as refusal:
            changes = DealChanges(amount_minor=amount)
            edit_deal(session, cast.anna, deal_id=won, expected_version=1, changes=changes)
        assert refusal.told == [("amount_not_positive", "amount")]
    edit_deal(session, cast.anna, deal_id=won, expected_version=1, changes=DealChanges(amount_minor=1))
    edit_deal(session, cast.anna, deal_id=lost, expected_version=1, changes=DealChanges(amount_minor=None))
    edit_deal(session, cast.anna, deal_id=imported, expected_version=1, changes=DealChanges(title="Pipes"))


# Contacts of a deal


def test_contacts_are_replaced_in_order_with_roles(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    ivan, olga, petr = (add_contact(session, cast.anna, name) for name in ("Ivan", "Olga", "Petr"))
    deal_id = add_deal(session, cast.anna, pipeline)

    def save(version: int, *parts: DealPart) -> list[tuple[int, str | None]]:
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=version, changes=DealChanges(contacts=parts))
        query = select(DealContact).where(DealContact.deal_id == deal_id).order_by(DealContact.position)
        return [(row.contact_id, row.role) for row in session.scalars(query)]

    assert save(1, DealPart(ivan, "buyer"), DealPart(olga)) == [(ivan, "buyer"), (olga, None)]
    assert save(2, DealPart(petr), DealPart(ivan, "buyer")) == [(petr, None), (ivan, "buyer")]
    assert save(3, DealPart(petr), DealPart(ivan, "head")) == [(petr, None), (ivan, "head")]
    assert save(4) == []
    assert [details["changes"] for _, details in events(session)] == [
        {"contacts": [[], [ivan, olga]]},
        {"contacts": [[ivan, olga], [petr, ivan]]},
        {"contact_roles": [[None, "buyer"], [None, "head"]]},
        {"contacts": [[petr, ivan], []]},
    ]


def test_contacts_must_be_seen_different_and_not_too_many(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    own, hidden = add_contact(session, cast.anna), add_contact(session, cast.dina)
    crowd = [add_contact(session, cast.anna, f"Buyer {number}") for number in range(51)]
    deal_id = add_deal(session, cast.anna, pipeline)
    for parts in (
        (DealPart(own), DealPart(own)),
        (DealPart(own), DealPart(hidden)),
        tuple(map(DealPart, crowd)),
    ):
        with refused(session, InvalidInput) as refusal:
            edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(contacts=parts))
        assert refusal.told == [("choice_unknown", "contact")]
    with refused(session, InvalidInput) as refusal:
        changes = DealChanges(contacts=(DealPart(own, "r" * 101),))
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=changes)
    assert refusal.told == [("text_too_long", "contact")]


# Custom fields


def field_with(session: Session, cast: Cast, field_type: FieldType) -> tuple[int, list[str]]:
    field_id = create_field(
        session, cast.vera, name="Custom", field_type=field_type, options=("Steel", "Copper", "Zinc")
    )
    field = next(one for one in load_fields(session) if one.id == field_id)
    return field_id, [option.code for option in field.options]


GOOD: dict[FieldType, list[Any]] = {
    FieldType.TEXT: ["  Round   pipes ", "x" * 2000],
    FieldType.NUMBER: [0, -1.5, 10**14],
    FieldType.MONEY: [0, MAX_AMOUNT_MINOR],
    FieldType.DATE: ["2026-02-28", "0001-01-01"],
    FieldType.YES_NO: [True, False],
}
BAD: dict[FieldType, list[Any]] = {
    FieldType.TEXT: [1, True, ["x"], "x" * 2001, "\x00"],
    FieldType.NUMBER: ["1", True, float("nan"), float("inf"), 10**400, -(10**17), [1]],
    FieldType.MONEY: [1.5, "1", True, -1, MAX_AMOUNT_MINOR + 1, 10**400],
    FieldType.DATE: ["", "28.02.2026", "20260228", "2026-W09-6", "2026-02-30", 20260228],
    FieldType.CHOICE: ["Steel", "", 1, True, ["steel"]],
    FieldType.MULTI_CHOICE: ["steel", ["Steel"], [1], [["x"]], 5, True],
    FieldType.YES_NO: ["yes", 1, 0, []],
}


@pytest.mark.parametrize("field_type", list(FieldType))
def test_custom_value_is_kept_and_emptied(
    session: Session, cast: Cast, pipeline: PipelineRows, field_type: FieldType
) -> None:
    field_id, codes = field_with(session, cast, field_type)
    good = GOOD.get(field_type) or (codes if field_type is FieldType.CHOICE else [codes[:1], codes[::-1]])
    deal_id = add_deal(session, cast.anna, pipeline)
    before: Any = None
    for number, value in enumerate(good, start=1):
        changes = DealChanges(custom={field_id: value})
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=number, changes=changes)
        session.expire_all()
        stored = " ".join(value.split()) if isinstance(value, str) else value
        kept = session.get_one(Deal, deal_id).custom
        assert kept == {str(field_id): stored}
        assert type(kept[str(field_id)]) is type(stored)
        assert events(session)[-1][1]["changes"] == {f"field:{field_id}": [before, stored]}
        before = stored
    changes = DealChanges(custom={field_id: None})
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=len(good) + 1, changes=changes)
    assert session.get_one(Deal, deal_id).custom == {}
    assert events(session)[-1][1]["changes"] == {f"field:{field_id}": [before, None]}


@pytest.mark.parametrize("field_type", list(FieldType))
def test_custom_value_of_another_kind_is_refused(
    session: Session, cast: Cast, pipeline: PipelineRows, field_type: FieldType
) -> None:
    field_id, codes = field_with(session, cast, field_type)
    twice = [[codes[0], codes[0]]] if field_type is FieldType.MULTI_CHOICE else []
    deal_id = add_deal(session, cast.anna, pipeline)
    for value in [*BAD[field_type], *twice]:
        with refused(session, InvalidInput) as refusal:
            changes = DealChanges(custom={field_id: value})
            edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=changes)
        assert [field for _, field in refusal.told] == [f"field:{field_id}"], value


def test_custom_values_not_given_stay(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first = create_field(session, cast.vera, name="Volume", field_type=FieldType.NUMBER)
    second = create_field(session, cast.vera, name="Metal", field_type=FieldType.TEXT)
    deal_id = create_deal(session, cast.anna, new(pipeline, custom={first: 5, second: "Zinc"}))
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(custom={second: " "}))
    assert session.get_one(Deal, deal_id).custom == {str(first): 5}


def test_retired_choice_stays_on_its_deal_and_is_not_given_anew(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    field_id, codes = field_with(session, cast, FieldType.CHOICE)
    deal_id = create_deal(session, cast.anna, new(pipeline, custom={field_id: codes[0]}))
    edit_field(session, cast.vera, field_id=field_id, name="Custom", options=("Copper", "Zinc"))
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(title="Pipes"))
    same = DealChanges(custom={field_id: codes[0]})
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=2, changes=same)
    assert session.get_one(Deal, deal_id).custom == {str(field_id): codes[0]}
    with refused(session, InvalidInput) as refusal:
        create_deal(session, cast.anna, new(pipeline, custom={field_id: codes[0]}))
    assert refusal.told == [("choice_unknown", f"field:{field_id}")]


def test_retired_choice_of_several_stays_beside_new_ones(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    field_id, (steel, copper, zinc) = field_with(session, cast, FieldType.MULTI_CHOICE)
    deal_id = create_deal(session, cast.anna, new(pipeline, custom={field_id: [steel]}))
    edit_field(session, cast.vera, field_id=field_id, name="Custom", options=("Zinc", "Tin"))
    with_zinc = DealChanges(custom={field_id: [steel, zinc]})
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=with_zinc)
    assert session.get_one(Deal, deal_id).custom == {str(field_id): [steel, zinc]}
    with refused(session, InvalidInput) as refusal:
        with_copper = DealChanges(custom={field_id: [steel, copper]})
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=2, changes=with_copper)
    assert refusal.told == [("choice_unknown", f"field:{field_id}")]


def test_required_custom_field_can_not_be_emptied(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    field_id = create_field(session, cast.vera, name="Agreed", field_type=FieldType.YES_NO)
    session.add(StageRequirement(stage_id=pipeline.stages[1], field_id=field_id))
    deal_id = add_deal(session, cast.anna, pipeline, stage=1, custom={str(field_id): False})
    with refused(session, InvalidInput) as refusal:
        changes = DealChanges(custom={field_id: None})
        edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=changes)
    assert refusal.told == [("field_needed_here", f"field:{field_id}")]


# Handing over


def test_reassign_deal_ends_one_stay_and_begins_another(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline, stage=1)
    plan = StepPlan(StepKind.REVIEW, utc_now() + DAY, "Check the lead", cast.boris.user_id)
    edit_deal(session, cast.anna, deal_id=deal_id, expected_version=1, changes=DealChanges(), next_step=plan)
    reassign_deal(session, cast.boris, deal_id=deal_id, expected_version=2, owner_id=cast.anton.user_id or 0)
    deal = session.get_one(Deal, deal_id)
    assert (deal.owner_id, deal.version, deal.stage_id) == (cast.anton.user_id, 3, pipeline.stages[1])
    assert visits(session, deal_id) == [
        (pipeline.stages[1], cast.anna.user_id, VisitOutcome.HANDOVER),
        (pipeline.stages[1], cast.anton.user_id, VisitOutcome.OPEN),
    ]
    old, fresh = session.scalars(select(StageVisit).order_by(StageVisit.id))
    assert (old.left_at, old.next_stage_id) == (fresh.entered_at, pipeline.stages[1])
    assert (old.is_first, fresh.is_first, fresh.actor_id) == (True, False, cast.boris.user_id)
    owners = session.scalars(select(NextStep.owner_id).order_by(NextStep.id)).all()
    assert owners == [cast.anton.user_id, cast.boris.user_id]
    assert events(session)[-1] == (
        "deal.reassigned", {"changes": {"owner": [cast.anna.user_id, cast.anton.user_id]}}
    )  # fmt: skip


def test_reassign_deal_of_a_closed_deal_opens_no_visit(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_closed_deal(session, cast.anna, pipeline)
    reassign_deal(session, cast.boris, deal_id=deal_id, expected_version=1, owner_id=cast.anton.user_id or 0)
    assert visits(session, deal_id) == [(pipeline.stages[3], cast.anna.user_id, VisitOutcome.WON)]
    assert session.get_one(Deal, deal_id).owner_id == cast.anton.user_id


def test_reassign_deal_to_the_same_owner_leaves_no_trace(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    reassign_deal(session, cast.boris, deal_id=deal_id, expected_version=1, owner_id=cast.anna.user_id or 0)
    assert events(session) == []
    assert visits(session, deal_id) == [(pipeline.stages[0], cast.anna.user_id, VisitOutcome.OPEN)]


def test_reassign_deal_refuses_who_can_not_take_it(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    session.get_one(User, cast.anton.user_id).is_active = False
    session.flush()
    for owner_id in (cast.anton.user_id, cast.dina.user_id, 999):
        with refused(session, InvalidInput) as refusal:
            reassign_deal(session, cast.boris, deal_id=deal_id, expected_version=1, owner_id=owner_id or 0)
        assert refusal.told == [("choice_unknown", "owner")]
    with refused(session, Forbidden):
        reassign_deal(session, cast.anna, deal_id=deal_id, expected_version=1, owner_id=cast.boris.user_id or 0)
    with refused(session, DealMovedMeanwhile):
        reassign_deal(session, cast.boris, deal_id=deal_id, expected_version=2, owner_id=cast.boris.user_id or 0)
