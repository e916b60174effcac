"""What a scope can be narrowed to, and since when there is something to see."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from crm.analytics.choices import (
    MOST_SOURCES,
    first_day,
    is_busy_since,
    is_decided_since,
    load_choices,
    load_sources,
)
from crm.models import FieldDefinition, FieldType
from tests.analytics.histories import Came, add_history, day
from tests.analytics.sample import add_sample
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline


def test_people_and_teams_are_those_in_sight(session: Session, cast: Cast) -> None:
    assert set(load_choices(session, cast.anna).owners.values()) == {"Anna"}
    assert set(load_choices(session, cast.boris).owners.values()) == {"Anna", "Anton", "Boris"}
    assert len(load_choices(session, cast.boris).teams) == 1
    assert len(load_choices(session, cast.vera).teams) > 1


def test_fields_to_split_by_are_those_with_choices_and_texts_narrow_nothing(session: Session, cast: Cast) -> None:
    options = [{"code": "big", "name": "Big"}]
    session.add(FieldDefinition(name="Size", type=FieldType.CHOICE, position=0, options=options))
    session.add(FieldDefinition(name="Note", type=FieldType.TEXT, position=1, options=[]))
    session.flush()
    session.add(FieldDefinition(name="Budget", type=FieldType.MONEY, position=2, options=[]))
    session.flush()
    known = load_choices(session, cast.anna)
    assert [one.name for one in known.fields] == ["Size"]
    assert [one.name for one in known.narrowing] == ["Size", "Budget"]


def test_sources_are_those_of_visible_deals(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    for owner, source in ((cast.anna, "site"), (cast.anna, "call"), (cast.dina, "fair"), (cast.anna, "")):
        add_deal(session, owner, pipeline, source=source)
    assert load_sources(session, cast.anna) == ("call", "site")
    assert load_sources(session, cast.vera) == ("call", "fair", "site")
    for number in range(MOST_SOURCES):
        add_deal(session, cast.dina, pipeline, source=f"fair {number:03}")
    assert len(load_sources(session, cast.vera)) == MOST_SOURCES


def test_first_day_is_that_of_the_zone(session: Session, cast: Cast) -> None:
    assert first_day(session, (), "UTC") is None
    sales, care = add_pipeline(session), add_pipeline(session, name="Care")
    add_history(session, sales, [Came(0, -0.4, cast.anna)])  # 4 January, 23:24 in London
    add_history(session, care, [Came(0, -9, cast.anna)])
    assert first_day(session, (sales.id,), "UTC") == date(2026, 1, 4)
    assert first_day(session, (sales.id,), "Europe/Moscow") == date(2026, 1, 5)
    assert first_day(session, (), "UTC") == date(2025, 12, 27)


def test_busy_is_a_pipeline_to_whose_stages_deals_came(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    both = (sample.sales.id, sample.care.id)
    assert is_busy_since(session, both, day(0), 10)
    assert is_busy_since(session, (), day(0), 10)
    assert not is_busy_since(session, both, datetime(2026, 12, 1, tzinfo=UTC), 1)
    assert not is_busy_since(session, (sample.care.id,), day(0), 10)


def test_decided_is_a_pipeline_whose_deals_were_closed(session: Session, cast: Cast) -> None:
    sample = add_sample(session, cast)
    assert is_decided_since(session, (), day(0), 5)
    assert is_decided_since(session, (sample.sales.id,), day(0), 5)
    assert not is_decided_since(session, (sample.care.id,), day(0), 2)
    assert not is_decided_since(session, (), day(200), 1)
