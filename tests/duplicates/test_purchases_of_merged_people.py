"""Deals of two people who turn out to be one become a pair when the people are merged."""

from __future__ import annotations

from sqlalchemy import select

from crm.contacts.commands import create_contact
from crm.contacts.search_index import index_records
from crm.db import Database
from crm.duplicates.intake import match_changed_records
from crm.duplicates.merging import merge_records
from crm.models import DealContact, EntityType, MatchPair, PairState, PointKind
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline


def test_deals_become_a_pair_with_their_merged_people(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        people, deals = [], []
        for name, kind, value in (
            ("Александра Павлова", PointKind.PHONE, "+7 916 240-17-35"),
            ("Саша", PointKind.EMAIL, "pavlova@stal.ru"),
        ):
            people.append(create_contact(session, cast.anna, name=name, points=[(kind, value)]))
            deals.append(add_deal(session, cast.anna, pipeline, title="Лист 2 мм, 10 т"))
            session.add(DealContact(deal_id=deals[-1], contact_id=people[-1]))
            index_records(session, "deal", [deals[-1]])
        match_changed_records(session)
    assert states(database, deals) == []
    with database.session_scope() as session:
        merge_records(session, cast.boris, entity_type=EntityType.CONTACT, survivor_id=people[0], merged_id=people[1])
        match_changed_records(session)
    assert states(database, deals) == [PairState.OPEN]


def states(database: Database, deals: list[int]) -> list[PairState]:
    query = select(MatchPair.state).filter_by(entity_type=EntityType.DEAL, left_id=deals[0], right_id=deals[1])
    with database.read_scope() as session:
        return list(session.scalars(query))
