"""Rows that name people: found by e-mail or name, else created inactive; heads and teams on the way."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from crm.auth.fields import MAX_EMAIL, MAX_NAME, clean_email
from crm.auth.permissions import Action, may
from crm.imports.formats import Row
from crm.imports.judged import Judged, UserDraft
from crm.imports.mapping import folded
from crm.imports.people import Person
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.reading import RowReader
from crm.imports.world import World
from crm.models.codes import Role, RowVerdict


def judge_users(
    _session: Session, world: World, prepared: Prepared, file: PreparedFile, rows: Sequence[Row]
) -> list[Judged[UserDraft]]:
    """Say for each row whether its person is created, joins a team or is there already."""
    return [_judge(world, RowReader(prepared, file, row, world.place.zone)) for row in rows]


def _judge(world: World, reader: RowReader) -> Judged[UserDraft]:
    name = reader.line("name", MAX_NAME, required=True) or ""
    email = _email(reader)
    head = reader.line("head", MAX_NAME) or ""
    team = reader.line("team", 200) or head
    present = world.people.found(email) or world.people.found(name)
    if len(present) > 1:
        reader.refuse("owner_ambiguous", "name", name=name)
    if not present and not may(world.actor, Action.MANAGE_USERS):
        reader.refuse("owner_unknown", "name", name=name)
    if present and world.seen.get(("user", present[0].id)):
        reader.refuse("row_repeats", "name", line=world.seen["user", present[0].id])
    if reader.found:
        return _judged(reader, RowVerdict.FAILED, name, None)
    team_id = _team_id(world, team)
    new_head = _new_head(world, head, team_id)
    if present:
        return _present(world, reader, present[0], team_id, new_head)
    draft = _new_person(world, name, email, Role.MANAGER, team_id, new_head)
    world.seen["user", draft.id] = reader.row.line
    return _judged(reader, RowVerdict.CREATED, name, draft)


def _present(
    world: World, reader: RowReader, person: Person, team_id: int | None, new_head: UserDraft | None
) -> Judged[UserDraft]:
    world.seen["user", person.id] = reader.row.line
    joins = team_id is not None and person.team_id is None and may(world.actor, Action.MANAGE_USERS)
    draft = UserDraft(person.id, person.name, person.email, person.role, team_id if joins else None, False, new_head)
    verdict = RowVerdict.UPDATED if joins else RowVerdict.UNCHANGED
    return _judged(reader, verdict, person.name, draft)


def _new_head(world: World, head: str, team_id: int | None) -> UserDraft | None:
    if not head or world.people.found(head) or not may(world.actor, Action.MANAGE_USERS):
        return None
    return _new_person(world, head, "", Role.HEAD, team_id, None)


def _new_person(
    world: World, name: str, email: str, role: Role, team_id: int | None, head: UserDraft | None
) -> UserDraft:
    person = Person(world.new_id(), name, email or world.people.placeholder_email(name), role, team_id)
    world.people.add(person)
    return UserDraft(person.id, name, person.email, role, team_id, True, head)


def _team_id(world: World, team: str) -> int | None:
    if not team:
        return None
    key = folded(team)
    if key not in world.people.teams:
        if not may(world.actor, Action.MANAGE_USERS):
            return None
        world.people.teams[key] = world.new_id()
        world.new_teams[world.people.teams[key]] = team
    return world.people.teams[key]


def _email(reader: RowReader) -> str:
    text = reader.line("email", MAX_EMAIL)
    if not text:
        return ""
    email = clean_email(text)
    if not email:
        reader.refuse("email_invalid", "email")
    return email


def _judged(reader: RowReader, verdict: RowVerdict, label: str, draft: UserDraft | None) -> Judged[UserDraft]:
    return Judged(reader.row.line, reader.row.cells, verdict, label, draft, tuple(reader.found), tuple(reader.warnings))
