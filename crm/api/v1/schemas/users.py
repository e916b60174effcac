"""Bodies of users."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from crm.actor import Actor
from crm.api.v1.values import Output
from crm.auth.people import Person
from crm.i18n import N_
from crm.models import Role

ScopeName: TypeAlias = Literal["read", "write"]
SCOPES: tuple[ScopeName, ...] = ("read", "write")


class UserOut(Output):
    """A user as colleagues see one."""

    id: int
    name: str
    role: Role
    team_id: int | None
    is_active: bool

    @classmethod
    def of(cls, person: Person) -> UserOut:
        """Return the person as it is told."""
        return cls(
            id=person.id,
            name=person.name,
            role=person.role,
            team_id=person.team_id,
            is_active=person.is_active,
        )


class MeOut(Output):
    """The key's owner, and what the key may do."""

    id: int
    name: str
    role: Role
    team_id: int | None
    language: str
    timezone: str
    sees_everybody: bool = Field(description=N_("Whether everybody's deals and clients are visible"))
    scopes: list[ScopeName]

    @classmethod
    def of(cls, actor: Actor, scopes: frozenset[str]) -> MeOut:
        """Return the actor as it is told."""
        return cls(
            id=actor.user_id or 0,
            name=actor.name,
            role=actor.role,
            team_id=actor.team_id,
            language=actor.language,
            timezone=actor.timezone,
            sees_everybody=actor.visible_owner_ids is None,
            scopes=[scope for scope in SCOPES if scope in scopes],
        )
