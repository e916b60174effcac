"""How far each deal came: rows derived from its stays, written by everything that changes stays or ends a deal.

The rows spare dashboards a look at every stay; `retrace_deals` makes them anew from the facts at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.orm import Session

from crm.models import Deal, DealStatus, LossReason, ReachOutcome, Stage, StageKind, StageReach, StageVisit
from crm.models.codes import VisitOutcome

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Stay:
    """A visit as a path needs it; the owner is None where nobody knows."""

    id: int
    stage_id: int
    owner_id: int | None
    entered_at: datetime
    is_handed_over: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """What a deal is now: its status, when it ended, and when it came to the pipeline if it has no stay."""

    status: DealStatus
    owner_id: int
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Level:
    """A stage of the pipeline in its order; a retired one is reached only by being on it."""

    stage_id: int
    is_retired: bool


@dataclass(frozen=True, slots=True)
class Reached:
    """One row of a path, see `StageReach`."""

    stage_id: int
    began_at: datetime
    reached_at: datetime
    entered_at: datetime | None
    owner_id: int | None
    outcome: ReachOutcome
    decided_at: datetime | None
    credited_to: int | None
    in_order: bool


def trace(stays: Sequence[Stay], ending: Ending, levels: Sequence[Level], won_stage_id: int) -> list[Reached]:
    """Work a deal's path out of its stays in their order; `levels` are the open stages in theirs.

    A stage is reached by being on it, on a later one, or by a win; it is passed by being on a later one, or by a win.
    """
    place = {level.stage_id: at for at, level in enumerate(levels)}
    stays = [one for one in stays if one.stage_id in place]
    won_at = ending.closed_at if ending.status is DealStatus.WON else None
    began_at = stays[0].entered_at if stays else won_at or ending.created_at
    retired = {level.stage_id for level in levels if level.is_retired}
    live = [n for n, one in enumerate(stays) if one.stage_id not in retired]
    rows: list[Reached] = []
    in_order, last_entry = True, -1
    for at, level in enumerate(levels):
        on_it = [n for n, one in enumerate(stays) if one.stage_id == level.stage_id]
        if level.is_retired and not on_it:
            continue
        first = on_it[0] if on_it else None
        if not level.is_retired:
            in_order = in_order and first is not None and first > last_entry
            last_entry = first if first is not None else last_entry
        if level.is_retired:  # its place among the others is lost: it is passed by going on to any of them
            come, gone = first, _first(n for n in live if n > on_it[0])
        else:
            come = _first(n for n in live if place[stays[n].stage_id] >= at)
            gone = _first(n for n in live if place[stays[n].stage_id] > at)
        if come is None and won_at is None:
            continue
        rows.append(
            Reached(
                stage_id=level.stage_id,
                began_at=began_at,
                reached_at=stays[come].entered_at if come is not None else won_at or began_at,
                entered_at=stays[first].entered_at if first is not None else None,
                owner_id=_owner(stays, ending, first if first is not None else come),
                in_order=in_order and (first is not None or level.is_retired),
                **_decided(stays, ending, gone),
            )
        )
    if won_at is not None:
        end = _decided(stays, ending, None)
        owner = end["credited_to"]
        rows.append(
            Reached(won_stage_id, began_at, won_at, won_at, owner, ReachOutcome.PASSED, won_at, owner, in_order)
        )
    return rows


def retrace_deals(session: Session, deal_ids: Iterable[int]) -> None:
    """Make the paths of these deals anew from their stays, with the starts of their stays.

    Called at the end of whatever changes a stay, or a deal's status, owner or reason of loss.
    """
    session.flush()
    pipelines: dict[int, tuple[list[Level], int]] = {}
    for chunk in batched(sorted(set(deal_ids)), CHUNK):
        _retrace_chunk(session, chunk, pipelines)


def retrace_where(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Make the paths of all deals anew that fit the conditions; return how many those are."""
    session.flush()
    last, count = 0, 0
    while ids := session.scalars(
        select(Deal.id).where(Deal.id > last, *conditions).order_by(Deal.id).limit(CHUNK)
    ).all():
        retrace_deals(session, ids)
        last, count = ids[-1], count + len(ids)
    return count


def _first(numbers: Iterable[int]) -> int | None:
    return next(iter(numbers), None)


def _owner(stays: Sequence[Stay], ending: Ending, at: int | None) -> int | None:
    if at is not None:
        return stays[at].owner_id
    return stays[-1].owner_id if stays else ending.owner_id


