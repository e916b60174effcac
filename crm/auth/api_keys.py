"""Keys of users for the REST API: shown once, kept as prefix and hash, found by their hash."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.fields import MAX_NAME
from crm.auth.permissions import Action, may, require
from crm.auth.secret_key import token_hash
from crm.clock import utc_now
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import ApiKey, User, Workspace
from crm.typed_text import clean_line, line_violations

SCOPES = ("read", "write")
TOKEN_START = "vk_"  # noqa: S105 - the visible beginning of every key
PREFIX_LENGTH = 10
MAX_LIVING_KEYS = 20
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that has just been made; the token is never shown again."""

    id: int
    token: str


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The living key of a token, whose user is active."""

    id: int
    user_id: int
    scopes: frozenset[str]
    language: str
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A line of the list of keys."""

    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


def create_api_key(
    session: Session,
    actor: Actor,
    *,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None,
    now: datetime,
) -> NewKey:
    """Add a key of the actor's own; it acts with the rights its user has at that moment.

    Errors: Forbidden, InvalidInput.
    """
    require(actor, Action.MANAGE_OWN_KEYS)
    if actor.user_id is None:
        raise NotFound(entity="user")
    chosen = sorted(set(scopes))
    refuse_if_any(_violations(session, actor, name, chosen, expires_at, now))
    token = TOKEN_START + secrets.token_urlsafe(32)
    key = ApiKey(
        user_id=actor.user_id,
        name=clean_line(name),
        prefix=token[:PREFIX_LENGTH],
        key_hash=token_hash(token),
        scopes=chosen,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(key)
    session.flush()
    record(session, actor, "api_key.created", "user", actor.user_id, prefix=key.prefix, scopes=chosen)
    return NewKey(key.id, token)


def revoke_api_key(session: Session, actor: Actor, key_id: int, *, now: datetime) -> None:
    """Make a key useless for good: an own one, or anybody's by who manages users.

    Errors: NotFound.
    """
    require(actor, Action.MANAGE_OWN_KEYS)
    key = session.get(ApiKey, key_id)
    if key is None or key.revoked_at or not (key.user_id == actor.user_id or may(actor, Action.MANAGE_USERS)):
        raise NotFound(entity="api_key", id=key_id)
    key.revoked_at = now
    session.flush()
    record(session, actor, "api_key.revoked", "user", key.user_id, prefix=key.prefix)


def list_api_keys(session: Session, actor: Actor, user_id: int) -> list[KeyRow]:
    """Return the keys of a user that are not revoked, newest first.

    Errors: NotFound for other people's, unless the actor manages users.
    """
    require(actor, Action.MANAGE_OWN_KEYS)
    if user_id != actor.user_id and not may(actor, Action.MANAGE_USERS):
        raise NotFound(entity="user", id=user_id)
    keys = session.scalars(
        select(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None)).order_by(ApiKey.id.desc())
    )
    return [
        KeyRow(key.id, key.name, key.prefix, tuple(key.scopes), key.created_at, key.expires_at, key.last_used_at)
        for key in keys
    ]


def find_key(session: Session, token: str, now: datetime | None = None) -> FoundKey | None:
    """Return the living key of a token whose user is active, or None."""
    if not token.startswith(TOKEN_START):
        return None
    company_language = select(Workspace.language).where(Workspace.id == 1).scalar_subquery()
    language = func.coalesce(User.language, company_language, "en").label("language")
    row = session.execute(
        select(ApiKey.id, ApiKey.user_id, ApiKey.scopes, language, ApiKey.last_used_at)
        .join(User, User.id == ApiKey.user_id)
        .where(
            ApiKey.key_hash == token_hash(token),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > (now or utc_now())),
            User.is_active,
        )
    ).one_or_none()
    return None if row is None else FoundKey(row.id, row.user_id, frozenset(row.scopes), row.language, row.last_used_at)


def is_use_due(found: FoundKey, now: datetime) -> bool:
    """Tell whether the last use is old enough to be written again."""
    return found.last_used_at is None or now - found.last_used_at >= USED_EVERY


def note_use(session: Session, found: FoundKey, now: datetime) -> None:
    """Move the last use of a key forward; callers ask `is_use_due` first."""
    session.execute(update(ApiKey).where(ApiKey.id == found.id).values(last_used_at=now))


def revoke_keys_of(session: Session, user_id: int, now: datetime) -> None:
    """Revoke a user's keys inside another command of this room."""
    session.execute(update(ApiKey).where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None)).values(revoked_at=now))


def _violations(
    session: Session, actor: Actor, name: str, scopes: list[str], expires_at: datetime | None, now: datetime
) -> list[Violation]:
    broken = line_violations(name, "name", MAX_NAME, required=True)
    if not scopes:
        broken.append(Violation("value_required", "scopes"))
    elif not set(scopes) <= set(SCOPES):
        broken.append(Violation("choice_unknown", "scopes"))
    if expires_at is not None and expires_at <= now:
        broken.append(Violation("expiry_past", "expires_at"))
    living = select(ApiKey.id).where(ApiKey.user_id == actor.user_id, ApiKey.revoked_at.is_(None))
    if len(session.scalars(living).all()) >= MAX_LIVING_KEYS:
        broken.append(Violation("too_many_keys", "name", {"limit": MAX_LIVING_KEYS}))
    return broken
