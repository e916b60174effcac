"""How deals went through a pipeline of late: figures that the database adds up, never a table read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Select, and_, case, exists, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from crm.auth.visibility import deal_in_use
from crm.clock import utc_now
from crm.models import Deal, DealStatus, NextStep, StageVisit, Team, User, VisitOutcome
from crm.pipelines.linter.limits import DEFAULTS, Limits
from crm.pipelines.values import PipelineInfo

SAMPLE = 1000  # the newest won deals, lost deals and beginnings speak for the others
HOUR, DAY = 3600, 86400
_PASSED = (VisitOutcome.FORWARD, VisitOutcome.WON)
_FINE_DAYS = 3  # ages are told by the hour up to here, by the day beyond


@dataclass(frozen=True, slots=True)
class Intake:
    """Deals that came to a stage, of the newest ones: how many, how many began here, and with which source most."""

    entries: int = 0
    began: int = 0
    top_source: str | None = None
    top_count: int = 0


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage's figures; counts of the period but for open deals, which are those of now.

    `in_count` and `out_count` are of the last `still_days`; `short_count` is of stays under an hour; `won_judged` won
    deals that could have come by, `won_past` of them never did.
    """

    open_count: int = 0
    no_task_count: int = 0
    median_age_seconds: int | None = None
    in_count: int = 0
    out_count: int = 0
    left_count: int = 0
    passed_count: int = 0
    short_count: int = 0
    won_judged: int = 0
    won_past: int = 0
    intake: Intake = Intake()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The figures of a pipeline as of `now`; `since` begins the period."""

    now: datetime
    since: datetime
    still_since: datetime
    stages: Mapping[int, StageFigures]
    median_age_seconds: int | None = None
    moves: int = 0  # between working stages
    back_moves: Mapping[tuple[int, int], int] = field(default_factory=dict)  # (from, to) -> count
    back_deals: Mapping[int, int] = field(default_factory=dict)  # from -> deals, each told once
    losses: int = 0
    losses_since: datetime | None = None
    losses_by_reason: Mapping[int, int] = field(default_factory=dict)
    team_stages: Mapping[str, Mapping[int, int]] = field(default_factory=dict)  # team -> stage -> entries

    @property
    def open_count(self) -> int:
        """Return how many open deals the pipeline has."""
        return sum(stage.open_count for stage in self.stages.values())


class _Visits(NamedTuple):
    stage_id: int
    owner_id: int
    outcome: VisitOutcome
    entered: int
    entered_of_late: int
    left: int
    left_of_late: int
    short: int
    first_at: datetime


_COUNTS = ("entered", "entered_of_late", "left", "left_of_late", "short")


def load_behaviour(session: Session, pipeline: PipelineInfo, limits: Limits = DEFAULTS) -> Behaviour:
    """Return how everybody's deals went through a pipeline."""
    now = utc_now()
    since, still_since = now - timedelta(days=limits.period_days), now - timedelta(days=limits.still_days)
    ids = [stage.id for stage in pipeline.open_stages]
    visits = _without_merged(session, _visits(ids, since, still_since))
    ages = _ages(session, pipeline.id, now)
    first_seen = _first_seen(visits)
    won = _won_past(session, pipeline.id, first_seen, since)
    intake = _intake(session, pipeline.id, since)
    losses, losses_since = _losses(session, pipeline.id, since)
    return Behaviour(
        now=now,
        since=since,
        still_since=still_since,
        stages={one: _stage_figures(one, visits, ages, won, intake) for one in ids},
        median_age_seconds=_median([row for row in ages if row.stage_id in ids]),
        moves=sum(row.left for row in visits if row.outcome in {VisitOutcome.FORWARD, VisitOutcome.BACK}),
        back_moves=_back_moves(session, ids, since),
        back_deals=_back_deals(session, ids, since),
        losses=sum(losses.values()),
        losses_since=losses_since,
        losses_by_reason=losses,
        team_stages=_team_stages(session, visits),
    )


def seconds(column: Any) -> Any:
    """Return an instant as the whole seconds it is stored in."""
    return type_coerce(column, BigInteger)


def no_task(now: datetime) -> Any:
    """Return the condition of deals without a step that lies ahead."""
    ahead = exists().where(NextStep.deal_id == Deal.id, NextStep.done_at.is_(None), NextStep.due_at >= now)
    return or_(Deal.next_due_at.is_(None), and_(Deal.next_due_at < now, ~ahead))


