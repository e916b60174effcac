"""How long owners' visits to stages last, against the median of all: who is clearly faster or slower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.analytics.intervals import ENOUGH, wilson
from crm.analytics.percentiles import percentiles
from crm.analytics.population import seconds_between
from crm.analytics.stays import VISITOR, visits
from crm.analytics.values import Ask
from crm.models import StageVisit

FASTER, SLOWER, ALIKE, FEW = "faster", "slower", "alike", "few"
_SECONDS = 3600
_OWNER: ColumnElement[int | None] = VISITOR.label("owner_id")
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
    """Return how long visits lasted."""
    stage_id = StageVisit.stage_id
    own = session.execute(percentiles(ended_visits(ask, actor, _OWNER, stage_id, _LASTED), hundredths=(50,))).all()
    if not own:
        return AllTimes({}, {})
    visitors: dict[int, int] = {}
    for row in own:
        visitors[row.stage_id] = visitors.get(row.stage_id, 0) + 1
    compared = [one for one, owners in visitors.items() if owners > 1]
    of_all = percentiles(ended_visits(ask, actor, stage_id, _LASTED).where(stage_id.in_(compared)), hundredths=(50,))
    medians = {row.stage_id: float(row.p50) for row in session.execute(of_all)}
    sides = _sides(session, actor, ask, medians) if medians else {}
    by_owner = {
        (row.owner_id, row.stage_id): Times(row.n, row.p50 / _SECONDS, *sides.get((row.owner_id, row.stage_id), (0, 0)))
        for row in own
    }
    return AllTimes(by_owner, {one: seconds / _SECONDS for one, seconds in medians.items()})


def _sides(
    session: Session, actor: Actor, ask: Ask, medians: Mapping[int, float]
) -> dict[tuple[int | None, int], Sequence[int]]:
    """Count each owner's visits on either side of the stage's median."""
    median = case(medians, value=StageVisit.stage_id)
    longer, shorter = (
        func.sum(case((_LASTED.element > median, 1), else_=0)),
        func.sum(case((_LASTED.element < median, 1), else_=0)),
    )
    query = ended_visits(ask, actor, _OWNER, StageVisit.stage_id, longer.label("longer"), shorter.label("shorter"))
    query = query.where(StageVisit.stage_id.in_(sorted(medians))).group_by(VISITOR, StageVisit.stage_id)
    return {(row.owner_id, row.stage_id): (row.longer, row.shorter) for row in session.execute(query)}
