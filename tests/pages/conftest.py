"""Pages driven by AppTest through the shell, as whoever a test signs in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.auth.sessions import create_session
from crm.clock import utc_now
from crm.db import Database
from crm.settings import ROOT
from crm.ui import page
from tests.scanned_once import components_are_looked_for_once
from tests.stopped_clock import stop_clock

__all__ = ["components_are_looked_for_once", "stop_clock"]

OpenShell = Callable[[Actor | None], AppTest]


@pytest.fixture
def shell(database: Database, monkeypatch: pytest.MonkeyPatch) -> OpenShell:
    """Return a function that gives the shell, not run yet, signed in as an actor; None is signed out.

    Open a page with `shell(cast.vera).run().switch_page("audit.py").run()`.
    """

    def open_shell(actor: Actor | None) -> AppTest:
        token = None
        if actor is not None and actor.user_id is not None:
            with database.session_scope() as session:
                token = create_session(session, actor.user_id, address="127.0.0.1", user_agent="tests", now=utc_now())
        monkeypatch.setattr(page, "current_token", lambda: token)
        return AppTest.from_file(str(ROOT / "pages" / "_shell.py"), default_timeout=30)

    return open_shell
