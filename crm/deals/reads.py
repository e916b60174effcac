"""Reading one deal: its card, the time it spent on each stage, its client's other deals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, func, select, type_coerce
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import deal_visible
from crm.clock import utc_now
from crm.models import (
    Channel,
    Company,
    Contact,
    ContactPoint,
    Deal,
    DealContact,
    DealStatus,
    LossReason,
    NextStep,
    PointKind,
    Priority,
    RuleOverride,
    Stage,
    StageVisit,
    StepKind,
    User,
)
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import PipelineInfo, StageInfo

OTHER_DEALS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PointCard:
    """A contact point as typed and as dialled."""

    kind: PointKind
    value: str
    normalised: str


@dataclass(frozen=True, slots=True)
class PartCard:
    """A contact taking part in a deal."""

    contact_id: int
    name: str
    role: str | None
    points: tuple[PointCard, ...]


@dataclass(frozen=True, slots=True)
class StepCard:
    """An open next step."""

    id: int
    kind: StepKind
    text: str
    due_at: datetime
    owner_id: int
    owner_name: str
    version: int


@dataclass(frozen=True, slots=True)
class StageTime:
    """A stage of the bar: seconds the deal spent there in all, None where it never was; how often a rule was passed.

    A passed rule is counted on the stage that the deal left by it.
    """

    stage: StageInfo
    seconds: int | None
    is_current: bool
    overrides: int = 0


@dataclass(frozen=True, slots=True)
class OtherDeal:
    """Another deal of the same client."""

    id: int
    title: str
    stage_name: str
    status: DealStatus
    amount_minor: int | None
    currency: str


@dataclass(frozen=True, slots=True)
class DealCard:
    """A deal whole, as its page and the API show it."""

    id: int
    version: int
    pipeline: PipelineInfo
    stage: StageInfo
    status: DealStatus
    owner_id: int
    owner_name: str
    company_id: int | None
    company_name: str | None
    title: str
    amount_minor: int | None
    currency: str
    priority: Priority
    source: str | None
    utm: Mapping[str, str | None]
    expected_close_on: date | None
    custom: Mapping[str, Any]
    contacts: tuple[PartCard, ...]
    steps: tuple[StepCard, ...]
    stage_entered_at: datetime
    created_at: datetime
    created_channel: Channel
    closed_at: datetime | None
    loss_reason: str | None
    loss_note: str | None
    loss_stage: str | None
    origin_deal_id: int | None
    round: int
    return_source: str | None

    @property
    def is_open(self) -> bool:
        """Tell whether the deal is being worked."""
        return self.status is DealStatus.OPEN


def load_deal(session: Session, actor: Actor, deal_id: int) -> DealCard:
    """Return a deal whole.

    Errors: NotFound, for a hidden deal too.
    """
    query = (
        select(Deal, User.name, Company.name, LossReason.name, Stage.name)
        .join(User, User.id == Deal.owner_id)
        .outerjoin(Company, Company.id == Deal.company_id)
        .outerjoin(LossReason, LossReason.id == Deal.loss_reason_id)
        .outerjoin(Stage, Stage.id == Deal.loss_stage_id)
        .where(Deal.id == deal_id, deal_visible(actor))
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise not_found(session, actor, "deal", deal_id)
    deal, owner_name, company_name, loss_reason, loss_stage = row
    pipeline = load_pipeline(session, deal.pipeline_id)
    stage = pipeline.stage(deal.stage_id)
    if stage is None:
        raise LookupError(f"deal {deal_id} stands outside its pipeline")
    return DealCard(
        id=deal.id,
        version=deal.version,
        pipeline=pipeline,
        stage=stage,
        status=deal.status,
        owner_id=deal.owner_id,
        owner_name=owner_name,
        company_id=deal.company_id,
        company_name=company_name,
        title=deal.title,
        amount_minor=deal.amount_minor,
        currency=deal.currency,
        priority=deal.priority,
        source=deal.source,
        utm={name: getattr(deal, name) for name in UTM_FIELDS},
        expected_close_on=deal.expected_close_on,
        custom=dict(deal.custom),
        contacts=_parts(session, deal_id),
        steps=_open_steps(session, deal_id),
        stage_entered_at=deal.stage_entered_at,
        created_at=deal.created_at,
        created_channel=deal.created_channel,
        closed_at=deal.closed_at,
        loss_reason=loss_reason,
        loss_note=deal.loss_note,
        loss_stage=loss_stage,
        origin_deal_id=deal.origin_deal_id,
        round=deal.round,
        return_source=deal.return_source,
    )


UTM_FIELDS = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")


def stage_times(session: Session, card: DealCard) -> list[StageTime]:
    """Return the stages of a seen deal in order with the seconds spent on each, the present stay included."""
    now = int(utc_now().timestamp())
    left = type_coerce(StageVisit.left_at, BigInteger)
    entered = type_coerce(StageVisit.entered_at, BigInteger)
    query = (
        select(StageVisit.stage_id, func.sum(func.coalesce(left, now) - entered))
        .where(StageVisit.deal_id == card.id)
        .group_by(StageVisit.stage_id)
    )
    spent = {stage_id: int(seconds) for stage_id, seconds in session.execute(query)}
    counted = select(RuleOverride.from_stage_id, func.count()).where(RuleOverride.deal_id == card.id)
    passed = dict(session.execute(counted.group_by(RuleOverride.from_stage_id)).all())
    shown = [stage for stage in card.pipeline.stages if not stage.is_retired or stage.id in spent]
    shown.sort(key=lambda stage: stage.position)
    return [
        StageTime(stage, spent.get(stage.id), stage.id == card.stage.id, passed.get(stage.id, 0)) for stage in shown
    ]


def other_deals(session: Session, actor: Actor, card: DealCard) -> list[OtherDeal]:
    """Return the newest other visible deals of the deal's company or contacts, open ones first; 20 at most."""
    contact_ids = [part.contact_id for part in card.contacts]
    found: dict[int, OtherDeal] = {}
    same_company = Deal.company_id == card.company_id if card.company_id else None
    same_contact = Deal.id.in_(select(DealContact.deal_id).where(DealContact.contact_id.in_(contact_ids)))
    # Two queries and not one OR: each runs on its own index.
    for condition in (same_company, same_contact if contact_ids else None):
        if condition is None:
            continue
        query = (
            select(Deal.id, Deal.title, Stage.name, Deal.status, Deal.amount_minor, Deal.currency)
            .join(Stage, Stage.id == Deal.stage_id)
            .where(condition, Deal.id != card.id, deal_visible(actor))
            .order_by(Deal.status, Deal.id.desc())
            .limit(OTHER_DEALS_SHOWN)
        )
        found |= {row[0]: OtherDeal(*row) for row in session.execute(query)}
    ordered = sorted(found.values(), key=lambda deal: (deal.status, -deal.id))
    return ordered[:OTHER_DEALS_SHOWN]


