"""Objections: what a client says against buying, on which stage, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible
from crm.clock import utc_now
from crm.deals.locking import lock_deal
from crm.errors import ChangedMeanwhile, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Deal, DealStatus, Objection, ObjectionKind, ObjectionOutcome, Stage, StageVisit, User
from crm.typed_text import block_violations, clean_block

TEXT_LIMIT = 2000
MOST_SHOWN = 500


@dataclass(frozen=True, slots=True)
class ObjectionPlan:
    """An objection as it is to be; `buys_if` is the condition under which the client would buy."""

    text: str
    kind: ObjectionKind = ObjectionKind.UNKNOWN
    buys_if: str = ""


@dataclass(frozen=True, slots=True)
class ObjectionInfo:
    """An objection on a deal, with the name of the stage it was said on."""

    id: int
    stage_id: int
    stage: str
    kind: ObjectionKind
    text: str
    buys_if: str | None
    outcome: ObjectionOutcome
    outcome_note: str | None
    at: datetime
    author: str | None
    resolved_at: datetime | None
    version: int


def load_objections(session: Session, actor: Actor, deal_id: int) -> tuple[ObjectionInfo, ...]:
    """Return a deal's objections, those not settled first, then the newest; 500 at most.

    Errors: NotFound.
    """
    if not session.scalar(select(exists().where(Deal.id == deal_id, deal_visible(actor)))):
        raise not_found(session, actor, "deal", deal_id)
    query = _objections().where(Objection.deal_id == deal_id)
    settled = Objection.outcome != ObjectionOutcome.OPEN
    rows = session.execute(query.order_by(settled, Objection.at.desc(), Objection.id.desc()).limit(MOST_SHOWN))
    return tuple(ObjectionInfo(*row) for row in rows)


def load_objection(session: Session, actor: Actor, objection_id: int) -> ObjectionInfo:
    """Return an objection of a visible deal.

    Errors: NotFound.
    """
    query = _objections().join(Deal, Deal.id == Objection.deal_id)
    row = session.execute(query.where(Objection.id == objection_id, deal_visible(actor))).one_or_none()
    if row is None:
        raise NotFound(entity="objection", id=objection_id)
    return ObjectionInfo(*row)


def record_objection(session: Session, actor: Actor, *, deal_id: int, plan: ObjectionPlan) -> int:
    """Write down an objection on the stage where the deal stands, or last stood; return its id.

    On a closed deal it takes the outcome from how the deal ended.
    Errors: NotFound; InvalidInput.
    """
    require(actor, Action.WORK_DEALS)
    deal = lock_deal(session, actor, deal_id)
    refuse_if_any(_violations(plan))
    now = utc_now()
    outcome = _OUTCOMES_OF_ENDS.get(deal.status, ObjectionOutcome.OPEN)
    objection = Objection(
        deal_id=deal.id,
        stage_id=_stage_of(session, deal),
        kind=plan.kind,
        text=clean_block(plan.text),
        buys_if=clean_block(plan.buys_if) or None,
        outcome=outcome,
        at=now,
        author_id=actor.user_id,
        resolved_at=None if outcome is ObjectionOutcome.OPEN else now,
    )
    session.add(objection)
    session.flush()
    record(session, actor, "objection.recorded", "objection", objection.id, deal_id=deal.id, text=objection.text)
    return objection.id


def edit_objection(
    session: Session, actor: Actor, *, objection_id: int, expected_version: int, plan: ObjectionPlan
) -> None:
    """Change what was said, whether it was meant and the condition; stage and outcome stay.

    Errors: NotFound; ChangedMeanwhile; InvalidInput.
    """
    objection = _take(session, actor, objection_id, expected_version)
    refuse_if_any(_violations(plan))
    before = {"objection": objection.text, "meant": objection.kind, "buys_if": objection.buys_if}
    objection.text, objection.kind = clean_block(plan.text), plan.kind
    objection.buys_if = clean_block(plan.buys_if) or None
    after = {"objection": objection.text, "meant": objection.kind, "buys_if": objection.buys_if}
    changes = {key: [before[key], after[key]] for key in after if before[key] != after[key]}
    if not changes:
        return
    objection.version += 1
    record(session, actor, "objection.edited", "objection", objection_id, deal_id=objection.deal_id, changes=changes)


def settle_objection(
    session: Session,
    actor: Actor,
    *,
    objection_id: int,
    expected_version: int,
    outcome: ObjectionOutcome,
    note: str = "",
) -> None:
    """Say what became of an objection, or open it again.

    Errors: NotFound; ChangedMeanwhile; InvalidInput for an unreadable or too long note.
    """
    objection = _take(session, actor, objection_id, expected_version)
    refuse_if_any(block_violations(note, "outcome_note", TEXT_LIMIT))
    if objection.outcome is outcome and (objection.outcome_note or "") == clean_block(note):
        return
    before = objection.outcome
    objection.outcome, objection.outcome_note = outcome, clean_block(note) or None
    objection.resolved_at = None if outcome is ObjectionOutcome.OPEN else utc_now()
    objection.version += 1
    record(
        session, actor, "objection.settled", "objection", objection_id, deal_id=objection.deal_id,
        text=objection.text, outcome=outcome.value, note=objection.outcome_note,
        changes={"outcome": [before, outcome]},
    )  # fmt: skip


def settle_at_close(session: Session, actor: Actor, deal: Deal, now: datetime) -> None:
    """Give the objections still open on a deal that closes the outcome its end tells: bought, or not."""
    outcome = _OUTCOMES_OF_ENDS[deal.status]
    query = select(Objection).where(Objection.deal_id == deal.id, Objection.outcome == ObjectionOutcome.OPEN)
    for objection in session.scalars(query.order_by(Objection.id)):
        objection.outcome, objection.resolved_at = outcome, now
        objection.version += 1
        record(
            session, actor, "objection.settled", "objection", objection.id, at=now, deal_id=deal.id,
            text=objection.text, outcome=outcome.value, changes={"outcome": [ObjectionOutcome.OPEN, outcome]},
        )  # fmt: skip


_OUTCOMES_OF_ENDS = {
    DealStatus.WON: ObjectionOutcome.OVERCOME,
    DealStatus.LOST: ObjectionOutcome.NOT_OVERCOME,
}


def _objections() -> Select[Any]:
    columns: list[Any] = [
        Objection.id, Objection.stage_id, Stage.name, Objection.kind, Objection.text, Objection.buys_if,
        Objection.outcome, Objection.outcome_note, Objection.at, User.name, Objection.resolved_at, Objection.version,
    ]  # fmt: skip
    query = select(*columns).join(Stage, Stage.id == Objection.stage_id)
    return query.outerjoin(User, User.id == Objection.author_id)


def _violations(plan: ObjectionPlan) -> list[Violation]:
    found = block_violations(plan.text, "text", TEXT_LIMIT, required=True)
    return found + block_violations(plan.buys_if, "buys_if", TEXT_LIMIT)


def _take(session: Session, actor: Actor, objection_id: int, expected_version: int) -> Objection:
    require(actor, Action.WORK_DEALS)
    of_deal = select(Objection.deal_id).join(Deal, Deal.id == Objection.deal_id)
    deal_id = session.scalar(of_deal.where(Objection.id == objection_id, deal_visible(actor)))
    if deal_id is None:
        raise NotFound(entity="objection", id=objection_id)
    lock_deal(session, actor, deal_id)
    query = select(Objection).where(Objection.id == objection_id).with_for_update()
    objection = session.scalars(query.execution_options(populate_existing=True)).one()
    if objection.version != expected_version:
        raise ChangedMeanwhile(entity="objection", id=objection_id)
    return objection


def _stage_of(session: Session, deal: Deal) -> int:
    if deal.status is DealStatus.OPEN:
        return deal.stage_id
    last = select(StageVisit.stage_id).where(StageVisit.deal_id == deal.id)
    stage_id = session.scalar(last.order_by(StageVisit.entered_at.desc(), StageVisit.id.desc()).limit(1))
    return stage_id or deal.loss_stage_id or deal.stage_id
