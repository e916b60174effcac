"""Making the Actor of a user, with the owners the user's role may see."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.errors import NotFound
from crm.models import Channel, Role, Scope, User, Workspace

DEFAULT_VISIBILITY: dict[Role, Scope] = {Role.MANAGER: Scope.OWN, Role.HEAD: Scope.TEAM, Role.ADMIN: Scope.ALL}


def load_actor(session: Session, user_id: int, channel: Channel) -> Actor:
    """Return the actor of an active user.

    Errors: NotFound for a missing or switched-off user.
    """
    user = session.get(User, user_id)
    if user is None or not user.is_active:
        raise NotFound(entity="user", id=user_id)
    workspace = session.get(Workspace, 1)
    return Actor(
        user_id=user.id,
        name=user.name,
        role=user.role,
        team_id=user.team_id,
        visible_owner_ids=_visible_owner_ids(session, user, _scope(workspace, user.role)),
        language=user.language or (workspace.language if workspace else "en"),
        timezone=user.timezone or (workspace.timezone if workspace else "UTC"),
        channel=channel,
    )


def system_actor(channel: Channel = Channel.SYSTEM) -> Actor:
    """Return the actor of the program itself: start-up, command line, background work."""
    return Actor(None, "system", Role.ADMIN, None, None, "en", "UTC", channel)


def _scope(workspace: Workspace | None, role: Role) -> Scope:
    if workspace is None or role not in workspace.visibility:
        return DEFAULT_VISIBILITY[role]
    return Scope(workspace.visibility[role])


def _visible_owner_ids(session: Session, user: User, scope: Scope) -> frozenset[int] | None:
    if scope is Scope.ALL:
        return None
    if scope is Scope.OWN or user.team_id is None:
        return frozenset({user.id})
    return frozenset(session.scalars(select(User.id).where(User.team_id == user.team_id))) | {user.id}
