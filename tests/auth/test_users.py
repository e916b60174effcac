"""Users: added, invited, edited, switched off and on, removed."""

from __future__ import annotations

from threading import Thread

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import system_actor
from crm.auth.api_keys import create_api_key, find_key
from crm.auth.one_time_links import create_link, is_living
from crm.auth.passwords import hash_password, verify_password
from crm.auth.sessions import create_session
from crm.auth.users import (
    activate_user,
    create_user,
    deactivate_user,
    delete_user,
    edit_user,
    give_first_password,
    invite_user,
    list_users,
    load_user,
    make_reset_link,
    set_role,
)
from crm.clock import utc_now
from crm.db import Database
from crm.errors import ChangedMeanwhile, CrmError, InvalidInput, NotFound
from crm.models import Event, Role, TokenKind, User, UserSession
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline
from tests.refusals import refused

NOW = utc_now()


def added(session: Session, actor: Actor, **values: object) -> int:
    chosen = {"email": "gleb@example.com", "name": "Gleb", "role": Role.MANAGER, "team_id": None, "now": NOW, **values}
    return create_user(session, actor, **chosen)  # type: ignore[arg-type]


def signed_in(session: Session, user_id: int | None) -> None:
    create_session(session, user_id or 0, address="", user_agent="", now=NOW)


def sessions_of(session: Session, user_id: int | None) -> int:
    return session.scalar(select(func.count(UserSession.id)).where(UserSession.user_id == user_id)) or 0


def last_event(session: Session) -> Event:
    return session.scalars(select(Event).order_by(Event.id.desc())).first()  # type: ignore[return-value]


def test_added_user_has_no_way_in_until_invited(session: Session, cast: Cast) -> None:
    user_id = added(
        session, cast.vera, email=" Gleb@Example.COM ", name="  Gleb\u202e  Orlov ", team_id=cast.anna.team_id
    )
    row = load_user(session, cast.vera, user_id)
    assert (row.email, row.name, row.role) == ("gleb@example.com", "Gleb Orlov", Role.MANAGER)
    assert (row.team_id, row.team_name, row.is_active, row.has_way_in) == (cast.anna.team_id, "Team 1", True, False)
    assert (last_event(session).kind, last_event(session).actor_id) == ("user.created", cast.vera.user_id)


def test_all_that_is_wrong_with_a_new_user_is_told(session: Session, cast: Cast) -> None:
    with refused(session, InvalidInput) as refusal:
        added(session, cast.vera, email="gleb", name="x" * 201, team_id=999)
    assert refusal.told == [("text_too_long", "name"), ("email_invalid", "email"), ("choice_unknown", "team_id")]


@pytest.mark.parametrize("email", ["anna@example.com", "ANNA@EXAMPLE.COM", " anna@Example.com"])
def test_email_belongs_to_one_user(session: Session, cast: Cast, email: str) -> None:
    with refused(session, InvalidInput) as refusal:
        added(session, cast.vera, email=email)
    assert refusal.told == [("email_taken", "email")]


@pytest.mark.parametrize(
    "email", ["", "a@b@c.ru", "anna@", "@x.ru", "a b@x.ru", "x" * 250 + "@x.ru", "a\r\nBcc: b@x.ru"]
)
def test_unusable_email_is_refused(session: Session, cast: Cast, email: str) -> None:
    with refused(session, InvalidInput) as refusal:
        added(session, cast.vera, email=email)
    assert refusal.told == [("email_invalid", "email")]


def test_first_user_of_all_is_an_administrator(database: Database) -> None:
    with database.session_scope() as session, refused(session, InvalidInput) as refusal:
        added(session, system_actor())
    assert refusal.told == [("first_user_admin", "role")]


def test_list_has_active_users_first(session: Session, cast: Cast) -> None:
    session.get_one(User, cast.anna.user_id).is_active = False
    session.flush()
    rows = list_users(session, cast.vera)
    assert [row.name for row in rows] == ["Anton", "Boris", "Dina", "Vera", "Anna"]
    assert [row.team_name for row in rows] == ["Team 1", "Team 1", "Team 2", None, "Team 1"]


