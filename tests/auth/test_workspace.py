"""The company's settings."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm.auth.actors import load_actor
from crm.auth.workspace import WorkspaceValues, edit_workspace, load_workspace
from crm.errors import ChangedMeanwhile, InvalidInput, NotFound
from crm.models import Channel, Event, Role, Scope, Workspace
from tests.conftest import Cast
from tests.refusals import refused

VALUES = WorkspaceValues("Metal trade", "en", "RUB", "Europe/Moscow", "RU")
VISIBILITY = {Role.MANAGER: Scope.OWN, Role.HEAD: Scope.TEAM, Role.ADMIN: Scope.ALL}


def test_settings_are_read_by_everybody(session: Session, cast: Cast) -> None:
    shown = load_workspace(session, cast.anna)
    assert (shown.values, dict(shown.visibility), shown.version) == (VALUES, VISIBILITY, 1)


def test_edit_changes_values_and_tells_what_changed(session: Session, cast: Cast) -> None:
    new = dataclasses.replace(VALUES, name=" ООО  «Мир» ", language="ru", currency="kzt", phone_region="kz")
    edit_workspace(session, cast.vera, expected_version=1, values=new, visibility=VISIBILITY)
    shown = load_workspace(session, cast.vera)
    assert shown.values == WorkspaceValues("ООО «Мир»", "ru", "KZT", "Europe/Moscow", "KZ")
    assert shown.version == 2
    assert session.scalars(select(Event)).one().details == {
        "changes": {
            "name": ["Metal trade", "ООО «Мир»"],
            "language": ["en", "ru"],
            "currency": ["RUB", "KZT"],
            "phone_region": ["RU", "KZ"],
        }
    }


def test_visibility_changes_what_a_role_sees(session: Session, cast: Cast) -> None:
    wider = {**VISIBILITY, Role.MANAGER: Scope.TEAM, Role.HEAD: Scope.ALL}
    edit_workspace(session, cast.vera, expected_version=1, values=VALUES, visibility=wider)
    session.expire_all()
    anna = load_actor(session, cast.anna.user_id or 0, Channel.UI)
    boris = load_actor(session, cast.boris.user_id or 0, Channel.UI)
    assert anna.visible_owner_ids == {cast.anna.user_id, cast.anton.user_id, cast.boris.user_id}
    assert boris.visible_owner_ids is None


def test_administrators_always_see_everything(session: Session, cast: Cast) -> None:
    with refused(session, InvalidInput) as refusal:
        edit_workspace(
            session, cast.vera, expected_version=1, values=VALUES, visibility={**VISIBILITY, Role.ADMIN: Scope.TEAM}
        )
    assert refusal.told == [("admin_sees_all", "visibility")]


def test_visibility_names_every_role(session: Session, cast: Cast) -> None:
    with refused(session, InvalidInput) as refusal:
        edit_workspace(session, cast.vera, expected_version=1, values=VALUES, visibility={Role.ADMIN: Scope.ALL})
    assert refusal.told == [("value_required", "visibility")]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", " \u200b ", "value_required"),
        ("name", "a\x00b", "text_unreadable"),
        ("language", "", "choice_unknown"),
        ("currency", "BTC", "choice_unknown"),
        ("timezone", "Moscow", "choice_unknown"),
        ("phone_region", "", "choice_unknown"),
    ],
)
def test_unusable_value_is_refused(session: Session, cast: Cast, field: str, value: str, code: str) -> None:
    with refused(session, InvalidInput) as refusal:
        edit_workspace(
            session,
            cast.vera,
            expected_version=1,
            values=dataclasses.replace(VALUES, **{field: value}),
            visibility=VISIBILITY,
        )
    assert refusal.told == [(code, field)]


def test_edit_of_an_old_version_is_refused(session: Session, cast: Cast) -> None:
    edit_workspace(session, cast.vera, expected_version=1, values=VALUES, visibility=VISIBILITY)
    with refused(session, ChangedMeanwhile):
        edit_workspace(session, cast.vera, expected_version=1, values=VALUES, visibility=VISIBILITY)


def test_no_settings_before_the_set_up(session: Session, cast: Cast) -> None:
    session.execute(delete(Workspace))
    with refused(session, NotFound):
        load_workspace(session, cast.vera)
