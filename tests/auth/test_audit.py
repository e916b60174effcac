"""The journal: who may read it, which events they see, how it is filtered and paged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.audit import JournalFilter, JournalRow, load_journal
from crm.clock import utc_now
from crm.errors import Forbidden
from crm.events import record
from crm.models import Channel
from tests.conftest import Cast
from tests.factories import add_company, add_contact, add_deal, add_pipeline

ANY = JournalFilter()


def kinds(session: Session, actor: Actor, wanted: JournalFilter = ANY) -> list[str]:
    return [row.kind for row in load_journal(session, actor, wanted).rows]


@pytest.fixture
def deals(session: Session, cast: Cast) -> dict[str, int]:
    """Insert a deal of each team, without events."""
    pipeline = add_pipeline(session)
    return {"anna": add_deal(session, cast.anna, pipeline), "dina": add_deal(session, cast.dina, pipeline)}


def test_manager_may_not_read_the_journal(session: Session, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        load_journal(session, cast.anna, ANY)


def test_empty_journal_is_an_empty_page(session: Session, cast: Cast) -> None:
    page = load_journal(session, cast.vera, ANY)
    assert (page.rows, page.next_before_id) == ((), None)


def test_admin_sees_everything_newest_first(session: Session, cast: Cast, deals: dict[str, int]) -> None:
    record(session, cast.anna, "deal.edited", "deal", deals["anna"], changes={"title": ["A", "B"]})
    record(session, cast.dina, "deal.won", "deal", deals["dina"])
    rows = load_journal(session, cast.vera, ANY).rows
    assert [(row.kind, row.person, row.entity_id) for row in rows] == [
        ("deal.won", "Dina", deals["dina"]),
        ("deal.edited", "Anna", deals["anna"]),
    ]
    assert rows[1].changes == {"title": ("A", "B")}
    assert rows[1].channel is Channel.UI


def test_head_sees_events_of_the_teams_deals_only(session: Session, cast: Cast, deals: dict[str, int]) -> None:
    for deal_id in deals.values():
        record(session, cast.vera, "deal.edited", "deal", deal_id)
        record(session, cast.vera, "next_step.planned", "next_step", 1, deal_id=deal_id)
    assert [row.deal_id for row in load_journal(session, cast.boris, ANY).rows] == [deals["anna"]] * 2
    assert [row.deal_id for row in load_journal(session, cast.dina, ANY).rows] == [deals["dina"]] * 2


def test_event_of_a_deal_that_went_to_another_team_is_hidden(
    session: Session, cast: Cast, deals: dict[str, int]
) -> None:
    record(session, cast.anna, "deal.edited", "deal", deals["dina"], changes={"title": ["Secret", "B"]})
    record(session, cast.anna, "deal.edited", "deal", 10_000)
    assert kinds(session, cast.boris) == []


def test_head_sees_events_of_visible_clients_only(session: Session, cast: Cast) -> None:
    for owner in (cast.anna, cast.dina):
        record(session, cast.vera, "company.edited", "company", add_company(session, owner))
        record(session, cast.vera, "contact.edited", "contact", add_contact(session, owner))
    assert kinds(session, cast.boris) == ["contact.edited", "company.edited"]


def test_head_sees_other_doings_of_the_team_and_what_was_done_to_it(session: Session, cast: Cast) -> None:
    record(session, cast.anna, "auth.signed_in", "user", cast.anna.user_id)
    record(session, cast.vera, "user.role_changed", "user", cast.anna.user_id)
    record(session, cast.vera, "pipeline.created", "pipeline", 1)
    record(session, cast.dina, "auth.signed_in", "user", cast.dina.user_id)
    assert kinds(session, cast.boris) == ["user.role_changed", "auth.signed_in"]


def test_id_of_another_kind_of_record_opens_nothing(session: Session, cast: Cast) -> None:
    assert cast.anna.user_id is not None
    record(session, cast.vera, "team.renamed", "team", cast.anna.user_id)
    assert kinds(session, cast.boris) == []


def test_event_of_the_program_has_no_person(session: Session, cast: Cast, deals: dict[str, int]) -> None:
    from crm.auth.actors import system_actor

    record(session, system_actor(Channel.IMPORT), "deal.created", "deal", deals["anna"])
    (row,) = load_journal(session, cast.boris, ANY).rows
    assert (row.person, row.channel) == (None, Channel.IMPORT)


def test_filters_narrow_the_journal(session: Session, cast: Cast, deals: dict[str, int]) -> None:
    now = utc_now()
    record(session, cast.anna, "deal.edited", "deal", deals["anna"], at=now - timedelta(days=10))
    record(session, cast.dina, "deal.won", "deal", deals["dina"], at=now - timedelta(days=1))
    record(session, cast.vera, "company.edited", "company", deals["dina"], at=now)
    assert cast.dina.user_id is not None

    def found(**wanted: object) -> list[str]:
        return kinds(session, cast.vera, JournalFilter(**wanted))  # type: ignore[arg-type]

    assert found(person_id=cast.dina.user_id) == ["deal.won"]
    assert found(kinds=frozenset({"deal.won", "deal.edited"})) == ["deal.won", "deal.edited"]
    assert found(kinds=frozenset()) == []
    assert found(record=("deal", deals["dina"])) == ["deal.won"]
    assert found(record=("company", deals["dina"])) == ["company.edited"]
    assert found(record=("contact", deals["dina"])) == []
    assert found(since=now - timedelta(days=2)) == ["company.edited", "deal.won"]
    assert found(until=now - timedelta(days=1)) == ["deal.edited"]
    assert found(since=now - timedelta(days=2), until=now, person_id=cast.dina.user_id) == ["deal.won"]


def test_pages_follow_each_other_without_gap_or_overlap(session: Session, cast: Cast, deals: dict[str, int]) -> None:
    for number in range(7):
        record(session, cast.anna, "deal.edited", "deal", deals["anna"], number=number)
    session.flush()
    seen: list[int] = []
    before_id: int | None = None
    sizes = []
    while True:
        page = load_journal(session, cast.boris, ANY, before_id=before_id, limit=3)
        sizes.append(len(page.rows))
        seen += [row.details["number"] for row in page.rows]
        before_id = page.next_before_id
        if before_id is None:
            break
    assert seen == [6, 5, 4, 3, 2, 1, 0]
    assert sizes == [3, 3, 1]


def test_exactly_full_page_is_the_last_one(session: Session, cast: Cast, deals: dict[str, int]) -> None:
    for _number in range(3):
        record(session, cast.anna, "deal.edited", "deal", deals["anna"])
    assert load_journal(session, cast.vera, ANY, limit=3).next_before_id is None


def test_changes_are_pairs_by_field() -> None:
    row = JournalRow(1, utc_now(), "Anna", Channel.UI, "deal.edited", "deal", 1, 1, {"changes": {"title": ["A", None]}})
    assert row.changes == {"title": ("A", None)}
    assert JournalRow(1, utc_now(), None, Channel.UI, "deal.won", "deal", 1, 1, {}).changes == {}
