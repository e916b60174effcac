"""Rows that findings look at: which of them count, whose they are, when they happened; counted in one walk each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, case, false, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.credits import last_owner
from crm.analytics.lost import is_loss
from crm.analytics.population import PIPELINE, Column, Split, deals_of, narrowed, owned, pipelines, split_by, within
from crm.analytics.samples import Key, tally
from crm.analytics.scope import Scope
from crm.analytics.trust.moves import is_move
from crm.analytics.trust.values import Count, Counts, Facts, Finding, Subject
from crm.models import Deal, DealStatus, Pipeline, Stage, StageKind, StageReach, StageVisit, User

_ABOVE = 2**32
_RowsWith = Callable[..., Select[Any]]  # further columns -> the rows with them
MOST_LOOKED_AT, FEWEST_LOOKED_AT = 10_000, 1_000  # of a bounded subject, in all; of each pipeline at least


@dataclass(frozen=True, slots=True)
class _Rows:
    fact: type[Any]
    owner: Column  # who answers for the row
    at: Column  # when it happened
    conditions: Sequence[ColumnElement[bool]] = ()
    is_of_now: bool = False
    is_bounded: bool = False  # the newest alone


@cache
def _rows(subject: Subject) -> _Rows:
    known_owner = case((StageVisit.owner_known, StageVisit.owner_id), else_=None)
    is_open, is_closed = Deal.status == DealStatus.OPEN, Deal.status.in_((DealStatus.WON, DealStatus.LOST))
    ends = select(Stage.id).where(Stage.kind == StageKind.WON)
    kinds = {
        Subject.OPEN: _Rows(Deal, Deal.owner_id, Deal.stage_entered_at, (is_open,), is_of_now=True),
        Subject.NEW: _Rows(Deal, Deal.owner_id, Deal.created_at, (or_(Deal.status != DealStatus.LOST, is_loss()),)),
        Subject.CLOSED: _Rows(Deal, last_owner(), Deal.closed_at, (is_closed,)),
        Subject.ENDS: _Rows(Deal, last_owner(), Deal.closed_at, (is_closed,), is_bounded=True),
        Subject.STAYS: _Rows(StageVisit, known_owner, StageVisit.stay_entered_at),
        Subject.MOVES: _Rows(StageVisit, known_owner, StageVisit.stay_entered_at, (is_move(),), is_bounded=True),
        # Not where deals were born, that is told apart; nor the won end, which nobody skips.
        Subject.REACHES: _Rows(
            StageReach,
            StageReach.owner_id,
            StageReach.reached_at,
            (StageReach.reached_at > StageReach.began_at, StageReach.stage_id.not_in(ends)),
        ),
    }
    return kinds[subject]


def subject_split(subject: Subject, by: str | None, scope: Scope) -> Split | None:
    """Return the split of a subject's rows: they are of who answers for them, and of their moment."""
    rows = _rows(subject)
    if by == PIPELINE:
        return Split(by, rows.fact.pipeline_id.expression)  # the row's own: the deal need not be looked at
    return None if by is None else split_by(by, scope, owner=rows.owner, at=rows.at)


def rows_of(
    subject: Subject, facts: Facts, scope: Scope, actor: Actor, split: Split | None, *columns: Any
) -> Select[Any]:
    """Select columns of a subject's rows within the scope and the actor's sight."""
    rows = _rows(subject)
    if facts.sample is None:
        return _narrowed(rows, scope, actor, split, select(*columns))
    query = select(*columns).select_from(rows.fact).where(rows.fact.id.in_(facts.sample))
    if rows.fact is not Deal:
        query = query.join(Deal, Deal.id == rows.fact.deal_id)
    return query.outerjoin(User, User.id == rows.owner) if split is not None and split.needs_user else query


