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


def fire_links(
    session: Session, actor: Actor, deal: Deal, trigger: LinkTrigger, *, led_here: frozenset[int] = frozenset()
) -> None:
    """Do what the links of the deal's pipeline say, in the transaction that moved it; a second call changes nothing.

    A firing belongs to the deal's newest stay: the one that the win or loss ended, or that began on the stage.
    Spam, a duplicate or a test is closed as lost too, but nobody was lost: it leads nowhere. `led_here` are the
    links that made this deal in the same transaction.
    """
    if trigger is LinkTrigger.LOST and nobody_lost(session, deal):
        return
    cause = replace(actor, channel=Channel.SYSTEM)
    for link in links_set_off(session, deal.pipeline_id, trigger, deal.stage_id):
        if not conditions_hold(session, deal, link.plan.conditions):
            continue
        run = _claim(session, link, deal)
        if run is not None:
            _begin(session, cause, link, deal, run, led_here)


def settle_run(
    session: Session,
    cause: Actor,
    link: LinkInfo,
    deal: Deal,
    run: LinkRun,
    now: datetime,
    led_here: frozenset[int] = frozenset(),
) -> None:
    """Do what a firing is for, now: a new deal, a note on the one that is open already, or nothing with a reason.

    While the client rests after another deal it goes on waiting.
    """
    _lock_client(session, deal)
    open_child_id = _open_child(session, link, deal)
    round_number, landing = _round(session, link, deal), landing_stage(session, link)
    if open_child_id is not None:
        run.status, run.child_deal_id, run.done_at = LinkRunStatus.NOTED, open_child_id, now
        _note_both(session, cause, link, deal, open_child_id, now)
    elif landing is None:
        skip_run(session, cause, link, run, "target_closed", now)
    elif link.id in led_here:
        skip_run(session, cause, link, run, "went_round", now)
    elif _is_past_the_limit(link, round_number):
        skip_run(session, cause, link, run, "max_rounds", now)
    elif (rested := rested_at(session, link, deal, now)) > now:
        _wait(session, cause, link, run, rested, now)
    elif link.plan.skip_if_open and _client_is_busy(session, deal):
        skip_run(session, cause, link, run, "client_has_open_deal", now)
    else:
        child = create_child(session, cause, link, deal, landing=landing, round_number=round_number, now=now)
        run.status, run.child_deal_id, run.done_at = LinkRunStatus.CREATED, child.id, now
        session.flush()
        fire_links(session, system_actor(), child, LinkTrigger.STAGE, led_here=led_here | {link.id})
    session.flush()


def skip_run(session: Session, cause: Actor, link: LinkInfo, run: LinkRun, reason: str, now: datetime) -> None:
    """Close a firing without a deal and say why on the timeline; `reason` is a code of SKIP_TEXTS."""
    run.status, run.reason, run.done_at = LinkRunStatus.SKIPPED, reason, now
    record(
        session, cause, "deal.link_skipped", "deal", run.deal_id, at=now, link_id=link.id,
        pipeline=link.to_pipeline, reason_code=reason,
    )  # fmt: skip


def nobody_lost(session: Session, deal: Deal) -> bool:
    """Tell whether a deal was closed for a reason that counts as no loss: spam, a duplicate, a test."""
    reason = session.get(LossReason, deal.loss_reason_id) if deal.loss_reason_id is not None else None
    return reason is not None and not reason.counts_as_loss


def rested_at(session: Session, link: LinkInfo, deal: Deal, now: datetime) -> datetime:
    """Return when the client's pause between two rounds is over; `now` when there is none."""
    if not link.plan.cooldown_seconds:
        return now
    chain = chain_up(deal.id)
    of_chain = select(func.max(Deal.created_at)).join(chain, chain.c.id == Deal.id)
    of_chain = of_chain.where(Deal.pipeline_id == link.plan.to_pipeline_id)
    of_link = select(func.max(Deal.created_at)).where(_of_link(link), _same_client(session, deal))
    last = max(filter(None, (session.scalar(of_chain), session.scalar(of_link))), default=None)
    return now if last is None else last + timedelta(seconds=link.plan.cooldown_seconds)


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


def _begin(session: Session, cause: Actor, link: LinkInfo, deal: Deal, run: LinkRun, led_here: frozenset[int]) -> None:
    now = run.created_at
    run.due_at = max(run.due_at, rested_at(session, link, deal, now))
    # Nobody is told of a day on which nothing can come.
    hopeless = run.due_at > now and _is_past_the_limit(link, _round(session, link, deal))
    if hopeless or run.due_at <= now:
        settle_run(session, cause, link, deal, run, now, led_here)
        return
    _wait(session, cause, link, run, run.due_at, now)


def _wait(session: Session, cause: Actor, link: LinkInfo, run: LinkRun, until: datetime, now: datetime) -> None:
    run.due_at = until
    session.flush()
    record(
        session, cause, "deal.link_waiting", "deal", run.deal_id, at=now, link_id=link.id, pipeline=link.to_pipeline,
        due_at=int(until.timestamp()),
    )  # fmt: skip


def _is_past_the_limit(link: LinkInfo, round_number: int) -> bool:
    return link.plan.max_rounds is not None and round_number > link.plan.max_rounds


def _round(session: Session, link: LinkInfo, deal: Deal) -> int:
    chain = chain_up(deal.id)
    query = select(func.max(Deal.round)).join(chain, chain.c.id == Deal.id)
    return (session.scalar(query.where(Deal.pipeline_id == link.plan.to_pipeline_id)) or 0) + 1


def _open_child(session: Session, link: LinkInfo, deal: Deal) -> int | None:
    query = select(func.max(Deal.id)).where(
        _of_link(link), Deal.status == DealStatus.OPEN, Deal.id != deal.id, _same_client(session, deal)
    )
    return session.scalar(query)


def _of_link(link: LinkInfo) -> ColumnElement[bool]:
    # Kept out of the index: a link makes far more deals than a client has.
    return Deal.origin_link_id + 0 == link.id


def _same_client(session: Session, deal: Deal) -> ColumnElement[bool]:
    if deal.company_id is not None:
        return Deal.company_id == deal.company_id
    contact_id = _main_contact(session, deal.id)
    if contact_id is not None:
        return _has_contact(contact_id)
    # Nobody's deals are not one client's, but those of one chain are.
    chain = chain_up(deal.id)
    return Deal.origin_deal_id.in_(select(chain.c.id))


def _has_contact(contact_id: int) -> ColumnElement[bool]:
    return Deal.id.in_(select(DealContact.deal_id).where(DealContact.contact_id == contact_id))


def _client_is_busy(session: Session, deal: Deal) -> bool:
    same: list[ColumnElement[bool]] = []
    if deal.company_id is not None:
        same.append(Deal.company_id == deal.company_id)
    contact_id = _main_contact(session, deal.id)
    if contact_id is not None:
        same.append(_has_contact(contact_id))
    # Each asked by itself: "company or contact" would walk every open deal.
    busy = [exists().where(Deal.status == DealStatus.OPEN, Deal.id != deal.id, one) for one in same]
    return bool(busy) and bool(session.scalar(select(or_(*busy))))


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
    told = told_of_source(session, link, deal, session.get_one(Deal, child_id).owner_id)
    record(session, system_actor(), "deal.link_note", "deal", child_id, at=now, **told)
    record(
        session, cause, "deal.link_noted", "deal", deal.id, at=now, link_id=link.id, child_id=child_id,
        pipeline=link.to_pipeline,
    )  # fmt: skip
