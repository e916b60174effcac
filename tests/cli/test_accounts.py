"""The command line: users, sessions, migrations and the check."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crm.auth.one_time_links import is_living
from crm.auth.passwords import verify_password
from crm.auth.sessions import create_session
from crm.cli.run import main
from crm.clock import utc_now
from crm.db import Database, use_database
from crm.db.migrate import is_current
from crm.models import Event, Role, StageVisit, TokenKind, User, UserSession, Workspace
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")


def test_first_user_brings_the_company_and_gets_a_link(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["users", "add", "--email", "Vera@Example.com", "--name", "Vera", "--role", "admin"]) == 0
    address = capsys.readouterr().out.split()[-1]
    assert address.startswith("http://127.0.0.1:8501/account/invite/")
    with database.read_scope() as session:
        user = session.scalars(select(User)).one()
        assert (user.email, user.role, user.password_hash) == ("vera@example.com", Role.ADMIN, None)
        assert session.get(Workspace, 1) is not None
        assert is_living(session, TokenKind.INVITE, address.rsplit("/", 1)[1], utc_now())


def test_first_user_must_be_an_administrator(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["users", "add", "--email", "anna@example.com", "--name", "Anna"]) == 1
    assert "The first user must be an administrator." in capsys.readouterr().err
    with database.read_scope() as session:
        assert session.scalar(select(func.count(User.id))) == 0
        assert session.get(Workspace, 1) is None


def test_password_comes_from_stdin_and_is_shown_nowhere(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("three wet boats\nnext line\n"))
    assert main(["users", "add", "--email", "gleb@example.com", "--name", "Gleb", "--password-stdin"]) == 0
    told = capsys.readouterr()
    assert "boats" not in told.out + told.err
    assert "http" not in told.out
    with database.read_scope() as session:
        user = session.scalars(select(User).where(User.email == "gleb@example.com")).one()
        assert verify_password(user.password_hash, "three wet boats")
        kinds = session.scalars(select(Event.kind).where(Event.entity_id == user.id, Event.entity == "user")).all()
        assert kinds == ["user.created", "auth.password_set"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--email", "anna@example.com", "--name", "Anna"], "email: Another user has this e-mail."),
        (["--email", "nonsense", "--name", ""], "name: Fill this in."),
    ],
)
def test_refusal_is_told_in_words(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["users", "add", *arguments]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error


def test_weak_password_adds_nobody(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("password1234\n"))
    assert main(["users", "add", "--email", "gleb@example.com", "--name", "Gleb", "--password-stdin"]) == 1
    assert "among the first that are guessed" in capsys.readouterr().err
    with database.read_scope() as session:
        assert session.scalar(select(func.count(User.id))) == 5


def test_users_are_listed(database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["users", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0] == f"{cast.anna.user_id}\tmanager\tactive\tanna@example.com\tAnna"


def test_sessions_of_one_user_and_of_everybody_are_ended(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.session_scope() as session:
        for actor in (cast.anna, cast.anna, cast.boris, cast.vera):
            create_session(session, actor.user_id or 0, address="", user_agent="", now=utc_now())
    assert main(["sessions", "end", "--user", "ANNA@example.com"]) == 0
    assert main(["sessions", "end", "--all"]) == 0
    assert capsys.readouterr().out == "Sessions ended: 2\nSessions ended: 2\n"
    with database.read_scope() as session:
        assert session.scalar(select(func.count(UserSession.id))) == 0
    assert main(["sessions", "end", "--user", "nobody@example.com"]) == 1


def test_commands_need_their_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["users"], ["users", "add"], ["sessions", "end"], ["nonsense"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    capsys.readouterr()


def test_migrate_makes_an_empty_base_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fresh = Database(f"sqlite:///{tmp_path / 'fresh.sqlite3'}")
    use_database(fresh)
    try:
        assert main(["migrate"]) == 0
        assert is_current(fresh)
        assert main(["migrate"]) == 0
        assert "is at the newest schema" in capsys.readouterr().out
    finally:
        use_database(None)
        fresh.close()


def test_check_tells_a_whole_base_from_a_broken_one(
    database: Database, cast: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check"]) == 0
    assert "rules hold" in capsys.readouterr().out
    with database.session_scope() as session:
        deal_id = add_deal(session, cast.anna, add_pipeline(session))
        session.delete(session.scalars(select(StageVisit)).one())
    assert main(["check"]) == 2
    assert f"open deal without its open visit: 1 ({deal_id})" in capsys.readouterr().out
