"""One's own account."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.account import change_own_password, confirm_identity, edit_own_profile, set_password_by_link
from crm.auth.actors import load_actor, system_actor
from crm.auth.one_time_links import create_link, is_living
from crm.auth.passwords import hash_password, verify_password
from crm.auth.sessions import create_session, find_session
from crm.clock import utc_now
from crm.errors import InvalidInput, NotFound
from crm.models import Channel, Event, TokenKind, User
from tests.conftest import Cast
from tests.refusals import refused

NOW = utc_now()
PASSWORD = "three wet boats"
HASH = hash_password(PASSWORD)


@pytest.fixture
def anna(session: Session, cast: Cast) -> User:
    user = session.get_one(User, cast.anna.user_id)
    user.password_hash = HASH
    session.flush()
    return user


def signed_in(session: Session, user: User, *, hours_ago: int = 0) -> tuple[str, int]:
    token = create_session(session, user.id, address="", user_agent="", now=NOW - timedelta(hours=hours_ago))
    found = find_session(session, token, NOW)
    assert found is not None
    return token, found.id


def test_changing_the_password_ends_the_other_sessions(session: Session, anna: User, cast: Cast) -> None:
    here, here_id = signed_in(session, anna)
    others = [signed_in(session, anna)[0] for _ in range(3)]
    link = create_link(session, TokenKind.RESET, anna.id, NOW)
    change_own_password(session, cast.anna, current=PASSWORD, new="four dry ships", keep_session_id=here_id)
    assert verify_password(anna.password_hash, "four dry ships")
    assert find_session(session, here, NOW) is not None
    assert [find_session(session, token, NOW) for token in others] == [None, None, None]
    assert not is_living(session, TokenKind.RESET, link, NOW)
    assert "dry" not in str([event.details for event in session.scalars(select(Event))])


def test_wrong_present_password_changes_nothing(session: Session, anna: User, cast: Cast) -> None:
    _token, here_id = signed_in(session, anna)
    with refused(session, InvalidInput) as refusal:
        change_own_password(
            session, cast.anna, current="three wet boots", new="four dry ships", keep_session_id=here_id
        )
    assert refusal.told == [("password_wrong", "current")]


@pytest.mark.parametrize(
    ("new", "code"),
    [("short", "password_too_short"), ("password1234", "password_common"), ("metal-trade1", "password_personal")],
)
def test_weak_new_password_is_refused(session: Session, anna: User, cast: Cast, new: str, code: str) -> None:
    with refused(session, InvalidInput) as refusal:
        change_own_password(session, cast.anna, current=PASSWORD, new=new, keep_session_id=0)
    assert refusal.told == [(code, "new")]


def test_user_without_a_password_can_not_change_one(session: Session, cast: Cast) -> None:
    for current in ("", PASSWORD):
        with refused(session, InvalidInput) as refusal:
            change_own_password(session, cast.anna, current=current, new="four dry ships", keep_session_id=0)
        assert refusal.told == [("password_wrong", "current")]


def test_profile_overrides_the_company(session: Session, cast: Cast) -> None:
    edit_own_profile(session, cast.anna, name=" Anna  Orlova ", language="ru", timezone="Asia/Omsk")
    actor = load_actor(session, cast.anna.user_id or 0, Channel.UI)
    assert (actor.name, actor.language, actor.timezone) == ("Anna Orlova", "ru", "Asia/Omsk")
    edit_own_profile(session, cast.anna, name="Anna", language=None, timezone=None)
    actor = load_actor(session, cast.anna.user_id or 0, Channel.UI)
    assert (actor.language, actor.timezone) == ("en", "Europe/Moscow")


def test_unknown_language_and_zone_are_refused(session: Session, cast: Cast) -> None:
    with refused(session, InvalidInput) as refusal:
        edit_own_profile(session, cast.anna, name="", language="de", timezone="../../etc/passwd")
    assert refusal.told == [("value_required", "name"), ("choice_unknown", "language"), ("choice_unknown", "timezone")]


def test_system_has_no_account(session: Session) -> None:
    with refused(session, NotFound):
        edit_own_profile(session, system_actor(), name="x", language=None, timezone=None)


@pytest.mark.parametrize("kind", [TokenKind.INVITE, TokenKind.RESET])
def test_link_sets_a_password_once_and_ends_sessions(session: Session, anna: User, kind: TokenKind) -> None:
    old, _old_id = signed_in(session, anna)
    token = create_link(session, kind, anna.id, NOW)
    assert set_password_by_link(session, kind=kind, token=token, password="four dry ships", now=NOW) == anna.id
    assert verify_password(anna.password_hash, "four dry ships")
    assert find_session(session, old, NOW) is None
    with refused(session, NotFound):
        set_password_by_link(session, kind=kind, token=token, password="five dry ships", now=NOW)


def test_weak_password_leaves_the_link_alive(session: Session, anna: User) -> None:
    token = create_link(session, TokenKind.INVITE, anna.id, NOW)
    with refused(session, InvalidInput) as refusal:
        set_password_by_link(session, kind=TokenKind.INVITE, token=token, password="qwerty123456", now=NOW)
    assert refusal.told == [("password_common", "password")]
    assert is_living(session, TokenKind.INVITE, token, NOW)


def test_fresh_session_or_password_confirms_who_it_is(session: Session, anna: User, cast: Cast) -> None:
    _token, fresh = signed_in(session, anna)
    _token, stale = signed_in(session, anna, hours_ago=1)
    confirm_identity(session, cast.anna, password="", session_id=fresh, now=NOW)
    confirm_identity(session, cast.anna, password=PASSWORD, session_id=stale, now=NOW)
    with refused(session, InvalidInput) as refusal:
        confirm_identity(session, cast.anna, password="wrong", session_id=stale, now=NOW)
    assert refusal.told == [("password_wrong", "password")]


def test_anothers_fresh_session_confirms_nothing(session: Session, anna: User, cast: Cast) -> None:
    _token, antons = signed_in(session, session.get_one(User, cast.anton.user_id))
    with refused(session, InvalidInput):
        confirm_identity(session, cast.anna, password="", session_id=antons, now=NOW)
