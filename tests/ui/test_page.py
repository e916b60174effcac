"""The gate of every page and fragment, and what readers are told when something fails."""

from __future__ import annotations

import logging

import pytest
from streamlit.testing.v1 import AppTest

from crm.auth.sessions import sign_out
from crm.db import Database, use_database
from crm.models import Role, User
from crm.ui import page
from tests.conftest import Cast
from tests.ui.conftest import SignIn


def audit_page() -> None:
    import streamlit as st

    from crm.i18n import current_reader
    from crm.ui.page import open_page

    actor = open_page("audit")
    st.text(f"{actor.name} {current_reader().language} {current_reader().timezone}")


def fragment_page() -> None:
    import streamlit as st

    from crm.actor import Actor
    from crm.i18n import current_reader
    from crm.ui.page import page_fragment

    @page_fragment("audit")
    def draw(actor: Actor, word: str) -> None:
        if st.button("Break"):
            raise ZeroDivisionError(word)
        if st.button("Refuse"):
            from crm.errors import NotFound

            raise NotFound
        st.text(f"{actor.name} {actor.role} {word} {current_reader().language}")

    draw("hello")
    st.text("after")


def test_page_knows_its_reader(cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.boris)
    assert AppTest.from_function(audit_page).run().text[0].value == "Boris en Europe/Moscow"


def test_signed_out_reader_sees_only_the_way_to_sign_in(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "current_token", lambda: None)
    at = AppTest.from_function(audit_page).run()
    assert not at.text
    assert 'href="/account/sign-in"' in at.html[0].value


@pytest.mark.parametrize("token", ["", "forged", "x" * 5000])
def test_forged_cookie_is_signed_out(token: str, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "current_token", lambda: token)
    at = AppTest.from_function(audit_page).run()
    assert not at.text
    assert at.html


def test_page_refuses_a_role_that_may_not_open_it(cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.anna)
    at = AppTest.from_function(audit_page).run()
    assert not at.text
    assert at.error[0].value == "Your role does not allow this. Ask your administrator."


def test_switched_off_user_is_signed_out(database: Database, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.boris)
    with database.session_scope() as session:
        session.get_one(User, cast.boris.user_id).is_active = False
    assert not AppTest.from_function(audit_page).run().text


def test_database_gone_is_told_in_one_sentence(cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.boris)
    use_database(Database("postgresql://nobody@127.0.0.1:9/nothing"))
    at = AppTest.from_function(audit_page).run()
    assert [error.value for error in at.error] == [
        "The database does not answer right now. Nothing was saved; try again in a minute."
    ]
    assert not at.exception


def test_fragment_gets_a_fresh_actor_each_run(database: Database, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.boris)
    at = AppTest.from_function(fragment_page).run()
    assert [text.value for text in at.text] == ["Boris head hello en", "after"]
    with database.session_scope() as session:
        session.get_one(User, cast.boris.user_id).language = "ru"
    at.run()
    assert at.text[0].value == "Boris head hello ru"


def test_fragment_refuses_who_lost_the_role(database: Database, cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.boris)
    at = AppTest.from_function(fragment_page).run()
    with database.session_scope() as session:
        session.get_one(User, cast.boris.user_id).role = Role.MANAGER
    at.run()
    assert not at.text
    assert at.error[0].value == "Your role does not allow this. Ask your administrator."


def test_fragment_refuses_who_signed_out_elsewhere(database: Database, cast: Cast, sign_in: SignIn) -> None:
    token = sign_in(cast.boris)
    at = AppTest.from_function(fragment_page).run()
    with database.session_scope() as session:
        sign_out(session, token)
    at.run()
    assert not at.text


def test_unforeseen_failure_is_a_sentence_with_a_number_that_is_in_the_log(
    cast: Cast, sign_in: SignIn, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(cast.boris)
    at = AppTest.from_function(fragment_page).run()
    with caplog.at_level(logging.ERROR):
        at.button[0].click().run()
    assert not at.exception
    told = at.error[0].value
    assert told.startswith("Something went wrong on our side.")
    assert "ZeroDivisionError" not in told
    assert told.rsplit(" ", 1)[1] in caplog.text
    assert at.text[-1].value == "after"


def test_missing_record_is_told_in_one_sentence(cast: Cast, sign_in: SignIn) -> None:
    sign_in(cast.boris)
    at = AppTest.from_function(fragment_page).run()
    at.button[1].click().run()
    assert at.error[0].value == "There is no such record, or it is not yours to see."
