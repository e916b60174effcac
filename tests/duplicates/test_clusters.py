"""Merging several at once, and merging by a pair: what people keep apart stays so."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.duplicates.clusters import merge_several
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_decisions import PairDecided, dismiss_pair, reopen_pair
from crm.duplicates.pair_store import FoundPair, keep_pairs
from crm.duplicates.undo import undo_merge
from crm.errors import InvalidInput
from crm.matching.model import default_model
from crm.matching.models_in_use import KnownModel
from crm.matching.values import Match
from crm.models import Contact, EntityType, MatchPair, Merge, PairSource, PairState
from tests.conftest import Cast, UnchangedFactory
from tests.factories import add_contact

CONTACT = EntityType.CONTACT


def add_pair(session: Session, left: int, right: int) -> int:
    pair = FoundPair(left, right, Match(8.0, default_model(CONTACT).probability(8.0), (), ()))
    known = KnownModel(default_model(CONTACT))
    keep_pairs(session, CONTACT, [pair], source=PairSource.BATCH, known=known, now=utc_now())
    return session.scalars(select(MatchPair.id).filter_by(left_id=left, right_id=right)).one()


def test_group_with_two_whom_somebody_keeps_apart_is_refused(
    session: Session, cast: Cast, unchanged: UnchangedFactory
) -> None:
    first, second, third, fourth = (add_contact(session, cast.anna, f"Ivan {number}") for number in range(4))
    dismiss_pair(session, cast.boris, pair_id=add_pair(session, second, third))
    with unchanged(session), pytest.raises(InvalidInput) as refused:
        merge_several(session, cast.boris, entity_type=CONTACT, survivor_id=first, merged_ids=[second, third])
    assert [one.code for one in refused.value.violations] == ["merge_said_different"]
    merge_several(session, cast.boris, entity_type=CONTACT, survivor_id=first, merged_ids=[second, fourth])
    hidden = select(Contact.id).where(Contact.merged_into_id == first).order_by(Contact.id)
    assert session.scalars(hidden).all() == [second, fourth]


def test_pair_dismissed_meanwhile_is_not_merged(session: Session, cast: Cast) -> None:
    left, right = (add_contact(session, cast.anna, f"Ivan {number}") for number in range(2))
    pair_id = add_pair(session, left, right)
    dismiss_pair(session, cast.vera, pair_id=pair_id)
    with pytest.raises(PairDecided), session.begin_nested():
        merge_records(session, cast.boris, entity_type=CONTACT, survivor_id=left, merged_id=right, pair_id=pair_id)
    assert session.scalars(select(Merge.id)).all() == []
    reopen_pair(session, cast.vera, pair_id=pair_id)
    assert merge_records(session, cast.boris, entity_type=CONTACT, survivor_id=left, merged_id=right, pair_id=pair_id)


def test_word_said_again_outlives_the_merge_that_said_it_first(session: Session, cast: Cast) -> None:
    first, second, third = (add_contact(session, cast.anna, f"Ivan {number}") for number in range(3))
    known = add_pair(session, first, second)
    dismiss_pair(session, cast.boris, pair_id=add_pair(session, second, third))
    merge_id = merge_records(session, cast.vera, entity_type=CONTACT, survivor_id=first, merged_id=third)
    assert session.get_one(MatchPair, known).state is PairState.NOT_DUPLICATE
    reopen_pair(session, cast.boris, pair_id=known)
    dismiss_pair(session, cast.boris, pair_id=known)
    undo_merge(session, cast.vera, merge_id=merge_id)
    assert session.get_one(MatchPair, known).state is PairState.NOT_DUPLICATE
