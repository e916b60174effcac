"""Merging in bulk by an administrator: a dry run, the start, the progress, the end, and all of it taken back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from crm.contacts.commands import create_contact
from crm.duplicates.intake import match_saved
from crm.models import Contact, ContactPoint, EntityType, PointKind
from tests.e2e.conftest import OpenBrowser
from tests.e2e.driving import Server, open_settled, settled

TWINS = 60  # enough for the work to be seen going on
GIVEN = ("Alexandra", "Boris", "Galina", "Dmitry", "Elena", "Fyodor")
SURNAMES = ("Pavlova", "Orlov", "Zaitseva", "Kuzmin", "Belova", "Frolov", "Gusev", "Yakovleva", "Nikitin", "Sobolev")


@pytest.fixture(scope="module")
def twins(server: Server) -> Sequence[tuple[int, int]]:
    """Let everybody come twice, with the same phone and the same mailbox."""
    ids: list[tuple[int, int]] = []
    people = [(f"{given} {surname}") for given in GIVEN for surname in SURNAMES]
    with server.database.session_scope() as session:
        for number, name in enumerate(people):
            points = [
                (
                    PointKind.PHONE,
                    f"+7 9{10 + number} {(number * 137) % 900 + 100}-{(number * 7) % 90 + 10}-{number + 20}",
                ),
                (PointKind.EMAIL, f"{name.replace(' ', '.').lower()}@firm{number}.example"),
            ]
            first, second = (create_contact(session, server.cast.anna, name=name, points=points) for _copy in range(2))
            ids.append((first, second))
        match_saved(session, EntityType.CONTACT, [one for pair in ids for one in pair])
    return ids


def test_bulk_merge_is_tried_started_followed_and_taken_back(
    server: Server, twins: Sequence[tuple[int, int]], open_browser: OpenBrowser
) -> None:
    before = _base(server)
    page = open_browser("vera")
    open_settled(page, f"{server.url}/duplicates")
    waiting = page.get_by_test_id("stSidebar").get_by_role("link", name="Duplicates")
    expect(waiting).to_contain_text(str(TWINS))
    page.get_by_role("tab", name="In bulk").click()
    expect(page.get_by_text("Batches will be listed here")).to_be_visible()
    settled(page)
    _try(page)
    assert _base(server) == before  # a dry run changes nothing

    page.get_by_label("Note for the history").fill("Twins of the spring import")
    page.get_by_label("Note for the history").press("Tab")
    settled(page)
    page.get_by_role("button", name=f"Merge {TWINS} records").click()
    batch = page.locator("[class*=st-key-batch_1]").first
    expect(batch.get_by_text(f"of {TWINS}")).to_be_visible()
    expect(batch.get_by_role("button", name="Stop")).to_be_visible()
    expect(batch).to_contain_text("Done", timeout=60_000)
    expect(batch).to_contain_text(f"{TWINS} records merged")
    expect(batch).to_contain_text("Twins of the spring import")
    expect(waiting).not_to_contain_text(str(TWINS))  # nothing waits any more
    assert {second for _first, second in twins} == _merged(server)

    settled(page)
    batch.get_by_role("button", name="Take the batch back").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{TWINS} records come back")
    dialog.get_by_role("button", name="Take it back").click()
    expect(batch).to_contain_text("Rolled back", timeout=60_000)
    expect(batch).to_contain_text(f"{TWINS} undone")
    expect(batch.get_by_role("button", name="Take the batch back")).to_have_count(0)
    assert _base(server) == before
    expect(waiting).to_contain_text(str(TWINS))  # they may be looked at one by one


def _try(page: Page) -> None:
    page.get_by_role("button", name="Dry run").click()
    plan = page.locator(".st-key-bulk_plan")
    expect(plan.get_by_test_id("stMetric").filter(has_text="Records hidden in others")).to_contain_text(str(TWINS))
    expect(plan.get_by_test_id("stMetric").filter(has_text="Largest group")).to_contain_text("2")
    samples = plan.get_by_text("→").first
    expect(samples).to_contain_text("99 %")
    expect(samples).to_contain_text("#")
    settled(page)


def _base(server: Server) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return the people and their phones and mailboxes as they stand, versions aside."""
    people = select(Contact.id, Contact.name, Contact.owner_id, Contact.merged_into_id).order_by(Contact.id)
    points = select(ContactPoint.id, ContactPoint.contact_id, ContactPoint.value).order_by(ContactPoint.id)
    with server.database.read_scope() as session:
        return [tuple(row) for row in session.execute(people)], [tuple(row) for row in session.execute(points)]


def _merged(server: Server) -> set[int]:
    with server.database.read_scope() as session:
        return set(session.scalars(select(Contact.id).where(Contact.merged_into_id.is_not(None))))