def _parts(session: Session, deal_id: int) -> tuple[PartCard, ...]:
    query = (
        select(DealContact.contact_id, Contact.name, DealContact.role)
        .join(Contact, Contact.id == DealContact.contact_id)
        .where(DealContact.deal_id == deal_id)
        .order_by(DealContact.position, DealContact.id)
    )
    rows = session.execute(query).all()
    points: dict[int, list[PointCard]] = {contact_id: [] for contact_id, _name, _role in rows}
    of_contacts = (
        select(ContactPoint.contact_id, ContactPoint.kind, ContactPoint.value, ContactPoint.normalised)
        .where(ContactPoint.contact_id.in_(points))
        .order_by(ContactPoint.position, ContactPoint.id)
    )
    for contact_id, kind, value, normalised in session.execute(of_contacts) if points else ():
        if contact_id is not None:
            points[contact_id].append(PointCard(kind, value, normalised))
    return tuple(PartCard(contact_id, name, role, tuple(points[contact_id])) for contact_id, name, role in rows)


def _open_steps(session: Session, deal_id: int) -> tuple[StepCard, ...]:
    query = (
        select(
            NextStep.id, NextStep.kind, NextStep.text, NextStep.due_at, NextStep.owner_id, User.name, NextStep.version
        )
        .join(User, User.id == NextStep.owner_id)
        .where(NextStep.deal_id == deal_id, NextStep.done_at.is_(None))
        .order_by(NextStep.due_at, NextStep.id)
    )
    return tuple(StepCard(*row) for row in session.execute(query))
