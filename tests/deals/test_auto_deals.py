"""Links at work: what a won, lost or moved deal creates elsewhere, and what stays as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.contacts.search import search
from crm.deals.auto_deals import fire_links
from crm.deals.commands import NewDeal, create_deal
from crm.deals.invariants import broken_invariants
from crm.deals.moves import Move, lose_deal, move_deal
from crm.deals.values import DealChanges, LossAnswer, StepPlan
from crm.models import (
    Channel,
    Deal,
    DealContact,
    DealStatus,
    LinkKind,
    LinkOwner,
    LinkRunStatus,
    LinkTrigger,
    NextStep,
    Pipeline,
    Priority,
    Role,
    Stage,
    StageRequirement,
    StageVisit,
    StepKind,
    User,
)
from crm.pipelines.link_values import ConditionOp, LinkCondition
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, children, events_of, lose, only_child, runs, win
from tests.factories import PipelineRows, add_company, add_contact, add_deal, add_pipeline
from tests.stopped_clock import StopClock, stop_clock

__all__ = ["stop_clock"]
LAST = 3


@pytest.fixture
def base(session: Session) -> PipelineRows:
    """Insert "Active base" with three open stages."""
    return add_pipeline(session, "Active base", ["Needs checked", "Offer renewed", "Order confirmed"])


def won_deal(session: Session, actor: Actor, pipeline: PipelineRows, **columns: object) -> int:
    deal_id = add_deal(session, actor, pipeline, LAST, **columns)
    win(session, actor, deal_id)
    return deal_id


@pytest.mark.parametrize(
    ("hours", "due"),
    [
        (2, datetime(2026, 3, 2, 21, 30, tzinfo=UTC)),
        (24, datetime(2026, 3, 3, 7, tzinfo=UTC)),  # 10:00 in Moscow
        (72, datetime(2026, 3, 5, 7, tzinfo=UTC)),
    ],
)
def test_first_step_is_due_in_the_morning_when_days_away(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows, stop_clock: StopClock, hours: int,
    due: datetime,
) -> None:  # fmt: skip
    stop_clock(datetime(2026, 3, 2, 19, 30, tzinfo=UTC))
    add_link(session, pipeline, base, step_due_seconds=hours * 3600)
    assert only_child(session, won_deal(session, cast.anna, pipeline)).next_due_at == due


def test_a_win_creates_a_deal_in_the_linked_pipeline_with_client_owner_and_next_step(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    company = add_company(session, cast.anna)
    buyer, director = add_contact(session, cast.anna, "Buyer"), add_contact(session, cast.anna, "Director")
    link_id = add_link(session, pipeline, base, step_kind=StepKind.EMAIL, step_text="Thank for the order")
    source_id = add_deal(session, cast.anna, pipeline, LAST, company_id=company, source="web", utm_source="ads",
                         priority=Priority.HOT)  # fmt: skip
    session.add_all([
        DealContact(deal_id=source_id, contact_id=director, role="Director", position=1),
        DealContact(deal_id=source_id, contact_id=buyer, role="Buyer", position=0),
    ])  # fmt: skip
    before = utc_now()
    win(session, cast.anna, source_id)
    child = only_child(session, source_id)
    assert (child.pipeline_id, child.stage_id, child.status) == (base.id, base.stages[0], DealStatus.OPEN)
    assert (child.title, child.company_id, child.owner_id) == ("Metal sheet", company, cast.anna.user_id)
    assert (child.amount_minor, child.currency, child.priority) == (32_000_000, "RUB", Priority.HOT)
    assert (child.source, child.utm_source, child.return_source) == ("web", "ads", None)
    assert (child.origin_link_id, child.round, child.created_by) == (link_id, 1, None)
    assert child.created_channel is Channel.SYSTEM
    parts = session.execute(
        select(DealContact.contact_id, DealContact.role).where(DealContact.deal_id == child.id)
        .order_by(DealContact.position)
    ).all()  # fmt: skip
    assert [tuple(part) for part in parts] == [(buyer, "Buyer"), (director, "Director")]
    step = session.scalars(select(NextStep).where(NextStep.deal_id == child.id)).one()
    assert (step.kind, step.text, step.owner_id, step.done_at) == (
        StepKind.EMAIL, "Thank for the order", cast.anna.user_id, None,
    )  # fmt: skip
    assert step.due_at > before
    assert child.next_due_at == step.due_at
    visit = session.scalars(select(StageVisit).where(StageVisit.deal_id == child.id)).one()
    assert (visit.stage_id, visit.left_at, visit.is_first, visit.channel) == (
        base.stages[0], None, True, Channel.SYSTEM,
    )  # fmt: skip
    assert child.id in {hit.record_id for hit in search(session, cast.anna, "metal sheet")}
    assert broken_invariants(session, system_actor()) == []


def test_the_source_deal_stays_where_it_is_with_its_whole_history(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    alone_id = won_deal(session, cast.anna, pipeline)
    add_link(session, pipeline, base)
    linked_id = won_deal(session, cast.anna, pipeline)
    alone, linked = session.get_one(Deal, alone_id), session.get_one(Deal, linked_id)
    for column in ("pipeline_id", "stage_id", "status", "owner_id", "amount_minor", "version", "origin_deal_id"):
        assert getattr(alone, column) == getattr(linked, column)
    visits = [
        session.execute(
            select(StageVisit.stage_id, StageVisit.outcome, StageVisit.next_stage_id).where(StageVisit.deal_id == one)
        ).all()
        for one in (alone_id, linked_id)
    ]
    assert visits[0] == visits[1]
    extra = [kind for kind, _details in events_of(session, linked_id)]
    assert extra == [*(kind for kind, _details in events_of(session, alone_id)), "deal.auto_created"]


def test_both_timelines_tell_of_the_new_deal(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    link_id = add_link(session, pipeline, base, trigger=LinkTrigger.LOST, kind=LinkKind.REFUSAL_WORK)
    source_id = add_deal(session, cast.anna, pipeline)
    lose(session, cast.anna, source_id, pipeline, "10 % dearer")
    child = only_child(session, source_id)
    assert events_of(session, source_id)[-1] == (
        "deal.auto_created",
        {"link_id": link_id, "child_id": child.id, "pipeline": "Active base", "stage": "Needs checked", "round": 1},
    )
    told = dict(events_of(session, child.id))
    assert told["deal.created"]["stage"] == "Needs checked"
    assert told["deal.came_by_link"] == {
        "link_id": link_id, "origin_id": source_id, "from_pipeline": "First sales", "outcome": "Lost: Price",
        "reason": "Price", "note": "10 % dearer",
    }  # fmt: skip


def test_a_deal_that_comes_to_a_stage_sets_its_link_off(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base, trigger=LinkTrigger.STAGE, from_stage_id=pipeline.stages[1],
             to_stage_id=base.stages[2])  # fmt: skip
    source_id = add_deal(session, cast.anna, pipeline)
    move_deal(session, cast.anna, deal_id=source_id, move=Move(pipeline.stages[1]))
    assert only_child(session, source_id).stage_id == base.stages[2]
    move_deal(session, cast.anna, deal_id=source_id, move=Move(pipeline.stages[2]))
    assert len(children(session, source_id)) == 1


def test_a_deal_created_on_a_stage_sets_its_link_off_too(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base, trigger=LinkTrigger.STAGE, from_stage_id=pipeline.stages[0])
    step = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1))
    deal_id = create_deal(session, cast.anna, NewDeal(pipeline.id, DealChanges(title="Pipes"), step))
    assert only_child(session, deal_id).title == "Pipes"


def test_links_of_another_trigger_another_pipeline_and_switched_off_ones_do_nothing(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    other = add_pipeline(session, "Other")
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST)
    add_link(session, other, base)
    add_link(session, pipeline, base, is_active=False)
    source_id = won_deal(session, cast.anna, pipeline)
    assert children(session, source_id) == []
    assert runs(session) == []


def test_a_second_firing_for_the_same_stay_changes_nothing(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base)
    source_id = won_deal(session, cast.anna, pipeline)
    child = only_child(session, source_id)
    fire_links(session, cast.anna, session.get_one(Deal, source_id), LinkTrigger.WON)
    assert only_child(session, source_id).id == child.id
    assert [(run.status, run.child_deal_id) for run in runs(session)] == [(LinkRunStatus.CREATED, child.id)]


def test_only_the_chosen_fields_go_along(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    link_id = add_link(session, pipeline, base, copied=())
    source_id = won_deal(session, cast.anna, pipeline, priority=Priority.HOT, source="web", custom={"7": "x"})
    child = only_child(session, source_id)
    assert (child.amount_minor, child.priority, child.source, child.custom) == (None, Priority.WARM, None, {})
    assert child.origin_link_id == link_id


def test_custom_fields_go_along_when_chosen(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows, region: int
) -> None:
    add_link(session, pipeline, base, copied=(f"field:{region}",))
    source_id = won_deal(session, cast.anna, pipeline, custom={str(region): "North", "999": "x"})
    assert only_child(session, source_id).custom == {str(region): "North"}


@pytest.fixture
def region(session: Session, cast: Cast) -> int:
    from crm.models import FieldType
    from crm.pipelines.fields import create_field

    return create_field(session, cast.vera, name="Region", field_type=FieldType.TEXT)


def test_mandatory_fields_of_the_target_stage_do_not_stop_the_new_deal(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    session.add(StageRequirement(stage_id=base.stages[0], builtin="expected_close_on"))
    add_link(session, pipeline, base)
    source_id = won_deal(session, cast.anna, pipeline)
    assert only_child(session, source_id).stage_id == base.stages[0]


def test_a_retired_target_stage_gives_way_to_the_first_one(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base, to_stage_id=base.stages[2])
    session.get_one(Stage, base.stages[2]).retired_at = utc_now()
    source_id = won_deal(session, cast.anna, pipeline)
    assert only_child(session, source_id).stage_id == base.stages[0]


def test_an_archived_target_skips_the_firing_and_says_why(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base)
    session.get_one(Pipeline, base.id).is_archived = True
    source_id = won_deal(session, cast.anna, pipeline)
    assert children(session, source_id) == []
    assert [(run.status, run.reason) for run in runs(session)] == [(LinkRunStatus.SKIPPED, "target_closed")]
    assert events_of(session, source_id)[-1][1]["reason_code"] == "target_closed"


# Whose the new deal is


@pytest.mark.parametrize(
    ("rule", "chosen", "gets"),
    [
        (LinkOwner.SAME, None, "anna"),
        (LinkOwner.TEAM_HEAD, None, "boris"),
        (LinkOwner.USER, "dina", "dina"),
    ],
)
def test_the_owner_is_found_by_the_rule(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows, rule: LinkOwner, chosen: str | None,
    gets: str,
) -> None:  # fmt: skip
    owner_id = getattr(cast, chosen).user_id if chosen else None
    add_link(session, pipeline, base, owner_rule=rule, owner_id=owner_id)
    source_id = won_deal(session, cast.anna, pipeline)
    assert only_child(session, source_id).owner_id == getattr(cast, gets).user_id


def test_in_place_of_a_switched_off_owner_comes_the_head_of_the_team_and_then_an_admin(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base)
    first, second = (add_deal(session, cast.anna, pipeline, LAST) for _ in range(2))
    session.get_one(User, cast.anna.user_id or 0).is_active = False
    win(session, cast.boris, first)
    assert only_child(session, first).owner_id == cast.boris.user_id
    session.get_one(User, cast.boris.user_id or 0).is_active = False
    win(session, cast.vera, second)
    assert only_child(session, second).owner_id == cast.vera.user_id


def test_a_head_of_a_team_keeps_the_own_deals(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    session.add(User(email="older@example.com", name="Older", role=Role.HEAD, team_id=cast.dina.team_id,
                     created_at=utc_now()))  # fmt: skip
    add_link(session, pipeline, base, owner_rule=LinkOwner.TEAM_HEAD)
    source_id = won_deal(session, cast.dina, pipeline)
    assert only_child(session, source_id).owner_id == cast.dina.user_id


def test_a_head_without_a_team_gets_no_deals_of_others_without_one(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    session.add(User(email="apart@example.com", name="Apart", role=Role.HEAD, created_at=utc_now()))
    session.get_one(User, cast.anna.user_id or 0).team_id = None
    add_link(session, pipeline, base, owner_rule=LinkOwner.TEAM_HEAD)
    source_id = won_deal(session, cast.anna, pipeline)
    assert only_child(session, source_id).owner_id == cast.vera.user_id


@pytest.mark.parametrize(("owner", "note"), [("dina", None), ("boris", "Their director drinks")])
def test_the_note_on_a_loss_is_told_only_to_an_owner_who_sees_the_lost_deal(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows, owner: str, note: str | None
) -> None:
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST, owner_rule=LinkOwner.USER,
             owner_id=getattr(cast, owner).user_id)  # fmt: skip
    company_id = add_company(session, cast.anna)
    first, second = (add_deal(session, cast.anna, pipeline, company_id=company_id) for _ in range(2))
    for one in (first, second):
        lose(session, cast.anna, one, pipeline, "Their director drinks")
    told = [details for kind, details in events_of(session, only_child(session, first).id) if "note" in details]
    assert [(details["reason"], details["note"]) for details in told] == [("Price", note)] * 2


# An open child


@pytest.mark.parametrize("client", ["company", "contact"])
def test_an_open_child_of_the_same_client_gets_a_note_instead_of_a_twin(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows, client: str
) -> None:
    company_id = add_company(session, cast.anna) if client == "company" else None
    contact_id = add_contact(session, cast.anna)
    add_link(session, pipeline, base)
    first, second = (add_deal(session, cast.anna, pipeline, LAST, company_id=company_id) for _ in range(2))
    session.add_all([DealContact(deal_id=one, contact_id=contact_id) for one in (first, second)])
    session.flush()
    win(session, cast.anna, first)
    child = only_child(session, first)
    win(session, cast.anna, second)
    assert children(session, second) == []
    assert [(run.status, run.child_deal_id) for run in runs(session)] == [
        (LinkRunStatus.CREATED, child.id), (LinkRunStatus.NOTED, child.id),
    ]  # fmt: skip
    kind, details = events_of(session, child.id)[-1]
    assert (kind, details["origin_id"], details["outcome"]) == ("deal.link_note", second, "Paid")
    kind, details = events_of(session, second)[-1]
    assert (kind, details["child_id"]) == ("deal.link_noted", child.id)


def test_a_closed_child_another_client_and_another_link_leave_room_for_a_new_deal(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    mir, sever = add_company(session, cast.anna), add_company(session, cast.anna, "Sever LLC")
    add_link(session, pipeline, base)
    first = won_deal(session, cast.anna, pipeline, company_id=mir)
    assert len(children(session, won_deal(session, cast.anna, pipeline, company_id=sever))) == 1
    lose(session, cast.anna, only_child(session, first).id, base)
    assert len(children(session, won_deal(session, cast.anna, pipeline, company_id=mir))) == 1
    assert len(children(session, won_deal(session, cast.anna, pipeline))) == 1
    assert len(children(session, won_deal(session, cast.anna, pipeline))) == 1  # nobody's deals are not one client's


def test_skip_if_open_does_nothing_while_the_client_has_an_open_deal(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    company_id = add_company(session, cast.anna)
    add_link(session, pipeline, base, skip_if_open=True)
    busy = add_deal(session, cast.dina, pipeline, company_id=company_id)
    source_id = won_deal(session, cast.anna, pipeline, company_id=company_id)
    assert children(session, source_id) == []
    assert [run.reason for run in runs(session)] == ["client_has_open_deal"]
    lose(session, cast.dina, busy, pipeline)
    assert len(children(session, won_deal(session, cast.anna, pipeline, company_id=company_id))) == 1


# Conditions


@pytest.mark.parametrize(
    ("condition", "columns", "fires"),
    [
        (LinkCondition("amount", ConditionOp.AT_LEAST, 100), {"amount_minor": 100}, True),
        (LinkCondition("amount", ConditionOp.AT_LEAST, 100), {"amount_minor": 99}, False),
        (LinkCondition("amount", ConditionOp.AT_MOST, 100), {"amount_minor": 100}, True),
        (LinkCondition("amount", ConditionOp.AT_MOST, 100), {"amount_minor": 101}, False),
        (LinkCondition("priority", ConditionOp.IS_ONE_OF, ("hot", "cold")), {"priority": Priority.HOT}, True),
        (LinkCondition("priority", ConditionOp.IS_ONE_OF, ("cold",)), {"priority": Priority.HOT}, False),
        (LinkCondition("source", ConditionOp.IS_ONE_OF, ("Web",)), {"source": "web"}, True),
        (LinkCondition("source", ConditionOp.IS_ONE_OF, ("Web",)), {"source": None}, False),
        (LinkCondition("source", ConditionOp.FILLED), {"source": "web"}, True),
        (LinkCondition("source", ConditionOp.EMPTY), {"source": "web"}, False),
        (LinkCondition("expected_close_on", ConditionOp.EMPTY), {}, True),
        (LinkCondition("contact", ConditionOp.FILLED), {}, False),
    ],
    ids=str,
)
def test_a_link_fires_only_where_its_condition_holds(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows, condition: LinkCondition,
    columns: dict[str, object], fires: bool,
) -> None:  # fmt: skip
    add_link(session, pipeline, base, conditions=(condition,))
    source_id = won_deal(session, cast.anna, pipeline, **columns)
    assert len(children(session, source_id)) == fires


def test_conditions_look_at_the_team_and_at_the_reason_and_all_must_hold(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    of_team = LinkCondition("team", ConditionOp.IS_ONE_OF, (cast.anna.team_id or 0,))
    of_price = LinkCondition("loss_reason", ConditionOp.IS_ONE_OF, (pipeline.reasons[0],))
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST, conditions=(of_team, of_price))
    for owner, fires in ((cast.anna, 1), (cast.dina, 0)):
        deal_id = add_deal(session, owner, pipeline)
        lose(session, owner, deal_id, pipeline)
        assert len(children(session, deal_id)) == fires


def test_spam_a_duplicate_or_a_test_leads_nowhere(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST)
    deal_id = add_deal(session, cast.anna, pipeline)
    lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0, loss=LossAnswer(pipeline.reasons[2], "")))
    assert session.get_one(Deal, deal_id).status is DealStatus.LOST
    assert (children(session, deal_id), runs(session)) == ([], [])


def test_conditions_look_at_custom_choices(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    from crm.models import FieldType
    from crm.pipelines.fields import create_field
    from crm.pipelines.reads import load_fields

    for kind in (FieldType.CHOICE, FieldType.MULTI_CHOICE):
        create_field(session, cast.vera, name=kind.value, field_type=kind, options=["North", "South"])
    one, many = load_fields(session)
    north, south = (option.code for option in one.options)
    add_link(session, pipeline, base, conditions=(LinkCondition(one.key, ConditionOp.IS_ONE_OF, (north,)),))
    both = tuple(option.code for option in many.options)
    add_link(session, pipeline, base, conditions=(LinkCondition(many.key, ConditionOp.IS_ONE_OF, both),))
    assert len(children(session, won_deal(session, cast.anna, pipeline, custom={str(one.id): north}))) == 1
    assert len(children(session, won_deal(session, cast.anna, pipeline, custom={str(one.id): south}))) == 0
    assert len(children(session, won_deal(session, cast.anna, pipeline, custom={str(many.id): [both[1]]}))) == 1


# Loops


def test_a_chain_comes_back_with_the_next_round_and_stops_at_the_limit(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    company_id = add_company(session, cast.anna)
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST, kind=LinkKind.REFUSAL_WORK)
    add_link(session, base, pipeline, trigger=LinkTrigger.LOST, max_rounds=3)
    deal_id = add_deal(session, cast.anna, pipeline, company_id=company_id)
    seen = []
    while deal_id:
        deal = session.get_one(Deal, deal_id)
        seen.append((deal.pipeline_id, deal.round))
        lose(session, cast.anna, deal_id, pipeline if deal.pipeline_id == pipeline.id else base)
        born = children(session, deal_id)
        deal_id = born[0].id if born else 0
    assert seen == [
        (pipeline.id, 1), (base.id, 1), (pipeline.id, 2), (base.id, 2), (pipeline.id, 3), (base.id, 3),
    ]  # fmt: skip
    last = runs(session)[-1]
    assert (last.status, last.reason) == (LinkRunStatus.SKIPPED, "max_rounds")
    kind, details = events_of(session, last.deal_id)[-1]
    assert (kind, details["reason_code"], details["pipeline"]) == ("deal.link_skipped", "max_rounds", "First sales")


def test_the_cool_down_puts_the_next_round_off(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST)
    add_link(session, base, base, trigger=LinkTrigger.LOST, cooldown_seconds=90 * DAY_SECONDS)
    source_id = add_deal(session, cast.anna, pipeline)
    lose(session, cast.anna, source_id, pipeline)
    first = only_child(session, source_id)
    lose(session, cast.anna, first.id, base)
    assert children(session, first.id) == []
    run = runs(session)[-1]
    assert (run.status, run.due_at) == (LinkRunStatus.WAITING, first.created_at + timedelta(days=90))
    kind, details = events_of(session, first.id)[-1]
    assert (kind, details["due_at"]) == ("deal.link_waiting", int(run.due_at.timestamp()))


def test_a_return_is_credited_to_the_first_source_and_to_the_refusals(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, pipeline, base, trigger=LinkTrigger.LOST, kind=LinkKind.REFUSAL_WORK, copied=())
    add_link(session, base, pipeline, kind=LinkKind.RETURN, max_rounds=3, copied=())
    first_id = add_deal(session, cast.anna, pipeline, source="exhibition", utm_campaign="spring")
    lose(session, cast.anna, first_id, pipeline)
    refused_deal = only_child(session, first_id)
    assert refused_deal.source is None
    for stage_id in base.stages[1:]:
        move_deal(session, cast.anna, deal_id=refused_deal.id, move=Move(stage_id))
    win_amount(session, refused_deal)
    win(session, cast.anna, refused_deal.id)
    returned = only_child(session, refused_deal.id)
    assert (returned.source, returned.utm_campaign, returned.return_source) == ("exhibition", "spring", "Active base")
    assert (returned.pipeline_id, returned.round) == (pipeline.id, 2)


def win_amount(session: Session, deal: Deal) -> None:
    deal.amount_minor = 100
    session.flush()


def test_a_child_that_lands_on_a_stage_sets_off_the_link_of_that_stage(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows
) -> None:
    third = add_pipeline(session, "Design")
    add_link(session, pipeline, base)
    add_link(session, base, third, trigger=LinkTrigger.STAGE, from_stage_id=base.stages[0])
    source_id = won_deal(session, cast.anna, pipeline)
    grandchild = only_child(session, only_child(session, source_id).id)
    assert grandchild.pipeline_id == third.id


@pytest.mark.parametrize("rounds", [3, 300])
@pytest.mark.parametrize("client", ["company", "contact", None])
def test_a_ring_of_stages_goes_round_once_in_one_click(
    session: Session, cast: Cast, pipeline: PipelineRows, base: PipelineRows, client: str | None, rounds: int
) -> None:
    there = {"trigger": LinkTrigger.STAGE, "from_stage_id": pipeline.stages[1]}
    add_link(session, pipeline, base, **there, to_stage_id=base.stages[1])
    back = {"trigger": LinkTrigger.STAGE, "from_stage_id": base.stages[1], "to_stage_id": pipeline.stages[1]}
    add_link(session, base, pipeline, **back, max_rounds=rounds)
    company_id = add_company(session, cast.anna) if client == "company" else None
    source_id = add_deal(session, cast.anna, pipeline, company_id=company_id)
    if client == "contact":
        session.add(DealContact(deal_id=source_id, contact_id=add_contact(session, cast.anna)))
    move_deal(session, cast.anna, deal_id=source_id, move=Move(pipeline.stages[1]))
    born = only_child(session, source_id)
    assert only_child(session, born.id).pipeline_id == pipeline.id
    assert [(run.status, run.child_deal_id) for run in runs(session)][2:] == [(LinkRunStatus.NOTED, born.id)]
    assert session.scalar(select(func.count()).select_from(Deal)) == 3


def test_a_deal_that_lands_on_the_stage_of_its_own_link_creates_no_other(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    add_link(session, pipeline, pipeline, trigger=LinkTrigger.STAGE, from_stage_id=pipeline.stages[1],
             to_stage_id=pipeline.stages[2], max_rounds=5)  # fmt: skip
    # The stage where new deals begin is retired, so they begin on the first one in use: the link's own.
    for stage_id in (pipeline.stages[0], pipeline.stages[2]):
        session.get_one(Stage, stage_id).retired_at = utc_now()
    source_id = add_deal(session, cast.anna, pipeline, 1)
    fire_links(session, cast.anna, session.get_one(Deal, source_id), LinkTrigger.STAGE)
    child = only_child(session, source_id)
    assert [(run.status, run.reason) for run in runs(session)] == [
        (LinkRunStatus.CREATED, None), (LinkRunStatus.SKIPPED, "went_round"),
    ]  # fmt: skip
    assert events_of(session, child.id)[-1][1]["reason_code"] == "went_round"