def _count(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _visits(stage_ids: Sequence[int], since: datetime, still_since: datetime) -> Select[*tuple[Any, ...]]:
    # One walk over the index ix_stage_visits_cell, which holds all of it in this order.
    stay = seconds(StageVisit.left_at) - seconds(StageVisit.entered_at)
    return (
        select(
            StageVisit.stage_id,
            StageVisit.owner_id,
            StageVisit.outcome,
            _count(StageVisit.entered_at >= since).label("entered"),
            _count(StageVisit.entered_at >= still_since).label("entered_of_late"),
            _count(StageVisit.left_at >= since).label("left"),
            _count(StageVisit.left_at >= still_since).label("left_of_late"),
            _count(and_(StageVisit.left_at >= since, stay < HOUR)).label("short"),
            func.min(StageVisit.entered_at).label("first_at"),
        )
        .where(StageVisit.stage_id.in_(stage_ids))
        .group_by(StageVisit.stage_id, StageVisit.owner_id, StageVisit.outcome)
    )


def _without_merged(session: Session, query: Select[*tuple[Any, ...]]) -> list[_Visits]:
    """Return the groups of stays without those of merged deals: the purchase is counted at the survivor.

    These are few and found by their own index; left out inside the one walk they would cost it its index.
    """
    merged = select(Deal.id).where(Deal.merged_into_id.is_not(None))
    out = {row[:3]: row for row in session.execute(query.where(StageVisit.deal_id.in_(merged)))}
    groups = [_Visits(*row) for row in session.execute(query)]
    for at, group in enumerate(groups):
        less = out.get(group[:3])
        if less is not None:
            groups[at] = group._replace(**{name: getattr(group, name) - getattr(less, name) for name in _COUNTS})
    return groups


def _ages(session: Session, pipeline_id: int, now: datetime) -> list[Any]:
    age = int(now.timestamp()) - seconds(Deal.stage_entered_at)
    # Rounded inside: a server compares bound values of SELECT and GROUP BY by name, and they have two names.
    here = (
        select(
            Deal.stage_id,
            case((age < _FINE_DAYS * DAY, age // HOUR * HOUR), else_=age // DAY * DAY).label("age"),
            case((no_task(now), 1), else_=0).label("no_task"),
        )
        .where(Deal.pipeline_id == pipeline_id, Deal.status == DealStatus.OPEN)
        .subquery()
    )
    query = select(
        here.c.stage_id, here.c.age, func.count().label("deals"), func.sum(here.c.no_task).label("no_task")
    ).group_by(here.c.stage_id, here.c.age)
    return list(session.execute(query))


def _first_seen(visits: Sequence[Any]) -> dict[int, datetime]:
    seen: dict[int, datetime] = {}
    for row in visits:
        seen[row.stage_id] = min(row.first_at, seen.get(row.stage_id, row.first_at))
    return seen


def _won_past(
    session: Session, pipeline_id: int, first_seen: Mapping[int, datetime], since: datetime
) -> dict[int, tuple[int, int]]:
    """Return by stage how many won deals are younger than its first visit, and how many of them never came by."""
    won = newest_closed(pipeline_id, DealStatus.WON, since).subquery()
    columns = []
    for stage_id, first_at in first_seen.items():
        been = exists().where(StageVisit.deal_id == won.c.id, StageVisit.stage_id == stage_id)
        could = won.c.created_at >= first_at
        columns += [_count(could).label(f"judged_{stage_id}"), _count(and_(could, ~been)).label(f"past_{stage_id}")]
    if not columns:
        return {}
    row = session.execute(select(*columns).select_from(won)).one()
    return {one: (getattr(row, f"judged_{one}"), getattr(row, f"past_{one}")) for one in first_seen}


def newest_closed(pipeline_id: int, status: DealStatus, since: datetime) -> Select[*tuple[Any, ...]]:
    """Return the newest deals of a pipeline that ended so, SAMPLE at most."""
    return (
        select(Deal.id, Deal.created_at, Deal.closed_at, Deal.loss_reason_id)
        .where(Deal.pipeline_id == pipeline_id, Deal.status == status, Deal.closed_at >= since)
        .order_by(Deal.closed_at.desc(), Deal.owner_id.desc())
        .limit(SAMPLE)
    )


def newest_begun(pipeline_id: int, since: datetime) -> Select[*tuple[Any, ...]]:
    """Return the newest deals of a pipeline, SAMPLE at most."""
    return (
        select(Deal.id, Deal.source)
        .where(Deal.pipeline_id == pipeline_id, Deal.created_at >= since, deal_in_use())
        .order_by(Deal.id.desc())
        .limit(SAMPLE)
    )


def _intake(session: Session, pipeline_id: int, since: datetime) -> dict[int, Intake]:
    begun = newest_begun(pipeline_id, since).subquery()
    place = func.row_number().over(
        partition_by=StageVisit.deal_id, order_by=(StageVisit.entered_at, StageVisit.id)
    )  # fmt: skip
    stays = (
        select(StageVisit.stage_id, begun.c.source, (place == 1).label("began"))
        .join(begun, begun.c.id == StageVisit.deal_id)
        .where(StageVisit.is_first)
        .subquery()
    )
    query = select(stays.c.stage_id, stays.c.source, stays.c.began, func.count()).group_by(
        stays.c.stage_id, stays.c.source, stays.c.began
    )
    entries: Counter[int] = Counter()
    sources: dict[int, Counter[str | None]] = defaultdict(Counter)
    for stage_id, source, began, count in session.execute(query):
        entries[stage_id] += count
        if began:
            sources[stage_id][source] += count
    return {one: _intake_of(entries[one], sources[one]) for one in entries}


def _intake_of(entries: int, sources: Counter[str | None]) -> Intake:
    named = [(source, count) for source, count in sources.most_common() if source]
    top, count = named[0] if named else (None, 0)
    return Intake(entries, sources.total(), top, count)


def _losses(session: Session, pipeline_id: int, since: datetime) -> tuple[dict[int, int], datetime | None]:
    lost = newest_closed(pipeline_id, DealStatus.LOST, since).subquery()
    query = select(lost.c.loss_reason_id, func.count(), func.min(lost.c.closed_at)).group_by(lost.c.loss_reason_id)
    rows = [(reason, count, first) for reason, count, first in session.execute(query) if reason is not None]
    return {reason: count for reason, count, _first in rows}, min((first for *_, first in rows), default=None)


def _back_moves(session: Session, stage_ids: Sequence[int], since: datetime) -> dict[tuple[int, int], int]:
    query = (
        select(StageVisit.stage_id, StageVisit.next_stage_id, func.count())
        .where(*went_back(stage_ids, since))
        .group_by(StageVisit.stage_id, StageVisit.next_stage_id)
    )
    return {(start, end): count for start, end, count in session.execute(query) if end and end in stage_ids}


def _back_deals(session: Session, stage_ids: Sequence[int], since: datetime) -> dict[int, int]:
    query = select(StageVisit.stage_id, func.count(StageVisit.deal_id.distinct())).where(*went_back(stage_ids, since))
    return dict(session.execute(query.group_by(StageVisit.stage_id)).all())


def went_back(stage_ids: Sequence[int], since: datetime) -> tuple[Any, ...]:
    """Return the conditions of stays on these stages that ended by going back."""
    merged = select(Deal.id).where(Deal.merged_into_id.is_not(None))
    return (
        StageVisit.stage_id.in_(stage_ids), StageVisit.outcome == VisitOutcome.BACK, StageVisit.left_at >= since,
        StageVisit.deal_id.not_in(merged),
    )  # fmt: skip


def _team_stages(session: Session, visits: Sequence[Any]) -> dict[str, dict[int, int]]:
    query = select(User.id, Team.name).join(Team, Team.id == User.team_id)
    team_of = dict(session.execute(query).all())
    entries: dict[str, dict[int, int]] = defaultdict(dict)
    for row in visits:
        team = team_of.get(row.owner_id)
        if team is not None and row.entered:
            entries[team][row.stage_id] = entries[team].get(row.stage_id, 0) + row.entered
    return dict(entries)


def _stage_figures(
    stage_id: int,
    visits: Sequence[Any],
    ages: Sequence[Any],
    won: Mapping[int, tuple[int, int]],
    intake: Mapping[int, Intake],
) -> StageFigures:
    stays = [row for row in visits if row.stage_id == stage_id]
    ended = [row for row in stays if row.outcome is not VisitOutcome.HANDOVER]
    handed_over = [row for row in stays if row.outcome is VisitOutcome.HANDOVER]
    here = [row for row in ages if row.stage_id == stage_id]
    judged, past = won.get(stage_id, (0, 0))
    return StageFigures(
        open_count=sum(row.deals for row in here),
        no_task_count=sum(row.no_task for row in here),
        median_age_seconds=_median(here),
        # A hand-over opens another stay: nobody came.
        in_count=max(0, sum(row.entered_of_late for row in stays) - sum(row.left_of_late for row in handed_over)),
        out_count=sum(row.left_of_late for row in ended),
        left_count=sum(row.left for row in ended),
        passed_count=sum(row.left for row in ended if row.outcome in _PASSED),
        short_count=sum(row.short for row in ended),
        won_judged=judged,
        won_past=past,
        intake=intake.get(stage_id, Intake()),
    )


def _median(ages: Sequence[Any]) -> int | None:
    counts: Counter[int] = Counter()
    for row in ages:
        counts[int(row.age)] += row.deals
    middle = (counts.total() + 1) // 2
    for age in sorted(counts):
        middle -= counts[age]
        if middle <= 0 and counts:
            return age
    return None
