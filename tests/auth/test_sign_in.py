"""Counting attempts, checking passwords, opening sessions."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Thread

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.auth.passwords import hash_password, needs_rehash
from crm.auth.sessions import find_session
from crm.auth.sign_in import (
    Attempt,
    SignedIn,
    check_password,
    forgive_attempt,
    network_of,
    record_refusal,
    renew_password_hash,
    sign_in,
    take_attempt,
)
from crm.clock import utc_now
from crm.db import Database
from crm.errors import SignInRefused, TooManyAttempts
from crm.models import Event, SignInBucket, User, UserSession
from tests.conftest import Cast, UnchangedFactory
from tests.refusals import refused

NOW = utc_now()
PASSWORD = "three wet boats"
HASH = hash_password(PASSWORD)
OFFICE = "198.51.100.4"


@pytest.fixture
def anna(session: Session, cast: Cast) -> User:
    user = session.get_one(User, cast.anna.user_id)
    user.password_hash = HASH
    session.flush()
    return user


def attempt(session: Session, email: str, *, address: str = OFFICE, device: str = "", at: datetime = NOW) -> Attempt:
    return take_attempt(session, email=email, address=address, device=device, now=at)


def opened(session: Session, user_id: int, *, old_token: str = "") -> SignedIn:
    return sign_in(
        session, user_id, method="password", old_token=old_token, address=OFFICE, user_agent="Firefox", now=NOW
    )


def test_right_password_gives_the_user(session: Session, anna: User) -> None:
    assert check_password(session, attempt(session, " Anna@Example.com "), PASSWORD) == anna.id


@pytest.mark.parametrize("email", ["anna@example.com", "nobody@example.com", "anton@example.com", "not an e-mail", ""])
def test_wrong_password_or_account_gives_nobody(session: Session, anna: User, email: str) -> None:
    assert check_password(session, attempt(session, email), "wrong password here") is None


def test_switched_off_user_is_nobody(session: Session, anna: User) -> None:
    anna.is_active = False
    session.flush()
    assert check_password(session, attempt(session, anna.email), PASSWORD) is None
    with refused(session, SignInRefused):
        opened(session, anna.id)


def test_sign_in_opens_a_new_session_and_ends_the_browsers_old_one(session: Session, anna: User) -> None:
    first = opened(session, anna.id)
    second = opened(session, anna.id, old_token=first.token)
    assert first.token != second.token
    assert find_session(session, first.token) is None
    found = find_session(session, second.token)
    assert found is not None
    assert found.user_id == anna.id
    assert anna.last_sign_in_at == NOW


def test_planted_token_never_becomes_a_session(session: Session, anna: User) -> None:
    signed_in = opened(session, anna.id, old_token="planted-by-somebody")
    assert signed_in.token != "planted-by-somebody"
    assert find_session(session, "planted-by-somebody") is None
    assert session.scalar(select(func.count(UserSession.id))) == 1


def test_sign_in_is_recorded_without_secrets(session: Session, anna: User) -> None:
    signed_in = opened(session, anna.id)
    event = session.scalars(select(Event)).one()
    assert (event.kind, event.actor_id, event.details) == (
        "auth.signed_in",
        anna.id,
        {"method": "password", "address": OFFICE},
    )
    assert signed_in.token not in str(event.details)


def test_refusal_names_the_account_only_where_there_is_one(session: Session, anna: User) -> None:
    record_refusal(session, attempt(session, anna.email), method="password")
    record_refusal(session, attempt(session, "my secret passphrase"), method="password")
    known, unknown = session.scalars(select(Event).order_by(Event.id)).all()
    assert (known.kind, known.entity_id) == ("auth.refused", anna.id)
    assert (unknown.kind, unknown.entity_id) == ("auth.refused", None)
    assert "passphrase" not in str(unknown.details)


def test_sixth_attempt_waits_and_each_next_one_longer(
    session: Session, anna: User, unchanged: UnchangedFactory
) -> None:
    at = NOW
    for _ in range(5):
        attempt(session, anna.email, at=at)
    waits = []
    for _ in range(6):
        with unchanged(session), pytest.raises(TooManyAttempts) as caught, session.begin_nested():
            attempt(session, anna.email, at=at)
        waits.append(int(caught.value.params["retry_after_seconds"] or 0))
        at += timedelta(seconds=waits[-1])
        attempt(session, anna.email, at=at)
    assert waits == [2, 4, 8, 16, 32, 64]


def test_wait_never_grows_past_a_quarter_of_an_hour(session: Session, anna: User) -> None:
    attempt(session, anna.email)
    session.execute(SignInBucket.__table__.update().values(failures=500))
    with pytest.raises(TooManyAttempts) as caught:
        attempt(session, anna.email)
    assert caught.value.params["retry_after_seconds"] == 900


def test_unknown_account_waits_like_a_known_one(session: Session, anna: User) -> None:
    for _ in range(5):
        attempt(session, "nobody@example.com")
    with pytest.raises(TooManyAttempts):
        attempt(session, "NOBODY@example.com")


def test_one_password_over_many_accounts_is_stopped_by_address(session: Session, cast: Cast) -> None:
    for number in range(20):
        attempt(session, f"user{number}@example.com")
    with pytest.raises(TooManyAttempts):
        attempt(session, "user21@example.com")
    attempt(session, "user21@example.com", address="203.0.113.9")


def test_addresses_of_one_ipv6_network_are_one(session: Session, cast: Cast) -> None:
    for number in range(20):
        attempt(session, f"user{number}@example.com", address=f"2001:db8:0:1::{number}")
    with pytest.raises(TooManyAttempts):
        attempt(session, "user21@example.com", address="2001:db8:0:1:ffff::1")
    attempt(session, "user21@example.com", address="2001:db8:0:2::1")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::/64"),
        ("", "unknown"),
        ("proxy, 1.2.3.4", "unknown"),
    ],
)
def test_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_owner_comes_in_from_a_known_browser_while_others_guess(session: Session, anna: User) -> None:
    device = opened(session, anna.id).device
    for _ in range(5):
        attempt(session, anna.email)
    with pytest.raises(TooManyAttempts):
        attempt(session, anna.email)
    taken = attempt(session, anna.email, device=device)
    assert check_password(session, taken, PASSWORD) == anna.id


def test_known_browser_has_a_limit_of_its_own(session: Session, anna: User) -> None:
    device = opened(session, anna.id).device
    for _ in range(5):
        attempt(session, anna.email, device=device)
    with pytest.raises(TooManyAttempts):
        attempt(session, anna.email, device=device)


def test_forged_or_foreign_mark_of_a_browser_counts_nothing(session: Session, anna: User, cast: Cast) -> None:
    foreign = opened(session, cast.anton.user_id or 0).device
    for device in ("forged", "WzEsImEiXQ.forged", foreign):
        assert attempt(session, f"x{device[:1]}@example.com", device=device).buckets[0].startswith("account:")
    assert attempt(session, anna.email, device=foreign).buckets[0].startswith("account:")


def test_success_empties_the_accounts_bucket_and_takes_one_off_the_address(session: Session, anna: User) -> None:
    attempt(session, "somebody@example.com")
    taken = attempt(session, anna.email)
    forgive_attempt(session, taken, NOW)
    failures = dict(session.execute(select(SignInBucket.key, SignInBucket.failures)).all())
    assert failures.pop(f"address:{OFFICE}") == 1
    assert list(failures.values()) == [1]  # the other account's


def test_old_failures_are_forgotten(session: Session, anna: User) -> None:
    for _ in range(5):
        attempt(session, anna.email)
    later = NOW + timedelta(hours=24, seconds=1)
    for _ in range(5):
        attempt(session, anna.email, at=later)
    forgive_attempt(session, attempt(session, "new@example.com", address="203.0.113.9", at=later), later)
    keys = session.scalars(select(SignInBucket.key)).all()
    assert len(keys) == 3  # Anna's, the office, the other address


def test_clock_set_back_prolongs_no_wait(session: Session, anna: User) -> None:
    for _ in range(5):
        attempt(session, anna.email)
    with pytest.raises(TooManyAttempts) as caught:
        attempt(session, anna.email, at=NOW - timedelta(days=1))
    assert caught.value.params["retry_after_seconds"] == 2


def test_hash_of_old_parameters_is_renewed(session: Session, anna: User) -> None:
    anna.password_hash = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    session.flush()
    renew_password_hash(session, anna.id, PASSWORD)
    renewed = anna.password_hash
    assert not needs_rehash(renewed)
    renew_password_hash(session, anna.id, PASSWORD)
    assert anna.password_hash == renewed
    assert check_password(session, attempt(session, anna.email), PASSWORD) == anna.id


def test_attempts_at_once_are_all_counted(database: Database, cast: Cast) -> None:
    outcomes: list[str] = []

    def guess() -> None:
        try:
            with database.session_scope() as session:
                take_attempt(session, email="anna@example.com", address=OFFICE, device="", now=NOW)
            outcomes.append("taken")
        except TooManyAttempts:
            outcomes.append("refused")

    threads = [Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused"] * 7 + ["taken"] * 5
