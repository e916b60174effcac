"""Writing people and teams: new ones can't sign in until somebody invites them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.orm import Session

from crm.events import record, record_many
from crm.imports.journal import Journal
from crm.imports.judged import Judged, UserDraft
from crm.imports.world import World
from crm.models import Team, User
from crm.models.codes import RowVerdict


def write_users(
    session: Session, world: World, journal: Journal, file: str, judged: Sequence[Judged[UserDraft]]
) -> None:
    """Create the people and teams of a batch, put people into teams."""
    heads = [one.draft.head for one in judged if one.draft and one.draft.head]
    insert_people(session, world, journal, heads, along_the_way=True)
    created = [one.draft for one in judged if one.draft and one.verdict is RowVerdict.CREATED]
    insert_people(session, world, journal, created, along_the_way=False)
    for one in judged:
        before = None
        if one.draft and one.verdict is RowVerdict.UPDATED:
            before = _join_team(session, world, journal, one.draft)
        journal.row(file, one, "user", world.real_id(one.draft.id) if one.draft else None, before)


def insert_people(
    session: Session, world: World, journal: Journal, drafts: Iterable[UserDraft], *, along_the_way: bool
) -> None:
    """Insert people who are not there yet."""
    rows = {
        draft.id: User(
            email=draft.email,
            name=draft.name,
            role=draft.role,
            team_id=_team(session, world, journal, draft.team_id),
            is_active=False,
            created_at=world.now,
        )
        for draft in drafts
    }
    session.add_all(rows.values())
    session.flush()
    for new_id, row in rows.items():
        world.settle(new_id, row.id)
        if along_the_way:
            journal.made("user", row.id)
    details = {row.id: {"name": row.name, "import_id": journal.import_id} for row in rows.values()}
    record_many(session, world.actor, "user.imported", "user", details, world.now)


def _join_team(session: Session, world: World, journal: Journal, draft: UserDraft) -> dict[str, object]:
    row = session.get_one(User, world.real_id(draft.id))
    row.team_id = _team(session, world, journal, draft.team_id)
    row.version += 1
    session.flush()
    record(
        session, world.actor, "user.edited", "user", row.id, at=world.now, changes={"team": [None, row.team_id]},
        import_id=journal.import_id,
    )  # fmt: skip
    return {"columns": {"team_id": None}, "version": row.version}


def _team(session: Session, world: World, journal: Journal, team_id: int | None) -> int | None:
    if team_id is None or world.is_written(team_id):
        return world.real_or_none(team_id)
    row = Team(name=world.new_teams.pop(team_id))
    session.add(row)
    session.flush()
    world.settle(team_id, row.id)
    journal.made("team", row.id)
    record(
        session, world.actor, "team.imported", "team", row.id, at=world.now, name=row.name, import_id=journal.import_id
    )
    return row.id
