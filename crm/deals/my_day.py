"""A person's day: steps overdue and due today, open deals without a step, hot ones first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import deal_visible, owner_visible
from crm.clock import utc_now
from crm.deals.board import end_of_day
from crm.models import Company, Contact, Deal, DealContact, DealStatus, NextStep, Priority, Stage, StepKind

ITEMS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class DayItem:
    """A deal to work on today; the step's fields are None for a deal that has none."""

    deal_id: int
    title: str
    client: str | None
    stage_name: str
    amount_minor: int | None
    currency: str
    priority: Priority
    step_id: int | None
    step_kind: StepKind | None
    step_text: str | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class MyDay:
    """The first items of each group, hot first, then by date; the counts are of all."""

    overdue: tuple[DayItem, ...]
    today: tuple[DayItem, ...]
    without_step: tuple[DayItem, ...]
    overdue_count: int
    today_count: int
    later_count: int
    without_step_count: int


def load_my_day(session: Session, actor: Actor, *, owner_id: int, shown: int = ITEMS_SHOWN) -> MyDay:
    """Return the day of one person; nothing at all for a person the actor doesn't see."""
    now = utc_now()
    day_end = end_of_day(now, actor.timezone)
    overdue, today, later = _step_counts(session, actor, owner_id, now, day_end)
    late = NextStep.due_at < now
    due_today = and_(NextStep.due_at >= now, NextStep.due_at < day_end)
    return MyDay(
        overdue=_step_items(session, actor, owner_id, late, shown) if overdue else (),
        today=_step_items(session, actor, owner_id, due_today, shown) if today else (),
        without_step=_stepless_items(session, actor, owner_id, shown),
        overdue_count=overdue,
        today_count=today,
        later_count=later,
        without_step_count=_stepless_count(session, actor, owner_id),
    )


def _step_counts(
    session: Session, actor: Actor, owner_id: int, now: datetime, day_end: datetime
) -> tuple[int, int, int]:
    group = case((NextStep.due_at < now, 0), (NextStep.due_at < day_end, 1), else_=2)
    query = (
        select(group, func.count())
        .join(Deal, Deal.id == NextStep.deal_id)
        .where(NextStep.owner_id == owner_id, NextStep.done_at.is_(None), deal_visible(actor))
        .group_by(group)
    )
    counts = {int(key): count for key, count in session.execute(query)}
    return counts.get(0, 0), counts.get(1, 0), counts.get(2, 0)


def _step_items(
    session: Session, actor: Actor, owner_id: int, when: ColumnElement[bool], shown: int
) -> tuple[DayItem, ...]:
    query = (
        select(
            Deal.id, Deal.title, _client(), Stage.name, Deal.amount_minor, Deal.currency, Deal.priority,
            NextStep.id, NextStep.kind, NextStep.text, NextStep.due_at,
        )
        .join(Deal, Deal.id == NextStep.deal_id)
        .join(Stage, Stage.id == Deal.stage_id)
        .where(NextStep.owner_id == owner_id, NextStep.done_at.is_(None), when, deal_visible(actor))
        .order_by(Deal.priority, NextStep.due_at, NextStep.id)
        .limit(shown)
    )  # fmt: skip
    return tuple(DayItem(*row) for row in session.execute(query))


def _stepless_items(session: Session, actor: Actor, owner_id: int, shown: int) -> tuple[DayItem, ...]:
    query = (
        select(Deal.id, Deal.title, _client(), Stage.name, Deal.amount_minor, Deal.currency, Deal.priority)
        .join(Stage, Stage.id == Deal.stage_id)
        .where(*_stepless(actor, owner_id))
        .order_by(Deal.priority, Deal.id)
        .limit(shown)
    )
    return tuple(DayItem(*row, None, None, None, None) for row in session.execute(query))


def _stepless_count(session: Session, actor: Actor, owner_id: int) -> int:
    return session.scalar(select(func.count()).select_from(Deal).where(*_stepless(actor, owner_id))) or 0


def _stepless(actor: Actor, owner_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Deal.owner_id == owner_id,
        Deal.status == DealStatus.OPEN,
        Deal.next_due_at.is_(None),
        owner_visible(actor, Deal.owner_id),
    )


def _client() -> ColumnElement[str | None]:
    company = select(Company.name).where(Company.id == Deal.company_id).scalar_subquery()
    person = (
        select(Contact.name)
        .join(DealContact, DealContact.contact_id == Contact.id)
        .where(DealContact.deal_id == Deal.id, DealContact.position == 0)
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(company, person)
