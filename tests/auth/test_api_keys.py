"""Keys for the REST API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.api_keys import (
    MAX_LIVING_KEYS,
    NewKey,
    create_api_key,
    find_key,
    is_use_due,
    list_api_keys,
    note_use,
    revoke_api_key,
)
from crm.clock import utc_now
from crm.errors import InvalidInput, NotFound
from crm.models import ApiKey, Event, User
from tests.conftest import Cast
from tests.refusals import refused

NOW = utc_now()


def made(session: Session, actor: Actor, *scopes: str, days: int | None = None) -> NewKey:
    expires_at = None if days is None else NOW + timedelta(days=days)
    return create_api_key(
        session, actor, name="Site", scopes=scopes or ("read", "write"), expires_at=expires_at, now=NOW
    )


def test_key_is_found_by_its_token_and_stored_as_hash(session: Session, cast: Cast) -> None:
    key = made(session, cast.anna)
    found = find_key(session, key.token)
    assert found is not None
    assert (found.id, found.user_id, found.scopes) == (key.id, cast.anna.user_id, {"read", "write"})
    row = session.execute(select(ApiKey.__table__)).one()
    assert key.token.startswith("vk_")
    assert len(key.token) >= 46
    assert row.prefix == key.token[:10]
    assert key.token not in repr(tuple(row))
    assert key.token not in str([event.details for event in session.scalars(select(Event))])


def test_forged_keys_find_nothing(session: Session, cast: Cast) -> None:
    key = made(session, cast.anna)
    stored = session.scalars(select(ApiKey.key_hash)).one()
    for forged in ("", "vk_", key.token[:-1], key.token[3:], stored, f"vk_{stored}", key.token.upper()):
        assert find_key(session, forged) is None


def test_key_ends_at_its_last_day(session: Session, cast: Cast) -> None:
    key = made(session, cast.anna, days=1)
    assert find_key(session, key.token, NOW + timedelta(hours=23)) is not None
    assert find_key(session, key.token, NOW + timedelta(days=1)) is None


def test_key_of_a_switched_off_user_is_dead(session: Session, cast: Cast) -> None:
    key = made(session, cast.anna)
    session.get_one(User, cast.anna.user_id).is_active = False
    session.flush()
    assert find_key(session, key.token) is None


def test_revoked_key_is_dead_and_gone_from_the_list(session: Session, cast: Cast) -> None:
    key = made(session, cast.anna)
    revoke_api_key(session, cast.anna, key.id, now=NOW)
    assert find_key(session, key.token) is None
    assert list_api_keys(session, cast.anna, cast.anna.user_id or 0) == []
    with refused(session, NotFound):
        revoke_api_key(session, cast.anna, key.id, now=NOW)


def test_keys_of_others_are_hidden_from_all_but_admins(session: Session, cast: Cast) -> None:
    key = made(session, cast.anna)
    for actor in (cast.anton, cast.boris, cast.dina):
        with refused(session, NotFound):
            revoke_api_key(session, actor, key.id, now=NOW)
        with refused(session, NotFound):
            list_api_keys(session, actor, cast.anna.user_id or 0)
    (row,) = list_api_keys(session, cast.vera, cast.anna.user_id or 0)
    assert (row.name, row.prefix, row.scopes) == ("Site", key.token[:10], ("read", "write"))
    revoke_api_key(session, cast.vera, key.id, now=NOW)


@pytest.mark.parametrize("scopes", [("admin",), ("read", "write", "admin"), ("READ",)])
def test_unknown_scope_is_refused(session: Session, cast: Cast, scopes: tuple[str, ...]) -> None:
    with refused(session, InvalidInput) as refusal:
        made(session, cast.anna, *scopes)
    assert refusal.told == [("choice_unknown", "scopes")]


def test_key_without_scope_name_or_future_is_refused(session: Session, cast: Cast) -> None:
    with refused(session, InvalidInput) as refusal:
        create_api_key(session, cast.anna, name="", scopes=[], expires_at=NOW, now=NOW)
    assert refusal.told == [("value_required", "name"), ("value_required", "scopes"), ("expiry_past", "expires_at")]


def test_keys_are_limited(session: Session, cast: Cast) -> None:
    for _ in range(MAX_LIVING_KEYS):
        made(session, cast.anna)
    with refused(session, InvalidInput) as refusal:
        made(session, cast.anna)
    assert refusal.codes == ["too_many_keys"]
    made(session, cast.anton)


def test_last_use_is_due_once_a_minute(session: Session, cast: Cast) -> None:
    key = made(session, cast.anna)
    found = find_key(session, key.token)
    assert found is not None
    assert is_use_due(found, NOW)
    note_use(session, found, NOW)
    found = find_key(session, key.token)
    assert found is not None
    assert found.last_used_at == NOW
    assert not is_use_due(found, NOW + timedelta(seconds=59))
    assert is_use_due(found, NOW + timedelta(seconds=60))
