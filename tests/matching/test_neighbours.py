"""What must not be taken for one: neighbours by chance, addresses of many, one common word, purchases meant as two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crm.matching.model import default_model
from crm.matching.normalise import Evidence
from crm.matching.scorer import Scorer
from crm.matching.statistics import CountedStatistics
from crm.models.codes import EntityType
from tests.matching.test_scorer import COMPANY, CONTACT, DEAL, GIVEN, SURNAMES, crowd, made, scorer_of


def test_numbers_one_digit_apart_of_two_people_say_nothing() -> None:
    one = made(name="Степан Муромский", phones=("89055553311",), emails=("person11@bk.ru",))
    other = made(name="Алёна Белкина", phones=("89055553312",), emails=("person12@bk.ru",))
    scorer = scorer_of(one, other)
    weights = {line.code: line.weight for line in scorer.score(one, other).lines}
    assert (weights["phone_near"], weights["email_digit_off"]) == (0.0, 0.0)
    assert scorer.weigh(one, other) < -10.0


def test_numbers_one_digit_apart_say_nothing_of_two_surnames() -> None:
    one = made(name="Степан Балагуров", phones=("89055553311",))
    other = made(name="Степан Муромский", phones=("89055553312",))
    assert scorer_of(one, other).weigh(one, other) < default_model(CONTACT).review_at


def test_numbers_of_a_dense_block_are_near_by_chance() -> None:
    one, other = made(name="Степан", phones=("89055553311",)), made(name="Степан", phones=("89055553312",))
    row = [made(name=GIVEN[at % 10], phones=(f"8905555{at:04d}",)) for at in range(60)]
    alone = scorer_of(one, other)
    dense = Scorer(default_model(CONTACT), CountedStatistics.of(crowd(one, other, *row)))
    assert alone.weigh(one, other) >= default_model(CONTACT).review_at
    assert dense.weigh(one, other) < default_model(CONTACT).review_at
    assert dense.weigh(one, other) < alone.weigh(one, other) - 5.0


def test_numbered_mailboxes_are_near_by_chance() -> None:
    row = [made(name=f"Иван {SURNAMES[at]}", emails=(f"person{at}@firm.ru",)) for at in range(8)]
    lines = Scorer(default_model(CONTACT), CountedStatistics.of(crowd(*row))).score(
        row[0], made(name="Иван", emails=("person9@firm.ru",))
    )
    assert {line.code: line.weight for line in lines.lines}["email_digit_off"] == 0.0


def test_address_of_the_company_is_one_fact_with_the_company() -> None:
    left = made(name="Пётр Котов", company="ООО «Север»", address="Казань, ул. Мира, 3")
    right = made(name="Пётр Белкин", company="ООО «Север»", address="Казань, ул. Мира, 3")
    codes = [line.code for line in scorer_of(left, right).score(left, right).lines]
    assert len({"address_equal", "company_equal"} & set(codes)) == 1


def test_other_address_of_a_company_of_one_name_says_nothing_of_people() -> None:
    left = made(name="Пётр Котов", company="ООО «Север»", address="Казань, ул. Мира, 3")
    right = made(name="Пётр Котов", company="ООО «Север»", address="Уфа, пр. Ленина, 7")
    codes = {line.code for line in scorer_of(left, right).score(left, right).lines}
    assert "company_equal" in codes
    assert "address_differ" not in codes


@pytest.mark.parametrize("entity_type", [CONTACT, COMPANY], ids=str)
def test_address_where_many_stand_says_little(entity_type: EntityType) -> None:
    def at_home(number: int, **fields: object) -> Evidence:
        name = (
            {"company": f"ООО «Завод{number:02d}»"}
            if entity_type is COMPANY
            else {"name": f"{GIVEN[number % 10]} {SURNAMES[number // 10]}"}
        )
        return made(**{**name, "address": "Портовая, 7", **fields})

    one, other = at_home(1), at_home(2)
    several = [at_home(number) for number in range(3, 40)]
    alone = scorer_of(one, other, entity_type=entity_type)
    many = Scorer(default_model(entity_type), CountedStatistics.of(crowd(one, other, *several), entity_type))
    few_weight, many_weight = (
        {line.code: line.weight for line in scorer.score(one, other).lines}["address_equal"] for scorer in (alone, many)
    )
    assert many_weight < few_weight - 3.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ООО «Пример-Металл»", "ООО «Крепёж-Пример»"),
        ("ТД «Нос и Шинель»", "ТД «Дубровский и партнёры»"),
        ("АО «Стройвымысел»", "ООО «Град Китеж Строй»"),
        ("ООО «Небывалый завод»", "ООО «Завод Несуществующий»"),
    ],
)
def test_one_common_word_at_a_common_address_is_not_one_company(one: str, other: str) -> None:
    base = [made(company=f"ООО «Фирма{at} Завод»", address=f"Портовая, {at % 4}") for at in range(36)]
    left, right = made(company=one, address="Портовая, 1"), made(company=other, address="Портовая, 1")
    scorer = Scorer(default_model(COMPANY), CountedStatistics.of([*base, left, right], COMPANY))
    assert scorer.weigh(left, right) < default_model(COMPANY).review_at


def test_long_name_of_another_form_is_asked_about() -> None:
    left, right = made(company="АО «Медный Всадник Прокат»"), made(company="Медный Всадник Прокат ООО")
    short, other = made(company="АО «Медный Всадник»"), made(company="Медный Всадник ООО")
    model = default_model(COMPANY)
    scorer = scorer_of(left, right, short, other, entity_type=COMPANY)
    assert model.cluster_at > scorer.weigh(left, right) >= model.review_at > scorer.weigh(short, other)


def of_client(title: str, days: int, client: str = "contact:5") -> Evidence:
    """Return a deal made so many days after the first, under a client's card."""
    return made(
        deal_title=title, created_at=datetime(2026, 1, 10, tzinfo=UTC) + timedelta(days=days), client_keys=(client,)
    )


