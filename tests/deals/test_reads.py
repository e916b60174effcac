"""Reading one deal: its card, the time on each stage, the client's other deals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from crm.deals.moves import Move, lose_deal, move_deal
from crm.deals.reads import load_deal, other_deals, stage_times
from crm.deals.retiring import retire_stage
from crm.deals.values import LossAnswer
from crm.errors import NotFound
from crm.models import Channel, DealContact, DealStatus, NextStep, PointKind, Priority, StepKind, VisitOutcome
from tests.conftest import Cast
from tests.factories import PipelineRows, add_closed_deal, add_company, add_contact, add_deal
from tests.stopped_clock import StopClock

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_load_deal_tells_everything(
    session: Session, cast: Cast, pipeline: PipelineRows, stop_clock: StopClock
) -> None:
    stop_clock(MORNING)
    company = add_company(session, cast.anna, "Mir LLC")
    ivan = add_contact(session, cast.anna, "Ivan", phone="+79161234567", email="Ivan@example.com")
    olga = add_contact(session, cast.anna, "Olga")
    deal_id = add_deal(
        session, cast.anna, pipeline, 1, company_id=company, priority=Priority.HOT, source="Site", utm_source="yandex",
        utm_term="sheet", expected_close_on=date(2026, 4, 1), custom={"5": "Zinc"}, version=3,
    )  # fmt: skip
    session.add_all(
        [
            DealContact(deal_id=deal_id, contact_id=olga, position=1),
            DealContact(deal_id=deal_id, contact_id=ivan, position=0, role="buyer"),
            NextStep(
                deal_id=deal_id, kind=StepKind.EMAIL, text="Send", due_at=MORNING + HOUR, owner_id=cast.boris.user_id,
                created_at=MORNING,
            ),
        ]
    )  # fmt: skip
    session.flush()
    card = load_deal(session, cast.anna, deal_id)
    assert (card.id, card.version, card.status, card.is_open) == (deal_id, 3, DealStatus.OPEN, True)
    assert (card.pipeline.name, card.stage.name) == ("First sales", "Need found")
    assert (card.owner_id, card.owner_name, card.company_id, card.company_name) == (
        cast.anna.user_id, "Anna", company, "Mir LLC"
    )  # fmt: skip
    assert (card.title, card.amount_minor, card.currency, card.priority) == (
        "Metal sheet", 32_000_000, "RUB", Priority.HOT
    )  # fmt: skip
    assert card.source == "Site"
    assert card.utm == {
        "utm_source": "yandex", "utm_medium": None, "utm_campaign": None, "utm_content": None, "utm_term": "sheet"
    }  # fmt: skip
    assert (card.expected_close_on, card.custom) == (date(2026, 4, 1), {"5": "Zinc"})
    assert [(part.name, part.role) for part in card.contacts] == [("Ivan", "buyer"), ("Olga", None)]
    assert [(point.kind, point.normalised) for point in card.contacts[0].points] == [
        (PointKind.PHONE, "+79161234567"), (PointKind.EMAIL, "ivan@example.com")
    ]  # fmt: skip
    assert [(step.kind, step.owner_name, step.due_at) for step in card.steps] == [
        (StepKind.EMAIL, "Boris", MORNING + HOUR), (StepKind.CALL, "Anna", MORNING + timedelta(days=1))
    ]  # fmt: skip
    assert (card.stage_entered_at, card.created_at, card.created_channel) == (MORNING, MORNING, Channel.UI)
    assert (card.closed_at, card.loss_reason, card.loss_note, card.loss_stage, card.origin_deal_id) == (None,) * 5


def test_load_deal_tells_why_it_was_lost(
    session: Session, cast: Cast, pipeline: PipelineRows, stop_clock: StopClock
) -> None:
    stop_clock(MORNING)
    deal_id = add_deal(session, cast.anna, pipeline, 2)
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[1], " No\ncranes ")))
    card = load_deal(session, cast.anna, deal_id)
    assert (card.status, card.is_open, card.stage.id, card.closed_at) == (
        DealStatus.LOST, False, pipeline.lost, MORNING
    )  # fmt: skip
    assert (card.loss_reason, card.loss_note, card.loss_stage) == ("Other", "No\ncranes", "Offer sent")
    assert card.steps == ()


def test_hidden_and_missing_deals_are_not_found(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    deal_id = add_deal(session, cast.anna, pipeline)
    for actor in (cast.anna, cast.boris, cast.vera):
        assert load_deal(session, actor, deal_id).id == deal_id
    told = []
    for actor, wanted in ((cast.anton, deal_id), (cast.dina, deal_id), (cast.vera, 999)):
        with pytest.raises(NotFound) as caught:
            load_deal(session, actor, wanted)
        told.append((caught.value.code, caught.value.params["entity"]))
    assert set(told) == {("not_found", "deal")}


def test_stage_times_add_up_with_the_present_stay(
    session: Session, cast: Cast, pipeline: PipelineRows, stop_clock: StopClock
) -> None:
    stop_clock(MORNING)
    deal_id = add_deal(session, cast.anna, pipeline)
    stop_clock(MORNING + 2 * HOUR)
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(pipeline.stages[1]))
    stop_clock(MORNING + 5 * HOUR)
    times = stage_times(session, load_deal(session, cast.anna, deal_id))
    assert [(one.stage.name, one.seconds, one.is_current) for one in times] == [
        ("Contact made", 7200, False),
        ("Need found", 10800, True),
        ("Offer sent", None, False),
        ("Invoice issued", None, False),
        ("Paid", None, False),
        ("Lost", None, False),
    ]


def test_stage_times_keep_a_retired_stage_the_deal_was_on(
    session: Session, cast: Cast, pipeline: PipelineRows, stop_clock: StopClock
) -> None:
    stop_clock(MORNING)
    there, elsewhere = add_deal(session, cast.anna, pipeline, 1), add_deal(session, cast.anna, pipeline, 3)
    stop_clock(MORNING + HOUR)
    retire_stage(
        session, cast.vera, stage_id=pipeline.stages[1], expected_version=1, target_stage_id=pipeline.stages[0]
    )
    times = {
        deal_id: {one.stage.name: one.seconds for one in stage_times(session, load_deal(session, cast.anna, deal_id))}
        for deal_id in (there, elsewhere)
    }
    assert times[there]["Need found"] == 3600
    assert times[there]["Contact made"] == 0
    assert "Need found" not in times[elsewhere]


def test_other_deals_are_those_of_company_and_contacts_open_ones_first(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    mir, olga = add_company(session, cast.anna), add_contact(session, cast.anna, "Olga")

    def with_olga(deal_id: int) -> int:
        session.add(DealContact(deal_id=deal_id, contact_id=olga, position=0))
        session.flush()
        return deal_id

    lost = add_closed_deal(session, cast.anna, pipeline, VisitOutcome.LOST, company_id=mir)
    won = with_olga(add_closed_deal(session, cast.anna, pipeline))
    both = with_olga(add_deal(session, cast.anna, pipeline, 2, company_id=mir, title="Pipes"))
    of_anton = add_deal(session, cast.anton, pipeline, company_id=mir)
    add_deal(session, cast.anna, pipeline)
    deal_id = with_olga(add_deal(session, cast.anna, pipeline, company_id=mir))

    def seen(actor: str) -> list[int]:
        reader = getattr(cast, actor)
        return [one.id for one in other_deals(session, reader, load_deal(session, reader, deal_id))]

    assert seen("anna") == [both, won, lost]
    assert seen("boris") == [of_anton, both, won, lost]
    first = other_deals(session, cast.anna, load_deal(session, cast.anna, deal_id))[0]
    assert (first.title, first.stage_name, first.status) == ("Pipes", "Offer sent", DealStatus.OPEN)
    alone = add_deal(session, cast.anna, pipeline)
    assert other_deals(session, cast.anna, load_deal(session, cast.anna, alone)) == []


def test_other_deals_are_twenty_at_most(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    mir = add_company(session, cast.anna)
    ids = [add_deal(session, cast.anna, pipeline, company_id=mir) for _ in range(23)]
    found = [one.id for one in other_deals(session, cast.anna, load_deal(session, cast.anna, ids[0]))]
    assert found == ids[:2:-1]
