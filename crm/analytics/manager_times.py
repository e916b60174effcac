"""How long owners' visits to stages last, against the median of all: who is clearly faster or slower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.analytics.intervals import ENOUGH, wilson
from crm.analytics.population import seconds_between
from crm.analytics.stays import VISITOR, visits
from crm.analytics.values import Ask
from crm.models import StageVisit

FASTER, SLOWER, ALIKE, FEW = "faster", "slower", "alike", "few"
_SECONDS = 3600
_NOBODY = 0  # no id: stands for an unknown owner inside, as joins find no NULL
_LASTED = seconds_between(StageVisit.entered_at, StageVisit.left_at)


@dataclass(frozen=True, slots=True)
class Times:
    """Ended visits of an owner to a stage: how many, the median of their hours, how many lasted longer than all's."""

    visits: int = 0
    median_hours: float | None = None
    longer: int = 0
    shorter: int = 0

    @property
    def verdict(self) -> str:
        """Say whether clearly more than half of them are shorter, or longer, than the median of all."""
        bounds = wilson(self.longer, self.longer + self.shorter)
        if self.visits < ENOUGH or bounds is None:
            return FEW
        return SLOWER if bounds[0] > 50 else FASTER if bounds[1] < 50 else ALIKE


@dataclass(frozen=True, slots=True)
class AllTimes:
    """Times of each owner on each stage, and the median hours of all visits of stages that several owners visited."""

    by_owner: Mapping[tuple[int | None, int], Times]
    of_stage: Mapping[int, float]


def ended_visits(ask: Ask, actor: Actor, *columns: Any) -> Select[Any]:
    """Select the visits that began in the period and are over, of all owners in the actor's sight."""
    everybody = replace(ask.scope, owner_ids=(), team_ids=())
    query = visits(everybody, actor, None, *columns).where(StageVisit.left_at.is_not(None))
    return query.where(in_sight(actor, VISITOR))


def in_sight(actor: Actor, owner: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Return the condition that figures of an owner are the actor's to see: a deal in sight may have been another's."""
    return true() if actor.visible_owner_ids is None else owner.in_(sorted(actor.visible_owner_ids))


def load_times(session: Session, actor: Actor, ask: Ask) -> AllTimes:
    """Return how long visits lasted, from one look at them."""
    by_owner: dict[tuple[int | None, int], Times] = {}
    of_stage: dict[int, float] = {}
    for row in session.execute(_measured(ask, actor)):
        key = None if row.owner_id == _NOBODY else row.owner_id, row.stage_id
        by_owner[key] = Times(row.n, float(row.median) / _SECONDS, row.longer, row.shorter)
        if row.of_all is not None:
            of_stage[row.stage_id] = float(row.of_all) / _SECONDS
    return AllTimes(by_owner, of_stage)


def _measured(ask: Ask, actor: Actor) -> Select[Any]:
    """Select for each owner and stage: how many visits, their median, that of all, how many last longer and shorter."""
    owner = func.coalesce(VISITOR, literal(_NOBODY)).label("owner_id")
    visited = ended_visits(ask, actor, owner, StageVisit.stage_id, _LASTED).cte("visited")
    of_stage, value = visited.c.stage_id, visited.c.value
    ranked = select(
        *visited.c,
        func.row_number().over(partition_by=[of_stage, visited.c.owner_id], order_by=value).label("at_own"),
        func.row_number().over(partition_by=of_stage, order_by=value).label("at_all"),
    ).cte("ranked")
    keys = visited.c.owner_id, of_stage
    own = select(*keys, func.count().label("n")).group_by(*keys).cte("own")
    sums = select(own.c.stage_id, func.sum(own.c.n).label("n")).group_by(own.c.stage_id)
    whole = sums.having(func.count() > 1).subquery("whole")  # with one owner there is nobody to compare with
    all_ = (
        select(whole.c.stage_id, _mean(ranked.c.value).label("median"))
        .join(ranked, ranked.c.stage_id == whole.c.stage_id)
        .where(_is_middle(ranked.c.at_all, whole.c.n))
        .group_by(whole.c.stage_id)
        .cte("all_medians")
    )
    mine = and_(own.c.owner_id == ranked.c.owner_id, own.c.stage_id == ranked.c.stage_id)
    return (
        select(
            ranked.c.owner_id, ranked.c.stage_id, func.max(own.c.n).label("n"),
            _mean(case((_is_middle(ranked.c.at_own, own.c.n), ranked.c.value))).label("median"),
            func.max(all_.c.median).label("of_all"),
            func.sum(case((ranked.c.value > all_.c.median, 1), else_=0)).label("longer"),
            func.sum(case((ranked.c.value < all_.c.median, 1), else_=0)).label("shorter"),
        )
        .select_from(ranked)
        .join(own, mine)
        .outerjoin(all_, all_.c.stage_id == ranked.c.stage_id)
        .group_by(ranked.c.owner_id, ranked.c.stage_id)
    )  # fmt: skip


def _mean(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.sum(value) * 1.0 / func.count(value)


def _is_middle(rank: ColumnElement[int], count: ColumnElement[int]) -> ColumnElement[bool]:
    """Say that a row is the middle one of so many, or one of the two: what a median stands on."""
    return or_(rank * 2 == count, rank * 2 == count + 1, rank * 2 == count + 2)
