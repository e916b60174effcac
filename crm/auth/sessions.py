"""Signed-in browsers: making, finding and ending their sessions, and the name of their cookie."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import load_actor
from crm.auth.permissions import Action, may, require
from crm.auth.secret_key import token_hash
from crm.clock import utc_now
from crm.errors import NotFound
from crm.events import record
from crm.models import Channel, User, UserSession, Workspace
from crm.settings import get_settings

SEEN_EVERY = timedelta(minutes=1)
MAX_USER_AGENT = 300
MAX_ADDRESS = 64


@dataclass(frozen=True, slots=True)
class FoundSession:
    """The living session of a browser and the user it belongs to."""

    id: int
    user_id: int
    language: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A line of the list of sessions."""

    id: int
    created_at: datetime
    last_seen_at: datetime
    address: str
    user_agent: str


def cookie_name() -> str:
    """Return the name of the session cookie; behind TLS the prefix makes browsers keep it to this host."""
    return "__Host-voronka" if get_settings().secure_cookies else "voronka"


def create_session(session: Session, user_id: int, *, address: str, user_agent: str, now: datetime) -> str:
    """Add a session of a user who has just proved who it is; return the cookie's token."""
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            token_hash=token_hash(token),
            user_id=user_id,
            created_at=now,
            last_seen_at=now,
            address=_storable(address, MAX_ADDRESS),
            user_agent=_storable(user_agent, MAX_USER_AGENT),
        )
    )
    session.flush()
    return token


def find_session(session: Session, token: str, now: datetime | None = None) -> FoundSession | None:
    """Return the living session of a cookie's token whose user is active, or None."""
    if not token:
        return None
    at = now or utc_now()
    settings = get_settings()
    company_language = select(Workspace.language).where(Workspace.id == 1).scalar_subquery()
    row = session.execute(
        select(
            UserSession.id,
            UserSession.user_id,
            func.coalesce(User.language, company_language, "en"),
            UserSession.last_seen_at,
        )
        .join(User, User.id == UserSession.user_id)
        .where(
            UserSession.token_hash == token_hash(token),
            User.is_active,
            UserSession.last_seen_at > at - timedelta(hours=settings.session_idle_hours),
            UserSession.created_at > at - timedelta(days=settings.session_max_days),
        )
    ).one_or_none()
    return None if row is None else FoundSession(*row)


def note_seen(session: Session, found: FoundSession, now: datetime) -> None:
    """Move the last sight of a session forward, never back; callers ask `is_seen_due` first."""
    session.execute(
        update(UserSession).where(UserSession.id == found.id, UserSession.last_seen_at < now).values(last_seen_at=now)
    )


def is_seen_due(found: FoundSession, now: datetime) -> bool:
    """Tell whether the last sight is old enough to be written again."""
    return now - found.last_seen_at >= SEEN_EVERY


def sign_out(session: Session, token: str) -> None:
    """End the session of a cookie's token, if there is one."""
    row = session.scalars(select(UserSession).where(UserSession.token_hash == token_hash(token))).one_or_none()
    if row is None:
        return
    session.delete(row)
    session.flush()
    user = session.get_one(User, row.user_id)
    if user.is_active:
        record(session, load_actor(session, user.id, Channel.UI), "auth.signed_out", "user", user.id)


def end_session(session: Session, actor: Actor, session_id: int) -> None:
    """End one session: an own one, or anybody's by who manages users.

    Errors: NotFound.
    """
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    row = session.get(UserSession, session_id)
    if row is None or not (row.user_id == actor.user_id or may(actor, Action.MANAGE_USERS)):
        raise NotFound(entity="session", id=session_id)
    user_id = row.user_id
    session.delete(row)
    session.flush()
    record(session, actor, "auth.sessions_ended", "user", user_id, count=1)


def end_other_sessions(session: Session, actor: Actor, *, keep_id: int) -> int:
    """End the actor's sessions but the present one; return how many ended."""
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    ended = delete_sessions(session, user_id=actor.user_id, keep_id=keep_id)
    if ended:
        record(session, actor, "auth.sessions_ended", "user", actor.user_id, count=ended)
    return ended


def end_user_sessions(session: Session, actor: Actor, user_id: int) -> int:
    """End every session of a user; return how many ended.

    Errors: Forbidden, NotFound.
    """
    require(actor, Action.MANAGE_USERS)
    if session.get(User, user_id) is None:
        raise NotFound(entity="user", id=user_id)
    ended = delete_sessions(session, user_id=user_id)
    record(session, actor, "auth.sessions_ended", "user", user_id, count=ended)
    return ended


def end_every_session(session: Session, actor: Actor) -> int:
    """Sign everybody out; return how many sessions ended.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_USERS)
    ended = _deleted(session.execute(delete(UserSession)))
    record(session, actor, "auth.sessions_ended", "workspace", 1, count=ended)
    return ended


def list_sessions(session: Session, actor: Actor, user_id: int, now: datetime | None = None) -> list[SessionRow]:
    """Return the living sessions of a user, the latest seen first: own ones, or anybody's for who manages users.

    Errors: NotFound.
    """
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    if user_id != actor.user_id and not may(actor, Action.MANAGE_USERS):
        raise NotFound(entity="user", id=user_id)
    at = now or utc_now()
    settings = get_settings()
    rows = session.execute(
        select(
            UserSession.id,
            UserSession.created_at,
            UserSession.last_seen_at,
            UserSession.address,
            UserSession.user_agent,
        )
        .where(
            UserSession.user_id == user_id,
            UserSession.last_seen_at > at - timedelta(hours=settings.session_idle_hours),
            UserSession.created_at > at - timedelta(days=settings.session_max_days),
        )
        .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
    )
    return [SessionRow(*row) for row in rows]


def delete_sessions(session: Session, *, user_id: int | None, keep_id: int | None = None) -> int:
    """Delete a user's sessions inside another command of this room; return how many there were."""
    ending = delete(UserSession).where(UserSession.user_id == user_id)
    if keep_id is not None:
        ending = ending.where(UserSession.id != keep_id)
    return _deleted(session.execute(ending))


def delete_dead_sessions(session: Session, now: datetime) -> int:
    """Delete the rows of sessions that ran out; return how many there were."""
    settings = get_settings()
    idle = UserSession.last_seen_at <= now - timedelta(hours=settings.session_idle_hours)
    old = UserSession.created_at <= now - timedelta(days=settings.session_max_days)
    return _deleted(session.execute(delete(UserSession).where(idle | old)))


def _deleted(result: object) -> int:
    assert isinstance(result, CursorResult)  # noqa: S101 - what a DELETE gives; only its type is told here
    return result.rowcount


def _storable(text: str, limit: int) -> str:
    return "".join(char for char in text if char.isprintable())[:limit]
