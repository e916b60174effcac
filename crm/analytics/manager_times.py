"""How long owners' visits to stages last, against the median of all: who is clearly faster or slower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from crm.actor import Actor
from crm.analytics.intervals import ENOUGH, wilson
from crm.analytics.population import seconds_between
from crm.analytics.samples import Key, Sample, joined, samples
from crm.analytics.stays import VISITOR, visits
from crm.analytics.values import Ask
from crm.models import StageVisit

FASTER, SLOWER, ALIKE, FEW = "faster", "slower", "alike", "few"
_SECONDS = 3600
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

    by_owner: Mapping[Key, Times]  # by owner, then stage
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
    lasted = ended_visits(ask, actor, VISITOR.label("owner_id"), StageVisit.stage_id, _LASTED)
    found = samples(session, lasted, are_near=True)
    of_stages: dict[int, list[Sample]] = {}
    for (_owner_id, stage_id), own in found.items():
        of_stages.setdefault(stage_id, []).append(own)
    # With one owner there is nobody to compare with.
    medians = {one: joined(of_all).percentile(50) for one, of_all in of_stages.items() if len(of_all) > 1}
    by_owner = {key: _times(own, medians.get(key[1])) for key, own in found.items()}
    return AllTimes(by_owner, {stage_id: median / _SECONDS for stage_id, median in medians.items()})


def _times(own: Sample, of_all: float | None) -> Times:
    compared = (0, 0) if of_all is None else (own.above(of_all), own.below(of_all))
    return Times(own.size, own.percentile(50) / _SECONDS, *compared)
