"""Plans for a month: set by heads, read beside the facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.population import MONTH, OWNER, owned
from crm.analytics.scope import Scope
from crm.analytics.values import Ask
from crm.auth.permissions import Action, require
from crm.auth.visibility import owner_visible
from crm.errors import Forbidden, InvalidInput, NotFound, Violation
from crm.events import record
from crm.models import Pipeline, Target, TargetMetric, User

MOST = 10**15  # no plan of a small company is larger; what is typed wrong often is


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A plan: of whom (None: the company), of which pipeline (None: all), for which month, how much."""

    month: date
    metric: TargetMetric
    pipeline_id: int | None
    user_id: int | None
    value: int


def set_target(
    session: Session,
    actor: Actor,
    *,
    month: date,
    metric: TargetMetric,
    value: int | None,
    user_id: int | None = None,
    pipeline_id: int | None = None,
) -> None:
    """Set the plan of a month, or take it back with None; `month` is any of its days.

    Heads of a team plan for people in their sight; for the company, whoever sees everybody.
    Errors: Forbidden; NotFound; InvalidInput.
    """
    require(actor, Action.SET_TARGETS)
    if user_id is None and actor.visible_owner_ids is not None:
        raise Forbidden(action=Action.SET_TARGETS.value)
    user = session.scalar(select(User.name).where(User.id == user_id, owner_visible(actor, User.id)))
    if user_id is not None and user is None:
        raise NotFound(entity="user", id=user_id)
    pipeline = session.scalar(select(Pipeline.name).where(Pipeline.id == pipeline_id))
    if pipeline_id is not None and pipeline is None:
        raise NotFound(entity="pipeline", id=pipeline_id)
    if value is not None and not 0 <= value <= MOST:
        raise InvalidInput([Violation("target_out_of_range", "value")])
    first = month.replace(day=1)
    whose = f"{pipeline_id or 0}/{user_id or 0}"
    query = select(Target).where(Target.month == first, Target.metric == metric, Target.whose == whose)
    row = session.scalars(query.with_for_update()).one_or_none()
    before = row.value if row else None
    if before == value:
        return
    if row is None:
        row = Target(month=first, metric=metric, pipeline_id=pipeline_id, user_id=user_id, whose=whose, value=0)
        session.add(row)
    if value is None:
        session.delete(row)
    else:
        row.value = value
        row.version = (row.version or 0) + 1
    session.flush()
    record(
        session, actor, "target.set", "target", row.id, month=first.isoformat(), metric=metric.value,
        person=user, pipeline=pipeline, changes={"value": [before, value]},
    )  # fmt: skip


def load_targets(session: Session, actor: Actor, months: Sequence[date], metric: TargetMetric) -> list[TargetRow]:
    """Return the plans of these months: the company's, and those of people in the actor's sight."""
    require(actor, Action.SEE_ANALYTICS)
    query = select(Target.month, Target.metric, Target.pipeline_id, Target.user_id, Target.value)
    query = query.where(Target.month.in_(months), Target.metric == metric)
    query = query.where(Target.user_id.is_(None) | owner_visible(actor, Target.user_id))
    return [TargetRow(*row) for row in session.execute(query.order_by(Target.month, Target.whose))]


def plans_of(session: Session, actor: Actor, ask: Ask) -> Callable[[Any], int | None]:
    """Return the plan of the won sum for each grouped value of a split; None where none was set, or none can be.

    A scope of whole months has a plan: people's are summed where it is narrowed to people, else the company's counts,
    and where that isn't set, the sum of all people's. One pipeline has its own; several, or all, the one for all.
    """
    months = ask.scope.months()
    if ask.by not in (None, MONTH, OWNER) or (ask.by != MONTH and not _is_of_whole_months(ask.scope)):
        return lambda value: None
    rows = _rows(session, actor, ask.scope, [one.day for one in months])
    if ask.by == OWNER:
        return lambda value: _sum(row for row in rows if row.user_id == value and row.user_id is not None)
    whole = [row for row in rows if row.user_id is None]
    is_of_people = bool(ask.scope.owner_ids or ask.scope.team_ids or not whole)
    chosen = [row for row in rows if row.user_id is not None] if is_of_people else whole

    def planned(value: Any) -> int | None:
        return _sum(row for row in chosen if ask.by is None or row.month == months[value].day)

    return planned


def _rows(session: Session, actor: Actor, scope: Scope, months: Sequence[date]) -> list[TargetRow]:
    query = select(Target.month, Target.metric, Target.pipeline_id, Target.user_id, Target.value)
    query = query.where(Target.month.in_(months), Target.metric == TargetMetric.WON_SUM)
    of_one = scope.pipeline_ids[0] if len(scope.pipeline_ids) == 1 else 0
    query = query.where(func.coalesce(Target.pipeline_id, 0) == of_one)
    if actor.visible_owner_ids is None:
        query = query.where(Target.user_id.is_(None) | owned(scope, Target.user_id))
    else:  # facts of few, so no plan of all
        query = query.where(owned(scope, Target.user_id), Target.user_id.in_(sorted(actor.visible_owner_ids)))
    return [TargetRow(*row) for row in session.execute(query)]


def _is_of_whole_months(scope: Scope) -> bool:
    return scope.since.day == 1 and (scope.until + timedelta(days=1)).day == 1


def _sum(rows: Iterable[TargetRow]) -> int | None:
    values = [row.value for row in rows]
    return sum(values) if values else None
