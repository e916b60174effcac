"""Random histories as rows of the base, and the same facts as plain values to reckon with independently."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from crm.deals.paths import retrace_deals
from crm.models import Deal, DealStatus, Priority, StageVisit, VisitOutcome
from tests.analytics.histories import day
from tests.conftest import Cast
from tests.factories import PipelineRows

HORIZON = 170  # days, from the first day; what lies behind it hasn't happened yet


@dataclass(frozen=True, slots=True)
class Visited:
    """A visit: whose (None: nobody knows), when, how it ended, where the deal went."""

    deal_id: int
    stage: int
    owner_id: int | None
    entered_at: datetime
    left_at: datetime | None
    outcome: str
    next_stage: int | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A deal: what it is now, `counts` False for invalid and removed ones, and its visits."""

    id: int
    status: DealStatus
    counts: bool
    owner_id: int
    source: str | None
    closed_at: datetime | None
    visits: tuple[Visited, ...]


def draw_histories(session: Session, pipeline: PipelineRows, cast: Cast, deals: int, seed: int) -> list[Drawn]:
    """Insert random deals: with returns, skips, hand-overs, returns through lost, unknown owners, removed, invalid."""
    drawn = random.Random(seed)
    owners = [one.user_id or 0 for one in (cast.anna, cast.anton, cast.boris)]
    return [_deal(session, pipeline, drawn, owners) for _number in range(deals)]


def _deal(session: Session, pipeline: PipelineRows, drawn: random.Random, owners: list[int]) -> Drawn:
    at = drawn.choice([drawn.uniform(0, HORIZON), float(drawn.randrange(HORIZON))])
    stage, owner = drawn.choice([0, 0, 0, 1, 2]), drawn.choice(owners)
    visits: list[dict[str, Any]] = []
    status, closed_at = DealStatus.OPEN, None
    while True:
        last = {"stage_id": pipeline.stages[stage], "owner_id": owner, "entered_at": day(at),
                "owner_known": drawn.random() > 0.1, "left_at": None, "outcome": VisitOutcome.OPEN,
                "next_stage_id": None}  # fmt: skip
        visits.append(last)
        at += drawn.choice([0.0, drawn.expovariate(0.5), drawn.expovariate(0.05), float(drawn.randrange(1, 20))])
        if at > HORIZON or drawn.random() < 0.1:
            break
        what = drawn.choice(["move"] * 5 + ["handover", "handover", "won", "lost", "lost", "lost and back"])
        last["left_at"] = day(at)
        if what == "handover":
            last["outcome"], owner = VisitOutcome.HANDOVER, drawn.choice([one for one in owners if one != owner])
            continue
        if what == "move":
            to = drawn.choice([one for one in range(len(pipeline.stages)) if one != stage])
            last["outcome"] = VisitOutcome.FORWARD if to > stage else VisitOutcome.BACK
            last["next_stage_id"], stage = pipeline.stages[to], to
            continue
        is_won = what == "won"
        last["outcome"] = VisitOutcome.WON if is_won else VisitOutcome.LOST
        last["next_stage_id"] = pipeline.won if is_won else pipeline.lost
        if what == "lost and back" and at < HORIZON - 1:
            at += 1.0
            continue
        status, closed_at = DealStatus.WON if is_won else DealStatus.LOST, day(at)
        break
    return _inserted(session, pipeline, drawn, visits, status, closed_at)


def _inserted(
    session: Session, pipeline: PipelineRows, drawn: random.Random, visits: list[dict[str, Any]], status: DealStatus,
    closed_at: datetime | None,
) -> Drawn:  # fmt: skip
    is_invalid = status is DealStatus.LOST and drawn.random() < 0.2
    is_removed = drawn.random() < 0.08
    source = drawn.choice(["site", "call", None])
    ends = {DealStatus.WON: pipeline.won, DealStatus.LOST: pipeline.lost}
    deal = Deal(
        pipeline_id=pipeline.id, stage_id=ends.get(status, visits[-1]["stage_id"]),
        status=DealStatus.REMOVED if is_removed else status, owner_id=visits[-1]["owner_id"], title="Metal sheet",
        amount_minor=100_000, currency="RUB", priority=Priority.WARM, custom={}, source=source,
        created_at=visits[0]["entered_at"], created_channel="ui", closed_at=closed_at,
        stage_entered_at=closed_at or visits[-1]["entered_at"],
        loss_reason_id=pipeline.reasons[2 if is_invalid else 0] if status is DealStatus.LOST else None,
        loss_stage_id=visits[-1]["stage_id"] if status is DealStatus.LOST else None,
    )  # fmt: skip
    session.add(deal)
    session.flush()
    for number, one in enumerate(visits):
        is_first = one["stage_id"] not in {other["stage_id"] for other in visits[:number]}
        session.add(StageVisit(deal_id=deal.id, pipeline_id=pipeline.id, is_first=is_first, channel="ui", **one))
    retrace_deals(session, [deal.id])
    told = tuple(
        Visited(
            deal.id, pipeline.stages.index(one["stage_id"]), one["owner_id"] if one["owner_known"] else None,
            one["entered_at"].replace(microsecond=0), one["left_at"] and one["left_at"].replace(microsecond=0),
            one["outcome"].value,
            pipeline.stages.index(one["next_stage_id"]) if one["next_stage_id"] in pipeline.stages else None,
        )
        for one in visits
    )  # fmt: skip
    return Drawn(deal.id, status, not (is_invalid or is_removed), deal.owner_id, source, closed_at, told)


NOW = day(HORIZON) + timedelta(days=1)
