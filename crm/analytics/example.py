"""The example whole: the sales department of crm/imports/demo, and plans that are told from its own sales."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.targets import set_targets
from crm.clock import utc_now
from crm.imports.demo import fill_demo
from crm.imports.journal import Journal
from crm.models import Deal, DealStatus, ImportRow, Role, Target, TargetMetric, User, Workspace
from crm.pipelines.reads import list_pipelines

MONTHS = 5  # with plans, the present one among them
_AMBITION = 1.1  # a plan beside what a month brings on average
_GROWTH = 0.25  # from month to month
_STEP_MINOR = 50_000_00  # a plan is a round sum


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a month in the middle of those planned is to bring; of the company or one pipeline."""

    metric: TargetMetric
    pipeline_id: int | None
    value: float
    user_id: int | None = None


def fill_example(session: Session, actor: Actor, *, language: str) -> int:
    """Put the demo in and set its plans for the last months and this one; return the import's id.

    Plans that a month has already stay. `clear_demo` takes all of it out again.
    Errors: those of `fill_demo`.
    """
    import_id = fill_demo(session, actor, language=language)
    months = _months(utc_now().astimezone(ZoneInfo(session.get_one(Workspace, 1).timezone)).date())
    known = set(session.scalars(select(Target.id)))
    planned = set(session.execute(select(Target.month, Target.metric, Target.whose)).all())
    for plan in _plans(session, import_id):
        whose = f"{plan.pipeline_id or 0}/{plan.user_id or 0}"
        values = {
            month: _value(plan, number)
            for number, month in enumerate(months)
            if (month, plan.metric, whose) not in planned
        }
        set_targets(
            session, actor, values=values, metric=plan.metric, user_id=plan.user_id, pipeline_id=plan.pipeline_id
        )
    journal = Journal(import_id)
    for target_id in sorted(set(session.scalars(select(Target.id))) - known):
        journal.made("target", target_id)
    journal.write(session)
    return import_id


def _plans(session: Session, import_id: int) -> Iterator[_Plan]:
    """Return the plans: for everything and for the first pipeline, of the company, and of each manager the same."""
    made = select(ImportRow.entity_id).where(ImportRow.import_id == import_id)
    managers = session.scalars(
        select(User.id).where(User.id.in_(made.where(ImportRow.entity == "user")), User.role == Role.MANAGER)
    ).all()
    first = [one.id for one in list_pipelines(session)][:1]
    for pipeline_id in (None, *first):
        deals: list[ColumnElement[bool]] = [Deal.id.in_(made.where(ImportRow.entity == "deal"))]
        deals += [Deal.pipeline_id == pipeline_id] if pipeline_id is not None else []
        new = session.scalar(select(func.count()).where(*deals)) or 0
        deals.append(Deal.status == DealStatus.WON)
        won, won_sum = session.execute(select(func.count(), func.sum(Deal.amount_minor)).where(*deals)).one()
        yield _Plan(TargetMetric.NEW_DEALS, pipeline_id, new / MONTHS)
        yield _Plan(TargetMetric.WON_DEALS, pipeline_id, won / MONTHS)
        yield _Plan(TargetMetric.WON_SUM, pipeline_id, int(won_sum or 0) / MONTHS)
        for user_id in managers:
            share = int(won_sum or 0) / MONTHS / len(managers)
            yield _Plan(TargetMetric.WON_SUM, pipeline_id, share, user_id)


def _value(plan: _Plan, number: int) -> int:
    value = plan.value * _AMBITION * (1 + _GROWTH * (number - MONTHS // 2))
    step = _STEP_MINOR if plan.metric is TargetMetric.WON_SUM else 1
    return max(round(value / step), 1) * step


def _months(today: date) -> Sequence[date]:
    """Return the first days of the last months, the oldest first."""
    first = today.year * 12 + today.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(first - MONTHS + 1, first + 1)]
