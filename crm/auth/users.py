"""Users: adding, inviting, editing, switching off and on, removing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Select, Table, exists, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth import passwords
from crm.auth.api_keys import revoke_keys_of
from crm.auth.fields import MAX_NAME, clean_email, email_violations
from crm.auth.one_time_links import create_link, kill_links
from crm.auth.permissions import Action, require
from crm.auth.sessions import delete_sessions
from crm.errors import ChangedMeanwhile, InvalidInput, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Base, Role, Team, TokenKind, User, Workspace
from crm.typed_text import clean_line, line_violations


@dataclass(frozen=True, slots=True)
class UserRow:
    """A line of the list of users."""

    id: int
    email: str
    name: str
    role: Role
    team_id: int | None
    team_name: str | None
    is_active: bool
    has_way_in: bool  # a password or a provider's identity; without one an invitation is due
    created_at: datetime
    last_sign_in_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class Invited:
    """A new user and the token of the invitation, which is never shown again."""

    user_id: int
    token: str


def list_users(session: Session, actor: Actor) -> list[UserRow]:
    """Return all users, active ones first, by name.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_USERS)
    return [
        _row(user, team) for user, team in session.execute(_with_teams().order_by(User.is_active.desc(), User.name))
    ]


def load_user(session: Session, actor: Actor, user_id: int) -> UserRow:
    """Return one user.

    Errors: Forbidden, NotFound.
    """
    require(actor, Action.MANAGE_USERS)
    found = session.execute(_with_teams().where(User.id == user_id)).one_or_none()
    if found is None:
        raise NotFound(entity="user", id=user_id)
    return _row(found[0], found[1])


def create_user(
    session: Session, actor: Actor, *, email: str, name: str, role: Role, team_id: int | None, now: datetime
) -> int:
    """Add a user who can't sign in yet; `invite_user` makes the link. The very first one is an administrator.

    Errors: Forbidden, InvalidInput.
    """
    require(actor, Action.MANAGE_USERS)
    cleaned = clean_email(email)
    broken = [*line_violations(name, "name", MAX_NAME, required=True), *email_violations(cleaned)]
    broken += _team_violations(session, team_id)
    if cleaned and session.scalar(select(exists().where(User.email == cleaned))):
        broken.append(Violation("email_taken", "email"))
    if role is not Role.ADMIN and not session.scalar(select(exists(select(User.id)))):
        broken.append(Violation("first_user_admin", "role"))
    refuse_if_any(broken)
    user = User(email=cleaned, name=clean_line(name), role=role, team_id=team_id, created_at=now)
    session.add(user)
    session.flush()
    record(session, actor, "user.created", "user", user.id, role=role.value)
    return user.id


def create_invited_user(
    session: Session, actor: Actor, *, email: str, name: str, role: Role, team_id: int | None, now: datetime
) -> Invited:
    """Add a user together with the link by which they choose a password.

    Errors: Forbidden, InvalidInput.
    """
    user_id = create_user(session, actor, email=email, name=name, role=role, team_id=team_id, now=now)
    return Invited(user_id, invite_user(session, actor, user_id, now=now))


def invite_user(session: Session, actor: Actor, user_id: int, *, now: datetime) -> str:
    """Return the token of a link (72 hours, once) by which a user without a way in chooses a password.

    Errors: Forbidden, NotFound, InvalidInput for a user who can sign in already or is switched off.
    """
    require(actor, Action.MANAGE_USERS)
    user = _user(session, user_id)
    if user.password_hash is not None:
        raise InvalidInput([Violation("user_has_password")])
    _refuse_inactive(user)
    token = create_link(session, TokenKind.INVITE, user.id, now)
    record(session, actor, "user.invited", "user", user.id)
    return token


def make_reset_link(session: Session, actor: Actor, user_id: int, *, now: datetime) -> str:
    """Return the token of a link (30 minutes, once) by which a user chooses a new password.

    The old password works until then.

    Errors: Forbidden, NotFound, InvalidInput for a switched-off user.
    """
    require(actor, Action.MANAGE_USERS)
    user = _user(session, user_id)
    _refuse_inactive(user)
    token = create_link(session, TokenKind.RESET, user.id, now)
    record(session, actor, "auth.reset_link_made", "user", user.id)
    return token


def give_first_password(session: Session, actor: Actor, user_id: int, *, password: str) -> None:
    """Set the password of a user who has none, for the command line; pages give links instead.

    Errors: Forbidden, NotFound, InvalidInput.
    """
    require(actor, Action.MANAGE_USERS)
    user = _user(session, user_id)
    if user.password_hash is not None:
        raise InvalidInput([Violation("user_has_password")])
    company = session.get(Workspace, 1)
    words = [user.name, user.email, company.name if company else ""]
    refuse_if_any(passwords.password_violations(password, words=words))
    user.password_hash = passwords.hash_password(password)
    user.version += 1
    session.flush()
    kill_links(session, user.id)
    record(session, actor, "auth.password_set", "user", user.id, by="command line")


