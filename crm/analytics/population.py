"""Which rows count: the scope and the actor's sight as conditions, and splits of figures as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, ColumnElement, Select, case, literal, or_, select, true, type_coerce
from sqlalchemy.orm import InstrumentedAttribute

from crm.actor import Actor
from crm.analytics.scope import Scope, Span
from crm.analytics.segments import conditions, stored_value
from crm.auth.visibility import deal_visible
from crm.models import Deal, Pipeline, Priority, StageReach, StageVisit, User
from crm.pipelines.values import CUSTOM_PREFIX

# What figures may be split by; besides, the keys of choice fields ("field:12").
OWNER, TEAM, SOURCE, MONTH, WEEK, PRIORITY, PIPELINE = (
    "owner", "team", "source", "month", "week", "priority", "pipeline",
)  # fmt: skip
_WITH_NAMES = frozenset({OWNER, TEAM, PIPELINE})
Column = InstrumentedAttribute[Any] | ColumnElement[Any]


def narrowed(
    query: Select[Any], scope: Scope, actor: Actor, *, fact: type[StageReach | StageVisit], needs_deal: bool = False
) -> Select[Any]:
    """Narrow a query over reaches or visits to the scope's pipelines and to deals that it and the actor's sight allow.

    The deal is joined only where something is asked of it; owners and time are asked by the caller, whose they are.
    """
    query = query.where(pipelines(scope, fact.pipeline_id))
    asked = _deal_conditions(scope)
    if fact is StageReach and actor.visible_owner_ids is None and not asked and not needs_deal:
        return query  # only deals in use have reaches
    return query.join(Deal, Deal.id == fact.deal_id).where(deal_visible(actor), *asked)


def deals_of(query: Select[Any], scope: Scope, actor: Actor) -> Select[Any]:
    """Narrow a query over deals to the scope's pipelines, sources, priorities, segments and the actor's sight."""
    return within_sight(query.where(pipelines(scope, Deal.pipeline_id)), scope, actor)


def within_sight(query: Select[Any], scope: Scope, actor: Actor) -> Select[Any]:
    """Narrow as `deals_of` but for pipelines: for a query that has the deals joined and its own way to pipelines."""
    return query.where(deal_visible(actor), *_deal_conditions(scope))


def pipelines(scope: Scope, column: Column) -> ColumnElement[bool]:
    """Return the condition for the scope's pipelines; all of them stand there by id, so that an index can begin."""
    return column.in_(scope.pipeline_ids) if scope.pipeline_ids else column.in_(select(Pipeline.id))


def within(scope: Scope, column: Column) -> ColumnElement[bool]:
    """Return the condition that an instant lies in the period."""
    return between(column, scope.start_at, scope.end_at)


def between(column: Column, start_at: datetime, end_at: datetime) -> ColumnElement[bool]:
    """Return the condition that an instant is not before the first and before the second."""
    return (column >= start_at) & (column < end_at)


def owned(scope: Scope, column: Column) -> ColumnElement[bool]:
    """Return the condition for the scope's owners and members of its teams; both together are alternatives."""
    if not scope.owner_ids and not scope.team_ids:
        return true()
    members = select(User.id).where(User.team_id.in_(scope.team_ids))
    return or_(column.in_(scope.owner_ids), column.in_(members))


def span_number(column: Column, spans: Sequence[Span]) -> ColumnElement[int]:
    """Return the number of the span in which an instant of the period lies: few comparisons, the zone's own days."""

    def half(first: int, last: int) -> ColumnElement[int]:
        if first == last:
            return literal(first)
        middle = (first + last + 1) // 2
        return case((column < spans[middle].start_at, half(first, middle - 1)), else_=half(middle, last))

    return half(0, len(spans) - 1)


@dataclass(frozen=True, slots=True)
class Split:
    """What a figure's rows are split by: the column to group by, and what its values are.

    `needs_deal` and `needs_user` say what the query has to join; `days` turn a span's number into its first day.
    """

    code: str
    column: ColumnElement[Any]
    needs_deal: bool = False
    needs_user: bool = False
    days: tuple[date, ...] = ()

    @property
    def key(self) -> str:
        """Return the code of the frame's column that names a row of the split."""
        return f"{self.code}_id" if self.code in _WITH_NAMES else self.code

    def chosen(self, key: Mapping[str, Any]) -> ColumnElement[bool]:
        """Return the condition for the split's part that a row of a frame stands for."""
        value = key[self.key]
        if self.days:
            return self.column == self.days.index(value)
        if self.code == PRIORITY:
            value = Priority[value]
        return self.column.is_not_distinct_from(value)


def split_by(by: str, scope: Scope, *, owner: Column, at: Column) -> Split:
    """Return the split of figures whose rows have this owner and this moment.

    A query with `needs_user` joins User on the owner, by an outer join. Errors: KeyError for an unknown split.
    """
    if by == OWNER:
        return Split(by, _plain(owner))
    if by == TEAM:
        return Split(by, _plain(User.team_id), needs_user=True)
    if by in (MONTH, WEEK):
        spans = scope.months() if by == MONTH else scope.weeks()
        return Split(by, span_number(at, spans), days=tuple(one.day for one in spans))
    if by.startswith(CUSTOM_PREFIX):
        return Split(by, custom_value(by), needs_deal=True)
    deal_columns: dict[str, Column] = {SOURCE: Deal.source, PRIORITY: Deal.priority, PIPELINE: Deal.pipeline_id}
    return Split(by, _plain(deal_columns[by]), needs_deal=True)


def custom_value(key: str) -> ColumnElement[Any]:
    """Return a choice field's value on a deal: the option's code, None without one."""
    return cast(ColumnElement[Any], stored_value(key).as_string())


def seconds_between(start: Column, end: Column) -> ColumnElement[int]:
    """Return the seconds from one instant to another, as `value`."""
    whole = BigInteger()
    return cast(ColumnElement[int], (type_coerce(end, whole) - type_coerce(start, whole)).label("value"))


def _plain(column: Column) -> ColumnElement[Any]:
    return cast(ColumnElement[Any], type_coerce(column, column.type))


def _deal_conditions(scope: Scope) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if scope.sources:
        named = Deal.source.in_([one for one in scope.sources if one])
        found.append(or_(named, Deal.source.is_(None)) if "" in scope.sources else named)
    if scope.priorities:
        found.append(Deal.priority.in_(scope.priorities))
    return found + conditions(scope.segments, dict(scope.field_types), scope.currency)
