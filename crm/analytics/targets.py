"""Plans for months: set by heads, listed for those who may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import owner_visible
from crm.errors import Forbidden, InvalidInput, NotFound, Violation
from crm.events import record
from crm.models import Pipeline, Target, TargetMetric, User

MOST = 10**15  # no plan of a small company is larger; what is typed wrong often is

# By which name the journal tells a change: sums as money.
_CHANGED = {
    TargetMetric.WON_SUM: "plan_minor",
    TargetMetric.WON_DEALS: "plan",
    TargetMetric.NEW_DEALS: "plan",
}


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
    if not _fits(value):
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
        person=user, pipeline=pipeline, changes={_CHANGED[metric]: [before, value]},
    )  # fmt: skip


def set_targets(
    session: Session,
    actor: Actor,
    *,
    values: Mapping[date, int | None],
    metric: TargetMetric,
    user_id: int | None = None,
    pipeline_id: int | None = None,
) -> None:
    """Set the plans of several months at once, as `set_target` sets one; a wrong one is named by its month.

    Errors: those of `set_target`.
    """
    require(actor, Action.SET_TARGETS)
    wrong = [Violation("target_out_of_range", f"{month:%Y-%m}") for month, value in values.items() if not _fits(value)]
    if wrong:
        raise InvalidInput(wrong)
    for month, value in sorted(values.items()):
        set_target(
            session, actor, month=month, metric=metric, value=value, user_id=user_id, pipeline_id=pipeline_id
        )  # fmt: skip


def load_targets(session: Session, actor: Actor, months: Sequence[date], metric: TargetMetric) -> list[TargetRow]:
    """Return the plans of these months: the company's, and those of people in the actor's sight."""
    require(actor, Action.SEE_ANALYTICS)
    query = select(Target.month, Target.metric, Target.pipeline_id, Target.user_id, Target.value)
    query = query.where(Target.month.in_(months), Target.metric == metric)
    query = query.where(Target.user_id.is_(None) | owner_visible(actor, Target.user_id))
    return [TargetRow(*row) for row in session.execute(query.order_by(Target.month, Target.whose))]


def _fits(value: int | None) -> bool:
    return value is None or 0 <= value <= MOST