def with_sample(subject: Subject, facts: Facts, scope: Scope, actor: Actor) -> Facts:
    """Return the facts with the rows that a bounded subject looks at: the newest of each pipeline."""
    rows = _rows(subject)
    if not rows.is_bounded:
        return facts
    if not facts.pipeline_ids:
        return replace(facts, sample=select(rows.fact.id).where(false()))
    newest, most = [], max(MOST_LOOKED_AT // len(facts.pipeline_ids), FEWEST_LOOKED_AT)
    for pipeline_id in facts.pipeline_ids:
        own = replace(scope, pipeline_ids=(pipeline_id,))
        ids = _narrowed(rows, own, actor, None, select(rows.fact.id.label("id")))
        ordered = ids.order_by(rows.at.desc(), rows.fact.id.desc()).limit(most).subquery()
        newest.append(select(ordered.c.id))
    # Named, so that it is worked out once where a finding asks for it again.
    sample = union_all(*newest).cte("sample").prefix_with("MATERIALIZED")
    return replace(facts, sample=select(sample.c.id))


def _narrowed(rows: _Rows, scope: Scope, actor: Actor, split: Split | None, query: Select[Any]) -> Select[Any]:
    query = query.select_from(rows.fact).where(*rows.conditions)
    if not rows.is_of_now:
        query = query.where(within(scope, rows.at))
    if rows.fact is Deal:
        query = deals_of(query, scope, actor)
    elif rows.fact is StageVisit and not rows.conditions and _needs_no_deal(scope, actor, split):
        query = query.where(pipelines(scope, StageVisit.pipeline_id), StageVisit.deal_id.not_in(_out_of_use()))
    else:
        needs_deal = rows.fact is StageVisit or (split is not None and split.needs_deal)
        query = narrowed(query, scope, actor, fact=rows.fact, needs_deal=needs_deal)
    if split is not None and split.needs_user:
        query = query.outerjoin(User, User.id == rows.owner)
    return query.where(owned(scope, rows.owner)) if scope.owner_ids or scope.team_ids else query


def _needs_no_deal(scope: Scope, actor: Actor, split: Split | None) -> bool:
    """Tell whether nothing is asked of the deals of visits but that they are in use: few are not."""
    asked = scope.sources or scope.priorities or scope.segments or (split is not None and split.needs_deal)
    return actor.visible_owner_ids is None and not asked


def _out_of_use() -> Select[Any]:
    # By pipeline and status, as an index has them.
    return select(Deal.id).where(
        Deal.pipeline_id.in_(select(Pipeline.id)), Deal.status.in_((DealStatus.REMOVED, DealStatus.MERGED))
    )


def behind_finding(
    finding: Finding, facts: Facts, scope: Scope, actor: Actor, split: Split | None, *, only_found: bool
) -> Select[Any]:
    """Select the deals that a finding looks at, or only those that it names: a row for each thing counted."""
    rows = _rows(finding.subject)
    deal_id = Deal.id if rows.fact is Deal else rows.fact.deal_id
    facts = with_sample(finding.subject, facts, scope, actor)
    query = rows_of(finding.subject, facts, scope, actor, split, deal_id.label("deal_id"), rows.at.label("at"))
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
    facts = with_sample(findings[0].subject, facts, scope, actor)
    columns = [column.label(name) for name, column in grouped.items()]
    rows = partial(rows_of, findings[0].subject, facts, scope, actor, split, *columns)
    # Rows of one owner lie apart: SQLite would sort all of them to group them.
    is_sorted = not grouped or (split is not None and split.code == PIPELINE)
    counts = (_summed if is_sorted else _tallied)(session, rows, facts, findings)
    return {key if keys else key[0] if key else None: named for key, named in counts.items()}


def _summed(session: Session, rows: _RowsWith, facts: Facts, findings: Sequence[Finding]) -> dict[Key, Counts]:
    """Count by a sum for each finding, in which those found stand above all those looked at."""
    marks = [
        _mark(one, facts, looked_at=1, found=_ABOVE + 1).label(f"mark_{place}") for place, one in enumerate(findings)
    ]
    # Grouped outside: a part may be worked out with a query of its own, once for each row.
    listed = list(rows(*marks).subquery().c)
    parts, sums = listed[: -len(marks)], [func.coalesce(func.sum(one), 0) for one in listed[-len(marks) :]]
    counts: dict[Key, Counts] = {}
    for row in session.execute(select(*parts, *sums).group_by(*parts)):
        both = [divmod(int(one), _ABOVE) for one in row[len(parts) :]]
        counts[tuple(row[: len(parts)])] = {
            one.code: Count(found=found, looked_at=looked_at)
            for one, (found, looked_at) in zip(findings, both, strict=True)
        }
    return counts


def _tallied(session: Session, rows: _RowsWith, facts: Facts, findings: Sequence[Finding]) -> dict[Key, Counts]:
    """Count by how many rows each part has of each set of marks, worked out by numpy.

    The marks are the digits of a number to the base of three; a key of `tally` has room for those of eight findings.
    """
    code: ColumnElement[int] = literal(0, BigInteger)
    for place, one in enumerate(findings):
        code = code + _mark(one, facts, looked_at=1, found=2) * 3**place
    counts: dict[Key, dict[str, Count]] = {}
    for (*key, marks), number in tally(session, rows(code.label("marks"))).items():
        named = counts.setdefault(tuple(key), {one.code: Count() for one in findings})
        for place, one in enumerate(findings):
            mark, before = marks // 3**place % 3, named[one.code]
            if mark:
                found = before.found + (number if mark == 2 else 0)
                named[one.code] = Count(found=found, looked_at=before.looked_at + number)
    return dict(counts)


def _mark(finding: Finding, facts: Facts, *, looked_at: int, found: int) -> ColumnElement[int]:
    """Return one number for what a finding makes of a row, so that what is dear to know is asked for once."""
    is_found = case((finding.found(facts), literal(found, BigInteger)), else_=literal(looked_at, BigInteger))
    return case((finding.looked_at(facts), is_found), else_=literal(0, BigInteger))
