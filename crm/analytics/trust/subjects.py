"""Rows that findings look at: which of them count, whose they are, when they happened; counted in one walk each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.credits import last_owner
from crm.analytics.lost import is_loss
from crm.analytics.population import Column, Split, deals_of, narrowed, owned, split_by, within
from crm.analytics.scope import Scope
from crm.analytics.trust.values import Count, Counts, Facts, Finding, Subject
from crm.models import Deal, DealStatus, StageReach, StageVisit, User


@dataclass(frozen=True, slots=True)
class _Rows:
    fact: type[Any]
    owner: Column  # who answers for the row
    at: Column  # when it happened
    conditions: Sequence[ColumnElement[bool]] = ()
    is_of_now: bool = False


def _rows(subject: Subject) -> _Rows:
    known_owner = case((StageVisit.owner_known, StageVisit.owner_id), else_=None)
    is_open, is_closed = Deal.status == DealStatus.OPEN, Deal.status.in_((DealStatus.WON, DealStatus.LOST))
    kinds = {
        Subject.OPEN: _Rows(Deal, Deal.owner_id, Deal.stage_entered_at, (is_open,), is_of_now=True),
        Subject.NEW: _Rows(Deal, Deal.owner_id, Deal.created_at, (or_(Deal.status != DealStatus.LOST, is_loss()),)),
        Subject.CLOSED: _Rows(Deal, last_owner(), Deal.closed_at, (is_closed,)),
        Subject.STAYS: _Rows(StageVisit, known_owner, StageVisit.stay_entered_at),
        # Not where deals were born: that is told apart.
        Subject.REACHES: _Rows(
            StageReach, StageReach.owner_id, StageReach.reached_at, (StageReach.reached_at > StageReach.began_at,)
        ),
    }
    return kinds[subject]


def subject_split(subject: Subject, by: str | None, scope: Scope) -> Split | None:
    """Return the split of a subject's rows: they are of who answers for them, and of their moment."""
    rows = _rows(subject)
    return None if by is None else split_by(by, scope, owner=rows.owner, at=rows.at)


def rows_of(subject: Subject, scope: Scope, actor: Actor, split: Split | None, *columns: Any) -> Select[Any]:
    """Select columns of a subject's rows within the scope and the actor's sight."""
    rows = _rows(subject)
    query = select(*columns).select_from(rows.fact).where(*rows.conditions)
    if not rows.is_of_now:
        query = query.where(within(scope, rows.at))
    if rows.fact is Deal:
        query = deals_of(query, scope, actor)
    else:
        needs_deal = rows.fact is StageVisit or (split is not None and split.needs_deal)
        query = narrowed(query, scope, actor, fact=rows.fact, needs_deal=needs_deal)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == rows.owner)
    return query.where(owned(scope, rows.owner)) if scope.owner_ids or scope.team_ids else query


def behind_finding(
    finding: Finding, facts: Facts, scope: Scope, actor: Actor, split: Split | None, *, only_found: bool
) -> Select[Any]:
    """Select the deals that a finding looks at, or only those that it names: a row for each thing counted."""
    rows = _rows(finding.subject)
    deal_id = Deal.id if rows.fact is Deal else rows.fact.deal_id
    query = rows_of(finding.subject, scope, actor, split, deal_id.label("deal_id"), rows.at.label("at"))
    query = query.where(finding.looked_at(facts))
    return query.where(finding.found(facts)) if only_found else query


def count_findings(
    session: Session,
    actor: Actor,
    scope: Scope,
    facts: Facts,
    findings: Sequence[Finding],
    *,
    split: Split | None = None,
    keys: Mapping[str, Column] | None = None,
) -> dict[Any, Counts]:
    """Count what findings of one subject name, by the split's value or by the columns `keys`; in one walk."""
    grouped = dict(keys or ({"part": split.column} if split else {}))
    marks = []
    for number, one in enumerate(findings):
        looked = one.looked_at(facts)
        marks += [
            case((looked, 1), else_=0).label(f"looked_{number}"),
            case((and_(looked, one.found(facts)), 1), else_=0).label(f"found_{number}"),
        ]
    # Grouped outside: a part may be worked out with a query of its own, once for each row.
    columns = [column.label(name) for name, column in grouped.items()]
    listed = rows_of(findings[0].subject, scope, actor, split, *columns, *marks).subquery()
    parts = [listed.c[name] for name in grouped]
    sums = [func.coalesce(func.sum(listed.c[mark.key]), 0) for mark in marks]
    found: dict[Any, Counts] = {}
    for row in session.execute(select(*parts, *sums).group_by(*parts)):
        key, numbers = row[: len(parts)], [int(one) for one in row[len(parts) :]]
        named = {
            one.code: Count(found=numbers[2 * number + 1], looked_at=numbers[2 * number])
            for number, one in enumerate(findings)
        }
        found[key if keys else key[0] if key else None] = named
    return found
