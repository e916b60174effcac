"""The board of a pipeline: columns with counts, sums and their first cards; closing zones with this month's results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.auth.visibility import owner_visible
from crm.clock import utc_now
from crm.deals.board_found import load_found
from crm.deals.finding import text_condition
from crm.models import Company, Contact, Deal, DealContact, DealStatus, Priority, User
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import PipelineInfo, StageInfo

CARDS_SHOWN = 50
_ENDS = (DealStatus.WON, DealStatus.LOST)
_CARD_COLUMNS = (
    Deal.id, Deal.version, Deal.stage_id, Deal.title, Deal.company_id, Deal.owner_id, Deal.amount_minor,
    Deal.currency, Deal.priority, Deal.next_due_at, Deal.stage_entered_at,
)  # fmt: skip


class StepState(StrEnum):
    """What a deal's nearest next step tells: the colour of its card."""

    NONE = "none"
    OVERDUE = "overdue"
    TODAY = "today"
    LATER = "later"


class BoardSort(StrEnum):
    """Order of the cards in a column; deals without a next step lead in both."""

    NEXT_STEP = "next_step"
    HOT_FIRST = "hot_first"


@dataclass(frozen=True, slots=True)
class BoardFilter:
    """Which deals of a pipeline a board shows; empty sets do not narrow. `shown` widens single columns.

    The closing zones are narrowed too, but for `step_states`, which closed deals don't have.
    """

    pipeline_id: int
    owner_ids: frozenset[int] = frozenset()
    priorities: frozenset[Priority] = frozenset()
    sources: frozenset[str] = frozenset()
    step_states: frozenset[StepState] = frozenset()
    text: str = ""
    sort: BoardSort = BoardSort.NEXT_STEP
    shown: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Total:
    """Count of deals and sums by currency, in minor units."""

    count: int
    sums: Mapping[str, int]


_NOTHING = Total(0, {})


@dataclass(frozen=True, slots=True)
class BoardCard:
    """A deal on the board."""

    id: int
    version: int
    title: str
    client: str | None
    owner_id: int
    owner_name: str
    amount_minor: int | None
    currency: str
    priority: Priority
    next_due_at: datetime | None
    step_state: StepState
    stage_entered_at: datetime


