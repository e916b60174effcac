"""Links between pipelines; everybody may read them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from crm.api.v1.call import Reading, answer_of
from crm.api.v1.paging import Page
from crm.api.v1.refusals import READ_REFUSALS
from crm.api.v1.schemas.links import LinkOut
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import QueryId, QueryInput
from crm.i18n import N_
from crm.pipelines.links import links_from, list_links

router = APIRouter(prefix="/links", tags=["pipelines"], route_class=StrictRoute, responses=READ_REFUSALS)


class LinkQuery(QueryInput):
    """Filters of the list of links."""

    from_pipeline_id: QueryId | None = None


@router.get(
    "",
    response_model=Page[LinkOut],
    summary=N_("List links between pipelines"),
    description=N_("All on one page. A deal that is won, lost or comes to a stage creates one in another pipeline."),
)
def get_links(query: Annotated[LinkQuery, Query()], call: Reading) -> Response:
    """List links."""
    with call.reading() as (session, _actor):
        wanted = query.from_pipeline_id
        found = list_links(session) if wanted is None else links_from(session, wanted)
    return answer_of(Page(items=[LinkOut.of(one) for one in found], next_cursor=None))
