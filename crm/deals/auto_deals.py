"""Links at work: a deal won, lost or come to a stage creates another one in a linked pipeline, once per stay.

The source deal stays where it is with its whole history; docs/decisions/0012 says why and how.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.deals.auto_children import create_child, landing_stage, told_of_source
from crm.deals.chain import chain_up
from crm.deals.link_conditions import conditions_hold
from crm.events import record
from crm.models import (
    Channel,
    Company,
    Contact,
    Deal,
    DealContact,
    DealStatus,
    LinkRun,
    LinkRunStatus,
    LinkTrigger,
    LossReason,
    StageVisit,
)
from crm.pipelines.link_values import LinkInfo
from crm.pipelines.links import links_set_off


def fire_links(session: Session, actor: Actor, deal: Deal, trigger: LinkTrigger) -> None:
    """Do what the links of the deal's pipeline say, in the transaction that moved it; a second call changes nothing.

    A firing belongs to the deal's newest stay: the one that the win or loss ended, or that began on the stage.
    Spam, a duplicate or a test is closed as lost too, but nobody was lost: it leads nowhere.
    """
    if trigger is LinkTrigger.LOST and not _is_a_loss(session, deal):
        return
    cause = replace(actor, channel=Channel.SYSTEM)
    for link in links_set_off(session, deal.pipeline_id, trigger, deal.stage_id):
        if not conditions_hold(session, deal, link.plan.conditions):
            continue
        run = _claim(session, link, deal)
        if run is not None:
            _begin(session, cause, link, deal, run)


def settle_run(session: Session, cause: Actor, link: LinkInfo, deal: Deal, run: LinkRun, now: datetime) -> None:
    """Do what a firing is for, now: a new deal, a note on the one that is open already, or nothing with a reason."""
    _lock_client(session, deal)
    open_child_id = _open_child(session, link, deal)
    round_number, landing = _round(session, link, deal), landing_stage(session, link)
    run.done_at = now
    if open_child_id is not None:
        run.status, run.child_deal_id = LinkRunStatus.NOTED, open_child_id
        _note_both(session, cause, link, deal, open_child_id, now)
    elif landing is None:
        skip_run(session, cause, link, run, "target_closed")
    elif _is_past_the_limit(link, round_number):
        skip_run(session, cause, link, run, "max_rounds")
    elif link.plan.skip_if_open and _client_is_busy(session, deal):
        skip_run(session, cause, link, run, "client_has_open_deal")
    else:
        child = create_child(session, cause, link, deal, landing=landing, round_number=round_number, now=now)
        run.status, run.child_deal_id = LinkRunStatus.CREATED, child.id
        session.flush()
        fire_links(session, system_actor(), child, LinkTrigger.STAGE)
    session.flush()


def skip_run(session: Session, cause: Actor, link: LinkInfo, run: LinkRun, reason: str) -> None:
    """Close a firing without a deal and say why on the timeline; `reason` is a code of SKIP_TEXTS."""
    run.status, run.reason = LinkRunStatus.SKIPPED, reason
    run.done_at = run.done_at or utc_now()
    record(
        session, cause, "deal.link_skipped", "deal", run.deal_id, at=run.done_at, link_id=link.id,
        pipeline=link.to_pipeline, reason_code=reason,
    )  # fmt: skip


def _is_a_loss(session: Session, deal: Deal) -> bool:
    reason = session.get(LossReason, deal.loss_reason_id) if deal.loss_reason_id is not None else None
    return reason is None or reason.counts_as_loss


def _claim(session: Session, link: LinkInfo, deal: Deal) -> LinkRun | None:
    # The unique key decides, not a look before: of two firings at once one finds nothing to insert.
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    now = utc_now()
    values = {
        "link_id": link.id,
        "deal_id": deal.id,
        "visit_id": select(func.max(StageVisit.id)).where(StageVisit.deal_id == deal.id).scalar_subquery(),
        "status": LinkRunStatus.WAITING,
        "due_at": now + timedelta(seconds=link.plan.delay_seconds),
        "created_at": now,
    }
    statement = insert(LinkRun).values(values).on_conflict_do_nothing().returning(LinkRun.id)
    run_id = session.scalar(statement)
    return None if run_id is None else session.get_one(LinkRun, run_id)


def _begin(session: Session, cause: Actor, link: LinkInfo, deal: Deal, run: LinkRun) -> None:
    now = run.created_at
    run.due_at = max(run.due_at, _rested_at(session, link, deal, now))
    # Nobody is told of a day on which nothing can come.
    hopeless = run.due_at > now and _is_past_the_limit(link, _round(session, link, deal))
    if hopeless or run.due_at <= now:
        settle_run(session, cause, link, deal, run, now)
        return
    session.flush()
    record(
        session, cause, "deal.link_waiting", "deal", deal.id, at=now, link_id=link.id, pipeline=link.to_pipeline,
        due_at=int(run.due_at.timestamp()),
    )  # fmt: skip


def _is_past_the_limit(link: LinkInfo, round_number: int) -> bool:
    return link.plan.max_rounds is not None and round_number > link.plan.max_rounds


def _round(session: Session, link: LinkInfo, deal: Deal) -> int:
    chain = chain_up(deal.id)
    query = select(func.max(Deal.round)).join(chain, chain.c.id == Deal.id)
    return (session.scalar(query.where(Deal.pipeline_id == link.plan.to_pipeline_id)) or 0) + 1


def _rested_at(session: Session, link: LinkInfo, deal: Deal, now: datetime) -> datetime:
    """Return when the client's pause between two rounds is over."""
    if not link.plan.cooldown_seconds:
        return now
    chain = chain_up(deal.id)
    of_chain = select(func.max(Deal.created_at)).join(chain, chain.c.id == Deal.id)
    of_chain = of_chain.where(Deal.pipeline_id == link.plan.to_pipeline_id)
    of_link = select(func.max(Deal.created_at)).where(Deal.origin_link_id == link.id, _same_client(session, deal))
    last = max(filter(None, (session.scalar(of_chain), session.scalar(of_link))), default=None)
    return now if last is None else last + timedelta(seconds=link.plan.cooldown_seconds)