@dataclass(frozen=True, slots=True)
class BoardColumn:
    """An open stage with its first cards; `total` counts all of them."""

    stage: StageInfo
    total: Total
    cards: tuple[BoardCard, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A pipeline's board; `won` and `lost` are what was closed since the month began in the reader's zone."""

    pipeline: PipelineInfo
    columns: tuple[BoardColumn, ...]
    won: Total
    lost: Total


def load_board(session: Session, actor: Actor, wanted: BoardFilter) -> Board:
    """Return the board of a pipeline as the actor may see it.

    Errors: NotFound for an unknown pipeline.
    """
    pipeline = load_pipeline(session, wanted.pipeline_id)
    now = utc_now()
    day_end = end_of_day(now, actor.timezone)
    chosen = _conditions(session, actor, wanted)
    states = [_in_state(state, now, day_end) for state in sorted(wanted.step_states)]
    is_open = and_(Deal.status == DealStatus.OPEN, or_(*states)) if states else Deal.status == DealStatus.OPEN
    is_closed = and_(Deal.status.in_(_ENDS), Deal.closed_at >= _month_began(now, actor.timezone))
    if wanted.text.strip():
        totals, rows = _found(session, pipeline, wanted, [or_(is_open, is_closed), *chosen])
        won, lost = (totals.get(stage.id, _NOTHING) for stage in (pipeline.won_stage, pipeline.lost_stage))
    else:
        totals = _totals(session, Deal.stage_id, pipeline.id, [is_open, *chosen])
        rows = _card_rows(session, pipeline, wanted, [is_open, *chosen])
        ends = _totals(session, Deal.status, pipeline.id, [is_closed, *chosen])
        won, lost = (ends.get(status, _NOTHING) for status in _ENDS)
    owners, companies, people = _names(session, rows)
    cards: dict[int, list[BoardCard]] = defaultdict(list)
    for row in rows:
        cards[row.stage_id].append(
            BoardCard(
                id=row.id,
                version=row.version,
                title=row.title,
                client=companies.get(row.company_id) or people.get(row.id),
                owner_id=row.owner_id,
                owner_name=owners[row.owner_id],
                amount_minor=row.amount_minor,
                currency=row.currency,
                priority=row.priority,
                next_due_at=row.next_due_at,
                step_state=step_state(row.next_due_at, now, day_end),
                stage_entered_at=row.stage_entered_at,
            )
        )
    columns = tuple(
        BoardColumn(stage, totals.get(stage.id, _NOTHING), tuple(cards[stage.id])) for stage in pipeline.open_stages
    )
    return Board(pipeline, columns, won, lost)


def board_sources(session: Session, actor: Actor, pipeline_id: int) -> list[str]:
    """Return the sources of the pipeline's open deals, by name: the choices of the filter."""
    query = (
        select(Deal.source)
        .where(Deal.pipeline_id == pipeline_id, Deal.status == DealStatus.OPEN, Deal.source.is_not(None))
        .where(owner_visible(actor, Deal.owner_id))
        .distinct()
        .order_by(Deal.source)
        .limit(200)
    )
    return [source for source in session.scalars(query) if source]


def step_state(due_at: datetime | None, now: datetime, day_end: datetime) -> StepState:
    """Return what a nearest step's date tells."""
    if due_at is None:
        return StepState.NONE
    if due_at < now:
        return StepState.OVERDUE
    return StepState.TODAY if due_at < day_end else StepState.LATER


def end_of_day(now: datetime, timezone: str) -> datetime:
    """Return the instant at which today ends in a zone."""
    zone = ZoneInfo(timezone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).astimezone(UTC)


def _conditions(session: Session, actor: Actor, wanted: BoardFilter) -> list[ColumnElement[bool]]:
    # Without the states of next steps: closed deals have none.
    found: list[ColumnElement[bool]] = [owner_visible(actor, Deal.owner_id)]
    if wanted.owner_ids:
        found.append(Deal.owner_id.in_(sorted(wanted.owner_ids)))
    if wanted.priorities:
        found.append(Deal.priority.in_(sorted(wanted.priorities)))
    if wanted.sources:
        found.append(Deal.source.in_(sorted(wanted.sources)))
    if wanted.text.strip():
        found.append(text_condition(session, actor, wanted.text))
    return found


def _in_state(state: StepState, now: datetime, day_end: datetime) -> ColumnElement[bool]:
    return {
        StepState.NONE: Deal.next_due_at.is_(None),
        StepState.OVERDUE: Deal.next_due_at < now,
        StepState.TODAY: and_(Deal.next_due_at >= now, Deal.next_due_at < day_end),
        StepState.LATER: Deal.next_due_at >= day_end,
    }[state]


def _totals(
    session: Session, by: InstrumentedAttribute[Any], pipeline_id: int, conditions: Iterable[ColumnElement[bool]]
) -> dict[int, Total]:
    query = (
        select(by, Deal.currency, func.count(), func.coalesce(func.sum(Deal.amount_minor), 0))
        .where(Deal.pipeline_id == pipeline_id, *conditions)
        .group_by(by, Deal.currency)
    )
    sums: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for key, currency, count, amount in session.execute(query):
        sums[key].append((currency, count, int(amount)))
    return {key: _total(parts) for key, parts in sums.items()}


def _total(parts: Iterable[tuple[str, int, int]]) -> Total:
    listed = list(parts)
    return Total(sum(count for _, count, _ in listed), {currency: amount for currency, _, amount in listed if amount})


def _found(
    session: Session, pipeline: PipelineInfo, wanted: BoardFilter, conditions: list[ColumnElement[bool]]
) -> tuple[dict[int, Total], list[Any]]:
    shown = {stage.id: wanted.shown.get(stage.id, CARDS_SHOWN) for stage in pipeline.open_stages}
    of_pipeline = [Deal.pipeline_id == pipeline.id, *conditions]
    found = load_found(session, _CARD_COLUMNS, of_pipeline, _order(wanted.sort), shown)
    return {stage_id: _total(parts) for stage_id, parts in found.sums.items()}, list(found.rows)


def _card_rows(
    session: Session, pipeline: PipelineInfo, wanted: BoardFilter, conditions: Iterable[ColumnElement[bool]]
) -> list[Any]:
    parts: list[Select[Any]] = []
    for stage in pipeline.open_stages:
        # One small query a column, each a walk along its index; a window function would sort the whole pipeline.
        part = (
            select(*_CARD_COLUMNS)
            .where(Deal.pipeline_id == pipeline.id, Deal.stage_id == stage.id, *conditions)
            .order_by(*_order(wanted.sort))
            .limit(wanted.shown.get(stage.id, CARDS_SHOWN))
            .subquery()
        )
        parts.append(select(part))
    return list(session.execute(union_all(*parts))) if parts else []


def _order(sort: BoardSort) -> tuple[Any, ...]:
    due = Deal.next_due_at.asc().nulls_first()
    return (due, Deal.id) if sort is BoardSort.NEXT_STEP else (Deal.priority, due, Deal.id)


def _names(session: Session, rows: list[Any]) -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
    owner_ids = {row.owner_id for row in rows}
    company_ids = {row.company_id for row in rows if row.company_id is not None}
    alone = [row.id for row in rows if row.company_id is None]
    owners = _name_by_id(session, select(User.id, User.name).where(User.id.in_(owner_ids)), owner_ids)
    companies = _name_by_id(session, select(Company.id, Company.name).where(Company.id.in_(company_ids)), company_ids)
    people = _name_by_id(
        session,
        select(DealContact.deal_id, Contact.name)
        .join(Contact, Contact.id == DealContact.contact_id)
        .where(DealContact.deal_id.in_(alone), DealContact.position == 0),
        alone,
    )
    return owners, companies, people


def _name_by_id(session: Session, query: Select[int, str], wanted: Iterable[int]) -> dict[int, str]:
    return dict(session.execute(query).all()) if wanted else {}


def _month_began(now: datetime, timezone: str) -> datetime:
    return now.astimezone(ZoneInfo(timezone)).replace(day=1, hour=0, minute=0, second=0)
