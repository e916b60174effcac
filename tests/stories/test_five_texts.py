"""The advices of the five texts behind the product, each tried on the trade template as a company would have it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.deals.chain import load_chain
from crm.deals.commands import NewDeal, create_deal
from crm.deals.due_links import due_run_ids, perform_run
from crm.deals.invariants import broken_invariants
from crm.deals.moves import Move, lose_deal, move_deal, win_deal
from crm.deals.next_steps import complete_next_step
from crm.deals.objections import ObjectionPlan, load_objections, record_objection
from crm.deals.removal import remove_deal
from crm.deals.values import CustomValue, DealChanges, DealPart, LossAnswer, StepDone, StepPlan
from crm.errors import Forbidden, InvalidInput, StageRulesBroken
from crm.models import (
    Deal,
    DealStatus,
    FieldType,
    NextStep,
    Pipeline,
    Priority,
    StageVisit,
    StepKind,
    StepResult,
)
from crm.pipelines.linter.runs import load_health
from crm.pipelines.reads import load_pipeline
from crm.pipelines.templates import create_from_template
from crm.pipelines.values import PipelineInfo
from tests.conftest import Cast
from tests.factories import add_company, add_contact, add_pipeline
from tests.refusals import refused

SIX_QUESTIONS = (
    "Чем занимается клиент", "Что покупает", "Какие объёмы", "Как часто возникает потребность и от чего зависит",
    "Кто ещё занимается закупками", "С кем работают сейчас",
)  # fmt: skip
EIGHT_REASONS = (
    "Знает крупных поставщиков и покупает напрямую", "Купил у другой торгующей компании", "Изменения в заявке",
    "Принимает решение", "Условия поставки", "Цена", "Не отвечает", "Другое",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Company:
    """The trading company of text 3, its pipelines made from the template."""

    session: Session
    pipelines: dict[str, PipelineInfo]

    def step(self) -> StepPlan:
        return StepPlan(StepKind.CALL, utc_now() + timedelta(days=1), "Call")

    def answers(self, *, without: tuple[str, ...] = ()) -> dict[int, CustomValue]:
        """Answer every custom field, but for those named."""
        filled: dict[int, CustomValue] = {}
        for field in self.pipelines["Первичные продажи"].fields.values():
            if field.name not in without:
                filled[field.id] = _answer(field.type, field.offered()[0].code if field.options else "")
        return filled

    def known_deal(self, actor: Actor, pipeline: str, *, without: tuple[str, ...] = ()) -> int:
        """Create a deal about which all is known, but for the fields named."""
        changes = DealChanges(
            title="Лист 2 мм, 10 т", amount_minor=32_000_000, priority=Priority.HOT, source="Сайт",
            company_id=add_company(self.session, actor), contacts=(DealPart(add_contact(self.session, actor)),),
            expected_close_on=utc_now().date() + timedelta(days=30), custom=self.answers(without=without),
        )  # fmt: skip
        return create_deal(self.session, actor, NewDeal(self.pipelines[pipeline].id, changes, self.step()))

    def go_on(self, actor: Actor, deal_id: int, times: int = 1) -> None:
        """Move a deal forward, stage by stage."""
        for _ in range(times):
            deal = self.session.get_one(Deal, deal_id)
            pipeline = load_pipeline(self.session, deal.pipeline_id)
            here = pipeline.stage(deal.stage_id)
            assert here is not None
            following = pipeline.next_stage(here)
            known = DealChanges(amount_minor=32_000_000, custom=self.answers())
            move = Move(following.id, changes=known, next_step=self.step())
            move_deal(self.session, actor, deal_id=deal_id, move=move)

    def win(self, actor: Actor, deal_id: int) -> None:
        deal = self.session.get_one(Deal, deal_id)
        open_stages = load_pipeline(self.session, deal.pipeline_id).open_stages
        left = len(open_stages) - 1 - [stage.id for stage in open_stages].index(deal.stage_id)
        self.go_on(actor, deal_id, left)
        win_deal(self.session, actor, deal_id=deal_id, move=Move(0))

    def lose(self, actor: Actor, deal_id: int, reason: str = "Цена") -> None:
        deal = self.session.get_one(Deal, deal_id)
        reasons = load_pipeline(self.session, deal.pipeline_id).active_reasons()
        reason_id = next(one.id for one in reasons if one.name == reason)
        lose_deal(self.session, actor, deal_id=deal_id, move=Move(0, loss=LossAnswer(reason_id)))

    def child(self, deal_id: int) -> Deal:
        """Return the one deal that came of a deal."""
        return self.session.scalars(select(Deal).where(Deal.origin_deal_id == deal_id)).one()

    def pipeline_of(self, deal: Deal) -> str:
        return self.session.scalars(select(Pipeline.name).where(Pipeline.id == deal.pipeline_id)).one()

    def stays(self, deal_id: int) -> list[tuple[int, bool]]:
        """Return stage and whether it is over for each stay of a deal."""
        query = select(StageVisit).where(StageVisit.deal_id == deal_id).order_by(StageVisit.id)
        return [(visit.stage_id, visit.left_at is not None) for visit in self.session.scalars(query)]


@pytest.fixture
def company(session: Session, cast: Cast) -> Company:
    ids = create_from_template(session, cast.vera, template="trade", language="ru")
    pipelines = [load_pipeline(session, pipeline_id) for pipeline_id in ids]
    return Company(session, {pipeline.name: pipeline for pipeline in pipelines})


def _answer(field_type: FieldType, option: str) -> CustomValue:
    if field_type is FieldType.CHOICE:
        return option
    return (utc_now().date() + timedelta(days=30)).isoformat() if field_type is FieldType.DATE else "сообщил клиент"


def bad_pipeline(session: Session, cast: Cast, *stages: str) -> set[str]:
    """Return the codes of what the linter finds in a pipeline of these stages."""
    pipeline_id = add_pipeline(session, " ".join(stages)[:150], stages).id
    return {told.finding.code for told in load_health(session, cast.vera, pipeline_id).told}


# Text 1: a healthy funnel


def test_every_pipeline_has_five_to_eight_stages_named_as_finished_actions(
    session: Session, cast: Cast, company: Company
) -> None:
    assert len(company.pipelines) == 6
    for pipeline in company.pipelines.values():
        health = load_health(session, cast.vera, pipeline.id)
        assert 5 <= len(pipeline.open_stages) <= 8
        assert (health.told, health.score) == ((), 100)


@pytest.mark.parametrize("stage", ["В работе", "На рассмотрении", "Сделка отложена", "Жду звонка"])
def test_swamp_is_found(session: Session, cast: Cast, stage: str) -> None:
    assert "L03" in bad_pipeline(session, cast, "Контакт установлен", stage, "Счёт выставлен")


def test_refusals_are_split_by_reason(session: Session, company: Company) -> None:
    reasons = company.pipelines["Первичные продажи"].active_reasons()
    assert [one.name for one in reasons if one.counts_as_loss] == list(EIGHT_REASONS)
    assert [one.name for one in reasons if one.note_required] == ["Другое"]


def test_hot_deal_carries_its_priority_into_the_next_pipeline(session: Session, cast: Cast, company: Company) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    company.lose(cast.anna, deal_id)
    assert company.child(deal_id).priority is Priority.HOT


# Text 2: objections are no stage


def test_objection_stays_with_the_stage_where_it_was_said_and_is_no_stage(
    session: Session, cast: Cast, company: Company
) -> None:
    assert "L04" in bad_pipeline(session, cast, "Контакт установлен", "Отработка возражений", "Счёт выставлен")
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    company.go_on(cast.anna, deal_id, 3)
    record_objection(session, cast.anna, deal_id=deal_id, plan=ObjectionPlan("Дорого", buys_if="Скидка 3 %"))
    company.go_on(cast.anna, deal_id)
    (objection,) = load_objections(session, cast.anna, deal_id)
    assert (objection.stage, objection.buys_if) == ("Предложение отправлено", "Скидка 3 %")


# Text 3: rules that can't be passed by


def test_deal_goes_only_forward(session: Session, cast: Cast, company: Company) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    company.go_on(cast.anna, deal_id, 2)
    first = company.pipelines["Первичные продажи"].open_stages[0]
    with refused(session, StageRulesBroken) as refusal:
        move_deal(session, cast.anna, deal_id=deal_id, move=Move(first.id, next_step=company.step()))
    assert refusal.told == [("back_not_allowed", "stage")]


def test_no_stage_is_skipped(session: Session, cast: Cast, company: Company) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    third = company.pipelines["Первичные продажи"].open_stages[2]
    with refused(session, StageRulesBroken) as refusal:
        move_deal(session, cast.anna, deal_id=deal_id, move=Move(third.id, next_step=company.step()))
    assert refusal.told == [("skip_not_allowed", "stage")]


def test_need_is_found_only_with_all_six_answers(session: Session, cast: Cast, company: Company) -> None:
    pipeline = company.pipelines["Первичные продажи"]
    deal_id = company.known_deal(cast.anna, "Первичные продажи", without=SIX_QUESTIONS)
    contact_made, need = pipeline.open_stages[1:3]
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(contact_made.id))
    with refused(session, StageRulesBroken) as refusal:
        move_deal(session, cast.anna, deal_id=deal_id, move=Move(need.id, next_step=company.step()))
    assert [code for code, _ in refusal.told] == ["field_missing"] * 6
    assert {pipeline.fields[field].name for _, field in refusal.told if field} == set(SIX_QUESTIONS)
    answered = DealChanges(custom=company.answers())
    move_deal(session, cast.anna, deal_id=deal_id, move=Move(need.id, changes=answered, next_step=company.step()))
    assert session.get_one(Deal, deal_id).stage_id == need.id


def test_open_deal_is_never_left_without_a_next_step(session: Session, cast: Cast, company: Company) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    step_id = session.scalars(select(NextStep.id).where(NextStep.deal_id == deal_id)).one()
    done = StepDone(StepResult.NO_ANSWER, "Не дозвонились")
    with refused(session, InvalidInput) as refusal:
        complete_next_step(session, cast.anna, step_id=step_id, done=done, following=None)
    assert refusal.told == [("step_is_last", "next_step")]


def test_refusal_demands_its_reason_and_other_demands_words(session: Session, cast: Cast, company: Company) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    with refused(session, StageRulesBroken) as refusal:
        lose_deal(session, cast.anna, deal_id=deal_id, move=Move(0))
    assert refusal.told == [("loss_reason_missing", "loss_reason")]
    with refused(session, StageRulesBroken) as refusal:
        company.lose(cast.anna, deal_id, "Другое")
    assert refusal.told == [("loss_note_missing", "loss_note")]


def test_paid_first_sale_goes_on_in_the_active_base_and_both_keep_their_history(
    session: Session, cast: Cast, company: Company
) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    company.win(cast.anna, deal_id)
    won, child = session.get_one(Deal, deal_id), company.child(deal_id)
    first_sales, base = company.pipelines["Первичные продажи"], company.pipelines["Активная база"]
    assert (won.pipeline_id, won.status) == (first_sales.id, DealStatus.WON)
    assert company.stays(deal_id) == [(stage.id, True) for stage in first_sales.open_stages]
    assert (child.pipeline_id, child.status, child.stage_id) == (base.id, DealStatus.OPEN, base.open_stages[0].id)
    assert company.stays(child.id) == [(base.open_stages[0].id, False)]
    assert (child.company_id, child.owner_id, child.source) == (won.company_id, won.owner_id, "Сайт")
    assert child.next_due_at is not None
    assert child.next_due_at > utc_now()
    assert [one.id for one in load_chain(session, cast.anna, child.id).deals] == [deal_id, child.id]


def test_refusals_loop_starts_its_first_stage_again_with_round_two(
    session: Session, cast: Cast, company: Company
) -> None:
    base = company.pipelines["База отказов"]
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    company.lose(cast.anna, deal_id)
    first = company.child(deal_id)
    assert (company.pipeline_of(first), first.round) == ("База отказов", 1)
    _close_refusal(company, cast.anna, first.id)
    _let_links_come_due(company, cast)
    second = company.child(first.id)
    assert (company.pipeline_of(second), second.round) == ("База отказов", 2)
    assert second.stage_id == base.open_stages[0].id
    assert session.get_one(Deal, first.id).status is DealStatus.LOST


def test_refused_client_who_buys_returns_to_first_sales_credited_to_both_sources(
    session: Session, cast: Cast, company: Company
) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    company.lose(cast.anna, deal_id)
    refusal = company.child(deal_id)
    company.win(cast.anna, refusal.id)
    back = company.child(refusal.id)
    assert company.pipeline_of(back) == "Первичные продажи"
    assert (back.source, back.return_source) == ("Сайт", "База отказов")


def test_quote_request_of_the_active_base_is_sold_among_regular_clients(
    session: Session, cast: Cast, company: Company
) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    company.win(cast.anna, deal_id)
    base_deal = company.child(deal_id)
    company.go_on(cast.anna, base_deal.id, len(company.pipelines["Активная база"].open_stages) - 1)
    assert company.pipeline_of(company.child(base_deal.id)) == "Постоянные клиенты"
    assert session.get_one(Deal, base_deal.id).status is DealStatus.OPEN


@pytest.mark.parametrize("pipeline", ["Активная база", "Постоянные клиенты", "Холодные продажи"])
def test_failure_anywhere_goes_to_the_refusal_base(
    session: Session, cast: Cast, company: Company, pipeline: str
) -> None:
    deal_id = company.known_deal(cast.vera, pipeline)
    company.lose(cast.vera, deal_id)
    assert company.pipeline_of(company.child(deal_id)) == "База отказов"


def test_returns_stand_alone(session: Session, cast: Cast, company: Company) -> None:
    for close in (company.win, lambda actor, deal_id: company.lose(actor, deal_id, "Клиент забрал претензию")):
        deal_id = company.known_deal(cast.anna, "Возвраты")
        close(cast.anna, deal_id)
        assert session.scalars(select(Deal.id).where(Deal.origin_deal_id == deal_id)).all() == []


def test_manager_can_not_remove_a_deal(session: Session, cast: Cast, company: Company) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    with refused(session, Forbidden):
        remove_deal(session, cast.anna, deal_id=deal_id, expected_version=1, reason="Портит мне статистику")


# Text 5: seven ways to ruin the analytics


def test_manager_does_not_create_deals_where_links_do(session: Session, cast: Cast, company: Company) -> None:
    with refused(session, InvalidInput) as refusal:
        company.known_deal(cast.anna, "База отказов")
    assert "creation_not_allowed" in [code for code, _ in refusal.told]


@pytest.mark.parametrize("stage", ["Лид из почты", "Лид из ВК", "Лид из Direct"])
def test_source_as_a_stage_is_found(session: Session, cast: Cast, stage: str) -> None:
    assert "L05" in bad_pipeline(session, cast, stage, "Контакт установлен", "Счёт выставлен")


@pytest.mark.parametrize("stage", ["Мусор", "Долгий ящик"])
def test_trash_stage_is_found(session: Session, cast: Cast, stage: str) -> None:
    assert "L06" in bad_pipeline(session, cast, "Контакт установлен", stage, "Счёт выставлен")


def test_won_deal_never_leaves_its_pipeline(session: Session, cast: Cast, company: Company) -> None:
    deal_id = company.known_deal(cast.anna, "Первичные продажи")
    company.win(cast.anna, deal_id)
    elsewhere = company.pipelines["Активная база"].open_stages[0]
    with refused(session, StageRulesBroken) as refusal:
        move_deal(session, cast.vera, deal_id=deal_id, move=Move(elsewhere.id, override_reason="Так было удобнее"))
    assert refusal.told == [("stage_of_other_pipeline", "stage")]
    assert broken_invariants(session, cast.vera) == []


def _close_refusal(company: Company, actor: Actor, deal_id: int) -> None:
    reasons = company.pipelines["База отказов"].active_reasons()
    answer = LossAnswer(next(one.id for one in reasons if not one.note_required))
    lose_deal(company.session, actor, deal_id=deal_id, move=Move(0, loss=answer))


def _let_links_come_due(company: Company, cast: Cast) -> None:
    later = utc_now() + timedelta(days=366)
    for run_id in due_run_ids(company.session, cast.vera, now=later, limit=10):
        perform_run(company.session, cast.vera, run_id=run_id, now=later)
