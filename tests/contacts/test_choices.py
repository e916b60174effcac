"""Short lists to choose a client from hold only what the actor sees, and always what is chosen."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.contacts import choices
from crm.contacts.choices import company_choices, contact_choices
from tests.conftest import Cast
from tests.factories import add_company, add_contact


def test_newest_companies_are_offered(session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "CHOICES_SHOWN", 2)
    ids = [add_company(session, cast.anna, f"Company {number}") for number in range(3)]
    assert list(company_choices(session, cast.anna)) == [ids[2], ids[1]]
    assert list(company_choices(session, cast.anna, keep=[ids[0]])) == [ids[0], ids[2], ids[1]]


def test_text_narrows_the_choice_but_keeps_the_chosen(session: Session, cast: Cast) -> None:
    first = add_company(session, cast.anna, "Ромашка")
    second = add_company(session, cast.anna, "Василёк")
    assert company_choices(session, cast.anna, text="василек") == {second: "Василёк"}
    assert company_choices(session, cast.anna, keep=[first], text="васил") == {first: "Ромашка", second: "Василёк"}


def test_people_of_the_company_are_offered_beside_the_newest(session: Session, cast: Cast) -> None:
    company = add_company(session, cast.anna)
    inside = add_contact(session, cast.anna, "Inside", company_id=company)
    other = add_contact(session, cast.anna, "Other")
    assert list(contact_choices(session, cast.anna, company_id=company)) == [inside, other]
    assert list(contact_choices(session, cast.anna, company_id=company, text="other")) == [inside, other]
    assert list(contact_choices(session, cast.anna, text="other")) == [other]


def test_hidden_clients_are_not_offered_even_when_kept(session: Session, cast: Cast) -> None:
    company, contact = add_company(session, cast.anton), add_contact(session, cast.anton)
    assert company_choices(session, cast.anna, keep=[company], text="mir") == {}
    assert contact_choices(session, cast.anna, keep=[contact], company_id=company) == {}
    assert list(company_choices(session, cast.boris)) == [company]
