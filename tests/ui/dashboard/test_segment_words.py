"""What a scope asks of fields, in words."""

from __future__ import annotations

import pytest

from crm.analytics.choices import ScopeChoices
from crm.analytics.scope import Scope
from crm.i18n import reader
from crm.models import FieldType
from crm.pipelines.values import FieldInfo, Option
from crm.ui.dashboard.segment_words import is_offered, segment_words


def field(number: int, name: str, kind: FieldType, *options: Option) -> FieldInfo:
    return FieldInfo(number, name, kind, options, None, True)


FIELDS = (
    field(1, "Industry", FieldType.CHOICE, Option("a", "Trade")), field(2, "Tender", FieldType.YES_NO),
    field(3, "Staff", FieldType.NUMBER), field(4, "Budget", FieldType.MONEY), field(5, "Bought", FieldType.DATE),
)  # fmt: skip
KNOWN = ScopeChoices(pipelines={}, owners={}, teams={}, fields=FIELDS[:1], narrowing=FIELDS)


@pytest.mark.parametrize(
    ("segment", "english", "russian"),
    [
        (("field:1", "a"), "Industry: Trade", "Industry: Trade"),
        (("field:2", "yes"), "Tender: Yes", "Tender: Да"),
        (("field:3", "-1.5..1000"), "Staff: -1.5 – 1,000", "Staff: -1,5 – 1 000"),
        (("field:3", "7..7"), "Staff: 7", "Staff: 7"),
        (("field:4", "100000..500000.5"), "Budget: ₽100,000 – ₽500,000.50", "Budget: 100 000 ₽ – 500 000,50 ₽"),
        (("amount", "100.."), "Amount: from ₽100", "Сумма: от 100 ₽"),
        (("amount", "..0"), "Amount: up to ₽0", "Сумма: до 0 ₽"),
        (("field:5", "2019-02-05..2020-02-01"), "Bought: 5 Feb 2019 – 1 Feb 2020",
         "Bought: 5 февр. 2019 – 1 февр. 2020"),
        (("field:5", "2020-01-05.."), "Bought: since 5 Jan 2020", "Bought: с 5 янв. 2020"),
        (("field:5", "..2020-01-05"), "Bought: until 5 Jan 2020", "Bought: по 5 янв. 2020"),
    ],
    ids=str,
)  # fmt: skip
def test_segment_in_words(segment: tuple[str, str], english: str, russian: str) -> None:
    scope = Scope(zone="UTC", currency="RUB", segments=(segment,))
    for language, told in (("en", english), ("ru", russian)):
        with reader(language, "UTC"):
            assert [one.replace("\u00a0", " ") for one in segment_words(KNOWN, scope)] == [told]


def test_only_codes_of_the_field_are_offered() -> None:
    assert is_offered(KNOWN, "field:1", "a")
    assert not is_offered(KNOWN, "field:1", "gone")
    assert is_offered(KNOWN, "field:3", "1..5")
    assert is_offered(KNOWN, "amount", "1..5")
