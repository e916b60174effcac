"""Links that work once: first set-up, invitation, password reset. The database keeps only their hashes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from crm.auth.secret_key import token_hash
from crm.errors import NotFound
from crm.models import OneTimeToken, TokenKind, User
from crm.settings import get_settings

LIFETIMES: dict[TokenKind, timedelta] = {
    TokenKind.SETUP: timedelta(hours=24),
    TokenKind.INVITE: timedelta(hours=72),
    TokenKind.RESET: timedelta(minutes=30),
}


@dataclass(frozen=True, slots=True)
class LinkOwner:
    """Whose account an invitation or reset link opens."""

    user_id: int
    email: str
    name: str
    language: str | None


def create_link(session: Session, kind: TokenKind, user_id: int | None, now: datetime) -> str:
    """Add a link and return its token; older links of that kind and user die."""
    if user_id is not None:
        kill_links(session, user_id)
    token = secrets.token_urlsafe(32)
    session.add(
        OneTimeToken(
            kind=kind,
            token_hash=token_hash(token),
            user_id=user_id,
            created_at=now,
            expires_at=now + LIFETIMES[kind],
        )
    )
    session.flush()
    return token


def link_url(kind: TokenKind, token: str) -> str:
    """Return the address to give away; it is built from the settings, never from a request."""
    return f"{get_settings().public_url.rstrip('/')}/account/{kind.value}/{token}"


def is_living(session: Session, kind: TokenKind, token: str, now: datetime) -> bool:
    """Tell whether a link is known, unspent and not too old."""
    return session.scalar(select(OneTimeToken.id).where(*_living(kind, token, now))) is not None


def link_owner(session: Session, kind: TokenKind, token: str, now: datetime) -> LinkOwner:
    """Return whose living link it is.

    Errors: NotFound for an unknown, spent or too old link, or a switched-off user.
    """
    row = session.execute(
        select(User.id, User.email, User.name, User.language)
        .join(OneTimeToken, OneTimeToken.user_id == User.id)
        .where(User.is_active, *_living(kind, token, now))
    ).one_or_none()
    if row is None:
        raise NotFound(entity="link")
    return LinkOwner(*row)


def spend_link(session: Session, kind: TokenKind, token: str, now: datetime) -> None:
    """Mark a link as used; of two who try at once one succeeds.

    Errors: NotFound.
    """
    spent = session.execute(
        update(OneTimeToken).where(*_living(kind, token, now)).values(used_at=now).returning(OneTimeToken.id)
    ).one_or_none()
    if spent is None:
        raise NotFound(entity="link")


def kill_links(session: Session, user_id: int) -> None:
    """Delete a user's unspent links inside another command of this room."""
    session.execute(delete(OneTimeToken).where(OneTimeToken.user_id == user_id, OneTimeToken.used_at.is_(None)))


def _living(kind: TokenKind, token: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        OneTimeToken.kind == kind,
        OneTimeToken.token_hash == token_hash(token),
        OneTimeToken.used_at.is_(None),
        OneTimeToken.expires_at > now,
    )
