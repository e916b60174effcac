"""The reader's own corner of the sidebar."""

from __future__ import annotations

from sqlalchemy import select

from crm.auth.account import choose_own_language
from crm.db import Database
from crm.models import Event, User
from crm.ui.act import run
from tests.conftest import Cast, UnchangedFactory
from tests.ui.conftest import SignIn


def test_own_language_is_changed_and_nothing_else(database: Database, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.anna)
    with database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).timezone = "Asia/Omsk"
    assert run(choose_own_language, language="ru").ok
    with database.read_scope() as session:
        user = session.get_one(User, cast.anna.user_id)
        assert (user.language, user.timezone, user.name) == ("ru", "Asia/Omsk", "Anna")
        assert list(session.scalars(select(Event.kind))) == ["user.profile_edited"]


def test_language_without_texts_is_refused(
    database: Database, cast: Cast, sign_in: SignIn, unchanged: UnchangedFactory
) -> None:
    sign_in(cast.anna)
    with unchanged(database):
        outcome = run(choose_own_language, language="xx")
    assert outcome.field_error("language") == "Choose one of the offered values."
