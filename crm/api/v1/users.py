"""Users: the people whose records the key's owner sees, and the owner."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from crm.api.v1.call import Reading, answer_of
from crm.api.v1.paging import Page, PageQuery, page_of, place_of
from crm.api.v1.refusals import NOT_FOUND, READ_REFUSALS
from crm.api.v1.schemas.users import MeOut, UserOut
from crm.api.v1.strict_route import StrictRoute
from crm.api.v1.values import PathId
from crm.auth.people import list_people, load_person
from crm.i18n import N_

LIST = "users"

router = APIRouter(prefix="/users", tags=["users"], route_class=StrictRoute, responses=READ_REFUSALS)


@router.get(
    "",
    response_model=Page[UserOut],
    summary=N_("List users"),
    description=N_("Those whose deals and clients the key's owner sees, switched-off ones too."),
)
def get_users(query: Annotated[PageQuery, Query()], call: Reading) -> Response:
    """List users."""
    place = place_of(query.cursor, LIST, 1)
    with call.reading() as (session, actor):
        rows = list_people(session, actor, after=place[0] if place else None, limit=query.limit + 1)
    return answer_of(page_of(rows, query.limit, LIST, UserOut.of, lambda person: (person.id,)))


@router.get("/me", response_model=MeOut, summary=N_("Read who the key belongs to"))
def get_me(call: Reading) -> Response:
    """Read who the key belongs to and what it may do."""
    with call.reading() as (_session, actor):
        return answer_of(MeOut.of(actor, call.key.scopes))


@router.get("/{user_id}", response_model=UserOut, responses=NOT_FOUND, summary=N_("Read a user"))
def get_user(user_id: PathId, call: Reading) -> Response:
    """Read a user."""
    with call.reading() as (session, actor):
        person = load_person(session, actor, user_id)
    return answer_of(UserOut.of(person))
