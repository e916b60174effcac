"""Short lists of people to choose from."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import owner_visible
from crm.models import User


def list_owners(session: Session, actor: Actor) -> dict[int, str]:
    """Return names by id of active people whose records the actor sees, by name."""
    query = select(User.id, User.name).where(User.is_active, owner_visible(actor, User.id)).order_by(User.name, User.id)
    return dict(session.execute(query).tuples().all())
