"""The users page: for administrators; people, their links, roles and teams."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from streamlit.testing.v1 import AppTest

from crm.actor import Actor
from crm.auth.one_time_links import is_living
from crm.auth.passwords import hash_password
from crm.auth.sessions import create_session
from crm.clock import utc_now
from crm.db import Database
from crm.models import Role, Team, TokenKind, User, UserSession
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.pages.conftest import OpenShell


def opened(shell: OpenShell, actor: Actor) -> AppTest:
    at = shell(actor).run().switch_page("users.py").run()
    assert not at.exception
    return at


def chosen(shell: OpenShell, cast: Cast, user: Actor) -> AppTest:
    at = opened(shell, cast.vera)
    at.selectbox(key="users_chosen").select(user.user_id).run()
    assert not at.exception
    return at


def button(at: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(one for one in at.button if one.label == label)


def row(database: Database, user: Actor) -> User:
    with database.read_scope() as session:
        return session.get_one(User, user.user_id)


def errors(at: AppTest) -> str:
    return " ".join(one.value for part in (at.error, at.markdown) for one in part)


@pytest.mark.parametrize("name", ["anna", "boris", "dina"])
def test_only_administrators_open_it(shell: OpenShell, cast: Cast, name: str) -> None:
    at = opened(shell, getattr(cast, name))
    assert at.error[0].value == "Your role does not allow this. Ask your administrator."
    assert not at.dataframe


def test_everybody_is_listed(shell: OpenShell, cast: Cast) -> None:
    table = opened(shell, cast.vera).dataframe[0].value
    assert list(table["Full name"]) == ["Anna", "Anton", "Boris", "Dina", "Vera"]
    assert list(table["Role"]) == ["Manager", "Manager", "Head of sales", "Head of sales", "Administrator"]
    assert list(table["State"]) == ["No password yet"] * 5


def test_name_e_mail_and_team_are_changed(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = chosen(shell, cast, cast.anna)
    mark = f"user_{cast.anna.user_id}_1"
    at.text_input(key=f"{mark}_name").input("Anna [Orlova]")
    at.selectbox(key=f"{mark}_team").select(0)
    button(at, "Save").click().run()
    assert not at.exception
    saved = row(database, cast.anna)
    assert (saved.name, saved.team_id, saved.version) == ("Anna [Orlova]", None, 2)


def test_refused_save_keeps_what_was_typed_and_says_why(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = chosen(shell, cast, cast.anna)
    mark = f"user_{cast.anna.user_id}_1"
    at.text_input(key=f"{mark}_name").input("Anna Orlova")
    at.text_input(key=f"{mark}_email").input("anton@example.com")
    button(at, "Save").click().run()
    assert "Another user has this e-mail." in errors(at)
    assert at.text_input(key=f"{mark}_name").value == "Anna Orlova"
    assert row(database, cast.anna).version == 1


def test_role_is_changed_and_signs_out(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        create_session(session, cast.anna.user_id or 0, address="", user_agent="", now=utc_now())
    at = chosen(shell, cast, cast.anna)
    at.selectbox(key=f"user_{cast.anna.user_id}_1_role").select(Role.HEAD)
    button(at, "Change the role").click().run()
    assert row(database, cast.anna).role is Role.HEAD
    with database.read_scope() as session:
        left = session.scalars(select(UserSession.user_id)).all()
    assert left == [cast.vera.user_id]


def test_last_administrator_keeps_the_role(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = chosen(shell, cast, cast.vera)
    at.selectbox(key=f"user_{cast.vera.user_id}_1_role").select(Role.MANAGER)
    button(at, "Change the role").click().run()
    assert "This is the last administrator." in errors(at)
    assert row(database, cast.vera).role is Role.ADMIN


@pytest.mark.parametrize(
    ("label", "kind", "with_password"),
    [("New invitation", TokenKind.INVITE, False), ("Link for a new password", TokenKind.RESET, True)],
)
def test_link_is_shown_once(
    shell: OpenShell, cast: Cast, database: Database, label: str, kind: TokenKind, with_password: bool
) -> None:
    if with_password:
        with database.session_scope() as session:
            session.get_one(User, cast.anna.user_id).password_hash = hash_password("three wet boats")
    at = chosen(shell, cast, cast.anna)
    button(at, label).click().run()
    address = at.code[0].value
    assert address.startswith(f"http://127.0.0.1:8501/account/{kind.value}/")
    with database.read_scope() as session:
        assert is_living(session, kind, address.rsplit("/", 1)[1], utc_now())
    button(at, "I have copied it").click().run()
    assert not at.code


def test_switching_off_and_on(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = chosen(shell, cast, cast.anna)
    button(at, "Switch off").click().run()
    assert not row(database, cast.anna).is_active
    button(at, "Switch on").click().run()
    assert row(database, cast.anna).is_active


def test_signing_out_everywhere(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        create_session(session, cast.anna.user_id or 0, address="", user_agent="", now=utc_now())
    at = chosen(shell, cast, cast.anna)
    button(at, "Sign out everywhere").click().run()
    with database.read_scope() as session:
        count = session.scalar(select(func.count()).where(UserSession.user_id == cast.anna.user_id))
    assert count == 0


def test_user_with_deals_is_not_removed(shell: OpenShell, cast: Cast, database: Database) -> None:
    with database.session_scope() as session:
        add_deal(session, cast.anna, add_pipeline(session))
    at = chosen(shell, cast, cast.anna)
    button(at, "Remove for good").click().run()
    assert "has deals or a history" in " ".join(one.value for one in at.markdown)
    assert row(database, cast.anna).id == cast.anna.user_id


def test_user_without_traces_is_removed(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = chosen(shell, cast, cast.dina)
    button(at, "Remove for good").click().run()
    with database.read_scope() as session:
        assert session.get(User, cast.dina.user_id) is None
    assert list(at.dataframe[0].value["Full name"]) == ["Anna", "Anton", "Boris", "Vera"]


def test_team_is_added_and_a_taken_name_refused(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.vera)
    at.text_input(key="new_team_name").input("Team 1")
    button(at, "Add the team").click().run()
    assert "This name is taken." in errors(at)
    at.text_input(key="new_team_name").input("Cold sales")
    button(at, "Add the team").click().run()
    with database.read_scope() as session:
        assert session.scalars(select(Team.name).order_by(Team.name)).all() == ["Cold sales", "Team 1", "Team 2"]


def test_team_is_renamed(shell: OpenShell, cast: Cast, database: Database) -> None:
    at = opened(shell, cast.vera)
    at.text_input(key=f"team_{cast.dina.team_id}_name").input("Hunters").run()
    at.button(key=f"team_{cast.dina.team_id}_save").click().run()
    with database.read_scope() as session:
        assert session.get_one(Team, cast.dina.team_id).name == "Hunters"
    assert at.button(key=f"team_{cast.dina.team_id}_delete").disabled


def test_hostile_name_is_shown_as_text(shell: OpenShell, cast: Cast, database: Database) -> None:
    hostile = "![x](http://evil.example/x.png) **b** <b>"
    with database.session_scope() as session:
        session.get_one(User, cast.anna.user_id).name = hostile
    at = chosen(shell, cast, cast.anna)
    shown = [one.value for one in at.markdown if "evil" in one.value]
    assert shown
    assert all("![x](" not in text for text in shown)
