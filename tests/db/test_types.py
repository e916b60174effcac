"""Instants and codes come back as they went in, and nothing else gets in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.models import Company, Deal, DealStatus, Priority, Role, User
from tests.conftest import Cast
from tests.factories import add_company, add_deal, add_pipeline

SECONDS = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, ZoneInfo("Europe/Moscow"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")]),
).map(lambda moment: moment.replace(microsecond=0))


def test_utc_now_is_aware_and_whole() -> None:
    now = utc_now()
    assert now.tzinfo is UTC
    assert now.microsecond == 0
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=2)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moment=SECONDS)
def test_instant_of_any_zone_comes_back_in_utc(session: Session, cast: Cast, moment: datetime) -> None:
    company_id = add_company(session, cast.anna, created_at=moment)
    found = session.scalar(select(Company.created_at).where(Company.id == company_id))
    assert found is not None
    assert found == moment.astimezone(UTC)
    assert found.tzinfo is UTC


def test_instant_is_stored_as_epoch_seconds(session: Session, cast: Cast) -> None:
    company_id = add_company(session, cast.anna, created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert session.scalar(text("SELECT created_at FROM companies WHERE id = :id"), {"id": company_id}) == 1767323045


def test_naive_instant_is_refused(session: Session, cast: Cast) -> None:
    naive = datetime(2026, 1, 2)  # noqa: DTZ001 - the mistake under test
    with pytest.raises(StatementError, match="naive datetime"):
        add_company(session, cast.anna, created_at=naive)


def test_instants_compare_in_sql(session: Session, cast: Cast) -> None:
    noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    early = add_company(session, cast.anna, "Early LLC", created_at=noon)
    add_company(session, cast.anna, "Late LLC", created_at=noon + timedelta(seconds=1))
    assert session.scalars(select(Company.id).where(Company.created_at <= noon)).all() == [early]


@pytest.mark.parametrize("role", list(Role))
def test_text_code_comes_back_as_member(session: Session, cast: Cast, role: Role) -> None:
    session.execute(update(User).where(User.id == cast.anna.user_id).values(role=role))
    found = session.scalar(select(User.role).where(User.id == cast.anna.user_id))
    assert found is role
    assert session.scalar(text("SELECT role FROM users WHERE id = :id"), {"id": cast.anna.user_id}) == role.value


def test_number_code_sorts_and_compares_with_plain_values(session: Session, cast: Cast) -> None:
    pipeline = add_pipeline(session)
    wanted = [Priority.COLD, Priority.HOT, Priority.WARM]
    ids = {priority: add_deal(session, cast.anna, pipeline, priority=priority) for priority in wanted}
    found = session.scalars(select(Deal.priority).order_by(Deal.priority)).all()
    assert found == [Priority.HOT, Priority.WARM, Priority.COLD]
    assert session.scalars(select(Deal.id).where(Deal.priority == 0)).all() == [ids[Priority.HOT]]
    assert len(session.scalars(select(Deal.id).where(Deal.status == DealStatus.OPEN)).all()) == 3


def test_unknown_code_is_refused(session: Session, cast: Cast) -> None:
    with pytest.raises(StatementError, match="emperor"):
        session.execute(update(User).values(role="emperor"))


def test_json_comes_back_with_its_types(session: Session, cast: Cast) -> None:
    custom = {"1": "текст", "2": 12.5, "3": ["a", "b"], "4": True, "5": None}
    deal_id = add_deal(session, cast.anna, add_pipeline(session), custom=custom)
    session.expire_all()
    assert session.get_one(Deal, deal_id).custom == custom
