"""Next steps: what is to be done, planning, completing and postponing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy.orm import Session
from starlette.responses import Response

from crm.actor import Actor
from crm.api.v1.call import Reading, VersionedWriting, Writing, answer_of
from crm.api.v1.paging import Page, PageQuery, page_of, place_of
from crm.api.v1.refusals import NOT_FOUND, READ_REFUSALS, WRITE_REFUSALS
from crm.api.v1.schemas.next_steps import NextStepDone, NextStepNew, NextStepOut, NextStepPostponed, NextStepResult
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import Moment, PathId, QueryId
from crm.deals.next_steps import complete_next_step, plan_next_step, postpone_next_step
from crm.deals.step_lists import StepFilter, list_open_steps, load_step
from crm.i18n import N_

LIST = "steps"

router = APIRouter(prefix="/next-steps", tags=["next-steps"], route_class=StrictRoute, responses=READ_REFUSALS)


class StepQuery(PageQuery):
    """Filters of the list of open next steps."""

    owner_id: QueryId | None = Field(default=None, description=N_("Without owner and deal: the key owner's own"))
    deal_id: QueryId | None = None
    due_from: Moment | None = None
    due_to: Moment | None = None

    def wanted(self, own_id: int | None) -> StepFilter:
        """Return the filters as the read takes them."""
        owner_id = own_id if self.owner_id is None and self.deal_id is None else self.owner_id
        return StepFilter(owner_id, self.deal_id, self.due_from, self.due_to)


@router.get(
    "",
    response_model=Page[NextStepOut],
    summary=N_("List open next steps"),
    description=N_("The earliest due first."),
)
def get_next_steps(query: Annotated[StepQuery, Query()], call: Reading) -> Response:
    """List open next steps."""
    after = place_of(query.cursor, LIST, 2)
    with call.reading() as (session, actor):
        rows = list_open_steps(session, actor, query.wanted(actor.user_id), after=after, limit=query.limit + 1)
    return answer_of(page_of(rows, query.limit, LIST, NextStepOut.of, lambda step: step.place))


@router.post(
    "",
    status_code=201,
    response_model=NextStepOut,
    responses=WRITE_REFUSALS,
    summary=N_("Plan a next step"),
)
def post_next_step(body: NextStepNew, call: Writing) -> Response:
    """Plan a next step on an open deal."""

    def act(session: Session, actor: Actor) -> NextStepOut:
        step_id = plan_next_step(session, actor, deal_id=body.deal_id, plan=body.plan())
        return NextStepOut.of(load_step(session, actor, step_id))

    return call.perform(act, status=201, collection="next-steps")


@router.get("/{step_id}", response_model=NextStepOut, responses=NOT_FOUND, summary=N_("Read a next step"))
def get_next_step(step_id: PathId, call: Reading) -> Response:
    """Read a next step, open or done."""
    with call.reading() as (session, actor):
        record = load_step(session, actor, step_id)
    return answer_of(NextStepOut.of(record))


@router.post(
    "/{step_id}/complete",
    response_model=NextStepDone,
    responses=WRITE_REFUSALS,
    summary=N_("Complete a next step"),
    description=N_("With its result and the step that follows; the last step of an open deal needs one."),
)
def post_complete(step_id: PathId, body: NextStepResult, call: Writing) -> Response:
    """Complete a next step."""

    def act(session: Session, actor: Actor) -> NextStepDone:
        following = body.following.plan() if body.following else None
        new_id = complete_next_step(session, actor, step_id=step_id, done=body.done(), following=following)
        return NextStepDone(
            completed=NextStepOut.of(load_step(session, actor, step_id)),
            following=NextStepOut.of(load_step(session, actor, new_id)) if new_id else None,
        )

    return call.perform(act)


@router.post(
    "/{step_id}/postpone",
    response_model=NextStepOut,
    responses=WRITE_REFUSALS,
    summary=N_("Postpone a next step"),
    description=N_("To another date in the future, later or earlier."),
)
def post_postpone(step_id: PathId, body: NextStepPostponed, call: VersionedWriting) -> Response:
    """Postpone a next step."""
    version = call.expected_version(body.expected_version)

    def act(session: Session, actor: Actor) -> NextStepOut:
        postpone_next_step(session, actor, step_id=step_id, due_at=body.due_at, expected_version=version)
        return NextStepOut.of(load_step(session, actor, step_id))

    return call.perform(act)
