"""Lost deals one by one: why, what was said since, and what comes of them without anybody's doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session, aliased

from crm.actor import Actor
from crm.analytics.listing import client_names
from crm.analytics.lost import amount_in, is_loss, lost_deals
from crm.analytics.values import Ask
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_visible
from crm.models import (
    Activity,
    ActivityKind,
    Deal,
    LinkRun,
    LinkRunStatus,
    LossReason,
    Pipeline,
    PipelineLink,
    Stage,
    User,
)


@dataclass(frozen=True, slots=True)
class Remark:
    """A note written after the loss."""

    author: str | None
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Following:
    """What a link between pipelines makes of a lost deal: a deal there, or one that is to come on a day."""

    pipeline: str
    due_at: datetime
    deal_id: int | None  # None: still to come, or made and out of the actor's sight
    is_made: bool


@dataclass(frozen=True, slots=True)
class LostDeal:
    """A lost deal as a row of the list; stage and reason are None where nobody told them."""

    id: int
    title: str
    client: str | None
    owner: str
    amount_minor: int | None
    currency: str
    closed_at: datetime
    stage_id: int | None
    stage: str | None
    reason: str | None
    note: str | None
    remark: Remark | None
    following: tuple[Following, ...]


def list_lost(session: Session, actor: Actor, ask: Ask, *, offset: int = 0, limit: int = 10) -> list[LostDeal]:
    """Return a page of the deals lost in the scope, the dearest first; those of no amount last, the newest first.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    amount = func.coalesce(amount_in(ask.scope), -1)
    listed = lost_deals(
        ask, actor, None, Deal.id, Deal.title, Deal.company_id, User.name.label("owner"), Deal.amount_minor,
        Deal.currency, Deal.closed_at, Deal.loss_stage_id, Stage.name.label("stage"),
        LossReason.name.label("reason"), Deal.loss_note,
    )  # fmt: skip
    listed = (
        listed.where(is_loss())
        .join(User, User.id == Deal.owner_id)
        .outerjoin(Stage, Stage.id == Deal.loss_stage_id)
        .outerjoin(LossReason, LossReason.id == Deal.loss_reason_id)
        .order_by(amount.desc(), Deal.closed_at.desc(), Deal.id.desc())
    )
    rows = session.execute(listed.offset(offset).limit(limit)).all()
    ids = [one.id for one in rows]
    clients, remarks, following = client_names(session, rows), _remarks(session, ids), _following(session, actor, ids)
    return [
        LostDeal(
            one.id, one.title, clients.get(one.id), one.owner, one.amount_minor, one.currency, one.closed_at,
            one.loss_stage_id, one.stage, one.reason, one.loss_note, remarks.get(one.id),
            tuple(following.get(one.id, ())),
        )
        for one in rows
    ]  # fmt: skip


def _remarks(session: Session, deal_ids: Sequence[int]) -> dict[int, Remark]:
    """Give the newest note on each deal since it was lost."""
    newest = (
        select(func.max(Activity.id))
        .join(Deal, Deal.id == Activity.deal_id)
        .where(Activity.deal_id.in_(deal_ids), Activity.kind == ActivityKind.NOTE, Activity.at >= Deal.closed_at)
        .group_by(Activity.deal_id)
    )
    query = select(Activity.deal_id, User.name, Activity.at, Activity.text).outerjoin(
        User, User.id == Activity.author_id
    )
    rows = session.execute(query.where(Activity.id.in_(newest)))
    return {deal_id: Remark(author, at, text) for deal_id, author, at, text in rows}


def _following(session: Session, actor: Actor, deal_ids: Sequence[int]) -> dict[int, list[Following]]:
    child = aliased(Deal)
    shown = case((_is_seen(actor, child), child.id), else_=None)
    told = (LinkRunStatus.WAITING, LinkRunStatus.CREATED, LinkRunStatus.NOTED)
    query: Select[Any] = (
        select(LinkRun.deal_id, Pipeline.name, LinkRun.due_at, shown, LinkRun.status)
        .join(PipelineLink, PipelineLink.id == LinkRun.link_id)
        .join(Pipeline, Pipeline.id == PipelineLink.to_pipeline_id)
        .outerjoin(child, child.id == LinkRun.child_deal_id)
        .where(LinkRun.deal_id.in_(deal_ids), LinkRun.status.in_(told))
        .order_by(LinkRun.id)
    )
    found: dict[int, list[Following]] = {}
    for deal_id, pipeline, due_at, child_id, status in session.execute(query):
        made = status is not LinkRunStatus.WAITING
        found.setdefault(deal_id, []).append(Following(pipeline, due_at, child_id, made))
    return found


def _is_seen(actor: Actor, child: Any) -> ColumnElement[bool]:
    return select(Deal.id).where(Deal.id == child.id, deal_visible(actor)).correlate(child).exists()