def test_invitation_is_for_those_without_a_password(session: Session, cast: Cast) -> None:
    token = invite_user(session, cast.vera, cast.anna.user_id or 0, now=NOW)
    assert is_living(session, TokenKind.INVITE, token, NOW)
    session.get_one(User, cast.anna.user_id).password_hash = hash_password("three wet boats")
    session.flush()
    with refused(session, InvalidInput) as refusal:
        invite_user(session, cast.vera, cast.anna.user_id or 0, now=NOW)
    assert refusal.codes == ["user_has_password"]


def test_links_of_a_switched_off_user_are_refused(session: Session, cast: Cast) -> None:
    session.get_one(User, cast.anna.user_id).is_active = False
    session.flush()
    for make in (invite_user, make_reset_link):
        with refused(session, InvalidInput) as refusal:
            make(session, cast.vera, cast.anna.user_id or 0, now=NOW)
        assert refusal.codes == ["user_inactive"]


def test_token_of_a_link_is_in_no_event(session: Session, cast: Cast) -> None:
    token = make_reset_link(session, cast.vera, cast.anna.user_id or 0, now=NOW)
    assert last_event(session).kind == "auth.reset_link_made"
    assert token not in str([event.details for event in session.scalars(select(Event))])


def test_first_password_is_given_once(session: Session, cast: Cast) -> None:
    user_id = added(session, cast.vera)
    with refused(session, InvalidInput) as refusal:
        give_first_password(session, cast.vera, user_id, password="gleb2026!gleb")
    assert refusal.codes == ["password_personal"]
    give_first_password(session, cast.vera, user_id, password="three wet boats")
    assert verify_password(session.get_one(User, user_id).password_hash, "three wet boats")
    with refused(session, InvalidInput) as refusal:
        give_first_password(session, cast.vera, user_id, password="three dry boats")
    assert refusal.codes == ["user_has_password"]


def test_edit_changes_name_and_team(session: Session, cast: Cast) -> None:
    signed_in(session, cast.anna.user_id)
    before = load_user(session, cast.vera, cast.anna.user_id or 0)
    edit_user(
        session, cast.vera, before.id, expected_version=before.version, email=before.email, name="Anna Orlova",
        team_id=None,
    )  # fmt: skip
    after = load_user(session, cast.vera, before.id)
    assert (after.name, after.team_id, after.version) == ("Anna Orlova", None, before.version + 1)
    assert last_event(session).details == {
        "changes": {"name": ["Anna", "Anna Orlova"], "team_id": [before.team_id, None]}
    }
    assert sessions_of(session, before.id) == 1


def test_new_email_ends_sessions_and_links_made_for_the_old_one(session: Session, cast: Cast) -> None:
    signed_in(session, cast.anna.user_id)
    token = create_link(session, TokenKind.RESET, cast.anna.user_id, NOW)
    edit_user(
        session, cast.vera, cast.anna.user_id or 0, expected_version=1, email="new@example.com", name="Anna",
        team_id=cast.anna.team_id,
    )  # fmt: skip
    assert sessions_of(session, cast.anna.user_id) == 0
    assert not is_living(session, TokenKind.RESET, token, NOW)


def test_edit_of_an_old_version_is_refused(session: Session, cast: Cast) -> None:
    for save in (
        lambda: edit_user(
            session, cast.vera, cast.anna.user_id or 0, expected_version=7, email="a@x.ru", name="A", team_id=None
        ),
        lambda: set_role(session, cast.vera, cast.anna.user_id or 0, expected_version=7, role=Role.HEAD),
        lambda: deactivate_user(session, cast.vera, cast.anna.user_id or 0, expected_version=7, now=NOW),
        lambda: delete_user(session, cast.vera, cast.anna.user_id or 0, expected_version=7),
    ):
        with refused(session, ChangedMeanwhile):
            save()


def test_edit_can_not_take_anothers_email(session: Session, cast: Cast) -> None:
    with refused(session, InvalidInput) as refusal:
        edit_user(
            session, cast.vera, cast.anna.user_id or 0, expected_version=1, email="Anton@example.com", name="Anna",
            team_id=None,
        )  # fmt: skip
    assert refusal.told == [("email_taken", "email")]


def test_new_role_ends_the_sessions(session: Session, cast: Cast) -> None:
    signed_in(session, cast.anna.user_id)
    set_role(session, cast.vera, cast.anna.user_id or 0, expected_version=1, role=Role.HEAD)
    assert session.get_one(User, cast.anna.user_id).role is Role.HEAD
    assert sessions_of(session, cast.anna.user_id) == 0
    assert last_event(session).details == {"changes": {"role": ["manager", "head"]}}


