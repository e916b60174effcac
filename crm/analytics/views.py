"""Saved views: what a dashboard's address asks for, under a name, its owner's alone or everybody's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, may, require
from crm.clock import utc_now
from crm.errors import ChangedMeanwhile, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Role, SavedView, User
from crm.typed_text import clean_line, line_violations

MAX_NAME, MAX_QUERY, MOST_VIEWS = 100, 4000, 50
DASHBOARDS = ("conversion", "losses", "managers", "kpi", "trust")


@dataclass(frozen=True, slots=True)
class View:
    """A saved view as a reader finds it; `is_mine` tells who may change it."""

    id: int
    page: str
    name: str
    query: Mapping[str, str]
    is_shared: bool
    is_mine: bool
    owner: str
    version: int


def list_views(session: Session, actor: Actor, page: str) -> list[View]:
    """Return the actor's own and everybody's views of a dashboard by name, own ones first.

    Errors: Forbidden.
    """
    require(actor, Action.SEE_ANALYTICS)
    query = (
        select(SavedView, User.name)
        .join(User, User.id == SavedView.owner_id)
        .where(SavedView.page == page, or_(SavedView.owner_id == actor.user_id, SavedView.is_shared))
        .order_by(SavedView.owner_id != actor.user_id, SavedView.name, SavedView.id)
    )
    return [
        View(
            one.id,
            one.page,
            one.name,
            dict(one.query),
            one.is_shared,
            one.owner_id == actor.user_id,
            owner,
            one.version,
        )
        for one, owner in session.execute(query)
    ]


def save_view(
    session: Session, actor: Actor, *, page: str, name: str, query: Mapping[str, str], is_shared: bool = False
) -> int:
    """Keep what a dashboard's address asks for under a name.

    Errors: Forbidden, InvalidInput.
    """
    require(actor, Action.SEE_ANALYTICS)
    if is_shared:
        require(actor, Action.SHARE_VIEWS)
    broken = [*_name_violations(session, actor, page, name, None), *_query_violations(query)]
    if page not in DASHBOARDS:
        broken.append(Violation("choice_unknown", "page"))
    own = select(SavedView.id).where(SavedView.owner_id == actor.user_id, SavedView.page == page)
    if len(session.scalars(own.limit(MOST_VIEWS)).all()) >= MOST_VIEWS:
        broken.append(Violation("too_many_views", "name", {"limit": MOST_VIEWS}))
    refuse_if_any(broken)
    view = SavedView(
        owner_id=actor.user_id, page=page, name=clean_line(name), query=dict(query), is_shared=is_shared,
        created_at=utc_now(),
    )  # fmt: skip
    session.add(view)
    session.flush()
    record(session, actor, "view.saved", "view", view.id, name=view.name, page=page, is_shared=is_shared)
    return view.id


def change_view(
    session: Session,
    actor: Actor,
    *,
    view_id: int,
    expected_version: int,
    name: str | None = None,
    query: Mapping[str, str] | None = None,
    is_shared: bool | None = None,
) -> None:
    """Give an own view another name, another question or other readers; None leaves it as it is.

    Errors: Forbidden, NotFound, ChangedMeanwhile, InvalidInput.
    """
    require(actor, Action.SEE_ANALYTICS)
    view = _own_view(session, actor, view_id, expected_version)
    if is_shared:
        require(actor, Action.SHARE_VIEWS)
    broken = [] if name is None else _name_violations(session, actor, view.page, name, view.id)
    refuse_if_any(broken + ([] if query is None else _query_violations(query)))
    wanted = {
        "name": None if name is None else clean_line(name),
        "query": None if query is None else dict(query),
        "is_shared": is_shared,
    }
    changes = {
        field: [getattr(view, field), value]
        for field, value in wanted.items()
        if value is not None and getattr(view, field) != value
    }
    for field, (_, value) in changes.items():
        setattr(view, field, value)
    if changes:
        view.version += 1
        session.flush()
        record(session, actor, "view.changed", "view", view.id, name=view.name, changes=changes)


def delete_view(session: Session, actor: Actor, *, view_id: int, expected_version: int) -> None:
    """Forget an own view; an administrator any shared one.

    Errors: Forbidden, NotFound, ChangedMeanwhile.
    """
    require(actor, Action.SEE_ANALYTICS)
    view = _own_view(session, actor, view_id, expected_version)
    session.delete(view)
    session.flush()
    record(session, actor, "view.deleted", "view", view_id, name=view.name, page=view.page)


def may_share(actor: Actor) -> bool:
    """Tell whether the actor may show views to everybody."""
    return may(actor, Action.SHARE_VIEWS)


def _own_view(session: Session, actor: Actor, view_id: int, expected_version: int) -> SavedView:
    """Return a view that the actor may change: an own one, for administrators any shared one."""
    view = session.get(SavedView, view_id)
    is_admins = view is not None and view.is_shared and actor.role is Role.ADMIN
    if view is None or not (view.owner_id == actor.user_id or is_admins):
        raise NotFound(entity="view", id=view_id)
    if view.version != expected_version:
        raise ChangedMeanwhile(entity="view", id=view_id)
    return view


def _name_violations(session: Session, actor: Actor, page: str, name: str, view_id: int | None) -> list[Violation]:
    broken = line_violations(name, "name", MAX_NAME, required=True)
    if broken:
        return broken
    same = (SavedView.owner_id == actor.user_id, SavedView.page == page, SavedView.name == clean_line(name))
    taken = session.scalar(select(SavedView.id).where(*same))
    return [Violation("name_taken", "name")] if taken is not None and taken != view_id else []


def _query_violations(query: Mapping[str, str]) -> list[Violation]:
    length = sum(len(name) + len(value) for name, value in query.items())
    return [Violation("text_too_long", "query", {"length": length, "limit": MAX_QUERY})] if length > MAX_QUERY else []
