"""Which pair of the duplicates is open: in the address, after a search, and in place of the list on a phone."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from crm.contacts.commands import create_company
from crm.db import Database
from crm.duplicates.intake import match_saved
from crm.models import EntityType, MatchPair, PairState
from crm.ui import device
from tests.conftest import Cast
from tests.pages.conftest import OpenShell
from tests.pages.test_duplicates import Twins, add_twins, open_page, state_of


@pytest.fixture
def pairs(database: Database, cast: Cast) -> tuple[Twins, Twins]:
    """Return a pair of people and a pair of companies."""
    with database.session_scope() as session:
        people = add_twins(session, cast.anna)
        left = create_company(session, cast.anna, name="Stal LLC", inn="7707083893")
        right = create_company(session, cast.anna, name="Stal", inn="7707083893")
        match_saved(session, EntityType.COMPANY, [left, right])
        pair = session.query(MatchPair.id).filter_by(entity_type=EntityType.COMPANY).scalar()
        return people, Twins(left, right, pair)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the browser call itself a phone's."""
    monkeypatch.setattr(device, "user_agent", lambda: "Mozilla/5.0 (iPhone) Mobile/15E148")


def address(at: AppTest) -> list[str]:
    return list(at.query_params.get("pair", []))


def shown_pair(at: AppTest) -> int | None:
    stays = [str(one.key) for one in at.radio if str(one.key).startswith("duplicates_stays_")]
    return int(stays[0].rpartition("_")[2]) if stays else None


def test_link_opens_its_pair_and_the_address_follows_the_choice(
    shell: OpenShell, cast: Cast, pairs: tuple[Twins, Twins]
) -> None:
    people, companies = pairs
    at = open_page(shell, cast.boris, pair=companies.pair)
    assert (shown_pair(at), address(at)) == (companies.pair, [str(companies.pair)])
    at.radio(key="duplicates_list_choice").set_value(people.pair).run()
    assert not at.exception
    assert (shown_pair(at), address(at)) == (people.pair, [str(people.pair)])
    at.button(key="duplicates_dismiss").click().run()
    assert (shown_pair(at), address(at)) == (companies.pair, [str(companies.pair)])
    at.query_params["pair"] = str(people.pair)  # a colleague's link to what was decided
    at.run()
    assert shown_pair(at) == people.pair


@pytest.mark.parametrize("asked", ["", "x", "-1", "9" * 30, "²"])
def test_senseless_address_opens_the_first_pair(
    asked: str, shell: OpenShell, cast: Cast, pairs: tuple[Twins, Twins]
) -> None:
    at = open_page(shell, cast.boris, pair=asked)
    assert not at.exception
    assert shown_pair(at) in {one.pair for one in pairs}
    assert address(at) == [str(shown_pair(at))]


def test_queue_is_searched_by_name_and_by_number(shell: OpenShell, cast: Cast, pairs: tuple[Twins, Twins]) -> None:
    companies = pairs[1]
    at = open_page(shell, cast.boris)
    for text, is_found in (("stal", True), (f"#{companies.right}", True), (str(companies.left), True), ("777", False)):
        at.text_input(key="duplicates_text").set_value(text).run()
        shown = "".join(line for one in at.radio if one.key == "duplicates_list_choice" for line in one.options)
        assert ("Stal LLC" in shown) == is_found


@pytest.mark.usefixtures("phone")
def test_phone_shows_the_list_or_the_pair(shell: OpenShell, cast: Cast, pairs: tuple[Twins, Twins]) -> None:
    people, companies = pairs
    at = open_page(shell, cast.boris)
    assert (shown_pair(at), address(at)) == (None, [])
    at.radio(key="duplicates_list_choice").set_value(people.pair).run()
    assert (shown_pair(at), address(at)) == (people.pair, [str(people.pair)])
    assert not [one for one in at.radio if one.key == "duplicates_list_choice"]
    at.button(key="duplicates_to_list").click().run()
    assert (shown_pair(at), address(at)) == (None, [])
    at.radio(key="duplicates_list_choice").set_value(people.pair).run()
    at.button(key="duplicates_dismiss").click().run()
    assert shown_pair(at) == companies.pair  # the next one, not the list
    at.button(key="duplicates_dismiss").click().run()
    assert not at.exception
    assert at.info[0].value.startswith("Nothing waits for you.")


@pytest.mark.usefixtures("phone")
def test_link_opens_its_pair_on_a_phone(
    shell: OpenShell, cast: Cast, database: Database, pairs: tuple[Twins, Twins]
) -> None:
    at = open_page(shell, cast.boris, pair=pairs[1].pair)
    assert shown_pair(at) == pairs[1].pair
    at.button(key="duplicates_snooze").click().run()
    assert state_of(database, pairs[1].pair) is PairState.SNOOZED
