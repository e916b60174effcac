"""Each finding of data trust, over deals whose history is written by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts.trust import CHART
from crm.analytics.scope import whole_scope
from crm.analytics.trust import subjects
from crm.analytics.trust.findings import FINDINGS
from crm.analytics.values import Ask
from crm.clock import utc_now
from crm.models import (
    Activity,
    ActivityKind,
    Channel,
    Deal,
    DealContact,
    FieldDefinition,
    FieldType,
    NextStep,
    RequirementMoment,
    RuleOverride,
    Stage,
    StageRequirement,
    StageVisit,
    StepKind,
    StepResult,
)
from tests.analytics.histories import Came, add_history, day
from tests.analytics.sample import add_sample
from tests.analytics.test_contract import asks, wrong_cells
from tests.conftest import Cast
from tests.factories import PipelineRows, add_company, add_contact, add_deal, add_pipeline

HOUR = timedelta(hours=1)


@pytest.fixture
def sales(session: Session, cast: Cast) -> PipelineRows:
    """Return a pipeline of four stages."""
    return add_pipeline(session)


def ask_of(session: Session, by: str | None = None, **narrowing: Any) -> Ask:
    return Ask(replace(whole_scope(session), **narrowing), by)


def named(session: Session, actor: Actor, code: str, door: str = "found") -> list[int]:
    """Return the deals behind a finding, in order; the frame must say as many."""
    ask = ask_of(session)
    row = next(one for one in CHART.frame(session, actor, ask).to_dict("records") if one["finding"] == code)
    ids = sorted(session.scalars(select(CHART.behind(session, actor, ask, row, door).subquery().c.deal_id)))
    assert len(ids) == row[door]
    return ids


def work(session: Session, deal_id: int, at: datetime) -> None:
    session.add(Activity(deal_id=deal_id, kind=ActivityKind.CALL, text="Talked", at=at))
    session.flush()


def do_step(session: Session, actor: Actor, deal_id: int, at: datetime, result: StepResult = StepResult.DONE) -> None:
    session.add(
        NextStep(
            deal_id=deal_id, kind=StepKind.CALL, text="Call", due_at=at, owner_id=actor.user_id, created_at=at,
            done_at=at, result=result,
        )
    )  # fmt: skip
    session.flush()


def test_deals_without_a_step_ahead_and_with_a_late_one(session: Session, cast: Cast, sales: PipelineRows) -> None:
    fine = add_deal(session, cast.anna, sales)
    bare = add_deal(session, cast.anna, sales, due_in=None)
    just_late = add_deal(session, cast.anna, sales, due_in=-HOUR)
    late = add_deal(session, cast.anna, sales, due_in=timedelta(days=-2))
    assert named(session, cast.anna, "no_step") == [bare, just_late, late]
    assert named(session, cast.anna, "no_step", "looked_at") == [fine, bare, just_late, late]
    assert named(session, cast.anna, "late_step") == [late]
    assert named(session, cast.anna, "late_step", "looked_at") == [fine, just_late, late]


def test_fields_that_the_present_stage_asks_for_are_empty(session: Session, cast: Cast, sales: PipelineRows) -> None:
    size = FieldDefinition(name="Size", type=FieldType.NUMBER, options=[], position=0)
    off = FieldDefinition(name="Old", type=FieldType.TEXT, options=[], position=1, is_active=False)
    session.add_all([size, off])
    session.flush()
    first, second, third, _last = sales.stages
    for builtin in ("amount", "company", "contact", "source", "expected_close_on"):
        session.add(StageRequirement(stage_id=second, builtin=builtin))
    session.add(StageRequirement(stage_id=third, field_id=size.id))
    session.add(StageRequirement(stage_id=third, field_id=off.id))  # nobody can fill it
    session.add(StageRequirement(stage_id=first, moment=RequirementMoment.EXIT, builtin="source"))  # not yet asked
    session.flush()
    add_deal(session, cast.anna, sales, 0)
    zero = add_deal(session, cast.anna, sales, 2, custom={str(size.id): 0})
    lacks_size = add_deal(session, cast.anna, sales, 2, custom={str(off.id): "x"})
    whole = {"source": "site", "expected_close_on": date(2026, 5, 1), "company_id": None}
    company = add_company(session, cast.anna)
    filled = {**whole, "company_id": company}
    full, *lacking = (
        add_deal(session, cast.anna, sales, 1, **one)
        for one in (
            filled, {**filled, "amount_minor": 0}, whole, {**filled, "source": ""}, filled,
            {**filled, "expected_close_on": None},
        )
    )  # fmt: skip
    person = add_contact(session, cast.anna)
    session.add_all(DealContact(deal_id=one, contact_id=person) for one in (full, *lacking[:3], lacking[4]))
    session.flush()
    assert named(session, cast.anna, "empty_field") == sorted([lacks_size, *lacking])
    assert named(session, cast.anna, "empty_field", "looked_at") == sorted([zero, lacks_size, full, *lacking])


def test_deals_past_the_norm_or_far_past_the_usual_stay(session: Session, cast: Cast, sales: PipelineRows) -> None:
    first = sales.stages[0]
    session.execute(update(Stage).where(Stage.id == first).values(norm_seconds=3600))
    now = utc_now()
    add_deal(session, cast.anna, sales, 0, stage_entered_at=now - HOUR / 2)
    past_norm = add_deal(session, cast.anna, sales, 0, stage_entered_at=now - 2 * HOUR)
    add_deal(session, cast.anna, sales, 1, stage_entered_at=now - timedelta(days=5))
    past_usual = add_deal(session, cast.anna, sales, 1, stage_entered_at=now - timedelta(days=7))
    assert named(session, cast.anna, "too_long", "looked_at") == sorted(
        named(session, cast.anna, "no_step", "looked_at")[:2]
    )
    ago = (now - day(0)).days
    for number in range(10):  # ten stays of two days make the median
        add_history(session, sales, [Came(0, ago - 30, cast.boris), Came(1, ago - 20, cast.boris)],
                    won=ago - 18, title=f"won {number}")  # fmt: skip
    assert named(session, cast.anna, "too_long") == [past_norm, past_usual]
    assert len(named(session, cast.anna, "too_long", "looked_at")) == 4


def test_moves_and_ends_long_after_the_work(session: Session, cast: Cast, sales: PipelineRows) -> None:
    anna = cast.anna
    prompt = add_history(session, sales, [Came(0, 0, anna), Came(1, 10, anna)], won=20)
    late = add_history(session, sales, [Came(0, 0, anna), Came(1, 10, anna)], won=20)
    never_worked = add_history(session, sales, [Came(0, 0, anna), Came(1, 10, anna)], won=20)
    brought = add_history(
        session, sales, [Came(0, 0, anna), Came(1, 10, anna)], lost=20, created_channel=Channel.IMPORT
    )
    session.execute(update(StageVisit).where(StageVisit.deal_id == brought).values(channel=Channel.IMPORT))
    work(session, prompt, day(8))
    do_step(session, anna, prompt, day(18))
    work(session, late, day(8) - timedelta(seconds=1))
    do_step(session, anna, late, day(17))
    do_step(session, anna, late, day(20), StepResult.CANCELLED)  # what the end of a deal cancels is nothing done
    work(session, brought, day(1))
    assert named(session, anna, "late_move") == [late, brought]
    assert named(session, anna, "late_move", "looked_at") == [prompt, late, brought]
    assert named(session, anna, "late_close") == [late, brought]
    assert named(session, anna, "late_close", "looked_at") == [prompt, late, brought]
    assert named(session, anna, "sterile") == [never_worked]
    assert named(session, anna, "sterile", "looked_at") == [prompt, late, never_worked]


def test_imported_deal_is_sterile_only_where_something_of_it_is_known(
    session: Session, cast: Cast, sales: PipelineRows
) -> None:
    brought = {"won": 1 / 48, "created_channel": Channel.IMPORT}
    add_history(session, sales, [Came(0, 0, cast.anna)], **brought)
    known = add_history(session, sales, [Came(0, 0, cast.anna)], **brought)
    work(session, known, day(0))
    assert named(session, cast.anna, "sterile") == named(session, cast.anna, "sterile", "looked_at") == [known]


def test_won_within_an_hour_is_sterile_though_worked_on(session: Session, cast: Cast, sales: PipelineRows) -> None:
    minutes = 59 / 60 / 24
    quick = add_history(session, sales, [Came(0, 0, cast.anna)], won=minutes)
    slower = add_history(session, sales, [Came(0, 0, cast.anna)], won=1 / 24)
    for one in (quick, slower):
        work(session, one, day(0))
    assert named(session, cast.anna, "sterile") == [quick]


def test_five_moves_within_ten_minutes_are_a_heap(session: Session, cast: Cast, sales: PipelineRows) -> None:
    minute = 1 / 24 / 60
    heap = [_moved(session, cast.anna, sales, 5 + number * 2.5 * minute) for number in range(5)]
    single = _moved(session, cast.anna, sales, 5 + 30 * minute)
    four = [_moved(session, cast.boris, sales, 5 + number * minute) for number in range(4)]
    at_once = [_moved(session, cast.boris, sales, 8) for _number in range(6)]  # one act: a stage was retired
    by_head = [_moved(session, cast.anton, sales, 5 + number * minute) for number in range(5)]
    session.execute(update(StageVisit).where(StageVisit.deal_id.in_(by_head)).values(actor_id=cast.boris.user_id))
    new = [add_history(session, sales, [Came(0, 6 + number * minute, cast.anna)]) for number in range(5)]
    found = named(session, cast.vera, "burst")
    assert found == heap
    looked = named(session, cast.vera, "burst", "looked_at")
    assert looked == sorted([*heap, single, *four, *at_once])
    assert not set(new) & set(looked)


def _moved(session: Session, actor: Actor, sales: PipelineRows, at: float) -> int:
    return add_history(session, sales, [Came(0, 0, actor), Came(1, at, actor)])


def test_stages_skipped_and_deals_born_late(session: Session, cast: Cast, sales: PipelineRows) -> None:
    anna = cast.anna
    step_by_step = add_history(session, sales, [Came(0, 0, anna), Came(1, 1, anna)])
    won_at_once = add_history(session, sales, [Came(3, 0, anna)], won=1)
    jumped = add_history(session, sales, [Came(0, 0, anna), Came(2, 1, anna)])
    came_back = add_history(session, sales, [Came(0, 0, anna), Came(2, 1, anna), Came(1, 2, anna)])
    born = add_history(session, sales, [Came(2, 0, anna)])
    born_where_allowed = add_history(session, sales, [Came(1, 0, anna)])
    brought = add_history(session, sales, [Came(3, 0, anna)], created_channel=Channel.IMPORT)
    session.execute(update(Stage).where(Stage.id == sales.stages[1]).values(accepts_new=True))
    assert named(session, anna, "skipped") == [jumped, came_back]
    assert named(session, anna, "skipped", "looked_at") == [step_by_step, jumped, jumped, came_back, came_back]
    assert named(session, anna, "born_late") == [won_at_once, born]
    assert won_at_once not in named(session, anna, "skipped", "looked_at")  # nobody skips the win
    assert brought not in named(session, anna, "born_late", "looked_at")
    assert born_where_allowed in named(session, anna, "born_late", "looked_at")


def test_ways_back_and_rules_passed(session: Session, cast: Cast, sales: PipelineRows) -> None:
    anna = cast.anna
    back = add_history(session, sales, [Came(0, 0, anna), Came(1, 1, anna), Came(0, 2, anna)])
    passed = add_history(session, sales, [Came(0, 0, anna), Came(1, 1, anna)], won=3)
    visit_id = session.scalars(select(StageVisit.id).where(StageVisit.deal_id == passed)).first()
    session.add(
        RuleOverride(
            deal_id=passed, visit_id=visit_id, from_stage_id=sales.stages[0], to_stage_id=sales.stages[1],
            rules=["field_missing"], reason="The client pays today", at=day(1),
        )
    )  # fmt: skip
    session.flush()
    assert named(session, anna, "went_back") == [back]
    assert named(session, anna, "rule_passed") == [passed]
    assert named(session, anna, "went_back", "looked_at") == [back, back, passed, passed]


def test_what_is_not_told_of_deals(session: Session, cast: Cast, sales: PipelineRows) -> None:
    anna = cast.anna
    typed = add_history(session, sales, [Came(0, 0, anna)], source="")
    brought = add_history(session, sales, [Came(0, 0, anna)], source="site", created_channel=Channel.API)
    free = add_history(session, sales, [Came(0, 0, anna)], won=2, amount_minor=0, source="site")
    paid = add_history(session, sales, [Came(0, 0, anna)], won=2, source="site")
    test = add_history(session, sales, [Came(0, 0, anna)], lost=2, reason=2)
    lost = add_history(session, sales, [Came(0, 0, anna)], lost=2, source="site")
    assert named(session, anna, "no_source") == [typed]
    assert named(session, anna, "no_source", "looked_at") == [typed, brought, free, paid, lost]  # invalid ones aside
    assert named(session, anna, "by_hand") == [typed, free, paid, lost]
    assert named(session, anna, "no_amount") == [free]
    assert named(session, anna, "no_amount", "looked_at") == [free, paid]
    assert named(session, anna, "invalid") == [test]
    assert named(session, anna, "invalid", "looked_at") == [test, lost]


def test_findings_of_a_period_are_of_that_period(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_history(session, sales, [Came(0, 0, cast.anna)], won=2, amount_minor=None)
    add_history(session, sales, [Came(0, 40, cast.anna)], won=42, amount_minor=None)
    february = {"since": date(2026, 2, 1), "until": date(2026, 2, 28)}
    frame = CHART.frame(session, cast.anna, ask_of(session, **february))
    counts = {one["finding"]: one["looked_at"] for one in frame.to_dict("records")}
    assert (counts["no_amount"], counts["no_source"]) == (1, 1)


def test_manager_is_told_of_own_deals_and_owners_stand_apart(session: Session, cast: Cast, sales: PipelineRows) -> None:
    add_deal(session, cast.anna, sales, due_in=None)
    add_deal(session, cast.boris, sales)
    ask = ask_of(session, "owner")
    by_owner = {
        (one["owner"], one["finding"]): (one["found"], one["looked_at"], one["share"])
        for one in CHART.frame(session, cast.boris, ask).to_dict("records")
    }
    names = {cast.anna.name: (1, 1, 100.0), cast.boris.name: (0, 1, 0.0)}
    assert {name: by_owner[name, "no_step"] for name in names} == names
    alone = CHART.frame(session, cast.anna, ask)
    assert set(alone["owner"]) == {cast.anna.name}
    assert len(alone) == len(FINDINGS)


@pytest.mark.parametrize("who", ["anna", "boris", "vera"])
def test_every_number_opens_its_deals_on_a_base_full_of_faults(session: Session, cast: Cast, who: str) -> None:
    sample = add_sample(session, cast)
    session.add(StageRequirement(stage_id=sample.sales.stages[0], builtin="company"))
    session.execute(update(Stage).where(Stage.id == sample.sales.stages[1]).values(norm_seconds=60))
    for deal_id in sample.deals.values():
        work(session, deal_id, day(5))
    session.execute(update(Deal).where(Deal.id == sample.deals["open"]).values(next_due_at=day(40)))
    whole = asks(session, CHART)
    narrowings: tuple[dict[str, Any], ...] = (
        {"owner_ids": (cast.boris.user_id,)}, {"sources": ("", "site")}, {"pipeline_ids": (sample.care.id,)},
    )  # fmt: skip
    narrow = [replace(one, scope=replace(one.scope, **narrowing)) for narrowing in narrowings for one in whole]
    wrong, seen = wrong_cells(session, getattr(cast, who), CHART, [*whole, *narrow])
    assert wrong == []
    assert seen > 100


def test_dear_findings_look_at_the_newest_of_each_pipeline(
    session: Session, cast: Cast, sales: PipelineRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    care = add_pipeline(session, name="Care")
    older, newer = (_moved(session, cast.anna, sales, at) for at in (3, 5))
    elsewhere = _moved(session, cast.anna, care, 4)
    closed = [add_history(session, sales, [Came(0, 0, cast.anna)], won=end) for end in (9, 8)]
    for deal_id in (older, newer, elsewhere, *closed):
        work(session, deal_id, day(0))
    monkeypatch.setattr(subjects, "MOST_LOOKED_AT", 2)
    monkeypatch.setattr(subjects, "FEWEST_LOOKED_AT", 1)
    assert named(session, cast.anna, "late_move", "looked_at") == [newer, elsewhere]
    assert named(session, cast.anna, "burst", "looked_at") == [newer, elsewhere]
    assert named(session, cast.anna, "late_close", "looked_at") == [closed[0]]
    assert named(session, cast.anna, "no_amount", "looked_at") == closed
