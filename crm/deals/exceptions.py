"""What went past the rules: moves with a written reason, counted by rule and by person, and removed deals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, func, or_, select
from sqlalchemy.orm import Session, aliased

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible, owner_visible
from crm.models import Deal, DealRemoval, DealStatus, Pipeline, RuleOverride, Stage, User

_Start, _End = aliased(Stage), aliased(Stage)
_Restorer = aliased(User)
Place = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class ExceptionFilter:
    """Which exceptions are meant; None does not narrow. The period includes its beginning and leaves out its end.

    `rule` is the code of a passed rule; removals have none.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor_id: int | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """A move that passed rules; `rules` are codes of violations."""

    id: int
    at: datetime
    deal_id: int
    deal_title: str
    pipeline: str
    from_stage: str
    to_stage: str
    rules: tuple[str, ...]
    reason: str
    author: str | None

    @property
    def place(self) -> Place:
        """Return the row's place in the order of the list."""
        return self.at, self.id


@dataclass(frozen=True, slots=True)
class OverrideCounts:
    """How many moves passed rules, how often each rule was passed, and by whom: (user id, name, moves)."""

    moves: int
    by_rule: tuple[tuple[str, int], ...]
    by_person: tuple[tuple[int, str, int], ...]


@dataclass(frozen=True, slots=True)
class RemovalRow:
    """A deal that was taken out; `stage_id` is where it stood, `is_open` whether it was worked then."""

    id: int
    at: datetime
    deal_id: int
    deal_title: str
    pipeline_id: int
    pipeline: str
    stage_id: int
    owner: str
    reason: str
    author: str | None
    restored_at: datetime | None
    restored_by: str | None

    @property
    def place(self) -> Place:
        """Return the row's place in the order of the list."""
        return self.at, self.id


def list_overrides(
    session: Session, actor: Actor, wanted: ExceptionFilter, *, after: Place | None = None, limit: int = 50
) -> list[OverrideRow]:
    """Return moves of visible deals that passed rules, newest first; `after` is the place of the last one seen.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_EXCEPTIONS)
    query = (
        select(
            RuleOverride.id, RuleOverride.at, Deal.id, Deal.title, Pipeline.name, _Start.name, _End.name,
            RuleOverride.rules, RuleOverride.reason, User.name,
        )
        .join(Deal, Deal.id == RuleOverride.deal_id)
        .join(Pipeline, Pipeline.id == Deal.pipeline_id)
        .join(_Start, _Start.id == RuleOverride.from_stage_id)
        .join(_End, _End.id == RuleOverride.to_stage_id)
        .outerjoin(User, User.id == RuleOverride.actor_id)
        .where(deal_visible(actor), *_override_conditions(wanted))
    )  # fmt: skip
    rows = session.execute(_paged(query, RuleOverride, after, limit))
    return [
        OverrideRow(number, at, deal_id, title, pipeline, start, end, tuple(rules), reason, author)
        for number, at, deal_id, title, pipeline, start, end, rules, reason, author in rows
    ]


def count_overrides(session: Session, actor: Actor, wanted: ExceptionFilter) -> OverrideCounts:
    """Count the moves that `list_overrides` lists, by rule and by person, most often first.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_EXCEPTIONS)
    counted = func.count(RuleOverride.id)
    query = (
        select(RuleOverride.rules, RuleOverride.actor_id, User.name, counted)
        .join(Deal, Deal.id == RuleOverride.deal_id)
        .outerjoin(User, User.id == RuleOverride.actor_id)
        .where(deal_visible(actor), *_override_conditions(wanted))
        .group_by(RuleOverride.rules, RuleOverride.actor_id, User.name)
    )
    rules: Counter[str] = Counter()
    people: Counter[tuple[int, str]] = Counter()
    for codes, user_id, name, count in session.execute(query):
        rules.update(dict.fromkeys(codes, count))
        people[user_id or 0, name or ""] += count
    return OverrideCounts(
        moves=people.total(),
        by_rule=tuple(rules.most_common()),
        by_person=tuple((user_id, name, count) for (user_id, name), count in people.most_common()),
    )


def list_removals(
    session: Session,
    actor: Actor,
    wanted: ExceptionFilter,
    *,
    with_restored: bool = False,
    after: Place | None = None,
    limit: int = 50,
) -> list[RemovalRow]:
    """Return removed deals of visible owners, the last removed first, those that came back only where asked for.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_EXCEPTIONS)
    owner, author = aliased(User), aliased(User)
    query = (
        select(
            DealRemoval.id, DealRemoval.at, Deal.id, Deal.title, Deal.pipeline_id, Pipeline.name, Deal.stage_id,
            owner.name, DealRemoval.reason, author.name, DealRemoval.restored_at, _Restorer.name,
        )
        .join(Deal, Deal.id == DealRemoval.deal_id)
        .join(Pipeline, Pipeline.id == Deal.pipeline_id)
        .join(owner, owner.id == Deal.owner_id)
        .outerjoin(author, author.id == DealRemoval.actor_id)
        .outerjoin(_Restorer, _Restorer.id == DealRemoval.restored_by)
        .where(owner_visible(actor, Deal.owner_id), *_conditions(DealRemoval, wanted))
    )  # fmt: skip
    if not with_restored:
        query = query.where(DealRemoval.restored_at.is_(None), Deal.status == DealStatus.REMOVED)
    return [RemovalRow(*row) for row in session.execute(_paged(query, DealRemoval, after, limit))]


def _override_conditions(wanted: ExceptionFilter) -> list[ColumnElement[bool]]:
    found = _conditions(RuleOverride, wanted)
    if wanted.rule is not None:
        # A list of codes is the same text in both databases: ["back_not_allowed", "skip_not_allowed"].
        found.append(cast(RuleOverride.rules, Text).contains(f'"{wanted.rule}"', autoescape=True))
    return found


def _conditions(table: Any, wanted: ExceptionFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(table.at >= wanted.since)
    if wanted.until is not None:
        found.append(table.at < wanted.until)
    if wanted.actor_id is not None:
        found.append(table.actor_id == wanted.actor_id)
    return found


def _paged(query: Select[*tuple[Any, ...]], table: Any, after: Place | None, limit: int) -> Select[*tuple[Any, ...]]:
    if after is not None:
        moment, number = after
        query = query.where(table.at <= moment, or_(table.at < moment, and_(table.at == moment, table.id < number)))
    return query.order_by(table.at.desc(), table.id.desc()).limit(limit)
