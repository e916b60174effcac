"""Merges: what was put into what, and taking it back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session
from starlette.responses import Response

from crm.actor import Actor
from crm.api.v1.call import Reading, Writing, answer_of
from crm.api.v1.paging import Page, PageQuery, page_of, place_of
from crm.api.v1.refusals import READ_REFUSALS, WRITE_REFUSALS
from crm.api.v1.schemas.duplicates import KindName
from crm.api.v1.schemas.merges import MergeInfoOut, MergeUndo, UndoOut
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import PathId, QueryId
from crm.duplicates.merge_history import list_merges
from crm.duplicates.undo import undo_merge
from crm.duplicates.undo_plan import plan_undo
from crm.i18n import N_
from crm.models import EntityType

LIST = "merges"

router = APIRouter(prefix="/merges", tags=["duplicates"], route_class=StrictRoute, responses=READ_REFUSALS)


class MergeQuery(PageQuery):
    """Filters of the history of merges."""

    kind: KindName | None = None
    batch_id: QueryId | None = None


@router.get(
    "",
    response_model=Page[MergeInfoOut],
    summary=N_("List merges"),
    description=N_("For heads and administrators. Newest first, those undone too."),
)
def get_merges(query: Annotated[MergeQuery, Query()], call: Reading) -> Response:
    """List merges."""
    place = place_of(query.cursor, LIST, 1)
    with call.reading() as (session, actor):
        rows = list_merges(
            session,
            actor,
            entity_type=EntityType(query.kind) if query.kind else None,
            batch_id=query.batch_id,
            before=place[0] if place else None,
            limit=query.limit + 1,
        )
    return answer_of(page_of(rows, query.limit, LIST, MergeInfoOut.of, lambda merge: (merge.id,)))


@router.post(
    "/{merge_id}/undo",
    response_model=UndoOut,
    responses=WRITE_REFUSALS,
    summary=N_("Undo a merge"),
    description=N_("Whenever it was. What people have changed since stays and is told. Where later merges rest on this "
                   "one, cascade undoes them first; with dry_run nothing is changed."),
)  # fmt: skip
def post_undo(merge_id: PathId, body: MergeUndo, call: Writing) -> Response:
    """Undo a merge, or tell what would happen."""

    def act(session: Session, actor: Actor) -> UndoOut:
        if body.dry_run:
            return UndoOut.planned(plan_undo(session, actor, merge_id=merge_id))
        return UndoOut.done(undo_merge(session, actor, merge_id=merge_id, cascade=body.cascade))

    return call.perform(act)
