"""Deals: lists, one deal, creating and editing."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from crm.actor import Actor
from crm.api.v1.call import Reading, VersionedWriting, Writing, answer_of
from crm.api.v1.paging import Page, PageQuery, page_of, place_of
from crm.api.v1.refusals import NOT_FOUND, READ_REFUSALS, WRITE_REFUSALS
from crm.api.v1.schemas.deals import DealDetail, DealEdit, DealNew, DealOut, plan_of
from crm.api.v1.schemas.next_steps import NextStepOut
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import Moment, PathId, PriorityName, QueryId, QueryText, StatusName
from crm.deals.commands import NewDeal, create_deal, edit_deal
from crm.deals.listing import DealFilter, DealOrder, list_deals, load_deal_record, place_in
from crm.deals.reads import load_deal
from crm.deals.step_lists import StepFilter, list_open_steps
from crm.i18n import N_
from crm.models import DealStatus, Priority

STEPS_SHOWN = 100

router = APIRouter(prefix="/deals", tags=["deals"], route_class=StrictRoute, responses=READ_REFUSALS)


class DealQuery(PageQuery):
    """Filters of the list of deals; ranges include their beginning and leave out their end."""

    pipeline_id: QueryId | None = None
    stage_id: QueryId | None = None
    owner_id: QueryId | None = None
    status: StatusName | None = None
    priority: PriorityName | None = None
    source: QueryText | None = None
    company_id: QueryId | None = None
    contact_id: QueryId | None = None
    text: QueryText | None = None
    created_from: Moment | None = None
    created_to: Moment | None = None
    updated_from: Moment | None = None
    updated_to: Moment | None = None
    sort: Literal["newest", "updated"] = "newest"

    def wanted(self) -> DealFilter:
        """Return the filters as the read takes them."""
        return DealFilter(
            pipeline_id=self.pipeline_id,
            stage_id=self.stage_id,
            owner_id=self.owner_id,
            status=DealStatus[self.status.upper()] if self.status else None,
            priority=Priority[self.priority.upper()] if self.priority else None,
            source=self.source,
            company_id=self.company_id,
            contact_id=self.contact_id,
            text=self.text,
            created_from=self.created_from,
            created_to=self.created_to,
            updated_from=self.updated_from,
            updated_to=self.updated_to,
        )


@router.get(
    "",
    response_model=Page[DealOut],
    summary=N_("List deals"),
    description=N_("Newest first; sort=updated gives the longest unchanged first, to fetch what has changed since."),
)
def get_deals(query: Annotated[DealQuery, Query()], call: Reading) -> Response:
    """List deals."""
    order = DealOrder(query.sort)
    kind = f"deals.{order.value}"
    after = place_of(query.cursor, kind, 1 if order is DealOrder.NEWEST else 2)
    with call.reading() as (session, actor):
        rows = list_deals(session, actor, query.wanted(), order=order, after=after, limit=query.limit + 1)
    return answer_of(page_of(rows, query.limit, kind, DealOut.of, lambda deal: place_in(order, deal)))


@router.post(
    "",
    status_code=201,
    response_model=DealOut,
    responses=WRITE_REFUSALS,
    summary=N_("Create a deal"),
    description=N_("It starts on the first stage of its pipeline, with the next step that every open deal has."),
)
def post_deal(body: DealNew, call: Writing) -> Response:
    """Create a deal."""

    def act(session: Session, actor: Actor) -> DealOut:
        new = NewDeal(body.pipeline_id, body.changes(), plan_of(body.next_step), body.owner_id, body.stage_id)
        return DealOut.of(load_deal_record(session, actor, create_deal(session, actor, new)))

    return call.perform(act, status=201, collection="deals")


@router.get(
    "/{deal_id}",
    response_model=DealDetail,
    responses=NOT_FOUND,
    summary=N_("Read a deal"),
    description=N_("With names, contacts and open next steps. The ETag is its version."),
)
def get_deal(deal_id: PathId, call: Reading) -> Response:
    """Read a deal."""
    with call.reading() as (session, actor):
        record = load_deal_record(session, actor, deal_id)
        card = load_deal(session, actor, deal_id)
        steps = list_open_steps(session, actor, StepFilter(deal_id=deal_id), limit=STEPS_SHOWN)
    return answer_of(DealDetail.whole(record, card, [NextStepOut.of(step) for step in steps]))


@router.patch(
    "/{deal_id}",
    response_model=DealOut,
    responses=WRITE_REFUSALS,
    summary=N_("Edit a deal"),
    description=N_("Values that are left out stay. An open deal without a next step needs one in the same act."),
)
def patch_deal(deal_id: PathId, body: DealEdit, call: VersionedWriting) -> Response:
    """Edit a deal."""
    version = call.expected_version(body.expected_version)

    def act(session: Session, actor: Actor) -> DealOut:
        edit_deal(
            session,
            actor,
            deal_id=deal_id,
            expected_version=version,
            changes=body.changes(),
            next_step=plan_of(body.next_step),
        )
        return DealOut.of(load_deal_record(session, actor, deal_id))

    return call.perform(act)
