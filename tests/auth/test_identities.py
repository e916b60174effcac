"""Identities at a provider: whose account one is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.identities import Identity, user_of_identity
from crm.models import Event, User
from tests.conftest import Cast

ANNA = Identity("https://id.example.com", "sub-1", "Anna@Example.com", is_email_verified=True)


def test_verified_email_links_once_and_the_subject_decides_then(session: Session, cast: Cast) -> None:
    assert user_of_identity(session, ANNA) == cast.anna.user_id
    renamed = replace(ANNA, email="other@example.com", is_email_verified=False)
    assert user_of_identity(session, renamed) == cast.anna.user_id
    assert [event.kind for event in session.scalars(select(Event))] == ["auth.identity_linked"]


@pytest.mark.parametrize(
    "identity",
    [
        replace(ANNA, is_email_verified=False),
        replace(ANNA, email="nobody@example.com"),
        replace(ANNA, email=""),
        replace(ANNA, email="anna@example.com, vera@example.com"),
    ],
)
def test_unverified_or_unknown_email_is_nobody(session: Session, cast: Cast, identity: Identity) -> None:
    before = session.scalars(select(User.id)).all()
    assert user_of_identity(session, identity) is None
    assert session.scalars(select(User.id)).all() == before
    assert session.scalars(select(User.oidc_subject)).all() == [None] * 5


def test_switched_off_user_is_nobody_linked_or_not(session: Session, cast: Cast) -> None:
    user_of_identity(session, ANNA)
    for user in session.scalars(select(User).where(User.name.in_(["Anna", "Anton"]))):
        user.is_active = False
    session.flush()
    assert user_of_identity(session, ANNA) is None
    assert user_of_identity(session, replace(ANNA, subject="sub-2", email="anton@example.com")) is None


def test_second_identity_never_takes_a_linked_account(session: Session, cast: Cast) -> None:
    user_of_identity(session, ANNA)
    assert user_of_identity(session, replace(ANNA, subject="sub-2")) is None
    assert user_of_identity(session, replace(ANNA, issuer="https://evil.example.com")) is None
