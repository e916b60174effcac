"""Deals that are here already: their history so far, and what a file tells beyond it or against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.imports.clients_known import in_turn
from crm.imports.visits.building import Happening, History, Standing, StayDraft
from crm.imports.world import World
from crm.models import Deal, DealStatus, StageKind, StageVisit
from crm.models.codes import VisitOutcome

_KIND_OF = {DealStatus.OPEN: StageKind.OPEN, DealStatus.WON: StageKind.WON, DealStatus.LOST: StageKind.LOST}
_OUTCOME_OF = {StageKind.WON: VisitOutcome.WON, StageKind.LOST: VisitOutcome.LOST}
FACTS = (
    "pipeline_id", "stage_id", "status", "owner_id", "title", "amount_minor", "currency", "source", "created_at",
    "closed_at", "stage_entered_at", "loss_reason_id", "loss_note", "loss_stage_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownDeal:
    """A deal as it is, with its visits in order; `is_bare` is one that a file of this very import has made."""

    id: int
    facts: Mapping[str, Any]
    visits: tuple[StayDraft, ...]
    is_bare: bool

    @property
    def kind(self) -> StageKind | None:
        """Return whether it is open, won or lost; None for one that is out of use."""
        return _KIND_OF.get(self.facts["status"])

    def history(self) -> History:
        """Return what is known so far."""
        last = self.visits[-1] if self.visits else None
        visit = last if last is not None and last.left_at is None else None
        standing = Standing(
            self.facts["stage_id"], self.kind or StageKind.LOST, self.facts["closed_at"] or
            self.facts["stage_entered_at"], last.stage_id if last else None, visit,
        )  # fmt: skip
        return History(list(self.visits), standing)


@dataclass(frozen=True, slots=True)
class News:
    """What a file tells that is not known yet; `line` is that of the first row that contradicts what is.

    `left_at` is when the deal left the stage it stands on, as the file has it.
    """

    happenings: tuple[Happening, ...]
    left_at: datetime | None = None
    line: int | None = None


def load_known(session: Session, world: World, deal_ids: Iterable[int]) -> dict[int, KnownDeal]:
    """Return deals by the id that this import knows them under, locked where they are going to be written."""
    wanted = {world.real_id(one): one for one in deal_ids if world.is_written(one)}
    found = {}
    for some in in_turn(list(wanted)):
        visits = _visits(session, some)
        query = select(Deal.id, *(getattr(Deal, name) for name in FACTS)).where(Deal.id.in_(some)).order_by(Deal.id)
        for row in session.execute(query if world.is_dry_run else query.with_for_update()):
            facts = {name: getattr(row, name) for name in FACTS}
            found[wanted[row.id]] = KnownDeal(row.id, facts, tuple(visits.get(row.id, ())), row.id in world.bare_deals)
    for one in deal_ids:
        if one in world.new_deals:  # of a dry run: promised by a file of deals, written nowhere
            found[one] = KnownDeal(one, world.new_deals[one], (), True)
    return found


def news_in(known: KnownDeal, happenings: Sequence[Happening]) -> News:
    """Return what comes after the last that is known; rows before it must fit it.

    A row fits a visit of its stage and owner that it begins or lies in, an end that it tells again.
    """
    last = _last_moment(known)
    left_at, told_last = None, False
    for at, one in enumerate(happenings):
        if one.at > last:
            return News(tuple(happenings[at:]), left_at)
        if _is_told(known, one) or _leaves_no_trace(known, happenings, at):
            told_last = told_last or one.at == last
            left_at = one.left_at
        elif one.at == last and told_last:
            return News(tuple(happenings[at:]), left_at)
        else:
            return News((), None, one.line)
    return News((), left_at)


def _is_told(known: KnownDeal, one: Happening) -> bool:
    if one.kind is StageKind.OPEN:
        return any(
            visit.stage_id == one.stage_id and one.owner_id in (None, visit.owner_id) and _lies_in(one.at, visit)
            for visit in known.visits
        )
    if known.kind is one.kind and known.facts["closed_at"] <= one.at:
        return True
    following = [*(visit.entered_at for visit in known.visits[1:]), one.at]
    return any(
        visit.outcome is _OUTCOME_OF[one.kind] and visit.left_at is not None and visit.left_at <= one.at <= entered_at
        for visit, entered_at in zip(known.visits, following, strict=False)
    )


def _leaves_no_trace(known: KnownDeal, happenings: Sequence[Happening], at: int) -> bool:
    """Tell whether an end ended no visit, and was none itself for long: another row follows it."""
    one = happenings[at]
    if one.kind is StageKind.OPEN or at + 1 == len(happenings):
        return False
    if at:
        return happenings[at - 1].kind is not StageKind.OPEN
    return not any(visit.entered_at < one.at for visit in known.visits)


def _lies_in(at: datetime, visit: StayDraft) -> bool:
    return visit.entered_at == at or (visit.entered_at < at and (visit.left_at is None or at <= visit.left_at))


def _last_moment(known: KnownDeal) -> datetime:
    moments = [moment for visit in known.visits for moment in (visit.entered_at, visit.left_at) if moment]
    end: datetime = known.facts["closed_at"] or known.facts["created_at"]
    return max([*moments, end])


def _visits(session: Session, deal_ids: Sequence[int]) -> dict[int, list[StayDraft]]:
    visits: dict[int, list[StayDraft]] = {}
    query = select(
        StageVisit.deal_id, StageVisit.id, StageVisit.stage_id, StageVisit.owner_id, StageVisit.owner_known,
        StageVisit.entered_at, StageVisit.stay_entered_at, StageVisit.left_at, StageVisit.outcome,
        StageVisit.next_stage_id, StageVisit.is_first,
    ).where(StageVisit.deal_id.in_(deal_ids))  # fmt: skip
    for row in session.execute(query.order_by(StageVisit.deal_id, StageVisit.entered_at, StageVisit.id)):
        visits.setdefault(row.deal_id, []).append(
            StayDraft(
                row.stage_id,
                row.owner_id if row.owner_known else None,
                row.entered_at,
                row.stay_entered_at,
                row.left_at,
                row.outcome,
                row.next_stage_id,
                row.is_first,
                row.id,
            )
        )
    return visits