def test_same_role_changes_nothing(session: Session, cast: Cast) -> None:
    signed_in(session, cast.anna.user_id)
    set_role(session, cast.vera, cast.anna.user_id or 0, expected_version=1, role=Role.MANAGER)
    assert sessions_of(session, cast.anna.user_id) == 1


def test_switching_off_ends_sessions_keys_and_links(session: Session, cast: Cast) -> None:
    signed_in(session, cast.anna.user_id)
    key = create_api_key(session, cast.anna, name="Site", scopes=["read"], expires_at=None, now=NOW)
    link = create_link(session, TokenKind.RESET, cast.anna.user_id, NOW)
    deactivate_user(session, cast.vera, cast.anna.user_id or 0, expected_version=1, now=NOW)
    assert not session.get_one(User, cast.anna.user_id).is_active
    assert sessions_of(session, cast.anna.user_id) == 0
    activate_user(session, cast.vera, cast.anna.user_id or 0, expected_version=2)
    assert find_key(session, key.token) is None
    assert not is_living(session, TokenKind.RESET, link, NOW)


def test_user_with_deals_is_switched_off_but_not_removed(session: Session, cast: Cast) -> None:
    add_deal(session, cast.anna, add_pipeline(session))
    with refused(session, InvalidInput) as refusal:
        delete_user(session, cast.vera, cast.anna.user_id or 0, expected_version=1)
    assert refusal.codes == ["user_has_traces"]
    deactivate_user(session, cast.vera, cast.anna.user_id or 0, expected_version=1, now=NOW)
    assert not session.get_one(User, cast.anna.user_id).is_active


def test_user_added_by_mistake_is_removed_with_links(session: Session, cast: Cast) -> None:
    user_id = added(session, cast.vera)
    invite_user(session, cast.vera, user_id, now=NOW)
    delete_user(session, cast.vera, user_id, expected_version=1)
    with refused(session, NotFound):
        load_user(session, cast.vera, user_id)
    assert last_event(session).kind == "user.deleted"


def test_last_active_administrator_stays(session: Session, cast: Cast) -> None:
    for remove in (
        lambda: set_role(session, cast.vera, cast.vera.user_id or 0, expected_version=1, role=Role.HEAD),
        lambda: deactivate_user(session, cast.vera, cast.vera.user_id or 0, expected_version=1, now=NOW),
        lambda: delete_user(session, cast.vera, cast.vera.user_id or 0, expected_version=1),
    ):
        with refused(session, InvalidInput) as refusal:
            remove()
        assert refusal.codes == ["last_admin"]
    set_role(session, cast.vera, cast.boris.user_id or 0, expected_version=1, role=Role.ADMIN)
    deactivate_user(session, cast.vera, cast.vera.user_id or 0, expected_version=1, now=NOW)
    with refused(session, InvalidInput) as refusal:
        set_role(session, system_actor(), cast.boris.user_id or 0, expected_version=2, role=Role.HEAD)
    assert refusal.codes == ["last_admin"]


def test_two_administrators_can_not_remove_each_other_at_once(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        set_role(session, cast.vera, cast.boris.user_id or 0, expected_version=1, role=Role.ADMIN)
    errors: list[CrmError] = []

    def remove(user_id: int | None, version: int) -> None:
        try:
            with database.session_scope() as session:
                deactivate_user(session, system_actor(), user_id or 0, expected_version=version, now=NOW)
        except CrmError as error:
            errors.append(error)

    threads = [Thread(target=remove, args=pair) for pair in ((cast.vera.user_id, 1), (cast.boris.user_id, 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read_scope() as session:
        admins = session.scalars(select(User.id).where(User.role == Role.ADMIN, User.is_active)).all()
    assert len(admins) == 1
    assert len(errors) == 1


def test_missing_user_is_not_found(session: Session, cast: Cast) -> None:
    for use in (
        lambda: load_user(session, cast.vera, 999),
        lambda: invite_user(session, cast.vera, 999, now=NOW),
        lambda: make_reset_link(session, cast.vera, 999, now=NOW),
        lambda: activate_user(session, cast.vera, 999, expected_version=1),
        lambda: delete_user(session, cast.vera, 999, expected_version=1),
    ):
        with refused(session, NotFound):
            use()