def _decided(stays: Sequence[Stay], ending: Ending, gone: int | None) -> dict[str, Any]:
    """Say what became of a deal on a stage that it left for good with the stay number `gone`, if it did."""
    if gone is not None:
        before = stays[gone - 1] if gone else stays[gone]  # born past the stage: whoever began it there
        credited, at, outcome = before.owner_id, stays[gone].entered_at, ReachOutcome.PASSED
    else:
        credited, at = _owner(stays, ending, None), ending.closed_at
        outcome = {DealStatus.WON: ReachOutcome.PASSED, DealStatus.LOST: ReachOutcome.LOST}.get(
            ending.status, ReachOutcome.OPEN
        )
    return {"outcome": outcome, "decided_at": at, "credited_to": credited}


def _retrace_chunk(session: Session, deal_ids: Sequence[int], pipelines: dict[int, tuple[list[Level], int]]) -> None:
    stays = _stays(session, deal_ids)
    wanted: dict[tuple[int, int], dict[str, Any]] = {}
    for row in session.execute(_deals(deal_ids)):
        if row.pipeline_id not in pipelines:
            pipelines[row.pipeline_id] = _levels(session, row.pipeline_id)
        ending = Ending(row.status, row.owner_id, row.created_at, row.closed_at)
        for one in trace(stays.get(row.id, []), ending, *pipelines[row.pipeline_id]):
            values = {name: getattr(one, name) for name in Reached.__slots__}
            wanted[row.id, one.stage_id] = {"deal_id": row.id, "pipeline_id": row.pipeline_id, **values}
    _write(session, deal_ids, wanted)
    _write_stay_starts(session, deal_ids, stays)


def _deals(deal_ids: Sequence[int]) -> Any:
    # Removed, merged and invalid ones (lost for a reason that is no loss) were never deals: they have no path.
    counts = LossReason.counts_as_loss.is_not(False)
    return (
        select(Deal.id, Deal.pipeline_id, Deal.status, Deal.owner_id, Deal.created_at, Deal.closed_at)
        .outerjoin(LossReason, LossReason.id == Deal.loss_reason_id)
        .where(Deal.id.in_(deal_ids), Deal.status < DealStatus.REMOVED, counts)
    )


def _stays(session: Session, deal_ids: Sequence[int]) -> dict[int, list[Stay]]:
    query = select(
        StageVisit.deal_id, StageVisit.id, StageVisit.stage_id, StageVisit.owner_id, StageVisit.owner_known,
        StageVisit.entered_at, StageVisit.outcome,
    ).where(StageVisit.deal_id.in_(deal_ids))  # fmt: skip
    found: dict[int, list[Stay]] = {}
    for row in session.execute(query.order_by(StageVisit.deal_id, StageVisit.entered_at, StageVisit.id)):
        owner_id = row.owner_id if row.owner_known else None
        is_handed_over = row.outcome is VisitOutcome.HANDOVER
        found.setdefault(row.deal_id, []).append(Stay(row.id, row.stage_id, owner_id, row.entered_at, is_handed_over))
    return found


def _levels(session: Session, pipeline_id: int) -> tuple[list[Level], int]:
    query = select(Stage.id, Stage.kind, Stage.retired_at).where(Stage.pipeline_id == pipeline_id)
    stages = session.execute(query.order_by(Stage.position, Stage.id)).all()
    open_ones = [Level(row.id, row.retired_at is not None) for row in stages if row.kind is StageKind.OPEN]
    return open_ones, next(row.id for row in stages if row.kind is StageKind.WON)


def _write(session: Session, deal_ids: Sequence[int], wanted: Mapping[tuple[int, int], dict[str, Any]]) -> None:
    columns = list(StageReach.__table__.columns)
    present = {
        (row.deal_id, row.stage_id): row._asdict()
        for row in session.execute(select(*columns).where(StageReach.deal_id.in_(deal_ids)))
    }
    stale = [key for key, row in present.items() if wanted.get(key) != row]
    for deal_id, stage_id in stale:
        session.execute(delete(StageReach).where(StageReach.deal_id == deal_id, StageReach.stage_id == stage_id))
    missing = [row for key, row in wanted.items() if key not in present or key in set(stale)]
    if missing:
        session.execute(insert(StageReach), missing)


def _write_stay_starts(session: Session, deal_ids: Sequence[int], stays: Mapping[int, Sequence[Stay]]) -> None:
    query = select(StageVisit.id, StageVisit.stay_entered_at).where(StageVisit.deal_id.in_(deal_ids))
    present = dict(session.execute(query).tuples().all())
    for of_deal in stays.values():
        began_at: datetime | None = None
        for one in of_deal:
            began_at = began_at or one.entered_at
            if present[one.id] != began_at:
                session.execute(update(StageVisit).where(StageVisit.id == one.id).values(stay_entered_at=began_at))
            if not one.is_handed_over:
                began_at = None
