"""The history of merges: found by the name or number of either record, as far as the reader sees."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.duplicates.merge_history import list_merges
from crm.duplicates.merging import merge_records
from crm.models import EntityType
from tests.conftest import Cast
from tests.factories import add_company, add_contact

CONTACT, COMPANY = EntityType.CONTACT, EntityType.COMPANY


@pytest.fixture
def merged(session: Session, cast: Cast) -> tuple[int, int]:
    """Put a person into another and a company into another; return the two persons, the dropped one last."""
    stays, goes = add_contact(session, cast.anna, "Александра Павлова"), add_contact(session, cast.anna, "Саша 50%")
    merge_records(session, cast.boris, entity_type=CONTACT, survivor_id=stays, merged_id=goes)
    for name in ("Filler", "Stal LLC", "STAL"):
        company = add_company(session, cast.anna, name)
    merge_records(session, cast.boris, entity_type=COMPANY, survivor_id=company - 1, merged_id=company)
    return stays, goes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Павлова", ["Саша 50%"]),
        ("  павлова ", ["Саша 50%"]),
        ("САША", ["Саша 50%"]),
        ("0%", ["Саша 50%"]),
        ("50_", []),
        ("%", ["Саша 50%"]),
        ("stal", ["STAL"]),
        ("nobody", []),
        ("", ["STAL", "Саша 50%"]),
    ],
)
def test_merges_are_found_by_a_part_of_either_name(
    session: Session, cast: Cast, merged: tuple[int, int], text: str, found: list[str]
) -> None:
    assert [one.merged_name for one in list_merges(session, cast.vera, text=text)] == found


def test_merges_are_found_by_either_number(session: Session, cast: Cast, merged: tuple[int, int]) -> None:
    for number in merged:
        for text in (str(number), f"#{number}"):
            rows = list_merges(session, cast.vera, entity_type=CONTACT, text=text)
            assert [(one.survivor_id, one.merged_id) for one in rows] == [merged]
    assert list_merges(session, cast.vera, text="9" * 40) == ()


def test_search_shows_no_merge_of_another_team(session: Session, cast: Cast, merged: tuple[int, int]) -> None:
    assert list_merges(session, cast.dina, text="Павлова") == ()
    assert len(list_merges(session, cast.boris, text="Павлова")) == 1
