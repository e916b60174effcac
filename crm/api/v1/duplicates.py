"""Duplicates: the queue of pairs, decisions about them, and who looks like a typed client."""

from __future__ import annotations

import struct
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from crm.actor import Actor
from crm.api.v1.call import Reading, Writing, answer_of
from crm.api.v1.paging import Page, PageQuery, page_of, place_of
from crm.api.v1.refusals import NOT_FOUND, READ_REFUSALS, WRITE_REFUSALS
from crm.api.v1.schemas.duplicates import (
    KindName,
    MatchList,
    MatchOut,
    PairDetail,
    PairDismiss,
    PairOut,
    PairReopen,
    PairSnooze,
    TypedClient,
)
from crm.api.v1.schemas.merges import MergeOut, PairMerge
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import PathId, QueryId, QueryText
from crm.duplicates.hints import hint
from crm.duplicates.merge_plan import better_survivor, plan_merge
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_card import load_pair
from crm.duplicates.pair_decisions import dismiss_pair, reopen_pair, snooze_pair
from crm.duplicates.pair_values import PairCard, PairRow, Place, QueueFilter
from crm.duplicates.pairs import load_queue
from crm.errors import InvalidInput, Violation
from crm.i18n import N_
from crm.models import EntityType, PairSource, PairState

LIST = "duplicates"
_WAITING = (PairState.OPEN, PairState.SNOOZED, PairState.NOT_DUPLICATE)

router = APIRouter(prefix="/duplicates", tags=["duplicates"], route_class=StrictRoute, responses=READ_REFUSALS)


class PairQuery(PageQuery):
    """Filters of the queue."""

    kind: KindName | None = None
    state: Literal["open", "snoozed", "merged", "not_duplicate", "gone"] = "open"
    source: Literal["intake", "batch", "bridge"] | None = None
    owner_id: QueryId | None = Field(default=None, description=N_("Who owns one of the two"))
    text: QueryText | None = Field(
        default=None, description=N_("Words of the name, a phone, an e-mail or the number of one of the two")
    )

    def wanted(self) -> QueueFilter:
        """Return the filters as the read takes them."""
        return QueueFilter(
            entity_type=EntityType(self.kind) if self.kind else None,
            state=PairState(self.state),
            source=PairSource(self.source) if self.source else None,
            owner_id=self.owner_id,
            text=self.text,
        )


@router.get(
    "",
    response_model=Page[PairOut],
    summary=N_("List pairs that may be the same"),
    description=N_("For heads and administrators. The most worth a look first; only pairs of which both are in view."),
)
def get_duplicates(query: Annotated[PairQuery, Query()], call: Reading) -> Response:
    """List pairs."""
    place = place_of(query.cursor, LIST, 3)
    after = _place_from(place) if place else None
    with call.reading() as (session, actor):
        page = load_queue(session, actor, query.wanted(), after=after, limit=query.limit + 1)
    return answer_of(page_of(page.rows, query.limit, LIST, PairOut.of, _numbers_of))


@router.post(
    "/check",
    response_model=MatchList,
    responses=WRITE_REFUSALS,
    summary=N_("Find clients like a typed one"),
    description=N_("Before a client is created. Nothing is changed; needs the scope write, as every POST does."),
)
def post_check(body: TypedClient, call: Writing) -> Response:
    """Find clients like a typed one."""

    def act(session: Session, actor: Actor) -> MatchList:
        return MatchList(items=[MatchOut.of(one) for one in hint(session, actor, EntityType(body.kind), body.raw())])

    return call.perform(act)


@router.get("/check", include_in_schema=False)
def get_check() -> Response:
    """Refuse what would else be asked of a pair called "check"."""
    raise HTTPException(405)


@router.get("/{pair_id}", response_model=PairDetail, responses=NOT_FOUND, summary=N_("Read a pair"))
def get_duplicate(pair_id: PathId, call: Reading) -> Response:
    """Read a pair with both records."""
    with call.reading() as (session, actor):
        detail = _detail(session, actor, pair_id)
    return answer_of(detail)


