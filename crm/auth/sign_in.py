"""Signing in: counting attempts, checking a password, and the one `sign_in` behind every way in.

An attempt is counted in its own transaction before the password is looked at, so that a thousand attempts at once
are a thousand attempts; success takes it back.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth import passwords
from crm.auth.actors import load_actor, system_actor
from crm.auth.fields import clean_email
from crm.auth.permissions import Action, require
from crm.auth.secret_key import signing_key
from crm.auth.sessions import create_session, delete_dead_sessions, sign_out
from crm.errors import SignInRefused, TooManyAttempts
from crm.events import record
from crm.models import Channel, SignInBucket, User

FREE_FAILURES_OF_ACCOUNT = 5
FREE_FAILURES_OF_ADDRESS = 20
LONGEST_WAIT_SECONDS = 900
FORGOTTEN_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A counted attempt to sign in: what was tried, from where, and the buckets it stands in."""

    email: str
    address: str
    buckets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: the cookie's token, and the mark by which the browser is known again."""

    user_id: int
    token: str
    device: str


def take_attempt(session: Session, *, email: str, address: str, device: str, now: datetime) -> Attempt:
    """Count an attempt against its account and address before anything is checked.

    A browser in which this account has signed in before has a bucket of its own, so that somebody else's guesses
    never lock the owner out.
    Errors: TooManyAttempts with retry_after_seconds; nothing is counted then.
    """
    cleaned = clean_email(email)
    keys = _bucket_keys(session, cleaned or email.strip().lower(), address, device)
    for key, free in keys:
        _take_from_bucket(session, key, free, now)
    return Attempt(cleaned, address, tuple(key for key, _free in keys))


def take_own_attempt(session: Session, actor: Actor, *, now: datetime) -> None:
    """Count an attempt of somebody signed in to type their password; success forgives it.

    Errors: TooManyAttempts.
    """
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    _take_from_bucket(session, _own_key(actor), FREE_FAILURES_OF_ACCOUNT, now)


def forgive_own_attempts(session: Session, actor: Actor) -> None:
    """Empty the bucket of `take_own_attempt` inside a command that the password has opened."""
    require(actor, Action.MANAGE_OWN_ACCOUNT)
    session.execute(delete(SignInBucket).where(SignInBucket.key == _own_key(actor)))


def check_password(session: Session, attempt: Attempt, password: str) -> int | None:
    """Return the active user whom e-mail and password fit, or None; every answer takes the same time."""
    row = session.execute(
        select(User.id, User.password_hash).where(User.email == attempt.email, User.is_active)
    ).one_or_none()
    fits = passwords.verify_password(row.password_hash if row else None, password)
    return row.id if row is not None and fits else None


def sign_in(
    session: Session,
    user_id: int,
    *,
    method: str,
    old_token: str,
    address: str,
    user_agent: str,
    now: datetime,
) -> SignedIn:
    """Open a session of a user who proved who it is by `method`; the browser's old session ends.

    Errors: SignInRefused for a missing or switched-off user.
    """
    user = session.get(User, user_id)
    if user is None or not user.is_active:
        raise SignInRefused
    sign_out(session, old_token)
    delete_dead_sessions(session, now)
    token = create_session(session, user_id, address=address, user_agent=user_agent, now=now)
    user.last_sign_in_at = now
    session.flush()
    actor = load_actor(session, user_id, Channel.UI)
    record(session, actor, "auth.signed_in", "user", user_id, method=method, address=address)
    return SignedIn(user_id, token, _device_mark(user_id))


def forgive_attempt(session: Session, attempt: Attempt, now: datetime) -> None:
    """Take a successful attempt back: the account's bucket empties, the address's loses one."""
    for key in attempt.buckets:
        if key.startswith("address:"):
            session.execute(
                update(SignInBucket)
                .where(SignInBucket.key == key, SignInBucket.failures > 0)
                .values(failures=SignInBucket.failures - 1)
            )
        else:
            session.execute(delete(SignInBucket).where(SignInBucket.key == key))
    session.execute(delete(SignInBucket).where(SignInBucket.last_failure_at < now - FORGOTTEN_AFTER))


def renew_password_hash(session: Session, user_id: int, password: str) -> None:
    """Store the password anew where it was hashed with other parameters than today's."""
    user = session.get_one(User, user_id)
    if user.password_hash and passwords.needs_rehash(user.password_hash):
        user.password_hash = passwords.hash_password(password)
        session.flush()


def record_refusal(session: Session, attempt: Attempt, *, method: str) -> None:
    """Record a refused attempt; what was typed is kept only where it is somebody's address."""
    user_id = session.scalar(select(User.id).where(User.email == attempt.email)) if attempt.email else None
    actor = system_actor(Channel.UI)
    record(session, actor, "auth.refused", "user", user_id, method=method, address=attempt.address)


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 an IPv6 one lies in."""
    try:
        known = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped:
            return str(known.ipv4_mapped)
        return f"{IPv6Address(int(known) >> 64 << 64)}/64"
    return str(known)


def _bucket_keys(session: Session, email: str, address: str, device: str) -> list[tuple[str, int]]:
    known = _known_device(session, email, device)
    if known:
        return [(f"device:{known}", FREE_FAILURES_OF_ACCOUNT)]
    account = hashlib.sha256(email.encode("utf-8", "replace")).hexdigest()[:32]
    return [
        (f"account:{account}", FREE_FAILURES_OF_ACCOUNT),
        (f"address:{network_of(address)}", FREE_FAILURES_OF_ADDRESS),
    ]


def _own_key(actor: Actor) -> str:
    return f"own:{actor.user_id}"


def _take_from_bucket(session: Session, key: str, free: int, now: datetime) -> None:
    _ensure_bucket(session, key, now)
    bucket = session.scalars(select(SignInBucket).where(SignInBucket.key == key).with_for_update()).one()
    if now - bucket.last_failure_at > FORGOTTEN_AFTER:
        bucket.failures = 0
    wait = _wait_seconds(bucket.failures - free)
    # A clock set back must not prolong the wait.
    passed = max(0, int((now - bucket.last_failure_at).total_seconds()))
    if passed < wait:
        raise TooManyAttempts(retry_after_seconds=wait - passed)
    bucket.failures += 1
    bucket.last_failure_at = now
    session.flush()


def _ensure_bucket(session: Session, key: str, now: datetime) -> None:
    make = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    values = {"key": key, "failures": 0, "last_failure_at": now}
    session.execute(make(SignInBucket).values(values).on_conflict_do_nothing(index_elements=["key"]))


def _wait_seconds(beyond_free: int) -> int:
    return 0 if beyond_free < 0 else int(min(2 ** min(beyond_free + 1, 20), LONGEST_WAIT_SECONDS))


def _device_mark(user_id: int) -> str:
    return _device_signer().dumps([user_id, secrets.token_hex(8)])


def _known_device(session: Session, email: str, device: str) -> str | None:
    """Return the name of the device when its mark is ours and was given to the account with this e-mail."""
    if not device:
        return None
    try:
        user_id, name = _device_signer().loads(device)
    except (BadData, ValueError, TypeError):
        return None
    owner_email = session.scalar(select(User.email).where(User.id == user_id))
    return f"{user_id}:{name}" if owner_email == email else None


def _device_signer() -> URLSafeSerializer:
    return URLSafeSerializer(signing_key("known device"), signer_kwargs={"digest_method": hashlib.sha256})
