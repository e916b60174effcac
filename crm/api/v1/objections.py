"""Objections: what clients say against buying, and what became of it."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from crm.actor import Actor
from crm.api.v1.call import Reading, VersionedWriting, Writing, answer_of
from crm.api.v1.refusals import NOT_FOUND, READ_REFUSALS, WRITE_REFUSALS
from crm.api.v1.schemas.objections import ObjectionEdit, ObjectionList, ObjectionNew, ObjectionOut, ObjectionSettled
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import PathId
from crm.deals.objections import (
    edit_objection,
    load_objection,
    load_objections,
    record_objection,
    settle_objection,
)
from crm.i18n import N_
from crm.models import ObjectionOutcome

router = APIRouter(tags=["objections"], route_class=StrictRoute, responses=READ_REFUSALS)


@router.get(
    "/deals/{deal_id}/objections",
    response_model=ObjectionList,
    responses=NOT_FOUND,
    summary=N_("List a deal's objections"),
    description=N_("Those not settled first, then the newest; 500 at most."),
)
def get_objections(deal_id: PathId, call: Reading) -> Response:
    """List a deal's objections."""
    with call.reading() as (session, actor):
        found = load_objections(session, actor, deal_id)
    return answer_of(ObjectionList(items=[ObjectionOut.of(one) for one in found]))


@router.post(
    "/deals/{deal_id}/objections",
    status_code=201,
    response_model=ObjectionOut,
    responses=WRITE_REFUSALS,
    summary=N_("Write down an objection"),
    description=N_("It belongs to the stage where the deal stands, or last stood."),
)
def post_objection(deal_id: PathId, body: ObjectionNew, call: Writing) -> Response:
    """Write down an objection."""

    def act(session: Session, actor: Actor) -> ObjectionOut:
        objection_id = record_objection(session, actor, deal_id=deal_id, plan=body.plan())
        return ObjectionOut.of(load_objection(session, actor, objection_id))

    return call.perform(act, status=201, collection="objections")


@router.get("/objections/{objection_id}", response_model=ObjectionOut, responses=NOT_FOUND,
            summary=N_("Read an objection"))  # fmt: skip
def get_objection(objection_id: PathId, call: Reading) -> Response:
    """Read an objection."""
    with call.reading() as (session, actor):
        found = load_objection(session, actor, objection_id)
    return answer_of(ObjectionOut.of(found))


@router.put(
    "/objections/{objection_id}",
    response_model=ObjectionOut,
    responses=WRITE_REFUSALS,
    summary=N_("Edit an objection"),
    description=N_("What was said, whether it was meant, the condition; stage and outcome stay."),
)
def put_objection(objection_id: PathId, body: ObjectionEdit, call: VersionedWriting) -> Response:
    """Edit an objection."""
    version = call.expected_version(body.expected_version)

    def act(session: Session, actor: Actor) -> ObjectionOut:
        edit_objection(session, actor, objection_id=objection_id, expected_version=version, plan=body.plan())
        return ObjectionOut.of(load_objection(session, actor, objection_id))

    return call.perform(act)


@router.post(
    "/objections/{objection_id}/settle",
    response_model=ObjectionOut,
    responses=WRITE_REFUSALS,
    summary=N_("Settle an objection"),
    description=N_("Say what became of it, or open it again."),
)
def post_settle(objection_id: PathId, body: ObjectionSettled, call: VersionedWriting) -> Response:
    """Settle an objection."""
    version = call.expected_version(body.expected_version)

    def act(session: Session, actor: Actor) -> ObjectionOut:
        settle_objection(
            session,
            actor,
            objection_id=objection_id,
            expected_version=version,
            outcome=ObjectionOutcome(body.outcome),
            note=body.note,
        )
        return ObjectionOut.of(load_objection(session, actor, objection_id))

    return call.perform(act)
