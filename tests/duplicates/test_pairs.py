"""The queue: its order, what it shows to whom, and decisions that last."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import Database
from crm.deals.removal import remove_deal
from crm.duplicates import pair_records
from crm.duplicates.merge_plan import plan_merge
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_card import load_pair
from crm.duplicates.pair_decisions import PairDecided, dismiss_pair, reopen_pair, snooze_pair
from crm.duplicates.pair_store import FoundPair, close_gone, keep_pairs, wake_snoozed
from crm.duplicates.pair_values import QueueFilter
from crm.duplicates.pairs import load_queue, open_pair_count, open_pair_counts
from crm.duplicates.undo import undo_merge
from crm.errors import Forbidden, InvalidInput, NotFound
from crm.matching.model import default_model
from crm.matching.models_in_use import KnownModel
from crm.matching.values import Match, MatchLine
from crm.models import Contact, Deal, DealContact, EntityType, Event, MatchPair, PairSource, PairState
from tests.conftest import Cast, UnchangedFactory
from tests.deals.interleaving import interleaved
from tests.factories import add_closed_deal, add_company, add_contact, add_deal, add_pipeline

CONTACT = EntityType.CONTACT
EVERYTHING = QueueFilter()


def found(left: int, right: int, weight: float = 8.0, guards: tuple[str, ...] = ()) -> FoundPair:
    probability = default_model(CONTACT).probability(weight)
    lines = (MatchLine("prior", -7.0), MatchLine("phone_equal", weight + 7.0, "+7", "+7"))
    return FoundPair(min(left, right), max(left, right), Match(weight, probability, lines, guards))


def keep(session: Session, *pairs: FoundPair, source: PairSource = PairSource.BATCH) -> None:
    known = KnownModel(default_model(CONTACT))
    keep_pairs(session, CONTACT, pairs, source=source, known=known, now=utc_now())


def queue(session: Session, actor: Actor, wanted: QueueFilter = EVERYTHING) -> list[tuple[int, int]]:
    return [(row.left.id, row.right.id) for row in load_queue(session, actor, wanted).rows]


def contacts(session: Session, actor: Actor, count: int) -> list[int]:
    return [add_contact(session, actor, f"Ivan {number}") for number in range(count)]


def pair_of(session: Session, left: int, right: int) -> MatchPair:
    query = session.query(MatchPair).populate_existing().filter_by(left_id=left, right_id=right)
    return query.one()


def test_queue_goes_by_probability_times_value_of_open_deals(session: Session, cast: Cast) -> None:
    a, b, c, d, e, f = contacts(session, cast.anna, 6)
    pipeline = add_pipeline(session)
    for contact, amount in ((d, 500_000), (f, 90_000)):
        deal = add_deal(session, cast.anna, pipeline, amount_minor=amount)
        session.add(DealContact(deal_id=deal, contact_id=contact, position=0))
    lost = add_closed_deal(session, cast.anna, pipeline, amount_minor=9_000_000)
    session.add(DealContact(deal_id=lost, contact_id=a, position=0))
    session.flush()
    keep(session, found(a, b, 9.0), found(c, d, 2.0), found(e, f, 7.5))
    assert queue(session, cast.boris) == [(c, d), (e, f), (a, b)]
    page = load_queue(session, cast.boris, EVERYTHING)
    assert [row.value_minor for row in page.rows] == [500_000, 90_000, 0]
    assert [row.is_automatic for row in page.rows] == [False, True, True]
    assert page.currency == "RUB"
    assert page.rows[0].left.owner_name == "Anna"


def test_pages_follow_each_other(session: Session, cast: Cast) -> None:
    ids = contacts(session, cast.anna, 5)
    keep(session, *(found(ids[0], other, 3.0) for other in ids[1:]))
    first = load_queue(session, cast.boris, QueueFilter(), limit=3)
    rest = load_queue(session, cast.boris, QueueFilter(), after=first.next_page, limit=3)
    seen = [row.right.id for row in (*first.rows, *rest.rows)]
    assert sorted(seen) == ids[1:]
    assert rest.next_page is None


def test_filters_narrow_the_queue(session: Session, cast: Cast) -> None:
    a, b, c = contacts(session, cast.anna, 3)
    d = add_contact(session, cast.anton, "Pyotr Shcherbakov")
    keep(session, found(a, b, 9.0), found(b, c, 1.0, guards=("inns_differ",)))
    keep(session, found(c, d, 8.0), source=PairSource.INTAKE)
    boris = cast.boris
    assert queue(session, boris, QueueFilter(entity_type=EntityType.DEAL)) == []
    assert queue(session, boris, QueueFilter(source=PairSource.INTAKE)) == [(c, d)]
    assert queue(session, boris, QueueFilter(owner_id=cast.anton.user_id)) == [(c, d)]
    assert queue(session, boris, QueueFilter(least_probability=0.9)) == [(a, b), (c, d)]
    assert queue(session, boris, QueueFilter(automatic=False)) == [(b, c)]
    assert queue(session, boris, QueueFilter(text="Shcherbakov")) == [(c, d)]
    assert queue(session, boris, QueueFilter(state=PairState.SNOOZED)) == []


def test_pair_is_seen_by_who_sees_both(session: Session, cast: Cast) -> None:
    (own,) = contacts(session, cast.anna, 1)
    foreign = add_contact(session, cast.dina, "Foreign")
    keep(session, found(own, foreign))
    pair_id = pair_of(session, own, foreign).id
    assert queue(session, cast.boris) == []
    assert open_pair_count(session, cast.boris) == 0
    assert queue(session, cast.vera) == [(own, foreign)]
    assert [(one.entity_type, one.count, one.is_more) for one in open_pair_counts(session, cast.vera)] == [
        (CONTACT, 1, False), (EntityType.COMPANY, 0, False), (EntityType.DEAL, 0, False),
    ]  # fmt: skip
    assert open_pair_count(session, cast.vera) == 1
    for refused in (dismiss_pair, reopen_pair):
        with pytest.raises(NotFound):
            refused(session, cast.boris, pair_id=pair_id)
    with pytest.raises(NotFound):
        load_pair(session, cast.boris, pair_id)


def test_managers_review_nothing(session: Session, cast: Cast) -> None:
    left, right = contacts(session, cast.anna, 2)
    keep(session, found(left, right))
    assert open_pair_count(session, cast.anna) == 0
    with pytest.raises(Forbidden):
        load_queue(session, cast.anna, QueueFilter())


def test_merged_and_missing_records_leave_the_queue(session: Session, cast: Cast) -> None:
    a, b, c = contacts(session, cast.anna, 3)
    keep(session, found(a, b), found(a, c))
    session.get_one(Contact, b).merged_into_id = a
    session.flush()
    assert queue(session, cast.boris) == [(a, c)]


def test_card_shows_points_deals_and_pairs_around(session: Session, cast: Cast) -> None:
    a = add_contact(session, cast.anna, "Ivan", phone="+79162041853", email="i@x.ru")
    b = add_contact(session, cast.anton, "Vanya", phone="+79162041853")
    c = add_contact(session, cast.anton, "Vano")
    pipeline = add_pipeline(session)
    for amount in (700_000, 300_000):
        deal = add_deal(session, cast.anna, pipeline, amount_minor=amount)
        session.add(DealContact(deal_id=deal, contact_id=a, position=0))
    hidden = add_deal(session, cast.dina, pipeline, amount_minor=1)
    session.add(DealContact(deal_id=hidden, contact_id=a, position=0))
    session.flush()
    keep(session, found(a, b), found(b, c))
    card = load_pair(session, cast.boris, pair_of(session, a, b).id)
    assert [(one.normalised, one.in_both) for one in card.left.points] == [("+79162041853", True), ("i@x.ru", False)]
    assert [one.in_both for one in card.right.points] == [True]
    assert (card.left.deals, card.left.open_deals, card.left.open_minor) == (2, 2, 1_000_000)
    assert [(row.left.id, row.right.id) for row in card.others] == [(b, c)]
    assert (card.right.owner_name, card.row.lines[1].code, card.band) == ("Anton", "phone_equal", None)


def test_companies_and_deals_have_cards_too(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    mir, zarya = (add_company(session, cast.anna, name, inn="7707083893") for name in ("Mir", "Zarya"))
    deals = [add_deal(session, cast.anna, pipeline, company_id=mir, amount_minor=100 * n) for n in (1, 2)]
    known = KnownModel(default_model(EntityType.COMPANY))
    for kind, (left, right) in ((EntityType.COMPANY, (mir, zarya)), (EntityType.DEAL, deals)):
        keep_pairs(session, kind, [found(left, right)], source=PairSource.BATCH, known=known, now=utc_now())
    rows = load_queue(session, cast.boris, EVERYTHING).rows
    assert {row.entity_type: (row.left.name, row.left.detail) for row in rows} == {
        EntityType.COMPANY: ("Mir", "7707083893"),
        EntityType.DEAL: ("Metal sheet", "First sales · Contact made"),
    }
    cards = [load_pair(session, cast.boris, row.id) for row in rows]
    assert {card.row.entity_type: (card.left.open_minor, card.right.open_minor) for card in cards} == {
        EntityType.COMPANY: (300, 0),
        EntityType.DEAL: (100, 200),
    }


def test_dismissed_pair_stays_dismissed_for_everyone(session: Session, cast: Cast) -> None:
    left, right = contacts(session, cast.anna, 2)
    keep(session, found(left, right))
    pair_id = pair_of(session, left, right).id
    dismiss_pair(session, cast.boris, pair_id=pair_id, note=" Brothers ")
    keep(session, found(left, right, 12.0))
    keep(session, found(left, right, 12.0), source=PairSource.BRIDGE)
    close_gone(session, CONTACT, [pair_id])
    pair = pair_of(session, left, right)
    assert (pair.state, pair.note, pair.decided_by) == (PairState.NOT_DUPLICATE, "Brothers", cast.boris.user_id)
    assert pair.weight == 8.0
    assert queue(session, cast.vera) == []
    (row,) = load_queue(session, cast.vera, QueueFilter(state=PairState.NOT_DUPLICATE)).rows
    assert row.decided_by == "Boris"
    event = session.query(Event).filter_by(kind="pair.dismissed").one()
    assert event.details == {"of": "contact", "left": left, "right": right}


def test_second_decision_is_refused(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    left, right = contacts(session, cast.anna, 2)
    keep(session, found(left, right))
    pair_id = pair_of(session, left, right).id
    dismiss_pair(session, cast.boris, pair_id=pair_id)
    with unchanged(session), pytest.raises(PairDecided):
        dismiss_pair(session, cast.vera, pair_id=pair_id)
    reopen_pair(session, cast.vera, pair_id=pair_id)
    assert queue(session, cast.boris) == [(left, right)]
    assert pair_of(session, left, right).decided_by is None
    with pytest.raises(PairDecided):
        reopen_pair(session, cast.vera, pair_id=pair_id)


def test_snoozed_pair_comes_back_in_time(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    left, right = contacts(session, cast.anna, 2)
    keep(session, found(left, right))
    pair_id = pair_of(session, left, right).id
    with unchanged(session), pytest.raises(InvalidInput):
        snooze_pair(session, cast.boris, pair_id=pair_id, until=utc_now())
    until = utc_now() + timedelta(days=1)
    snooze_pair(session, cast.boris, pair_id=pair_id, until=until)
    keep(session, found(left, right, 3.0))
    wake_snoozed(session, until - timedelta(minutes=1))
    assert queue(session, cast.boris) == []
    wake_snoozed(session, until)
    assert queue(session, cast.boris) == [(left, right)]
    assert pair_of(session, left, right).weight == 3.0


def test_pair_gone_opens_again_when_alike_again(session: Session, cast: Cast) -> None:
    left, right = contacts(session, cast.anna, 2)
    keep(session, found(left, right))
    close_gone(session, CONTACT, [pair_of(session, left, right).id])
    assert queue(session, cast.boris) == []
    keep(session, found(left, right))
    assert queue(session, cast.boris) == [(left, right)]


def test_pair_of_a_hidden_record_never_opens(session: Session, cast: Cast) -> None:
    a, b, c, d = contacts(session, cast.anna, 4)
    keep(session, found(a, b), found(b, c))
    merge_records(session, cast.vera, entity_type=CONTACT, survivor_id=a, merged_id=b)
    # Someone who read what the records were like before the merge writes only now.
    for source in PairSource:
        keep(session, found(b, c, 12.0), found(b, d, 12.0), found(c, d, 12.0), source=source)
    states = {(pair.left_id, pair.right_id): pair.state for pair in session.query(MatchPair).populate_existing()}
    assert states == {(a, b): PairState.MERGED, (b, c): PairState.GONE, (c, d): PairState.OPEN}
    assert queue(session, cast.vera) == [(c, d)]


def test_pair_of_a_removed_deal_never_opens(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    left, right = (add_deal(session, cast.anna, pipeline) for _ in range(2))
    reason = "Typed twice by mistake"
    remove_deal(session, cast.vera, deal_id=left, expected_version=1, reason=reason)
    known = KnownModel(default_model(EntityType.DEAL))
    keep_pairs(session, EntityType.DEAL, [found(left, right)], source=PairSource.BATCH, known=known, now=utc_now())
    assert session.query(MatchPair).all() == []


def test_merge_and_a_look_at_once_leave_no_open_pair_of_a_hidden_record(database: Database, cast: Cast) -> None:
    for pause in range(1, 200):
        with database.session_scope() as session:
            a, b, c = contacts(session, cast.anna, 3)
            keep(session, found(a, b), found(b, c))
        outcome = interleaved(
            database,
            lambda session: merge_records(session, cast.vera, entity_type=CONTACT, survivor_id=a, merged_id=b),  # noqa: B023
            lambda session: keep(session, found(b, c, 12.0)),  # noqa: B023
            pause,
        )
        if outcome is None:
            return
        assert outcome == ("done", "done")
        with database.read_scope() as session:
            assert pair_of(session, b, c).state is PairState.GONE, pause
    pytest.fail("the merge never came to an end")


def test_bridge_stands_on_top_and_keeps_its_place(session: Session, cast: Cast) -> None:
    a, b, c = contacts(session, cast.anna, 3)
    keep(session, found(a, b, 9.0), found(a, c, 1.0))
    keep(session, found(a, c, 0.5), source=PairSource.BRIDGE)
    keep(session, found(a, b, 9.5), found(a, c, 2.0))
    assert queue(session, cast.boris) == [(a, c), (a, b)]
    pair = pair_of(session, a, c)
    assert (pair.source, pair.weight) == (PairSource.BRIDGE, 2.0)


def test_sums_tell_nobody_of_another_teams_money(session: Session, cast: Cast) -> None:
    a, b = contacts(session, cast.anna, 2)
    pipeline = add_pipeline(session)
    for owner, amount in ((cast.anna, 500), (cast.dina, 70_000)):
        deal = add_deal(session, owner, pipeline, amount_minor=amount)
        session.add(DealContact(deal_id=deal, contact_id=b, position=0))
    session.flush()
    keep(session, found(a, b))
    for reader, worth, hidden in ((cast.boris, 500, [1]), (cast.vera, 70_500, [])):
        (row,) = load_queue(session, reader, EVERYTHING).rows
        assert (row.value_minor, load_pair(session, reader, row.id).row.value_minor) == (worth, worth)
        plan = plan_merge(session, reader, entity_type=CONTACT, survivor_id=a, merged_id=b)
        assert [one.params["count"] for one in plan.warnings if one.code == "merge_deals_hidden"] == hidden


@pytest.mark.parametrize("few", [-1, 0, 2_000])
def test_queue_and_counts_are_of_what_the_actor_sees_by_owner_and_by_deals(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(pair_records, "_FEW", few)
    pipeline = add_pipeline(session)
    own, of_deal, strange, other = (
        add_contact(session, owner, "Ivan") for owner in (cast.anna, cast.dina, cast.dina, cast.anton)
    )
    firms = [add_company(session, owner, "Mir") for owner in (cast.dina, cast.anna, cast.dina)]
    deals = [add_deal(session, cast.anna, pipeline, company_id=firms[0]) for _ in range(2)]
    deals.append(add_deal(session, cast.dina, pipeline))
    session.add(DealContact(deal_id=deals[0], contact_id=of_deal, position=0))
    session.flush()
    keep(session, found(own, of_deal, 9.0), found(of_deal, other, 8.0), found(own, strange, 7.0))
    for kind, ids in ((EntityType.COMPANY, firms), (EntityType.DEAL, deals)):
        known = KnownModel(default_model(kind))
        pairs = [found(ids[0], ids[1], 6.0), found(ids[1], ids[2], 5.0)]
        keep_pairs(session, kind, pairs, source=PairSource.BATCH, known=known, now=utc_now())
    for actor, expected in ((cast.boris, [2, 1, 1]), (cast.vera, [3, 2, 2]), (cast.dina, [0, 0, 0])):
        assert [one.count for one in open_pair_counts(session, actor)] == expected
        assert open_pair_count(session, actor) == sum(expected)
        assert len(load_queue(session, actor, EVERYTHING).rows) == sum(expected)
        of_contacts = load_queue(session, actor, QueueFilter(entity_type=CONTACT))
        assert len(of_contacts.rows) == expected[0]
    assert queue(session, cast.boris, QueueFilter(entity_type=CONTACT)) == [(own, of_deal), (of_deal, other)]


def test_undo_of_a_merge_leaves_a_colleagues_later(session: Session, cast: Cast) -> None:
    a, b, c = contacts(session, cast.anna, 3)
    keep(session, found(a, b), found(b, c), found(a, c))
    until = utc_now().replace(microsecond=0) + timedelta(days=3)
    for one, other in ((b, c), (a, c)):
        pair = pair_of(session, one, other)
        snooze_pair(session, cast.boris, pair_id=pair.id, until=until)
    merge_id = merge_records(session, cast.vera, entity_type=CONTACT, survivor_id=a, merged_id=b)
    assert pair_of(session, b, c).state is PairState.GONE
    close_gone(session, CONTACT, [pair_of(session, a, c).id])  # what both have now is not alike
    undo_merge(session, cast.vera, merge_id=merge_id)
    for one, other in ((b, c), (a, c)):
        pair = pair_of(session, one, other)
        assert (pair.state, pair.snoozed_until) == (PairState.SNOOZED, until)
    assert pair_of(session, a, b).state is PairState.OPEN


def test_values_follow_the_deals_when_a_pair_is_found_again(session: Session, cast: Cast) -> None:
    a, b = contacts(session, cast.anna, 2)
    deal = add_deal(session, cast.anna, add_pipeline(session), amount_minor=500)
    session.add(DealContact(deal_id=deal, contact_id=b, position=0))
    session.flush()
    keep(session, found(a, b))
    session.get_one(Deal, deal).amount_minor = 900
    session.flush()
    keep(session, found(a, b))
    assert pair_of(session, a, b).value_minor == 900
