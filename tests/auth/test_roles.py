"""Who may call which command of this room: one table, and no function with an actor is missing from it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import Session

import crm.auth
import crm.models
from crm.actor import Actor
from crm.auth import (
    account,
    api_keys,
    audit,
    exports,
    jobs,
    merged,
    people,
    sessions,
    setup,
    sign_in,
    teams,
    users,
    workspace,
)
from crm.auth.permissions import PERMISSIONS, Action, may
from crm.clock import utc_now
from crm.errors import Forbidden
from crm.jobs import request_job
from crm.models import JobKind, Role, Scope, User
from tests.conftest import Cast
from tests.refusals import refused

NOW = utc_now()
ADMINS = frozenset({"vera"})
HEADS = frozenset({"boris", "dina", "vera"})
ALL = frozenset({"anna", "anton", "boris", "dina", "vera"})
VALUES = workspace.WorkspaceValues("Metal trade", "en", "RUB", "Europe/Moscow", "RU")
VISIBILITY = {Role.MANAGER: Scope.OWN, Role.HEAD: Scope.TEAM, Role.ADMIN: Scope.ALL}


@dataclass(frozen=True, slots=True)
class Call:
    """A command or read with arguments that suit whoever may call it, and who that is."""

    function: Callable[..., Any]
    allowed: frozenset[str]
    arguments: Callable[[Session, Actor], dict[str, Any]]


def plain(**values: Any) -> Callable[[Session, Actor], dict[str, Any]]:
    return lambda _session, _actor: values


def newcomer(session: Session, _actor: Actor) -> dict[str, Any]:
    """Add somebody to act upon."""
    user = User(email="gleb@example.com", name="Gleb", role=Role.MANAGER, created_at=NOW)
    session.add(user)
    session.flush()
    return {"user_id": user.id}


def newcomer_with(**values: Any) -> Callable[[Session, Actor], dict[str, Any]]:
    return lambda session, actor: {**newcomer(session, actor), **values}


def own_session(session: Session, actor: Actor) -> dict[str, Any]:
    token = sessions.create_session(session, actor.user_id or 0, address="", user_agent="", now=NOW)
    found = sessions.find_session(session, token)
    assert found is not None
    return {"session_id": found.id}


def own_key(session: Session, actor: Actor) -> dict[str, Any]:
    key = api_keys.create_api_key(session, actor, name="Site", scopes=["read"], expires_at=None, now=NOW)
    return {"key_id": key.id, "now": NOW}


def empty_team(session: Session, _actor: Actor) -> dict[str, Any]:
    team = crm.models.Team(name="Empty")
    session.add(team)
    session.flush()
    return {"team_id": team.id}


def with_password(session: Session, actor: Actor) -> dict[str, Any]:
    from crm.auth.passwords import hash_password

    session.get_one(User, actor.user_id).password_hash = hash_password("three wet boats")
    session.flush()
    return {"current": "three wet boats", "new": "four dry ships", "keep_session_id": 0}


def own_user(_session: Session, actor: Actor) -> dict[str, Any]:
    return {"user_id": actor.user_id}


def own_job(session: Session, actor: Actor) -> dict[str, Any]:
    return {"job_id": request_job(session, actor, JobKind.SCAN_BASE)}


NEW_USER = {"email": "new@example.com", "name": "New", "role": Role.MANAGER, "team_id": None, "now": NOW}
CALLS = (
    Call(account.change_own_password, ALL, with_password),
    Call(account.choose_own_language, ALL, plain(language="ru")),
    Call(account.confirm_identity, ALL, lambda s, a: {**own_session(s, a), "password": "", "now": NOW}),
    Call(
        account.create_own_key,
        ALL,
        lambda s, a: {
            **own_session(s, a),
            "password": "",
            "name": "Site",
            "scopes": ["read"],
            "expires_at": None,
            "now": NOW,
        },
    ),
    Call(account.is_fresh, ALL, lambda s, a: {**own_session(s, a), "now": NOW}),
    Call(account.load_own_profile, ALL, plain()),
    Call(sign_in.forgive_own_attempts, ALL, plain()),
    Call(sign_in.take_own_attempt, ALL, plain(now=NOW)),
    Call(users.create_invited_user, ADMINS, plain(**NEW_USER)),
    Call(account.edit_own_profile, ALL, plain(name="Name", language=None, timezone=None)),
    Call(api_keys.create_api_key, ALL, plain(name="Site", scopes=["read"], expires_at=None, now=NOW)),
    Call(api_keys.list_api_keys, ALL, own_user),
    Call(api_keys.revoke_api_key, ALL, own_key),
    Call(audit.load_journal, HEADS, plain(wanted=audit.JournalFilter())),
    Call(exports.note_export, HEADS, plain(name="Deals", file_format="csv", rows=1, narrowed={})),
    Call(jobs.cancel_job, ALL, own_job),
    Call(jobs.load_job, ALL, own_job),
    Call(jobs.recent_jobs, ALL, plain()),
    Call(merged.not_found, ALL, plain(entity_type="contact", record_id=1)),
    Call(merged.survivor_of, ALL, plain(entity_type="contact", record_id=1)),
    Call(people.list_owners, ALL, plain()),
    Call(people.list_people, ALL, plain()),
    Call(people.load_person, ALL, own_user),
    Call(sessions.end_every_session, ADMINS, plain()),
    Call(sessions.end_other_sessions, ALL, lambda s, a: {"keep_id": own_session(s, a)["session_id"]}),
    Call(sessions.end_session, ALL, own_session),
    Call(sessions.end_user_sessions, ADMINS, newcomer),
    Call(sessions.list_sessions, ALL, own_user),
    Call(setup.ensure_workspace, ADMINS, plain(now=NOW)),
    Call(teams.create_team, ADMINS, plain(name="New team")),
    Call(teams.delete_team, ADMINS, empty_team),
    Call(teams.list_teams, ADMINS, plain()),
    Call(teams.rename_team, ADMINS, lambda s, a: {**empty_team(s, a), "name": "Other"}),
    Call(users.activate_user, ADMINS, newcomer_with(expected_version=1)),
    Call(users.create_user, ADMINS, plain(**NEW_USER)),
    Call(users.deactivate_user, ADMINS, newcomer_with(expected_version=1, now=NOW)),
    Call(users.delete_user, ADMINS, newcomer_with(expected_version=1)),
    Call(users.edit_user, ADMINS, newcomer_with(expected_version=1, email="g@x.ru", name="G", team_id=None)),
    Call(users.give_first_password, ADMINS, newcomer_with(password="three wet boats")),
    Call(users.invite_user, ADMINS, newcomer_with(now=NOW)),
    Call(users.list_users, ADMINS, plain()),
    Call(users.load_user, ADMINS, newcomer),
    Call(users.make_reset_link, ADMINS, newcomer_with(now=NOW)),
    Call(users.set_role, ADMINS, newcomer_with(expected_version=1, role=Role.HEAD)),
    Call(workspace.create_workspace, ADMINS, plain(values=VALUES, now=NOW)),
    Call(workspace.edit_workspace, ADMINS, plain(expected_version=1, values=VALUES, visibility=VISIBILITY)),
    Call(workspace.load_workspace, ALL, plain()),
)


@pytest.mark.parametrize("person", sorted(ALL))
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.function.__name__)
def test_role_decides_who_may(session: Session, cast: Cast, call: Call, person: str) -> None:
    actor: Actor = getattr(cast, person)
    arguments = call.arguments(session, actor)
    if call.function is workspace.create_workspace:
        session.delete(session.get_one(crm.models.Workspace, 1))
        session.flush()
    if person in call.allowed:
        call.function(session, actor, **arguments)
    else:
        with refused(session, Forbidden):
            call.function(session, actor, **arguments)


def test_every_function_with_an_actor_is_in_the_table() -> None:
    assert {call.function for call in CALLS} == set(functions_with_an_actor())


@pytest.mark.parametrize("action", list(Action))
def test_every_action_has_its_roles(cast: Cast, action: Action) -> None:
    assert may(cast.vera, action)
    assert PERMISSIONS[action] >= {Role.ADMIN}


def functions_with_an_actor() -> list[Callable[..., Any]]:
    """Return the public functions of the room that act for somebody."""
    found = []
    for module_info in pkgutil.iter_modules(crm.auth.__path__, "crm.auth."):
        module = importlib.import_module(module_info.name)
        found += [
            function
            for name, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == module.__name__ and not name.startswith("_")
            if list(inspect.signature(function).parameters)[:2] == ["session", "actor"]
        ]
    return found