@pytest.mark.parametrize(
    ("one", "other", "days", "is_asked"),
    [
        ("Арматура А500С, 5 т", "Арматура А500С, 5 т", 1, True),
        ("Арматура А500С, 5 т", "Арматура А500С, 12 т", 1, False),
        ("Арматура А500С, 5 т", "Арматура А500С, 5 т", 6, False),
        ("Швеллер 16П", "Профнастил, 12 м²", 0, False),
        ("Лист горячекатаный 2 мм", "Оцинкованный лист, 10 т", 0, False),
        ("Заявка с сайта", "Входящий звонок", 2, True),
        ("Заявка с сайта", "Швеллер 16П", 2, True),
        ("Заявка с сайта", "Заявка с сайта", 20, False),
    ],
)
def test_deals_under_one_card_are_one_purchase_only_when_alike(one: str, other: str, days: int, is_asked: bool) -> None:
    left, right = of_client(one, 0), of_client(other, days)
    scorer = scorer_of(left, right, entity_type=DEAL)
    assert (scorer.weigh(left, right) >= default_model(DEAL).review_at) is is_asked


def test_goods_of_raw_leads_differ_without_being_two_purchases() -> None:
    start = datetime(2026, 1, 10, tzinfo=UTC)
    left, right = (
        made(name="Анна", phones=("89055553311",), created_at=start, deal_title=title)
        for title in ("Швеллер 16П", "Профнастил")
    )
    assert scorer_of(left, right, entity_type=DEAL).weigh(left, right) >= default_model(DEAL).cluster_at


@pytest.mark.parametrize("entity_type", list(EntityType), ids=str)
def test_queue_begins_where_a_pair_is_nearly_as_likely_as_not(entity_type: EntityType) -> None:
    model = default_model(entity_type)
    assert model.probability(model.review_at) >= 0.4


@pytest.mark.parametrize(
    ("left", "right", "guard"),
    [
        ({"phones": ("5351040",)}, {"phones": ("5350000",)}, "phones_differ"),
        ({"zip_code": "60616"}, {"zip_code": "60653"}, "zip_differ"),
        ({"company": "Doolittle West"}, {"company": "Doolittle East"}, "branches_differ"),
        ({"company": "Doolittle 1"}, {"company": "Doolittle 2"}, "branches_differ"),
        ({"company": "Mary Crane League"}, {"company": "Bethel New Life"}, "names_differ"),
    ],
)
def test_branches_are_never_automatic(left: dict[str, object], right: dict[str, object], guard: str) -> None:
    both = {"company": "Doolittle School", "address": "535 E. 35th St"}
    one, other = made(**{**both, **left}), made(**{**both, **right})
    assert scorer_of(one, other, entity_type=COMPANY).guards(one, other)[:1] == (guard,)


def test_one_inn_or_one_phone_leaves_companies_automatic() -> None:
    left = made(company="ООО «Север»", phones=("84951237766", "84957654421"), inn="7707083893")
    right = made(company="Север", phones=("84951237766",))
    third = made(company="Север", phones=("84950001122",), inn="7707083893")
    scorer = scorer_of(left, right, third, entity_type=COMPANY)
    assert scorer.guards(left, right) == scorer.guards(left, third) == ()
