"""Signing somebody in for code that reads the cookie."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crm.actor import Actor
from crm.auth.sessions import create_session
from crm.clock import utc_now
from crm.db import Database
from crm.ui import page
from tests.scanned_once import components_are_looked_for_once

__all__ = ["components_are_looked_for_once"]

SignIn = Callable[[Actor], str]


@pytest.fixture
def sign_in(database: Database, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    """Return a function that signs an actor in and gives the cookie's token."""

    def put_cookie(actor: Actor) -> str:
        assert actor.user_id is not None
        with database.session_scope() as session:
            token = create_session(session, actor.user_id, address="127.0.0.1", user_agent="tests", now=utc_now())
        monkeypatch.setattr(page, "current_token", lambda: token)
        return token

    return put_cookie
