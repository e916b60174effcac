"""What a stage that was no step of the sale leaves on its deals: the source it was named after, an objection."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, exists, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import deal_in_use
from crm.deals.mass_events import record_for_deals, record_for_rows
from crm.models import Deal, DealStatus, Objection, ObjectionKind, ObjectionOutcome, StageVisit
from crm.pipelines.values import StageInfo


def without_source(stage_id: int) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of deals that were on a stage, now or before, and tell no source."""
    been = exists().where(StageVisit.deal_id == Deal.id, StageVisit.stage_id == stage_id)
    return (or_(Deal.source.is_(None), Deal.source == ""), deal_in_use(), been)


def fill_source(session: Session, actor: Actor, stage: StageInfo, source: str, now: datetime) -> int:
    """Give a source to the deals of `without_source`; return how many. The pipeline is locked, the role checked."""
    which = without_source(stage.id)
    count = session.scalar(select(func.count()).select_from(Deal).where(*which)) or 0
    if not count:
        return 0
    record_for_deals(session, actor, "deal.edited", {"changes": {"source": [None, source]}}, which, now)
    session.execute(
        update(Deal)
        .where(*which)
        .values(source=source, version=Deal.version + 1)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    return count


def without_objection(stage_id: int) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of open deals on a stage that have no objection still open."""
    # A list, read once: an EXISTS would scan the rows that the same statement is adding, over and over.
    told = select(Objection.deal_id).where(Objection.outcome == ObjectionOutcome.OPEN)
    return (Deal.stage_id == stage_id, Deal.status == DealStatus.OPEN, Deal.id.not_in(told))


def add_objections(session: Session, actor: Actor, stage: StageInfo, target: StageInfo, now: datetime) -> int:
    """Write an objection on each deal of `without_objection`, on the stage it came from; return how many.

    A deal that began here has it on the target. The pipeline is locked, the role checked.
    """
    newest = session.scalar(select(func.max(Objection.id))) or 0
    before = (
        select(StageVisit.stage_id)
        .where(StageVisit.deal_id == Deal.id, StageVisit.stage_id != stage.id)
        .order_by(StageVisit.entered_at.desc(), StageVisit.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    session.execute(
        insert(Objection).from_select(
            ["deal_id", "stage_id", "kind", "text", "outcome", "at", "author_id", "version"],
            select(
                Deal.id, func.coalesce(before, target.id), literal(ObjectionKind.UNKNOWN.value), literal(stage.name),
                literal(ObjectionOutcome.OPEN.value), Deal.stage_entered_at, literal(actor.user_id, BigInteger()),
                literal(1),
            ).where(*without_objection(stage.id)),
        )
    )  # fmt: skip
    # Colleagues write objections meanwhile: on these deals too, but not these words in this name.
    own = (
        Objection.id > newest, Objection.text == stage.name, Objection.author_id.is_not_distinct_from(actor.user_id),
        Objection.deal_id.in_(select(Deal.id).where(Deal.stage_id == stage.id, Deal.status == DealStatus.OPEN)),
    )  # fmt: skip
    keys = (Objection.id, Objection.deal_id)
    record_for_rows(session, actor, "objection.recorded", "objection", keys, {"text": stage.name}, own, now)
    return session.scalar(select(func.count()).select_from(Objection).where(*own)) or 0