def edit_user(
    session: Session,
    actor: Actor,
    user_id: int,
    *,
    expected_version: int,
    email: str,
    name: str,
    team_id: int | None,
) -> None:
    """Change a user's name, e-mail and team; a new e-mail kills links and sessions made for the old one.

    Errors: Forbidden, NotFound, InvalidInput, ChangedMeanwhile.
    """
    require(actor, Action.MANAGE_USERS)
    user = _user(session, user_id)
    cleaned = clean_email(email)
    broken = [*line_violations(name, "name", MAX_NAME, required=True), *email_violations(cleaned)]
    broken += _team_violations(session, team_id)
    if cleaned and session.scalar(select(exists().where(User.email == cleaned, User.id != user_id))):
        broken.append(Violation("email_taken", "email"))
    refuse_if_any(broken)
    wanted = {"email": cleaned, "name": clean_line(name), "team_id": team_id}
    changes = {field: [getattr(user, field), value] for field, value in wanted.items() if getattr(user, field) != value}
    _save(session, user, expected_version, wanted)
    if "email" in changes:
        kill_links(session, user_id)
        delete_sessions(session, user_id=user_id)
    record(session, actor, "user.edited", "user", user_id, changes=changes)


def set_role(session: Session, actor: Actor, user_id: int, *, expected_version: int, role: Role) -> None:
    """Give a user another role; their sessions end, so that no open page works on with the old one.

    Errors: Forbidden, NotFound, InvalidInput for the last administrator, ChangedMeanwhile.
    """
    require(actor, Action.MANAGE_USERS)
    user = _user(session, user_id)
    if user.role is role:
        return
    if role is not Role.ADMIN:
        _refuse_last_admin(session, user)
    before = user.role
    _save(session, user, expected_version, {"role": role})
    delete_sessions(session, user_id=user_id)
    record(session, actor, "user.role_changed", "user", user_id, changes={"role": [before.value, role.value]})


def deactivate_user(session: Session, actor: Actor, user_id: int, *, expected_version: int, now: datetime) -> None:
    """Switch a user off: sessions, keys and links end at once; deals stay theirs until reassigned.

    Errors: Forbidden, NotFound, InvalidInput for the last administrator, ChangedMeanwhile.
    """
    require(actor, Action.MANAGE_USERS)
    user = _user(session, user_id)
    if not user.is_active:
        return
    _refuse_last_admin(session, user)
    _save(session, user, expected_version, {"is_active": False})
    delete_sessions(session, user_id=user_id)
    revoke_keys_of(session, user_id, now)
    kill_links(session, user_id)
    record(session, actor, "user.deactivated", "user", user_id)


def activate_user(session: Session, actor: Actor, user_id: int, *, expected_version: int) -> None:
    """Switch a user on again; keys stay revoked.

    Errors: Forbidden, NotFound, ChangedMeanwhile.
    """
    require(actor, Action.MANAGE_USERS)
    user = _user(session, user_id)
    if user.is_active:
        return
    _save(session, user, expected_version, {"is_active": True})
    record(session, actor, "user.activated", "user", user_id)


def delete_user(session: Session, actor: Actor, user_id: int, *, expected_version: int) -> None:
    """Remove a user who has left no trace, such as one added by mistake; others can only be switched off.

    Errors: Forbidden, NotFound, InvalidInput, ChangedMeanwhile.
    """
    require(actor, Action.MANAGE_USERS)
    user = _user(session, user_id)
    _refuse_last_admin(session, user)
    if _has_traces(session, user_id):
        raise InvalidInput([Violation("user_has_traces")])
    if user.version != expected_version:
        raise ChangedMeanwhile
    kill_links(session, user_id)
    session.delete(user)
    session.flush()
    record(session, actor, "user.deleted", "user", user_id)


def _with_teams() -> Select[User, str]:
    return select(User, Team.name).outerjoin(Team, Team.id == User.team_id)


def _row(user: User, team_name: str | None) -> UserRow:
    return UserRow(
        id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        team_id=user.team_id,
        team_name=team_name,
        is_active=user.is_active,
        has_way_in=user.password_hash is not None or user.oidc_subject is not None,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
        version=user.version,
    )


def _user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(entity="user", id=user_id)
    return user


def _save(session: Session, user: User, expected_version: int, values: dict[str, Any]) -> None:
    saved = session.execute(
        update(User)
        .where(User.id == user.id, User.version == expected_version)
        .values(**values, version=User.version + 1)
        .returning(User.id)
    ).one_or_none()
    if saved is None:
        raise ChangedMeanwhile
    session.refresh(user)


def _refuse_inactive(user: User) -> None:
    if not user.is_active:
        raise InvalidInput([Violation("user_inactive")])


def _refuse_last_admin(session: Session, user: User) -> None:
    # Locked, so that two administrators can't remove each other at once.
    admins = session.scalars(
        select(User.id).where(User.role == Role.ADMIN, User.is_active).order_by(User.id).with_for_update()
    ).all()
    if list(admins) == [user.id]:
        raise InvalidInput([Violation("last_admin", "role")])


def _team_violations(session: Session, team_id: int | None) -> list[Violation]:
    if team_id is None or session.get(Team, team_id) is not None:
        return []
    return [Violation("choice_unknown", "team_id")]


def _has_traces(session: Session, user_id: int) -> bool:
    return any(
        session.scalar(select(exists().where(key.parent == user_id)))
        for table in Base.metadata.sorted_tables
        for key in _keys_to_users(table)
    )


def _keys_to_users(table: Table) -> list[ForeignKey]:
    """Return the columns that remember a user; those deleted with the user are no traces."""
    users = Base.metadata.tables[User.__tablename__]
    return [key for key in table.foreign_keys if key.column.table is users and key.ondelete != "CASCADE"]
