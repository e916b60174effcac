"""Our own phones, mailboxes and domains: what may be typed and how it is kept."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.contacts.own_identifiers import load_own_identifiers, save_own_identifiers
from crm.errors import InvalidInput
from tests.conftest import Cast


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("8 (495) 123-45-67", "+74951234567"),
        ("8 (916) 12*", "+791612*"),
        ("+7 495*", "+7495*"),
        ("+86 10*", "+8610*"),
        ("INFO@We.ru", "info@we.ru"),
        ("We.RU", "we.ru"),
    ],
)
def test_what_is_typed_is_kept_in_one_form(session: Session, cast: Cast, typed: str, stored: str) -> None:
    save_own_identifiers(session, cast.vera, typed=[typed, "", typed])
    assert load_own_identifiers(session, cast.vera) == (stored,)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("((((*", "own_prefix_short"),
        ("----*", "own_prefix_short"),
        ("+(  )*", "own_prefix_short"),
        ("1   *", "own_prefix_short"),
        ("+7 49*", "own_prefix_short"),
        ("*", "own_identifier_unreadable"),
        ("call us", "own_identifier_unreadable"),
        ("٤٩٥١*", "own_identifier_unreadable"),
        ("Mail.ru", "own_domain_public"),
        ("gmail.com", "own_domain_public"),
    ],
)
def test_beginnings_of_too_many_phones_are_refused(session: Session, cast: Cast, typed: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        save_own_identifiers(session, cast.vera, typed=[typed])
    assert [one.code for one in refused.value.violations] == [code]
    assert load_own_identifiers(session, cast.vera) == ()
