"""Users and teams that rows may name: the present ones, and those this import adds (inactive, without a password)."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.imports.mapping import folded
from crm.models import Role, Team, User

# Nobody can receive mail there (RFC 2606), so no link can ever be sent to an invented address.
PLACEHOLDER_DOMAIN = "imported.invalid"


@dataclass(frozen=True, slots=True)
class Person:
    """A user; one that a dry run would create has a negative id."""

    id: int
    name: str
    email: str
    role: Role
    team_id: int | None


def is_known_person(session: Session, named: str) -> bool:
    """Tell whether somebody has this e-mail or name."""
    found = session.execute(select(User.email, User.name))
    return folded(named) in {folded(one) for person in found for one in person}


class People:
    """Users by e-mail and by name, teams by name; grows while an import adds to them."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._by_email: dict[str, Person] = {}
        self._by_name: dict[str, list[Person]] = {}
        self.teams: dict[str, int] = {}

    def add(self, person: Person) -> None:
        """Make a person findable."""
        self._by_email[person.email] = person
        self._by_name.setdefault(folded(person.name), []).append(person)

    def found(self, value: str) -> list[Person]:
        """Return the people a value may mean: one by e-mail, or all of that name; only those the actor may name."""
        by_email = self._by_email.get(value.strip().lower())
        people = [by_email] if by_email else self._by_name.get(folded(value), [])
        seen = self._actor.visible_owner_ids
        return [one for one in people if seen is None or one.id in seen or one.id < 0]

    def names(self) -> dict[int, str]:
        """Return everybody's name by id."""
        return {person.id: person.name for person in self._by_email.values()}

    def placeholder_email(self, name: str) -> str:
        """Return a free address that leads nowhere, for a person the file knows by name only."""
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        words = "".join(char if char.isalnum() else " " for char in plain).split()
        stem = ".".join(words)[:60] or hashlib.sha256(folded(name).encode()).hexdigest()[:12]
        candidates = (f"{stem}@{PLACEHOLDER_DOMAIN}", *(f"{stem}.{n}@{PLACEHOLDER_DOMAIN}" for n in range(2, 1000)))
        return next(address for address in candidates if address not in self._by_email)


def load_people(session: Session, actor: Actor) -> People:
    """Return everybody who has an account, and all teams."""
    people = People(actor)
    for row in session.execute(select(User.id, User.name, User.email, User.role, User.team_id).order_by(User.id)):
        people.add(Person(*row))
    people.teams = {folded(name): team_id for team_id, name in session.execute(select(Team.id, Team.name))}
    return people


def names_only(values: Iterable[str]) -> list[str]:
    """Return the different names, first spelling first."""
    first: dict[str, str] = {}
    for value in values:
        first.setdefault(folded(value), value)
    return list(first.values())