def _open_child(session: Session, link: LinkInfo, deal: Deal) -> int | None:
    query = select(func.max(Deal.id)).where(
        Deal.origin_link_id == link.id,
        Deal.status == DealStatus.OPEN,
        Deal.id != deal.id,
        _same_client(session, deal),
    )
    return session.scalar(query)


def _same_client(session: Session, deal: Deal) -> ColumnElement[bool]:
    if deal.company_id is not None:
        return Deal.company_id == deal.company_id
    contact_id = _main_contact(session, deal.id)
    if contact_id is None:
        return Deal.origin_deal_id == deal.id
    return exists().where(DealContact.deal_id == Deal.id, DealContact.contact_id == contact_id)


def _client_is_busy(session: Session, deal: Deal) -> bool:
    same = []
    if deal.company_id is not None:
        same.append(Deal.company_id == deal.company_id)
    contact_id = _main_contact(session, deal.id)
    if contact_id is not None:
        same.append(exists().where(DealContact.deal_id == Deal.id, DealContact.contact_id == contact_id))
    if not same:
        return False
    return bool(session.scalar(select(exists().where(Deal.status == DealStatus.OPEN, Deal.id != deal.id, or_(*same)))))


def _main_contact(session: Session, deal_id: int) -> int | None:
    query = select(DealContact.contact_id).where(DealContact.deal_id == deal_id)
    return session.scalar(query.order_by(DealContact.position, DealContact.id).limit(1))


def _lock_client(session: Session, deal: Deal) -> None:
    # Two deals of one client may end at the same moment: the second must see the first one's child.
    if deal.company_id is not None:
        session.execute(select(Company.id).where(Company.id == deal.company_id).with_for_update(key_share=True))
        return
    contact_id = _main_contact(session, deal.id)
    if contact_id is not None:
        session.execute(select(Contact.id).where(Contact.id == contact_id).with_for_update(key_share=True))


def _note_both(session: Session, cause: Actor, link: LinkInfo, deal: Deal, child_id: int, now: datetime) -> None:
    told = told_of_source(session, link, deal)
    record(session, system_actor(), "deal.link_note", "deal", child_id, at=now, **told)
    record(
        session, cause, "deal.link_noted", "deal", deal.id, at=now, link_id=link.id, child_id=child_id,
        pipeline=link.to_pipeline,
    )  # fmt: skip
