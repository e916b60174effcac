"""One's own account: password, language and time zone; and the password set through a one-time link."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth import passwords
from crm.auth.actors import load_actor
from crm.auth.api_keys import NewKey, create_api_key
from crm.auth.fields import MAX_NAME, language_violations, timezone_violations
from crm.auth.one_time_links import kill_links, link_owner, spend_link
from crm.auth.permissions import Action, require
from crm.auth.sessions import delete_sessions
from crm.auth.sign_in import forgive_own_attempts
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Channel, TokenKind, User, UserSession, Workspace
from crm.typed_text import clean_line, line_violations

# A session this young proves who sits there as well as the password does.
FRESH_FOR = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """One's own account; None for language and time zone is "as the company"."""

    name: str
    email: str
    language: str | None
    timezone: str | None
    has_password: bool
    version: int


def set_password_by_link(session: Session, *, kind: TokenKind, token: str, password: str, now: datetime) -> int:
    """Spend an invitation or reset link and set the password; every session of the user ends; return the user.

    Errors: NotFound for a dead link; InvalidInput leaves the link alive.
    """
    owner = link_owner(session, kind, token, now)
    user = session.get_one(User, owner.user_id)
    refuse_if_any(passwords.password_violations(password, words=_words_around(session, user)))
    spend_link(session, kind, token, now)
    _set_password(session, user, password)
    delete_sessions(session, user_id=user.id)
    actor = load_actor(session, user.id, Channel.UI)
    record(session, actor, "auth.password_set", "user", user.id, by=kind.value)
    return user.id


def change_own_password(session: Session, actor: Actor, *, current: str, new: str, keep_session_id: int) -> None:
    """Change the actor's password; their other sessions end.

    Callers count the attempt first with `take_own_attempt`, in a transaction of its own.

    Errors: Forbidden, InvalidInput (field "current" or "new").
    """
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    user = _own_user(session, actor)
    if not passwords.verify_password(user.password_hash, current):
        refuse_if_any([Violation("password_wrong", "current")])
    refuse_if_any(passwords.password_violations(new, words=_words_around(session, user), field="new"))
    forgive_own_attempts(session, actor)
    _set_password(session, user, new)
    delete_sessions(session, user_id=user.id, keep_id=keep_session_id)
    record(session, actor, "auth.password_changed", "user", user.id)


def edit_own_profile(session: Session, actor: Actor, *, name: str, language: str | None, timezone: str | None) -> None:
    """Change the actor's name, language and time zone; None takes the company's.

    Errors: Forbidden, InvalidInput.
    """
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    user = _own_user(session, actor)
    broken = line_violations(name, "name", MAX_NAME, required=True)
    refuse_if_any([*broken, *language_violations(language), *timezone_violations(timezone)])
    user.name, user.language, user.timezone = clean_line(name), language, timezone
    user.version += 1
    session.flush()
    record(session, actor, "user.profile_edited", "user", user.id)


def choose_own_language(session: Session, actor: Actor, *, language: str) -> None:
    """Change only the language of the actor's pages.

    Errors: Forbidden, InvalidInput.
    """
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    refuse_if_any(language_violations(language))
    user = _own_user(session, actor)
    user.language = language
    user.version += 1
    session.flush()
    record(session, actor, "user.profile_edited", "user", user.id)


def create_own_key(
    session: Session,
    actor: Actor,
    *,
    password: str,
    session_id: int,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None,
    now: datetime,
) -> NewKey:
    """Add an API key of the actor's once it is clear who sits there.

    Errors: Forbidden, InvalidInput.
    """
    confirm_identity(session, actor, password=password, session_id=session_id, now=now)
    return create_api_key(session, actor, name=name, scopes=scopes, expires_at=expires_at, now=now)


def confirm_identity(session: Session, actor: Actor, *, password: str, session_id: int, now: datetime) -> None:
    """Refuse unless the session is fresh or the password is typed again; asked before keys are made.

    Callers count the attempt first with `take_own_attempt` where the session is not fresh.
    Errors: InvalidInput (field "password").
    """
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    if is_fresh(session, actor, session_id=session_id, now=now):
        return
    user = _own_user(session, actor)
    if user.password_hash is None:
        refuse_if_any([Violation("sign_in_again", "password")])
    if not passwords.verify_password(user.password_hash, password):
        refuse_if_any([Violation("password_wrong", "password")])
    forgive_own_attempts(session, actor)


def is_fresh(session: Session, actor: Actor, *, session_id: int, now: datetime) -> bool:
    """Tell whether the actor signed in so recently that no password need be asked."""
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    present = session.get(UserSession, session_id)
    return present is not None and present.user_id == actor.user_id and now - present.created_at < FRESH_FOR


def load_own_profile(session: Session, actor: Actor) -> OwnProfile:
    """Return what the actor chose about themselves.

    Errors: NotFound.
    """
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    user = _own_user(session, actor)
    return OwnProfile(user.name, user.email, user.language, user.timezone, user.password_hash is not None, user.version)


def _own_user(session: Session, actor: Actor) -> User:
    user = session.get(User, actor.user_id) if actor.user_id is not None else None
    if user is None:
        raise NotFound(entity="user")
    return user


def _set_password(session: Session, user: User, password: str) -> None:
    user.password_hash = passwords.hash_password(password)
    user.version += 1
    session.flush()
    kill_links(session, user.id)


def _words_around(session: Session, user: User) -> list[str]:
    company = session.get(Workspace, 1)
    return [user.name, user.email, company.name if company else ""]
