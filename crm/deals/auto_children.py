"""The new deal of a link: what it takes over, whose it is, its first next step; the source deal is never changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, literal, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import load_actor, system_actor
from crm.contacts.search_index import index_records
from crm.deals.chain import chain_up
from crm.deals.next_steps import add_step, refresh_next_due
from crm.deals.paths import retrace_deals
from crm.deals.values import StepPlan
from crm.deals.visits import open_visit
from crm.events import record
from crm.models import (
    Channel,
    Deal,
    DealContact,
    DealStatus,
    LinkKind,
    LinkOwner,
    LossReason,
    Pipeline,
    Priority,
    Role,
    Stage,
    User,
    Workspace,
)
from crm.models.codes import StageKind
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.values import CUSTOM_PREFIX

RETURN_SOURCE_LIMIT = 100
DAY_SECONDS, MORNING = 86_400, time(10)
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")


@dataclass(frozen=True, slots=True)
class Landing:
    """The stage where a new deal begins."""

    id: int
    name: str


def create_child(
    session: Session, cause: Actor, link: LinkInfo, deal: Deal, *, landing: Landing, round_number: int, now: datetime
) -> Deal:
    """Create the deal that a link makes of another one; tell it on both timelines."""
    system = system_actor()
    child = Deal(
        pipeline_id=link.plan.to_pipeline_id,
        stage_id=landing.id,
        status=DealStatus.OPEN,
        owner_id=child_owner(session, link, deal),
        company_id=deal.company_id,
        title=deal.title,
        currency=deal.currency,
        origin_deal_id=deal.id,
        origin_link_id=link.id,
        round=round_number,
        stage_entered_at=now,
        created_at=now,
        created_by=None,
        created_channel=system.channel,
        **_taken_over(session, link, deal),
    )
    session.add(child)
    session.flush()
    _copy_contacts(session, deal.id, child.id)
    record(
        session, system, "deal.created", "deal", child.id, at=now, title=child.title, pipeline=link.to_pipeline,
        stage_id=landing.id, stage=landing.name,
    )  # fmt: skip
    told = told_of_source(session, link, deal, child.owner_id)
    record(session, system, "deal.came_by_link", "deal", child.id, at=now, **told)
    record(
        session, cause, "deal.auto_created", "deal", deal.id, at=now, link_id=link.id, child_id=child.id,
        pipeline=link.to_pipeline, stage=landing.name, round=round_number,
    )  # fmt: skip
    open_visit(session, system, child, now)
    due_at = _first_due(session, link, now)
    add_step(session, system, child, StepPlan(link.plan.step_kind, due_at, link.plan.step_text), now)
    refresh_next_due(session, child)
    retrace_deals(session, [child.id])
    index_records(session, "deal", [child.id])
    return child


def _first_due(session: Session, link: LinkInfo, now: datetime) -> datetime:
    """Return when the new deal's first step is due: after days in the morning of the company, not at night."""
    due_at = now + timedelta(seconds=link.plan.step_due_seconds)
    if link.plan.step_due_seconds < DAY_SECONDS:
        return due_at
    zone = ZoneInfo(session.get_one(Workspace, 1).timezone)
    return datetime.combine(due_at.astimezone(zone).date(), MORNING, zone).astimezone(UTC)


def landing_stage(session: Session, link: LinkInfo) -> Landing | None:
    """Return the stage where new deals of a link begin: its own, or the first one when that is retired.

    None when the pipeline is archived or has no stage in use.
    """
    query = (
        select(Stage.id, Stage.name)
        .join(Pipeline, Pipeline.id == Stage.pipeline_id)
        .where(
            Stage.pipeline_id == link.plan.to_pipeline_id,
            Stage.kind == StageKind.OPEN,
            Stage.retired_at.is_(None),
            Pipeline.is_archived.is_(False),
        )
        .order_by(Stage.position, Stage.id)
    )
    stages = [Landing(*row) for row in session.execute(query)]
    chosen = (stage for stage in stages if stage.id == link.plan.to_stage_id)
    return next(chosen, next(iter(stages), None))


