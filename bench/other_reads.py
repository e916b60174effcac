"""Reads without a bar of their own: what stands around a board, clients, lists of the API, the audit page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sqlalchemy.orm import Session

from bench.reads import GIANT_COMPANY, Case, Viewers
from crm.actor import Actor
from crm.auth.audit import JournalFilter, load_journal
from crm.auth.people import list_owners
from crm.contacts.lists import load_clients
from crm.contacts.reads import load_company, load_contact
from crm.deals.board import BoardFilter, board_sources, load_board
from crm.deals.listing import DealFilter, DealOrder, list_deals
from crm.deals.step_lists import StepFilter, list_open_steps
from crm.models import DealStatus, Priority
from crm.pipelines.linter.runs import load_health
from crm.pipelines.reads import list_pipelines


def other_cases(viewers: Viewers, pipeline_id: int) -> list[Case]:
    """Return them for those who may see the most, and for a manager."""
    return [
        *_around_the_board(viewers, pipeline_id),
        *_clients(viewers),
        *_deal_lists(viewers, pipeline_id),
        _case("open next steps, API, admin", list_open_steps, viewers.admin, wanted=StepFilter()),
        _case("open next steps, API, manager", list_open_steps, viewers.manager, wanted=StepFilter()),
        _case("health of the largest pipeline, admin", load_health, viewers.admin, pipeline_id=pipeline_id),
        _case("audit, admin, newest", load_journal, viewers.admin, wanted=JournalFilter()),
        _case("audit, head, newest", load_journal, viewers.head, wanted=JournalFilter()),
        _case(
            "audit, head, deals lost", load_journal, viewers.head, wanted=JournalFilter(kinds=frozenset({"deal.lost"}))
        ),
    ]


def _around_the_board(viewers: Viewers, pipeline_id: int) -> list[Case]:
    one_owner = BoardFilter(pipeline_id, owner_ids=frozenset({viewers.manager.user_id or 0}))
    narrow = BoardFilter(pipeline_id, priorities=frozenset({Priority.COLD}), sources=frozenset({"Тендер"}))
    return [
        *(
            Case(
                f"filter choices of a board, {who}",
                partial(_filter_choices, actor=actor, pipeline_id=pipeline_id),
                None,
                bar_ms=None,
            )
            for who, actor in viewers.named()
        ),
        _case("board, admin, one owner", load_board, viewers.admin, wanted=one_owner),
        _case("board, admin, one source, cold", load_board, viewers.admin, wanted=narrow),
    ]


def _clients(viewers: Viewers) -> list[Case]:
    return [
        *(_case(f"clients, {who}, newest", load_clients, actor) for who, actor in viewers.named()),
        *(_case(f"clients, {who}, 'иванов'", load_clients, actor, text="иванов") for who, actor in viewers.named()),
        _case("company, admin", load_company, viewers.admin, company_id=GIANT_COMPANY + 100),
        _case("company with thousands of deals, admin", load_company, viewers.admin, company_id=GIANT_COMPANY),
        _case("contact with thousands of deals, admin", load_contact, viewers.admin, contact_id=1),
    ]


def _deal_lists(viewers: Viewers, pipeline_id: int) -> list[Case]:
    of_pipeline = DealFilter(pipeline_id=pipeline_id, status=DealStatus.OPEN)
    return [
        case
        for who, actor in viewers.named()
        for case in (
            _case(f"deals, API, {who}, newest", list_deals, actor, wanted=DealFilter()),
            _case(f"deals, API, {who}, changed last", list_deals, actor, wanted=DealFilter(), order=DealOrder.UPDATED),
            _case(f"deals, API, {who}, open of a pipeline", list_deals, actor, wanted=of_pipeline),
            _case(f"deals, API, {who}, text 'арматура'", list_deals, actor, wanted=DealFilter(text="арматура")),
        )
    ]


def _case(name: str, read: Callable[..., object], actor: Actor, **wanted: object) -> Case:
    return Case(name, partial(read, actor=actor, **wanted), None, bar_ms=None)


def _filter_choices(session: Session, actor: Actor, pipeline_id: int) -> None:
    list_pipelines(session)
    list_owners(session, actor)
    board_sources(session, actor, pipeline_id)
