"""Teams: whose heads see whose deals."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.fields import MAX_NAME
from crm.auth.permissions import Action, require
from crm.errors import InvalidInput, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Team, User
from crm.typed_text import clean_line, line_violations


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team and how many users, switched-off ones included, belong to it."""

    id: int
    name: str
    members: int


def list_teams(session: Session, actor: Actor) -> list[TeamRow]:
    """Return all teams by name.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_USERS)
    rows = session.execute(
        select(Team.id, Team.name, func.count(User.id))
        .outerjoin(User, User.team_id == Team.id)
        .group_by(Team.id, Team.name)
        .order_by(Team.name)
    )
    return [TeamRow(*row) for row in rows]


def create_team(session: Session, actor: Actor, *, name: str) -> int:
    """Add a team.

    Errors: Forbidden, InvalidInput.
    """
    require(actor, Action.MANAGE_USERS)
    refuse_if_any(_name_violations(session, name, None))
    team = Team(name=clean_line(name))
    session.add(team)
    session.flush()
    record(session, actor, "team.created", "team", team.id, name=team.name)
    return team.id


def rename_team(session: Session, actor: Actor, team_id: int, *, name: str) -> None:
    """Give a team another name.

    Errors: Forbidden, NotFound, InvalidInput.
    """
    require(actor, Action.MANAGE_USERS)
    team = _team(session, team_id)
    refuse_if_any(_name_violations(session, name, team_id))
    before, team.name = team.name, clean_line(name)
    session.flush()
    record(session, actor, "team.renamed", "team", team_id, changes={"name": [before, team.name]})


def delete_team(session: Session, actor: Actor, team_id: int) -> None:
    """Remove a team that nobody belongs to.

    Errors: Forbidden, NotFound, InvalidInput.
    """
    require(actor, Action.MANAGE_USERS)
    team = _team(session, team_id)
    if session.scalar(select(exists().where(User.team_id == team_id))):
        raise InvalidInput([Violation("team_not_empty")])
    session.delete(team)
    session.flush()
    record(session, actor, "team.deleted", "team", team_id, name=team.name)


def _team(session: Session, team_id: int) -> Team:
    team = session.get(Team, team_id)
    if team is None:
        raise NotFound(entity="team", id=team_id)
    return team


def _name_violations(session: Session, name: str, team_id: int | None) -> list[Violation]:
    broken = line_violations(name, "name", MAX_NAME, required=True)
    taken = session.scalar(select(Team.id).where(Team.name == clean_line(name))) if not broken else None
    if taken is not None and taken != team_id:
        broken.append(Violation("name_taken", "name"))
    return broken
