"""People as their colleagues see them: short lists to choose from, pages of all."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import owner_visible
from crm.errors import NotFound
from crm.models import Role, User


@dataclass(frozen=True, slots=True)
class Person:
    """A user as colleagues see one."""

    id: int
    name: str
    role: Role
    team_id: int | None
    is_active: bool


def list_owners(session: Session, actor: Actor) -> dict[int, str]:
    """Return names by id of active people whose records the actor sees, by name."""
    query = select(User.id, User.name).where(User.is_active, owner_visible(actor, User.id)).order_by(User.name, User.id)
    return dict(session.execute(query).all())


def list_people(session: Session, actor: Actor, *, after: int | None = None, limit: int = 50) -> list[Person]:
    """Return people whose records the actor sees, switched-off ones too, by id; `after` is the last id seen."""
    query = _people(actor).order_by(User.id).limit(limit)
    if after is not None:
        query = query.where(User.id > after)
    return [Person(*row) for row in session.execute(query)]


def load_person(session: Session, actor: Actor, user_id: int) -> Person:
    """Return a person whose records the actor sees.

    Errors: NotFound.
    """
    row = session.execute(_people(actor).where(User.id == user_id)).one_or_none()
    if row is None:
        raise NotFound(entity="user", id=user_id)
    return Person(*row)


def _people(actor: Actor) -> Select[int, str, Role, int | None, bool]:
    visible = owner_visible(actor, User.id)
    return select(User.id, User.name, User.role, User.team_id, User.is_active).where(visible)
