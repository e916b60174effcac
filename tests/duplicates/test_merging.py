"""Merging two records: what moves, what is chosen, what is hidden, what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.contacts.lists import load_clients
from crm.contacts.reads import load_company, load_contact
from crm.deals.activities import add_activity
from crm.deals.board import BoardFilter, load_board
from crm.deals.chain import load_chain
from crm.deals.invariants import broken_invariants
from crm.deals.reads import load_deal
from crm.deals.timeline import load_timeline
from crm.duplicates.hints import hint
from crm.duplicates.merge_plan import better_survivor, plan_merge
from crm.duplicates.merge_values import KindCount, Side
from crm.duplicates.merging import merge_records
from crm.duplicates.undo import undo_merge
from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.matching.values import RawRecord
from crm.models import (
    Activity,
    ActivityKind,
    Company,
    Contact,
    ContactPoint,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    Event,
    ExternalId,
    Merge,
    NextStep,
    PointKind,
    StageVisit,
    VisitOutcome,
)
from tests.conftest import Cast, UnchangedFactory
from tests.duplicates.exported import exported, search_words
from tests.factories import add_closed_deal, add_company, add_contact, add_deal, add_pipeline

CONTACT, COMPANY, DEAL = EntityType.CONTACT, EntityType.COMPANY, EntityType.DEAL


def points_of(session: Session, contact_id: int) -> list[str]:
    query = select(ContactPoint.normalised).where(ContactPoint.contact_id == contact_id)
    return list(session.scalars(query.order_by(ContactPoint.position, ContactPoint.id)))


def take_part(session: Session, deal_id: int, contact_id: int, role: str | None = None, position: int = 0) -> int:
    part = DealContact(deal_id=deal_id, contact_id=contact_id, role=role, position=position)
    session.add(part)
    session.flush()
    return part.id


def merge(
    session: Session, cast: Cast, entity_type: EntityType, survivor_id: int, merged_id: int, **more: object
) -> int:
    return merge_records(
        session, cast.vera, entity_type=entity_type, survivor_id=survivor_id, merged_id=merged_id, **more
    )  # type: ignore[arg-type]


def test_merge_contacts_moves_points_deals_and_foreign_ids(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a = add_contact(session, cast.anna, "Ivan Petrov", phone="+79161234567")
    b = add_contact(session, cast.anna, "Ivan", phone="+79161234567", email="ivan@mir.ru")
    deal = add_deal(session, cast.anna, pipeline)
    take_part(session, deal, b, "Buyer")
    note = add_activity(session, cast.anna, deal_id=deal, kind=ActivityKind.NOTE, text="Called")
    session.get_one(Activity, note).contact_id = b
    session.add(ExternalId(system="amo", entity="contact", external_id="77", entity_id=b))
    session.flush()
    before, words = exported(session), search_words(session)
    merge_id = merge(session, cast, CONTACT, a, b)
    assert points_of(session, a) == ["+79161234567", "ivan@mir.ru"]
    assert points_of(session, b) == ["+79161234567"]
    assert session.scalars(select(DealContact.contact_id).filter_by(deal_id=deal)).all() == [a]
    assert session.get_one(Activity, note).contact_id == a
    assert session.scalars(select(ExternalId.entity_id)).one() == a
    assert session.get_one(Contact, b).merged_into_id == a
    assert [one.id for one in load_contact(session, cast.vera, a).deals.shown] == [deal]
    report = undo_merge(session, cast.vera, merge_id=merge_id)
    assert report.conflicts == ()
    assert {KindCount("contact_points", 1), KindCount("deals", 1), KindCount("activities", 1)} <= set(report.returned)
    assert exported(session) == before
    assert search_words(session) == words


def test_deal_with_both_contacts_keeps_one_with_the_better_role(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_contact(session, cast.anna, "Ivan Petrov"), add_contact(session, cast.anna, "Ivan P.")
    deal = add_deal(session, cast.anna, pipeline)
    take_part(session, deal, b, "Decides", 0)
    take_part(session, deal, a, None, 1)
    before = exported(session)
    merge_id = merge(session, cast, CONTACT, a, b)
    parts = session.execute(select(DealContact.contact_id, DealContact.role, DealContact.position)).all()
    assert [tuple(part) for part in parts] == [(a, "Decides", 0)]
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert exported(session) == before


def test_merged_contact_is_seen_nowhere(session: Session, cast: Cast) -> None:
    a = add_contact(session, cast.anna, "Ivan Petrov", phone="+79161234567")
    b = add_contact(session, cast.anna, "Petrov Ivan", phone="+79161234568")
    merge(session, cast, CONTACT, a, b)
    typed = RawRecord(record_id="", phones=("+79161234568",))
    for actor in (cast.anna, cast.boris, cast.vera):
        with pytest.raises(NotFound) as refused:
            load_contact(session, actor, b)
        assert refused.value.params["merged_into"] == a
        assert [row.id for row in load_clients(session, actor).rows] == [a]
        assert [row.id for row in load_clients(session, actor, text="Petrov").rows] == [a]
        assert [one.record_id for one in hint(session, actor, CONTACT, typed)] == [a]
    assert [(one.record_id, one.owner_name) for one in hint(session, cast.dina, CONTACT, typed)] == [(None, "Anna")]


def test_merge_companies_moves_people_deals_and_daughters(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_company(session, cast.anna, "Mir", inn="7707083893"), add_company(session, cast.anna, "Mir LLC")
    daughter = add_company(session, cast.anna, "Mir South", parent_id=b)
    contact = add_contact(session, cast.anna, company_id=b)
    deal = add_deal(session, cast.anna, pipeline, company_id=b)
    session.get_one(Company, a).parent_id = b
    session.flush()
    before = exported(session)
    merge_id = merge(session, cast, COMPANY, a, b)
    assert session.get_one(Company, daughter).parent_id == a
    assert session.get_one(Company, a).parent_id is None
    assert session.get_one(Company, a).name == "Mir LLC"
    assert session.get_one(Contact, contact).company_id == a
    assert session.get_one(Deal, deal).company_id == a
    card = load_company(session, cast.anna, a)
    assert [one.id for one in card.contacts] == [contact]
    assert [one.id for one in card.deals.shown] == [deal]
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert exported(session) == before


def test_different_inns_must_be_chosen(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    a = add_company(session, cast.anna, "Mir", inn="7707083893")
    b = add_company(session, cast.anna, "Mir", inn="7736207543")
    session.flush()
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        merge(session, cast, COMPANY, a, b)
    assert [(one.code, one.field) for one in refused.value.violations] == [("merge_choice_needed", "inn")]
    plan = plan_merge(session, cast.vera, entity_type=COMPANY, survivor_id=a, merged_id=b)
    assert {field.name: field.why for field in plan.differing} == {"inn": "choose"}
    merge(session, cast, COMPANY, a, b, choices={"inn": Side.MERGED})
    assert session.get_one(Company, a).inn == "7736207543"


def test_merge_deals_keeps_stage_and_moves_steps(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a = add_deal(session, cast.anna, pipeline, 1, amount_minor=100)
    b = add_deal(session, cast.anna, pipeline, 2, amount_minor=300, due_in=timedelta(hours=1))
    note = add_activity(session, cast.anna, deal_id=b, kind=ActivityKind.CALL, text="Agreed by phone")
    contact = add_contact(session, cast.anna)
    take_part(session, b, contact)
    before, words = exported(session), search_words(session)
    merge_id = merge(session, cast, DEAL, a, b)
    survivor, merged = session.get_one(Deal, a), session.get_one(Deal, b)
    assert (survivor.amount_minor, survivor.stage_id) == (100, pipeline.stages[1])
    assert (merged.status, merged.merged_into_id, merged.next_due_at) == (DealStatus.MERGED, a, None)
    steps = session.scalars(select(NextStep).where(NextStep.done_at.is_(None))).all()
    assert [step.deal_id for step in steps] == [a, a]
    assert survivor.next_due_at == min(step.due_at for step in steps)
    assert session.get_one(Activity, note).deal_id == a
    visit = session.scalars(select(StageVisit).filter_by(deal_id=b)).one()
    assert (visit.outcome, visit.left_at is None) == (VisitOutcome.DUPLICATE, False)
    assert [part.contact_id for part in load_deal(session, cast.anna, a).contacts] == [contact]
    assert broken_invariants(session, cast.vera) == []
    columns = load_board(session, cast.vera, BoardFilter(pipeline.id)).columns
    assert sum(column.total.count for column in columns) == 1
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert exported(session) == before
    assert search_words(session) == words
    assert broken_invariants(session, cast.vera) == []


def test_open_deal_merged_into_a_won_one_leaves_no_step_open(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_closed_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline)
    before = exported(session)
    plan = plan_merge(session, cast.vera, entity_type=DEAL, survivor_id=a, merged_id=b)
    assert "merge_open_into_closed" in {warning.code for warning in plan.warnings}
    merge_id = merge(session, cast, DEAL, a, b)
    assert session.scalars(select(NextStep).where(NextStep.done_at.is_(None))).all() == []
    assert session.get_one(Deal, a).next_due_at is None
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert exported(session) == before


def test_both_histories_are_read_on_one_timeline(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a, b = add_deal(session, cast.anna, pipeline), add_deal(session, cast.anna, pipeline)
    first = add_activity(session, cast.anna, deal_id=a, kind=ActivityKind.NOTE, text="First talk")
    second = add_activity(session, cast.anna, deal_id=b, kind=ActivityKind.NOTE, text="Second talk")
    merge(session, cast, DEAL, a, b)
    third = add_activity(session, cast.anna, deal_id=a, kind=ActivityKind.NOTE, text="Third talk")
    items = {item.key: item for item in load_timeline(session, cast.anna, a)}
    assert [items[f"a{key:015}"].merged_deal_id for key in (first, second, third)] == [None, b, None]
    kinds = {(item.event_kind, item.merged_deal_id) for item in items.values() if item.event_kind}
    assert {("deal.merged", None), ("deal.merged_into", b)} <= kinds


def test_chain_leads_through_merged_deals(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    first = add_closed_deal(session, cast.anna, pipeline, title="First")
    b = add_deal(session, cast.anna, pipeline, title="Second", origin_deal_id=first)
    a = add_deal(session, cast.anna, pipeline, title="Typed anew")
    later = add_deal(session, cast.anna, pipeline, title="Third", origin_deal_id=b)
    merge(session, cast, DEAL, a, b)
    for deal_id in (a, later):
        assert {deal.id for deal in load_chain(session, cast.vera, deal_id).deals} >= {first, a, later}
        assert load_chain(session, cast.vera, deal_id).hidden == 0


def test_merge_asks_role_sight_and_versions(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    a, b = add_contact(session, cast.anna, "Ivan"), add_contact(session, cast.anton, "Ivan")
    for actor, error in ((cast.anna, Forbidden), (cast.dina, NotFound)):
        with unchanged(session), pytest.raises(error):
            merge_records(session, actor, entity_type=CONTACT, survivor_id=a, merged_id=b)
    with unchanged(session), pytest.raises(ChangedMeanwhile):
        merge(session, cast, CONTACT, a, b, merged_version=2)
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        merge(session, cast, CONTACT, a, a)
    assert [one.code for one in refused.value.violations] == ["merge_same_record"]
    merge_records(session, cast.boris, entity_type=CONTACT, survivor_id=a, merged_id=b, survivor_version=1)
    with unchanged(session), pytest.raises(NotFound):
        merge(session, cast, CONTACT, a, b)


def test_unknown_choices_are_refused(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    a, b = (
        add_contact(session, cast.anna, "Ivan", position="Buyer"),
        add_contact(session, cast.anna, "Ivan", position="Head"),
    )
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        merge(session, cast, CONTACT, a, b, choices={"nonsense": Side.MERGED, "position": Side.BOTH})
    assert sorted(one.field or "" for one in refused.value.violations) == ["nonsense", "position"]


def test_defaults_are_the_survivors_but_for_a_fuller_name_and_both_notes(session: Session, cast: Cast) -> None:
    old = utc_now() - timedelta(days=30)
    a = add_contact(session, cast.anna, "Ivan", position="Buyer", note="Likes blue", created_at=old)
    b = add_contact(session, cast.anton, "Ivan Petrov", position="Head", note="Pays late")
    plan = plan_merge(session, cast.vera, entity_type=CONTACT, survivor_id=a, merged_id=b)
    assert {one.name: (one.default, one.why) for one in plan.differing} == {
        "name": (Side.MERGED, "fuller"),
        "position": (Side.SURVIVOR, "kept"),
        "note": (Side.BOTH, "joined"),
        "owner": (Side.SURVIVOR, "kept"),
    }
    assert [warning.code for warning in plan.warnings] == ["merge_different_owners"]
    merge(session, cast, CONTACT, a, b)
    row = session.get_one(Contact, a)
    assert (row.name, row.position, row.note) == ("Ivan Petrov", "Buyer", "Likes blue\n\nPays late")


@pytest.mark.parametrize(
    ("own", "other", "default"),
    [
        ("Anna Orlova", "Elena Petrovna Sokolova", (Side.SURVIVOR, "kept")),
        ("Ivan 8 916 204-18-53", "Ivan", (Side.MERGED, "cleaner")),
        ("Ivan", "Ivan 8 916 204-18-53", (Side.SURVIVOR, "cleaner")),
    ],
    ids=["another", "phone_in_own", "phone_in_other"],
)
def test_default_name(session: Session, cast: Cast, own: str, other: str, default: tuple[Side, str]) -> None:
    a, b = add_contact(session, cast.anna, own), add_contact(session, cast.anna, other)
    plan = plan_merge(session, cast.vera, entity_type=CONTACT, survivor_id=a, merged_id=b)
    assert [(one.default, one.why) for one in plan.differing] == [default]


def test_right_inn_needs_no_choice(session: Session, cast: Cast) -> None:
    a = add_company(session, cast.anna, "Mir", inn="7707083894", website="one.ru")
    b = add_company(session, cast.anna, "Mir", inn="7707083893", website="two.ru")
    plan = plan_merge(session, cast.vera, entity_type=COMPANY, survivor_id=a, merged_id=b)
    assert {one.name: (one.default, one.why) for one in plan.differing} == {
        "inn": (Side.MERGED, "valid"),
        "website": (Side.SURVIVOR, "kept"),
    }


def test_plan_counts_what_would_move(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    a = add_contact(session, cast.anna, "Ivan", phone="+79161234567")
    b = add_contact(session, cast.anna, "Ivan", phone="+79161234567", email="i@mir.ru")
    take_part(session, add_deal(session, cast.anna, pipeline), b)
    plan = plan_merge(session, cast.vera, entity_type=CONTACT, survivor_id=a, merged_id=b)
    assert set(plan.moves) == {KindCount("contact_points", 1), KindCount("deals", 1)}
    assert plan.united == (KindCount("contact_points", 1),)
    assert better_survivor(session, cast.vera, CONTACT, (a, b)) == b


def test_both_records_tell_of_the_merge(session: Session, cast: Cast) -> None:
    a, b = add_contact(session, cast.anna, "Ivan"), add_contact(session, cast.anna, "Ivan Petrov")
    merge_id = merge(session, cast, CONTACT, a, b)
    undo_merge(session, cast.vera, merge_id=merge_id)
    events = session.execute(select(Event.kind, Event.entity_id).where(Event.entity == "contact").order_by(Event.id))
    assert [tuple(row) for row in events][-4:] == [
        ("contact.merged", a),
        ("contact.merged_into", b),
        ("contact.unmerged", a),
        ("contact.unmerged_from", b),
    ]
    assert session.get_one(Merge, merge_id).undone_by == cast.vera.user_id


def test_points_keep_their_order_behind_the_survivors(session: Session, cast: Cast) -> None:
    a = add_contact(session, cast.anna, "Ivan", phone="+79161234567", email="a@mir.ru")
    b = add_contact(session, cast.anna, "Ivan", phone="+79161234568", email="b@mir.ru")
    merge(session, cast, CONTACT, a, b)
    assert points_of(session, a) == ["+79161234567", "a@mir.ru", "+79161234568", "b@mir.ru"]
    assert session.scalars(select(ContactPoint.kind).filter_by(contact_id=b)).all() == []
    assert PointKind.PHONE in session.scalars(select(ContactPoint.kind).filter_by(contact_id=a)).all()
