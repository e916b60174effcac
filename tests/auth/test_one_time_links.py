"""Links that work once."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.one_time_links import create_link, is_living, link_owner, link_url, spend_link
from crm.clock import utc_now
from crm.db import Database
from crm.errors import NotFound
from crm.models import OneTimeToken, TokenKind, User
from crm.settings import get_settings
from tests.conftest import Cast

NOW = utc_now()
LIFETIMES = [(TokenKind.INVITE, timedelta(hours=72)), (TokenKind.RESET, timedelta(minutes=30))]


@pytest.mark.parametrize(("kind", "lifetime"), LIFETIMES)
def test_link_lives_its_time(session: Session, cast: Cast, kind: TokenKind, lifetime: timedelta) -> None:
    token = create_link(session, kind, cast.anna.user_id, NOW)
    assert link_owner(session, kind, token, NOW).email == "anna@example.com"
    assert is_living(session, kind, token, NOW + lifetime - timedelta(seconds=1))
    assert not is_living(session, kind, token, NOW + lifetime)
    with pytest.raises(NotFound):
        link_owner(session, kind, token, NOW + lifetime)
    with pytest.raises(NotFound):
        spend_link(session, kind, token, NOW + lifetime)


def test_link_is_spent_once(session: Session, cast: Cast) -> None:
    token = create_link(session, TokenKind.INVITE, cast.anna.user_id, NOW)
    spend_link(session, TokenKind.INVITE, token, NOW)
    with pytest.raises(NotFound):
        spend_link(session, TokenKind.INVITE, token, NOW)
    assert not is_living(session, TokenKind.INVITE, token, NOW)


def test_link_opens_only_what_it_was_made_for(session: Session, cast: Cast) -> None:
    token = create_link(session, TokenKind.INVITE, cast.anna.user_id, NOW)
    for kind in (TokenKind.RESET, TokenKind.SETUP):
        assert not is_living(session, kind, token, NOW)


def test_new_link_kills_the_older_ones_of_its_user(session: Session, cast: Cast) -> None:
    old = create_link(session, TokenKind.INVITE, cast.anna.user_id, NOW)
    others = create_link(session, TokenKind.INVITE, cast.anton.user_id, NOW)
    new = create_link(session, TokenKind.RESET, cast.anna.user_id, NOW)
    assert not is_living(session, TokenKind.INVITE, old, NOW)
    assert is_living(session, TokenKind.INVITE, others, NOW)
    assert is_living(session, TokenKind.RESET, new, NOW)


def test_link_of_a_switched_off_user_is_dead(session: Session, cast: Cast) -> None:
    token = create_link(session, TokenKind.RESET, cast.anna.user_id, NOW)
    session.get_one(User, cast.anna.user_id).is_active = False
    session.flush()
    with pytest.raises(NotFound):
        link_owner(session, TokenKind.RESET, token, NOW)


def test_forged_link_opens_nothing(session: Session, cast: Cast) -> None:
    token = create_link(session, TokenKind.INVITE, cast.anna.user_id, NOW)
    stored = session.scalars(select(OneTimeToken.token_hash)).one()
    for forged in ("", token[:-1], stored, "\x00"):
        assert not is_living(session, TokenKind.INVITE, forged, NOW)


def test_address_of_a_link_comes_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_PUBLIC_URL", "https://crm.example.com/")
    get_settings.cache_clear()
    assert link_url(TokenKind.RESET, "abc") == "https://crm.example.com/account/reset/abc"


def test_of_many_who_spend_a_link_at_once_one_succeeds(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        token = create_link(session, TokenKind.RESET, cast.anna.user_id, NOW)
    outcomes: list[bool] = []

    def spend() -> None:
        try:
            with database.session_scope() as session:
                spend_link(session, TokenKind.RESET, token, NOW)
            outcomes.append(True)
        except NotFound:
            outcomes.append(False)

    threads = [Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]
