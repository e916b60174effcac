"""The journal in words: every kind has a sentence, values are readable, hostile text stays text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm.auth.audit import JournalRow
from crm.clock import utc_now
from crm.i18n import reader
from crm.i18n.event_texts import EVENT_TEXTS
from crm.models import Channel
from crm.ui.journal import GROUPS, PERIODS, kinds_of, row_changes, row_record, row_sentence, shown_value, since_of

PEOPLE = {1: "Anna", 2: "Anton"}


def row(kind: str = "deal.edited", entity: str = "deal", entity_id: int | None = 7, **details: Any) -> JournalRow:
    deal_id = entity_id if entity == "deal" else None
    return JournalRow(1, utc_now(), "Anna", Channel.UI, kind, entity, entity_id, deal_id, details)


@pytest.mark.parametrize("kind", sorted(EVENT_TEXTS))
def test_every_kind_belongs_to_one_group_of_the_filter(kind: str) -> None:
    assert sum(kind in (kinds_of(group) or ()) for group in GROUPS) == 1


@pytest.mark.parametrize("group", [None, "forged"])
def test_no_group_means_every_kind(group: str | None) -> None:
    assert kinds_of(group) is None


def test_sentence_names_stages() -> None:
    moved = row("deal.moved", from_stage="Contact made", to_stage="{title} %s")
    assert row_sentence(moved, {}) == "Moved: Contact made → {title} %s"


def test_kind_without_a_sentence_shows_itself() -> None:
    assert row_sentence(row("payment.received"), {}) == "payment.received"


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        (row(), "Deal 7"),
        (row(entity="company"), "Company 7"),
        (row(entity="workspace", entity_id=1), "Workspace"),
        (row(entity="user", entity_id=None), "User"),
        (row(entity="merge_batch"), "Bulk merge 7"),
        (row(entity="rocket"), "rocket 7"),
    ],
)
def test_record_has_a_name_and_a_number(shown: JournalRow, name: str) -> None:
    assert row_record(shown) == name


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", "Metal", "Metal"),
        ("title", None, "—"),
        ("title", "", "—"),
        ("owner", 2, "Anton"),
        ("owner", 99, "99"),
        ("amount_minor", 32_000_050, "320,000.5"),
        ("priority", 0, "Hot"),
        ("role", "head", "Head of sales"),
        ("is_active", True, "Yes"),
        ("is_active", False, "No"),
        ("contacts", [1, 2], "1, 2"),
        ("contacts", [], "—"),
        ("norm_seconds", 60, "60"),
        ("points", ["+7 900", None], "+7 900, —"),
    ],
)
def test_value_is_shown_in_words(field: str, value: Any, words: str) -> None:
    assert shown_value(field, value, PEOPLE) == words


def test_instant_is_shown_in_the_readers_zone() -> None:
    due = int(datetime(2020, 3, 5, 8, 0, tzinfo=UTC).timestamp())
    with reader("en", "Europe/Moscow"):
        assert shown_value("due_at", due, PEOPLE) == "5 Mar 2020 11:00"


def test_changes_name_their_fields() -> None:
    changed: Mapping[str, Any] = {"title": ["A", "B"], "amount_minor": [None, 100], "field_3": ["x", "y"]}
    assert row_changes(row(changes=changed), {"field_3": "Colour"}, PEOPLE) == [
        ("Title", "A", "B"),
        ("Amount", "—", "1"),
        ("Colour", "x", "y"),
    ]


@pytest.mark.parametrize(
    ("kind", "name"), [("contact.edited", "Full name"), ("company.edited", "Name"), ("pipeline.edited", "Name")]
)
def test_name_of_a_person_is_called_so(kind: str, name: str) -> None:
    changes = row(kind=kind, entity=kind.partition(".")[0], changes={"name": ["A", "B"]})
    assert row_changes(changes, {}, PEOPLE) == [(name, "A", "B")]
    assert row_sentence(changes, {}).endswith(f": {name}")


def test_period_begins_at_the_readers_midnight() -> None:
    with reader("en", "Asia/Vladivostok"):
        since = since_of("week")
        assert since is not None
        assert (since.hour, since.minute) == (0, 0)
        assert timedelta(days=6) <= utc_now() - since < timedelta(days=7)
        assert since_of("all") is None
        assert set(PERIODS) >= {"today", "week", "month", "all"}