def child_owner(session: Session, link: LinkInfo, deal: Deal) -> int:
    """Return who gets the new deal; in place of somebody switched off, the head of the team, or else any admin."""
    chosen_id = link.plan.owner_id if link.plan.owner_id is not None else deal.owner_id
    chosen = session.get_one(User, chosen_id)
    to_head = link.plan.owner_rule is LinkOwner.TEAM_HEAD and chosen.role is not Role.HEAD
    if chosen.is_active and not to_head:
        return chosen.id
    head_id = _head_of_team(session, chosen.team_id)
    if head_id is not None:
        return head_id
    admins = select(User.id).where(User.is_active, User.role == Role.ADMIN).order_by(User.id).limit(1)
    # The last active administrator can't be switched off, so there is always one.
    return session.scalars(admins).one()


def told_of_source(session: Session, link: LinkInfo, deal: Deal, reader_id: int) -> dict[str, Any]:
    """Return what the new deal's timeline tells of the deal it came from: its end with the reason.

    The note written at the loss is left out when the reader, the new deal's owner, doesn't see that deal.
    """
    stage = session.scalar(select(Stage.name).where(Stage.id == deal.stage_id))
    reason = session.get_one(LossReason, deal.loss_reason_id).name if deal.loss_reason_id is not None else None
    told = ": ".join(part for part in (stage, reason) if part)
    return {
        "link_id": link.id,
        "origin_id": deal.id,
        "from_pipeline": link.from_pipeline,
        "outcome": told,
        "reason": reason,
        "note": deal.loss_note if deal.loss_note and _sees(session, reader_id, deal) else None,
    }


def _sees(session: Session, user_id: int, deal: Deal) -> bool:
    if user_id == deal.owner_id:
        return True
    reader = session.get_one(User, user_id)
    if not reader.is_active:
        return False
    seen = load_actor(session, user_id, Channel.SYSTEM).visible_owner_ids
    return seen is None or deal.owner_id in seen


def _head_of_team(session: Session, team_id: int | None) -> int | None:
    if team_id is None:
        return None
    in_charge = (User.is_active, User.role == Role.HEAD, User.team_id == team_id)
    return session.scalar(select(User.id).where(*in_charge).order_by(User.id).limit(1))


def _taken_over(session: Session, link: LinkInfo, deal: Deal) -> dict[str, Any]:
    copied = set(link.plan.copied)
    own = {key.removeprefix(CUSTOM_PREFIX) for key in copied if key.startswith(CUSTOM_PREFIX)}
    values: dict[str, Any] = {
        "amount_minor": deal.amount_minor if "amount" in copied else None,
        "priority": deal.priority if "priority" in copied else Priority.WARM,
        "expected_close_on": deal.expected_close_on if "expected_close_on" in copied else None,
        "custom": {key: value for key, value in deal.custom.items() if key in own},
    }
    if link.plan.kind is LinkKind.RETURN:
        # Credited to both: what brought the client first, and the work that brought the client back.
        values["return_source"] = link.from_pipeline[:RETURN_SOURCE_LIMIT]
        return values | _first_source(session, deal)
    if "source" in copied:
        values |= {"source": deal.source, **{name: getattr(deal, name) for name in _UTM}}
    return values


def _first_source(session: Session, deal: Deal) -> dict[str, Any]:
    names = ("source", *_UTM)
    columns = [getattr(Deal, name) for name in names]
    chain = chain_up(deal.id)
    query = select(*columns).join(chain, chain.c.id == Deal.id).where(Deal.source.is_not(None)).order_by(Deal.id)
    first = session.execute(query.limit(1)).one_or_none()
    return dict(zip(names, first, strict=True)) if first is not None else {}


def _copy_contacts(session: Session, source_id: int, child_id: int) -> None:
    parts = select(literal(child_id), DealContact.contact_id, DealContact.role, DealContact.position)
    columns = ["deal_id", "contact_id", "role", "position"]
    session.execute(insert(DealContact).from_select(columns, parts.where(DealContact.deal_id == source_id)))
