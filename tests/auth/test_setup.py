"""The first start."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.auth.passwords import verify_password
from crm.auth.setup import (
    STARTING_VALUES,
    FirstAdmin,
    ensure_workspace,
    needs_setup,
    prepare_first_start,
    set_up,
    setup_is_open,
)
from crm.auth.workspace import WorkspaceValues
from crm.clock import utc_now
from crm.db import Database
from crm.errors import InvalidInput, NotFound
from crm.models import Event, Role, User, Workspace
from crm.settings import get_settings
from tests.conftest import Cast
from tests.refusals import refused

NOW = utc_now()
ADMIN = FirstAdmin("Vera", "Vera@Example.com", "three wet boats")
COMPANY = WorkspaceValues("ООО «Мир»", "ru", "RUB", "Asia/Yekaterinburg", "RU")


def first_link(session: Session) -> str:
    address = prepare_first_start(session, NOW)
    assert address is not None
    return address.rsplit("/", 1)[1]


@pytest.fixture
def empty(database: Database) -> Iterator[Session]:
    opened = Session(database.write_engine, expire_on_commit=False)
    yield opened
    opened.rollback()
    opened.close()


def test_nobody_can_sign_in_on_a_fresh_installation(empty: Session) -> None:
    first_link(empty)
    assert needs_setup(empty)
    assert empty.scalars(select(User)).all() == []


def test_set_up_makes_company_and_administrator(empty: Session) -> None:
    user_id = set_up(empty, token=first_link(empty), admin=ADMIN, company=COMPANY, now=NOW)
    user, company = empty.get_one(User, user_id), empty.get_one(Workspace, 1)
    assert (user.name, user.email, user.role, user.is_active) == ("Vera", "vera@example.com", Role.ADMIN, True)
    assert verify_password(user.password_hash, ADMIN.password)
    assert (company.name, company.language, company.currency) == ("ООО «Мир»", "ru", "RUB")
    assert (company.timezone, company.phone_region) == ("Asia/Yekaterinburg", "RU")
    assert company.visibility == {"manager": "own", "head": "team", "admin": "all"}
    assert [event.kind for event in empty.scalars(select(Event).order_by(Event.id))] == [
        "workspace.created",
        "user.created",
    ]


def test_link_is_dead_after_the_set_up_even_an_unspent_one(empty: Session) -> None:
    spent, other = first_link(empty), first_link(empty)
    set_up(empty, token=spent, admin=ADMIN, company=COMPANY, now=NOW)
    for token in (spent, other):
        assert not setup_is_open(empty, token, NOW)
        with refused(empty, NotFound):
            set_up(empty, token=token, admin=ADMIN, company=COMPANY, now=NOW)
    assert prepare_first_start(empty, NOW) is None


def test_link_dies_after_a_day(empty: Session) -> None:
    token = first_link(empty)
    assert setup_is_open(empty, token, NOW + timedelta(hours=23))
    assert not setup_is_open(empty, token, NOW + timedelta(hours=24))
    with refused(empty, NotFound):
        set_up(empty, token=token, admin=ADMIN, company=COMPANY, now=NOW + timedelta(hours=24))


def test_forged_link_sets_nothing_up(empty: Session) -> None:
    first_link(empty)
    assert not setup_is_open(empty, "forged", NOW)
    with refused(empty, NotFound):
        set_up(empty, token="forged", admin=ADMIN, company=COMPANY, now=NOW)


def test_all_that_is_wrong_is_told_at_once_and_the_link_lives_on(empty: Session) -> None:
    token = first_link(empty)
    with refused(empty, InvalidInput) as refusal:
        set_up(
            empty,
            token=token,
            admin=FirstAdmin(" ", "vera", "password1234"),
            company=WorkspaceValues("", "de", "XXZ", "Mars/Base", "ZZ"),
            now=NOW,
        )
    assert refusal.told == [
        ("value_required", "name"),
        ("email_invalid", "email"),
        ("password_common", "password"),
        ("value_required", "company_name"),
        ("choice_unknown", "company_language"),
        ("choice_unknown", "company_currency"),
        ("choice_unknown", "company_timezone"),
        ("choice_unknown", "company_phone_region"),
    ]
    assert setup_is_open(empty, token, NOW)


def test_password_must_not_be_the_company(empty: Session) -> None:
    company = dataclasses.replace(COMPANY, name="Metallbaza")
    admin = dataclasses.replace(ADMIN, password="metallbaza-77")
    with refused(empty, InvalidInput) as refusal:
        set_up(empty, token=first_link(empty), admin=admin, company=company, now=NOW)
    assert refusal.told == [("password_personal", "password")]


def test_administrator_of_the_settings_needs_no_link(empty: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_FIRST_ADMIN_EMAIL", "boss@example.com")
    monkeypatch.setenv("CRM_FIRST_ADMIN_PASSWORD", "three wet boats")
    get_settings.cache_clear()
    assert prepare_first_start(empty, NOW) is None
    user = empty.scalars(select(User)).one()
    assert (user.email, user.role) == ("boss@example.com", Role.ADMIN)
    assert prepare_first_start(empty, NOW) is None
    assert len(empty.scalars(select(User)).all()) == 1


def test_weak_password_of_the_settings_is_refused(empty: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_FIRST_ADMIN_EMAIL", "boss@example.com")
    monkeypatch.setenv("CRM_FIRST_ADMIN_PASSWORD", "admin")
    get_settings.cache_clear()
    with refused(empty, InvalidInput) as refusal:
        prepare_first_start(empty, NOW)
    assert refusal.codes == ["password_too_short"]


def test_no_link_once_anybody_exists(session: Session, cast: Cast) -> None:
    assert not needs_setup(session)
    assert prepare_first_start(session, NOW) is None


def test_starting_company_is_made_once(empty: Session) -> None:
    ensure_workspace(empty, system_actor(), NOW)
    ensure_workspace(empty, system_actor(), NOW)
    assert empty.get_one(Workspace, 1).name == STARTING_VALUES.name
