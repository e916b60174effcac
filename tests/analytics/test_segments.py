"""What a scope asks of fields: as it is read, and which deals it leaves in figures and lists."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.analytics.charts import CHARTS
from crm.analytics.charts.kpi import CHART as KPI
from crm.analytics.population import deals_of
from crm.analytics.scope import Scope, from_address, joined, whole_scope
from crm.analytics.segments import AMOUNT, LATEST, Range, read_range, readable
from crm.analytics.values import Ask, Chart
from crm.models import Deal, FieldDefinition, FieldType
from tests.analytics.sample import Sample, add_sample
from tests.analytics.test_contract import wrong_cells
from tests.conftest import Cast
from tests.factories import add_deal, add_pipeline

NUMBER, MONEY, DATE = FieldType.NUMBER, FieldType.MONEY, FieldType.DATE
TYPES = {
    "field:1": FieldType.CHOICE, "field:2": FieldType.MULTI_CHOICE, "field:3": FieldType.YES_NO, "field:4": NUMBER,
    "field:5": MONEY, "field:6": DATE, "field:7": FieldType.TEXT,
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "least", "most"),
    [
        (NUMBER, "1..5", Decimal(1), Decimal(5)),
        (NUMBER, "-5..-0.25", Decimal(-5), Decimal("-0.25")),
        (NUMBER, "..0", None, Decimal(0)),
        (NUMBER, "7.50..", Decimal("7.5"), None),
        (NUMBER, "9..3", Decimal(3), Decimal(9)),
        (MONEY, "100..500.5", Decimal(100), Decimal("500.5")),
        (DATE, "2026-01-05..2026-02-01", date(2026, 1, 5), date(2026, 2, 1)),
        (DATE, "2026-02-01..2026-01-05", date(2026, 1, 5), date(2026, 2, 1)),
        (DATE, "..9999-12-31", None, LATEST),
    ],
)  # fmt: skip
def test_range_is_read_with_its_ends_in_order(kind: FieldType, text: str, least: object, most: object) -> None:
    assert read_range(kind, text) == Range(least, most)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (NUMBER, ""), (NUMBER, ".."), (NUMBER, "5"), (NUMBER, "1..2..3"), (NUMBER, "1...5"), (NUMBER, "a..5"),
        (NUMBER, "NaN.."), (NUMBER, "1e9.."), (NUMBER, "٣.."), (NUMBER, "9" * 17 + ".."), (NUMBER, "1 000.."),
        (MONEY, "-1.."), (MONEY, "1.005.."), (MONEY, "100 .."), (DATE, "soon.."), (DATE, "20260105.."),
        (DATE, "2026-02-30.."), (DATE, "2026-W01-1.."), (DATE, "1..5"),
    ],
)  # fmt: skip
def test_what_is_no_range_is_none(kind: FieldType, text: str) -> None:
    assert read_range(kind, text) is None


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [(NUMBER, "0500..0100.50", "100.5..500"), (MONEY, "1000000..", "1000000.."), (DATE, "..2026-01-05", "..2026-01-05"),
     (NUMBER, "0.000001..", "0.000001..")],
)  # fmt: skip
def test_range_is_written_in_one_way(kind: FieldType, text: str, written: str) -> None:
    part = read_range(kind, text)
    assert part is not None
    assert part.text == written
    assert read_range(kind, written) == part


def test_pairs_that_cannot_be_read_are_left_out() -> None:
    kept = (
        ("field:1", "a"), ("field:1", "b"), ("field:2", "c"), ("field:3", "no"), ("field:4", "1..5"),
        ("field:5", "..70"), ("field:6", "2026-01-05.."), (AMOUNT, "100..500"),
    )  # fmt: skip
    unread = (
        ("x", "a"), ("field:99", "1..5"), ("field:1", ""), ("field:3", "maybe"), ("field:4", "a"), ("field:5", "-1.."),
        ("field:6", "1..5"), ("field:7", "a"), (AMOUNT, "a"), ("", ""), ("field:4", "5..1"),
    )  # fmt: skip
    assert readable([*unread[:5], *kept, *unread[5:]], TYPES) == kept


@pytest.mark.parametrize(
    "segments", [(("field:4", "-1.5..5"), (AMOUNT, "100.."), ("field:6", "..2026-01-05"), ("field:1", "a~b%=c"))]
)
def test_address_holds_ranges(segments: tuple[tuple[str, str], ...]) -> None:
    base = Scope(zone="UTC", currency="RUB", field_types=tuple(TYPES.items()))
    address = joined(f"{key}={value}" for key, value in segments)
    scope = from_address(base, {"segment": address})
    assert scope.segments == segments
    assert hash(scope) == hash(from_address(base, {"segment": address}))


# What three deals have, by field; a fourth has nothing.
HELD: dict[str, tuple[Any, Any, Any]] = {
    "choice": ("a", "b", "ab"),
    "multi_choice": (["a"], ["b", "a"], ["ab", "B"]),
    "yes_no": (True, False, True),
    "number": (-2, 0.5, 10),
    "money": (9_999, 10_000, 900_000_000_000_000),
    "date": ("2025-12-31", "2026-01-01", "2026-02-28"),
    "amount": (9_999, 10_000, 900_000_000_000_000),
}


@pytest.fixture
def keys(session: Session, cast: Cast) -> dict[str, str]:
    """Insert four deals with the values above; return the keys of their fields by type."""
    found = {"amount": AMOUNT}
    for position, kind in enumerate(one for one in FieldType if one is not FieldType.TEXT):
        row = FieldDefinition(name=kind.value, type=kind, position=position, options=[])
        session.add(row)
        session.flush()
        found[kind.value] = f"field:{row.id}"
    pipeline = add_pipeline(session)
    for place in range(3):
        custom = {found[name].removeprefix("field:"): values[place] for name, values in HELD.items() if name != AMOUNT}
        add_deal(
            session, cast.anna, pipeline, title=str(place), custom=custom, amount_minor=HELD[AMOUNT][place],
        )  # fmt: skip
    add_deal(session, cast.anna, pipeline, title="nothing", custom={}, amount_minor=None)
    add_deal(session, cast.anna, pipeline, title="dollars", custom={}, amount_minor=10_000, currency="USD")
    return found


@pytest.mark.parametrize(
    ("asked", "titles"),
    [
        ([("choice", "a")], "0"), ([("choice", "a"), ("choice", "ab")], "02"), ([("choice", "A")], ""),
        ([("multi_choice", "a")], "01"), ([("multi_choice", "b")], "1"), ([("multi_choice", "B")], "2"),
        ([("multi_choice", "b"), ("multi_choice", "ab")], "12"), ([("multi_choice", "_")], ""),
        ([("yes_no", "yes")], "02"), ([("yes_no", "no")], "1"), ([("yes_no", "no"), ("yes_no", "yes")], "012"),
        ([("number", "-2..0.5")], "01"), ([("number", "0.6..")], "2"), ([("number", "..-1")], "0"),
        ([("number", "0..0")], ""), ([("number", "9..10"), ("number", "..-2")], "02"),
        ([("money", "100..100")], "1"), ([("money", "..99.99")], "0"), ([("money", "100..")], "12"),
        ([("money", "8999999999999.99..9000000000000")], "2"), ([("money", "0..")], "012"),
        ([("date", "2026-01-01..2026-02-27")], "1"), ([("date", "..2025-12-31")], "0"),
        ([("date", "2026-02-28..")], "2"), ([("date", "1900-01-01..")], "012"),
        ([("amount", "100..")], "12"), ([("amount", "..99.99")], "0"), ([("amount", "0..")], "012"),
        ([("amount", "100.."), ("multi_choice", "a")], "1"), ([("choice", "a"), ("yes_no", "no")], ""),
    ],
    ids=str,
)  # fmt: skip
def test_deals_are_those_with_such_values(
    session: Session, cast: Cast, keys: dict[str, str], asked: list[tuple[str, str]], titles: str
) -> None:
    scope = replace(whole_scope(session), segments=tuple((keys[name], value) for name, value in asked))
    found = session.scalars(deals_of(select(Deal.title), scope, cast.vera).order_by(Deal.title))
    assert "".join(found) == titles


def test_segment_that_cannot_be_read_narrows_nothing(session: Session, cast: Cast, keys: dict[str, str]) -> None:
    base = whole_scope(session)
    for address in ("x=a", "field:999=1..5", f"{keys['number']}=many", f"{keys['yes_no']}=perhaps", "amount=.."):
        scope = from_address(base, {"segment": address})
        assert scope == base
        assert len(session.scalars(deals_of(select(Deal.id), scope, cast.vera)).all()) == 5
    by_hand = replace(base, segments=(("x", "a"),))
    assert len(session.scalars(deals_of(select(Deal.id), by_hand, cast.vera)).all()) == 5


@pytest.fixture
def sample(session: Session, cast: Cast) -> Sample:
    """Return the small base."""
    return add_sample(session, cast)


def test_figures_are_of_deals_in_the_range(session: Session, cast: Cast, sample: Sample) -> None:
    """Won with an amount in roubles: 5 000 and 7 000 of sales by hand; lost ones of 3 000 and 1 000."""
    scope = replace(whole_scope(session), pipeline_ids=(sample.sales.id,), segments=((AMOUNT, "3000..5000"),))
    scope = replace(scope, since=date(2026, 1, 1), until=date(2026, 6, 30))
    (row,) = KPI.frame(session, cast.vera, Ask(scope)).to_dict("records")
    assert (row["won"], row["won_sum"], row["lost"], row["lost_sum"]) == (1, 500_000, 1, 300_000)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_figures_and_lists_narrow_alike(session: Session, cast: Cast, sample: Sample, chart: Chart) -> None:
    whole = replace(whole_scope(session), since=date(2025, 12, 1), until=date(2026, 6, 30))
    ways = [Ask(replace(whole, segments=((AMOUNT, text),))) for text in ("3000..5000", "1000..", "..1000")]
    wrong, seen = wrong_cells(session, cast.vera, chart, ways)
    assert wrong == []
    assert seen > 0
