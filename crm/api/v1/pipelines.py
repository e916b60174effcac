"""Pipelines with their stages, custom fields and reasons of loss; everybody may read them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from crm.api.v1.call import Reading, answer_of
from crm.api.v1.paging import Page
from crm.api.v1.refusals import NOT_FOUND, READ_REFUSALS
from crm.api.v1.schemas.pipelines import PipelineLine, PipelineOut
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import PathId, QueryFlag, QueryInput
from crm.i18n import N_
from crm.pipelines.reads import list_pipelines, load_pipeline

router = APIRouter(prefix="/pipelines", tags=["pipelines"], route_class=StrictRoute, responses=READ_REFUSALS)


class PipelineQuery(QueryInput):
    """Filters of the list of pipelines."""

    with_archived: QueryFlag = False


@router.get(
    "",
    response_model=Page[PipelineLine],
    summary=N_("List pipelines"),
    description=N_("All of them on one page, in their order."),
)
def get_pipelines(query: Annotated[PipelineQuery, Query()], call: Reading) -> Response:
    """List pipelines."""
    with call.reading() as (session, _actor):
        found = list_pipelines(session, with_archived=query.with_archived)
    return answer_of(Page(items=[PipelineLine.of(one) for one in found], next_cursor=None))


@router.get(
    "/{pipeline_id}",
    response_model=PipelineOut,
    responses=NOT_FOUND,
    summary=N_("Read a pipeline"),
    description=N_("With its stages and what they require, its reasons of loss, and all custom fields."),
)
def get_pipeline(pipeline_id: PathId, call: Reading) -> Response:
    """Read a pipeline."""
    with call.reading() as (session, _actor):
        found = load_pipeline(session, pipeline_id)
    return answer_of(PipelineOut.of(found))