@router.post(
    "/{pair_id}/merge",
    response_model=MergeOut,
    responses=WRITE_REFUSALS,
    summary=N_("Merge a pair"),
    description=N_("Puts the other record into the survivor, all or nothing. With dry_run it only tells what would "
                   "happen. Every merge can be undone."),
)  # fmt: skip
def post_pair_merge(pair_id: PathId, body: PairMerge, call: Writing) -> Response:
    """Merge a pair, or tell what would happen."""

    def act(session: Session, actor: Actor) -> MergeOut:
        card = load_pair(session, actor, pair_id)
        sides = (card.left.id, card.right.id)
        if body.survivor_id not in sides:
            raise InvalidInput([Violation("choice_unknown", "survivor_id")])
        merged_id = sides[0] if body.survivor_id == sides[1] else sides[1]
        plan = plan_merge(
            session,
            actor,
            entity_type=card.row.entity_type,
            survivor_id=body.survivor_id,
            merged_id=merged_id,
            survivor_version=body.survivor_version,
            merged_version=body.merged_version,
            choices=body.sides(),
        )
        if body.dry_run:
            return MergeOut.of(plan, None)
        merge_id = merge_records(
            session,
            actor,
            entity_type=card.row.entity_type,
            survivor_id=body.survivor_id,
            merged_id=merged_id,
            survivor_version=body.survivor_version,
            merged_version=body.merged_version,
            choices=body.sides(),
            pair_id=pair_id,
        )
        return MergeOut.of(plan, merge_id)

    return call.perform(act)


@router.post(
    "/{pair_id}/dismiss",
    response_model=PairDetail,
    responses=WRITE_REFUSALS,
    summary=N_("Say that two are not the same"),
    description=N_("For everyone; no scan brings the pair back."),
)
def post_dismiss(pair_id: PathId, body: PairDismiss, call: Writing) -> Response:
    """Say that two records are not the same."""

    def act(session: Session, actor: Actor) -> PairDetail:
        dismiss_pair(session, actor, pair_id=pair_id, note=body.note)
        return _detail(session, actor, pair_id)

    return call.perform(act)


@router.post(
    "/{pair_id}/snooze",
    response_model=PairDetail,
    responses=WRITE_REFUSALS,
    summary=N_("Put a pair off"),
    description=N_("It leaves the queue until that time."),
)
def post_snooze(pair_id: PathId, body: PairSnooze, call: Writing) -> Response:
    """Put a pair off."""

    def act(session: Session, actor: Actor) -> PairDetail:
        snooze_pair(session, actor, pair_id=pair_id, until=body.until)
        return _detail(session, actor, pair_id)

    return call.perform(act)


@router.post(
    "/{pair_id}/reopen",
    response_model=PairDetail,
    responses=WRITE_REFUSALS,
    summary=N_("Put a pair back into the queue"),
    description=N_("One that was put off, or said not to be the same."),
)
def post_reopen(pair_id: PathId, _body: PairReopen, call: Writing) -> Response:
    """Put a pair back into the queue."""

    def act(session: Session, actor: Actor) -> PairDetail:
        reopen_pair(session, actor, pair_id=pair_id)
        return _detail(session, actor, pair_id)

    return call.perform(act)


def _detail(session: Session, actor: Actor, pair_id: int) -> PairDetail:
    card = load_pair(session, actor, pair_id)
    return PairDetail.whole(card, _better(session, actor, card))


def _better(session: Session, actor: Actor, card: PairCard) -> int | None:
    if card.row.state not in _WAITING:
        return None
    return better_survivor(session, actor, card.row.entity_type, (card.left.id, card.right.id))


def _numbers_of(row: PairRow) -> tuple[int, ...]:
    """Return a row's place as whole numbers: the two halves of the rank's bits, and the id."""
    high, low = struct.unpack(">II", struct.pack(">d", row.rank))
    return high, low, row.id


def _place_from(numbers: tuple[int, ...]) -> Place:
    high, low, pair_id = numbers
    if max(high, low) >= 2**32:
        raise InvalidInput([Violation("cursor_invalid", "cursor")])
    rank: float = struct.unpack(">d", struct.pack(">II", high, low))[0]
    if rank != rank or rank in (float("inf"), float("-inf")):  # noqa: PLR0124 - that is how a NaN is told
        raise InvalidInput([Violation("cursor_invalid", "cursor")])
    return rank, pair_id
