"""The settings page: one's own account and keys, and the company for administrators."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.auth.api_keys import create_api_key, find_key
from crm.auth.passwords import hash_password, verify_password
from crm.auth.sessions import create_session
from crm.clock import utc_now
from crm.db import Database
from crm.models import ApiKey, User, UserSession, Workspace
from crm.ui.browser_name import browser_name
from tests.conftest import Cast
from tests.pages.conftest import OpenShell

PASSWORD = "three wet boats"


@pytest.fixture(autouse=True)
def annas_password(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).password_hash = hash_password(PASSWORD)


def opened(shell: OpenShell, actor: Actor) -> AppTest:
    at = shell(actor).run().switch_page("settings.py").run()
    assert not at.exception
    return at


def button(at: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(one for one in at.button if one.label == label)


def anna_of(database: Database, cast: Cast) -> User:
    with database.read_scope() as session:
        return session.get_one(User, cast.anna.user_id)


def told(at: AppTest) -> str:
    return " ".join(one.value for part in (at.error, at.caption, at.info, at.markdown) for one in part)


def make_sessions_old(database: Database) -> None:
    with database.session_scope() as session:
        session.execute(update(UserSession).values(created_at=utc_now() - timedelta(hours=1)))


@pytest.mark.parametrize(("name", "tabs"), [("anna", 2), ("boris", 2), ("vera", 3)])
def test_company_is_for_administrators(shell: OpenShell, cast: Cast, name: str, tabs: int) -> None:
    assert len(opened(shell, getattr(cast, name)).tabs) == tabs


def test_profile_is_saved(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.anna)
    at.text_input(key="own_profile_1_name").input("Anna Orlova")
    at.selectbox(key="own_profile_1_language").select("ru")
    at.selectbox(key="own_profile_1_timezone").select("Asia/Omsk")
    at.button(key="own_profile_save").click().run()
    assert not at.exception
    anna = anna_of(database, cast)
    assert (anna.name, anna.language, anna.timezone) == ("Anna Orlova", "ru", "Asia/Omsk")


def test_profile_goes_back_to_the_companys_choices(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        session.execute(update(User).values(language="en", timezone="Asia/Omsk"))
    at = opened(shell, cast.anna)
    at.selectbox(key="own_profile_1_language").select("")
    at.selectbox(key="own_profile_1_timezone").select("")
    at.button(key="own_profile_save").click().run()
    anna = anna_of(database, cast)
    assert (anna.language, anna.timezone) == (None, None)


def test_password_is_changed_and_other_devices_signed_out(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        create_session(session, cast.anna.user_id or 0, address="", user_agent="", now=utc_now())
    at = opened(shell, cast.anna)
    at.text_input(key="own_password_now").input(PASSWORD)
    at.text_input(key="own_password_new").input("four dry ships")
    at.button(key="own_password_save").click().run()
    assert not at.exception
    assert verify_password(anna_of(database, cast).password_hash, "four dry ships")
    with database.read_scope() as session:
        assert len(session.scalars(select(UserSession)).all()) == 1


def test_wrong_present_password_is_told_and_limited(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.anna)
    for expected in ["This is not your present password."] * 5 + ["Too many attempts."]:
        at.text_input(key="own_password_now").input("wrong")
        at.text_input(key="own_password_new").input("four dry ships")
        at.button(key="own_password_save").click().run()
        assert expected in told(at)
    assert verify_password(anna_of(database, cast).password_hash, PASSWORD)


def test_other_device_is_signed_out(shell: OpenShell, cast: Cast, database: Database) -> None:
    agent = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
    with database.session_scope() as session:
        create_session(session, cast.anna.user_id or 0, address="203.0.113.7", user_agent=agent, now=utc_now())
    at = opened(shell, cast.anna)
    assert "Chrome, Windows" in told(at)
    button(at, "Sign out").click().run()
    with database.read_scope() as session:
        assert [row.user_agent for row in session.scalars(select(UserSession))] == ["tests"]
    assert "Sign out on all other devices" not in [one.label for one in at.button]


def test_key_is_shown_once_and_works(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.anna)
    at.text_input(key="new_key_name").input("Site form")
    at.button(key="new_key_save").click().run()
    assert not at.exception
    token = at.code[0].value
    with database.read_scope() as session:
        found = find_key(session, token)
        assert found is not None
        assert (found.user_id, found.scopes) == (cast.anna.user_id, {"read"})
        expires_at = session.scalars(select(ApiKey.expires_at)).one()
    assert expires_at is not None
    assert timedelta(days=364) < expires_at - utc_now() <= timedelta(days=365)
    at.button(key="new_key_done").click().run()
    assert not at.code


def test_key_without_a_name_is_refused(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.anna)
    at.button(key="new_key_save").click().run()
    assert "Fill this in." in told(at)
    assert not at.code


def test_old_session_asks_for_the_password_again(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.anna)
    make_sessions_old(database)
    at.run()
    at.text_input(key="new_key_name").input("Site form")
    at.text_input(key="new_key_password").input("wrong")
    at.button(key="new_key_save").click().run()
    assert "This is not your present password." in told(at)
    assert not at.code
    at.text_input(key="new_key_password").input(PASSWORD)
    at.button(key="new_key_save").click().run()
    assert at.code[0].value.startswith("vk_")


def test_person_of_the_provider_signs_in_again_for_a_key(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.anton)
    make_sessions_old(database)
    at.run()
    assert "Sign out, sign in again" in told(at)
    assert "new_key_name" not in [one.key for one in at.text_input]
    assert "have no password here" in told(at)


def test_key_is_taken_back(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        key = create_api_key(session, cast.anna, name="Old", scopes=["read"], expires_at=None, now=utc_now())
    at = opened(shell, cast.anna)
    at.button(key=f"own_key_{key.id}_revoke").click().run()
    with database.read_scope() as session:
        assert find_key(session, key.token) is None


def test_company_is_saved(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.vera)
    at.text_input(key="company_1_name").input("ООО «Мир»")
    at.selectbox(key="company_1_currency").select("KZT")
    at.selectbox(key="company_1_see_manager").select("team")
    at.button(key="company_save").click().run()
    assert not at.exception
    with database.read_scope() as session:
        company = session.get_one(Workspace, 1)
    assert (company.name, company.currency, company.version) == ("ООО «Мир»", "KZT", 2)
    assert company.visibility == {"manager": "team", "head": "team", "admin": "all"}


def test_company_changed_meanwhile_is_told_and_not_overwritten(
    shell: OpenShell, cast: Cast, database: Database
) -> None:
    at = opened(shell, cast.vera)
    with database.session_scope() as session:
        session.execute(update(Workspace).values(name="Theirs", currency="USD", version=2))
    at.run()
    assert at.text_input(key="company_2_name").value == "Theirs"
    assert at.selectbox(key="company_2_currency").value == "USD"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0 YaBrowser/24.1 Safari/537.36", "Yandex Browser, Linux"),
        ("curl/8.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_browser_is_named_as_people_would(agent: str, name: str) -> None:
    assert browser_name(agent) == name


def test_own_identifiers_are_saved_or_told_what_is_wrong(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.vera)
    at.text_area(key="own_identifiers_typed").input("+7 495 780-00-00\ncall us")
    at.button(key="own_identifiers_save").click().run()
    assert "“call us” is neither a phone, an e-mail nor a domain." in " ".join(one.value for one in at.markdown)
    at.text_area(key="own_identifiers_typed").input("+7 495 780-00-00\nours.ru")
    at.button(key="own_identifiers_save").click().run()
    with database.read_scope() as session:
        assert session.get_one(Workspace, 1).own_identifiers == ["+74957800000", "ours.ru"]
