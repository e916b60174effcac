"""Who acts: the value every command and read takes."""

from __future__ import annotations

from dataclasses import dataclass

from crm.models.codes import Channel, Role


@dataclass(frozen=True, slots=True)
class Actor:
    """A user, or the system, acting through a channel.

    `visible_owner_ids` are the owners whose deals and clients the actor may see; None means everybody's.
    `user_id` is None only for the system itself.
    """

    user_id: int | None
    name: str
    role: Role
    team_id: int | None
    visible_owner_ids: frozenset[int] | None
    language: str
    timezone: str
    channel: Channel

    def sees_owner(self, owner_id: int) -> bool:
        """Tell whether records of this owner are visible to the actor."""
        return self.visible_owner_ids is None or owner_id in self.visible_owner_ids
