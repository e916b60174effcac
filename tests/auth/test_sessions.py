"""Sessions: found by token only, for as long as they live."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.auth.sessions import (
    cookie_name,
    create_session,
    delete_dead_sessions,
    end_every_session,
    end_other_sessions,
    end_session,
    end_user_sessions,
    find_session,
    is_seen_due,
    list_sessions,
    note_seen,
    sign_out,
)
from crm.clock import utc_now
from crm.errors import NotFound
from crm.models import Event, User, UserSession
from crm.settings import get_settings
from tests.conftest import Cast
from tests.refusals import refused

NOW = utc_now()


def new_session(session: Session, user_id: int | None, **when: int) -> str:
    assert user_id is not None
    return create_session(session, user_id, address="203.0.113.7", user_agent="Firefox", now=NOW - timedelta(**when))


def test_session_is_found_by_its_token(session: Session, cast: Cast) -> None:
    token = new_session(session, cast.anna.user_id)
    found = find_session(session, token)
    assert found is not None
    assert (found.user_id, found.language) == (cast.anna.user_id, "en")
    assert len(token) >= 43


def test_forged_tokens_find_nothing(session: Session, cast: Cast) -> None:
    token = new_session(session, cast.anna.user_id)
    stored = session.scalars(select(UserSession.token_hash)).one()
    assert stored != token
    for forged in ("", token[:-1], token + "A", token.swapcase(), stored, "' OR 1=1 --", "\x00", "é" * 50):
        assert find_session(session, forged) is None


def test_token_is_nowhere_in_the_row(session: Session, cast: Cast) -> None:
    token = new_session(session, cast.anna.user_id)
    row = session.execute(select(UserSession.__table__)).one()
    assert token not in repr(tuple(row))


def test_session_of_a_switched_off_user_is_dead(session: Session, cast: Cast) -> None:
    token = new_session(session, cast.anna.user_id)
    session.get_one(User, cast.anna.user_id).is_active = False
    session.flush()
    assert find_session(session, token) is None


def test_idle_session_dies_at_its_limit(session: Session, cast: Cast) -> None:
    token = new_session(session, cast.anna.user_id)
    assert find_session(session, token, NOW + timedelta(hours=12, seconds=-1)) is not None
    assert find_session(session, token, NOW + timedelta(hours=12)) is None


def test_busy_session_dies_at_the_absolute_limit(session: Session, cast: Cast) -> None:
    token = new_session(session, cast.anna.user_id, days=29, hours=23)
    session.scalars(select(UserSession)).one().last_seen_at = NOW
    session.flush()
    assert find_session(session, token, NOW) is not None
    assert find_session(session, token, NOW + timedelta(hours=1)) is None


def test_limits_come_from_the_settings(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    token = new_session(session, cast.anna.user_id, hours=2)
    assert find_session(session, token, NOW) is not None
    monkeypatch.setenv("CRM_SESSION_IDLE_HOURS", "1")
    get_settings.cache_clear()
    assert find_session(session, token, NOW) is None


def test_last_sight_moves_forward_only(session: Session, cast: Cast) -> None:
    token = new_session(session, cast.anna.user_id)
    found = find_session(session, token, NOW)
    assert found is not None
    note_seen(session, found, NOW - timedelta(hours=3))
    assert session.scalars(select(UserSession.last_seen_at)).one() == NOW
    note_seen(session, found, NOW + timedelta(minutes=5))
    assert session.scalars(select(UserSession.last_seen_at)).one() == NOW + timedelta(minutes=5)


def test_last_sight_is_due_once_a_minute(session: Session, cast: Cast) -> None:
    found = find_session(session, new_session(session, cast.anna.user_id), NOW)
    assert found is not None
    assert not is_seen_due(found, NOW + timedelta(seconds=59))
    assert is_seen_due(found, NOW + timedelta(seconds=60))


def test_sign_out_ends_this_session_only(session: Session, cast: Cast) -> None:
    laptop, phone = new_session(session, cast.anna.user_id), new_session(session, cast.anna.user_id)
    sign_out(session, laptop)
    assert find_session(session, laptop) is None
    assert find_session(session, phone) is not None
    assert [event.kind for event in session.scalars(select(Event))] == ["auth.signed_out"]


def test_sign_out_with_an_unknown_token_changes_nothing(session: Session, cast: Cast) -> None:
    new_session(session, cast.anna.user_id)
    sign_out(session, "forged")
    sign_out(session, "")
    assert session.scalar(select(func.count(UserSession.id))) == 1


def test_user_ends_an_own_session_but_not_anothers(session: Session, cast: Cast) -> None:
    new_session(session, cast.anna.user_id)
    (own,) = list_sessions(session, cast.anna, cast.anna.user_id or 0)
    with refused(session, NotFound):
        end_session(session, cast.anton, own.id)
    with refused(session, NotFound):
        end_session(session, cast.boris, own.id)
    end_session(session, cast.anna, own.id)
    assert list_sessions(session, cast.anna, cast.anna.user_id or 0) == []


def test_admin_ends_a_session_of_anybody(session: Session, cast: Cast) -> None:
    new_session(session, cast.anna.user_id)
    (row,) = list_sessions(session, cast.vera, cast.anna.user_id or 0)
    end_session(session, cast.vera, row.id)
    assert session.scalar(select(func.count(UserSession.id))) == 0


def test_sessions_of_others_are_seen_by_admins_only(session: Session, cast: Cast) -> None:
    for actor in (cast.anton, cast.boris, cast.dina):
        with refused(session, NotFound):
            list_sessions(session, actor, cast.anna.user_id or 0)


def test_list_leaves_out_dead_sessions_and_begins_with_the_latest(session: Session, cast: Cast) -> None:
    new_session(session, cast.anna.user_id, hours=13)
    new_session(session, cast.anna.user_id, hours=3)
    new_session(session, cast.anna.user_id, hours=1)
    rows = list_sessions(session, cast.anna, cast.anna.user_id or 0, NOW)
    assert [row.last_seen_at for row in rows] == [NOW - timedelta(hours=1), NOW - timedelta(hours=3)]
    assert {(row.address, row.user_agent) for row in rows} == {("203.0.113.7", "Firefox")}


def test_end_other_sessions_keeps_the_present_one(session: Session, cast: Cast) -> None:
    here = new_session(session, cast.anna.user_id)
    new_session(session, cast.anna.user_id)
    new_session(session, cast.anton.user_id)
    kept = find_session(session, here)
    assert kept is not None
    assert end_other_sessions(session, cast.anna, keep_id=kept.id) == 1
    assert find_session(session, here) is not None
    assert session.scalar(select(func.count(UserSession.id))) == 2


def test_admin_ends_all_sessions_of_a_user(session: Session, cast: Cast) -> None:
    new_session(session, cast.anna.user_id)
    new_session(session, cast.anna.user_id)
    new_session(session, cast.vera.user_id)
    assert end_user_sessions(session, cast.vera, cast.anna.user_id or 0) == 2
    assert session.scalar(select(func.count(UserSession.id))) == 1
    with refused(session, NotFound):
        end_user_sessions(session, cast.vera, 999)


def test_everybody_is_signed_out(session: Session, cast: Cast) -> None:
    new_session(session, cast.anna.user_id)
    new_session(session, cast.vera.user_id)
    assert end_every_session(session, system_actor()) == 2
    assert session.scalar(select(func.count(UserSession.id))) == 0


def test_dead_rows_are_swept(session: Session, cast: Cast) -> None:
    new_session(session, cast.anna.user_id, hours=12)
    new_session(session, cast.anna.user_id, days=31)
    living = new_session(session, cast.anna.user_id)
    assert delete_dead_sessions(session, NOW) == 2
    assert find_session(session, living) is not None


def test_what_a_browser_says_of_itself_is_cut_and_cleaned(session: Session, cast: Cast) -> None:
    create_session(
        session, cast.anna.user_id or 0, address="x" * 100, user_agent="Fire\x00fox\r\n\u202e" + "y" * 500, now=NOW
    )
    row = session.scalars(select(UserSession)).one()
    assert len(row.address) == 64
    assert row.user_agent.startswith("Firefoxyy")
    assert len(row.user_agent) == 300


def test_cookie_is_kept_to_the_host_behind_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cookie_name() == "voronka"
    monkeypatch.setenv("CRM_PUBLIC_URL", "https://crm.example.com")
    get_settings.cache_clear()
    assert cookie_name() == "__Host-voronka"
