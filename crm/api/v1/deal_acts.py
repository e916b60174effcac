"""What is done with a deal: moving, closing, handing over, writing on its timeline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from crm.actor import Actor
from crm.api.v1.call import Reading, VersionedWriting, WriteCall, Writing, answer_of
from crm.api.v1.paging import Page, PageQuery, page_of, place_of
from crm.api.v1.refusals import NOT_FOUND, READ_REFUSALS, WRITE_REFUSALS
from crm.api.v1.schemas.deals import DealLoss, DealMove, DealOut, DealWin, Handover, plan_of
from crm.api.v1.schemas.timeline import ActivityNew, ActivityOut, TimelineItemOut
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import PathId
from crm.deals.activities import add_activity
from crm.deals.commands import reassign_deal
from crm.deals.listing import load_deal_record
from crm.deals.moves import Move, lose_deal, move_deal, win_deal
from crm.deals.timeline import TimelineItem, load_timeline
from crm.i18n import N_
from crm.models import ActivityKind, Direction

NO_STAGE = 0  # closing finds the stage by itself
TIMELINE = "timeline"
_LETTERS = "ae"  # a timeline's keys begin with them: activities, events

router = APIRouter(prefix="/deals", tags=["deals"], route_class=StrictRoute, responses=READ_REFUSALS)


@router.post(
    "/{deal_id}/move",
    response_model=DealOut,
    responses=WRITE_REFUSALS,
    summary=N_("Move a deal"),
    description=N_("To another stage, saving values and planning a next step in the same act, all or nothing."),
)
def post_move(deal_id: PathId, body: DealMove, call: VersionedWriting) -> Response:
    """Move a deal."""
    version = call.expected_version(body.expected_version)
    move = Move(
        body.stage_id,
        version,
        changes=body.changes.changes(),
        next_step=plan_of(body.next_step),
        due_done=body.due_done.done() if body.due_done else None,
        override_reason=body.override_reason,
    )
    return _perform(call, deal_id, lambda session, actor: move_deal(session, actor, deal_id=deal_id, move=move))


@router.post(
    "/{deal_id}/win",
    response_model=DealOut,
    responses=WRITE_REFUSALS,
    summary=N_("Close a deal as won"),
    description=N_("From the last open stage, with an amount above zero."),
)
def post_win(deal_id: PathId, body: DealWin, call: VersionedWriting) -> Response:
    """Close a deal as won."""
    version = call.expected_version(body.expected_version)
    move = Move(NO_STAGE, version, changes=body.changes.changes())
    return _perform(call, deal_id, lambda session, actor: win_deal(session, actor, deal_id=deal_id, move=move))


@router.post(
    "/{deal_id}/lose",
    response_model=DealOut,
    responses=WRITE_REFUSALS,
    summary=N_("Close a deal as lost"),
    description=N_("From any stage, with a reason of the pipeline and a note where the reason asks for one."),
)
def post_loss(deal_id: PathId, body: DealLoss, call: VersionedWriting) -> Response:
    """Close a deal as lost."""
    version = call.expected_version(body.expected_version)
    move = Move(NO_STAGE, version, changes=body.changes.changes(), loss=body.answer())
    return _perform(call, deal_id, lambda session, actor: lose_deal(session, actor, deal_id=deal_id, move=move))


@router.post(
    "/{deal_id}/reassign",
    response_model=DealOut,
    responses=WRITE_REFUSALS,
    summary=N_("Hand a deal over"),
    description=N_("For heads and administrators. Its open next steps go with it."),
)
def post_deal_reassign(deal_id: PathId, body: Handover, call: VersionedWriting) -> Response:
    """Hand a deal over."""
    version = call.expected_version(body.expected_version)
    return _perform(
        call,
        deal_id,
        lambda session, actor: reassign_deal(
            session, actor, deal_id=deal_id, expected_version=version, owner_id=body.owner_id
        ),
    )


@router.post(
    "/{deal_id}/activities",
    status_code=201,
    response_model=ActivityOut,
    responses=WRITE_REFUSALS,
    summary=N_("Add a note or a contact"),
    description=N_("A note, or a call, message or meeting that has just been, on the deal's timeline."),
)
def post_activity(deal_id: PathId, body: ActivityNew, call: Writing) -> Response:
    """Add a note or a contact with the client."""

    def act(session: Session, actor: Actor) -> ActivityOut:
        direction = Direction(body.direction) if body.direction else None
        kind = ActivityKind(body.kind)
        return ActivityOut(
            id=add_activity(session, actor, deal_id=deal_id, kind=kind, text=body.text, direction=direction)
        )

    return call.perform(act, status=201)


@router.get(
    "/{deal_id}/timeline",
    response_model=Page[TimelineItemOut],
    responses=NOT_FOUND,
    summary=N_("Read a deal's timeline"),
    description=N_("Activities and events, newest first."),
)
def get_timeline(deal_id: PathId, query: Annotated[PageQuery, Query()], call: Reading) -> Response:
    """Read a deal's timeline."""
    place = place_of(query.cursor, TIMELINE, 3)
    with call.reading() as (session, actor):
        items = load_timeline(session, actor, deal_id, limit=query.limit + 1, before=_before(place))
    return answer_of(page_of(items, query.limit, TIMELINE, TimelineItemOut.of, _place))


def _perform(call: WriteCall, deal_id: int, command: Callable[[Session, Actor], object]) -> Response:
    def act(session: Session, actor: Actor) -> DealOut:
        command(session, actor)
        return DealOut.of(load_deal_record(session, actor, deal_id))

    return call.perform(act)


def _before(place: tuple[int, ...] | None) -> tuple[datetime, str] | None:
    if place is None:
        return None
    seconds, letter, number = place
    return datetime.fromtimestamp(seconds, UTC), f"{_LETTERS[letter % 2]}{number:015}"


def _place(item: TimelineItem) -> tuple[int, ...]:
    return int(item.at.timestamp()), _LETTERS.index(item.key[0]), int(item.key[1:])
