"""What pairs weigh: traps that must not be merged, people who must be found, and laws that hold for any pair."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.matching.batch import match_all
from crm.matching.fitting import fitted
from crm.matching.keys import keyed, keys_of
from crm.matching.model import default_model, model_from_json
from crm.matching.normalise import Evidence, make_evidence
from crm.matching.scorer import Scorer
from crm.matching.scoring.companies import compare_names, forms_differ
from crm.matching.statistics import CountedStatistics, facts_of
from crm.matching.values import OwnIdentifiers, RawRecord
from crm.models.codes import EntityType

CONTACT, COMPANY, DEAL = EntityType.CONTACT, EntityType.COMPANY, EntityType.DEAL
SURNAMES = ("Иванов", "Петров", "Сидоров", "Кац", "Орлов", "Белов", "Чернов", "Мухин", "Гусев", "Зайцев")
GIVEN = ("Пётр", "Анна", "Олег", "Вера", "Глеб", "Инна", "Марк", "Нина", "Юрий", "Зоя")


def made(**fields: object) -> Evidence:
    """Return the evidence of a record with these fields."""
    return make_evidence(RawRecord(record_id="x", **fields), OwnIdentifiers(domains=frozenset({"ours.ru"})))  # type: ignore[arg-type]


def crowd(*others: Evidence) -> list[Evidence]:
    """Return a thousand strangers and the given ones."""
    strangers = [
        made(
            name=f"{SURNAMES[at % 10]} {GIVEN[at // 10 % 10]}",
            phones=(f"8912{at:07d}",),
            company=f"ООО «Фирма{at // 3:03d}»",
        )
        for at in range(1000)
    ]
    return [*strangers, *others]


def scorer_of(*pair: Evidence, entity_type: EntityType = CONTACT) -> Scorer:
    """Return a scorer over a crowd the pair belongs to."""
    return Scorer(default_model(entity_type), CountedStatistics.of(crowd(*pair), entity_type))


SAME_PERSON = [
    ({"name": "Саша", "phones": ("89055553311",)}, {"name": "Александр", "phones": ("+7 905 555-33-11",)}),
    ({"name": "Входящий звонок 8 905 555-33-11"}, {"name": "Иван Котов", "comment": "тел 89055553311"}),
    ({"name": "Bdfy Rjnjd", "emails": ("kotov@bk.ru",)}, {"name": "Иван Котов", "emails": ("KOTOV@BK.RU",)}),
    ({"name": "Ivan Kotov", "phones": ("9055553311",)}, {"name": "Котов И.", "phones": ("89055553311",)}),
    ({"name": "Катя Лебедева", "phones": ("89055553311",)}, {"name": "Екатерина", "phones": ("89055553312",)}),
    (
        {"name": "Анна Лисицкая", "company": "ООО «Север-Юг»"},
        {"name": "Лисицкая Анна Павловна", "emails": ("info@sever-yug.ru",), "company": "Север-Юг"},
    ),
]


@pytest.mark.parametrize(("left", "right"), SAME_PERSON, ids=[str(at) for at in range(len(SAME_PERSON))])
def test_one_person_is_found_under_any_spelling(left: dict[str, object], right: dict[str, object]) -> None:
    one, other = made(**left), made(**right)
    scorer = scorer_of(one, other)
    assert scorer.weigh(one, other) >= default_model(CONTACT).cluster_at
    assert set(keys_of(one)) & set(keys_of(other))


def test_equal_phone_with_other_given_names_is_never_automatic() -> None:
    one, other = made(name="Пётр", phones=("89055553311",)), made(name="Анна", phones=("89055553311",))
    match = scorer_of(one, other).score(one, other)
    assert match.guards == ("given_names_differ",)
    assert match.weight < default_model(CONTACT).cluster_at


def test_full_names_one_letter_apart_are_two_people() -> None:
    one, other = made(name="Александр", phones=("89055553311",)), made(name="Александра", phones=("89055553311",))
    assert "given_names_differ" in scorer_of(one, other).score(one, other).guards


def test_typing_error_in_a_name_is_one_person() -> None:
    one, other = made(name="Алексндр", phones=("89055553311",)), made(name="Александр", phones=("89055553311",))
    match = scorer_of(one, other).score(one, other)
    assert match.guards == ()
    assert [line.code for line in match.lines] == ["prior", "phone_equal", "given_name_near"]


def test_names_in_each_others_place_weigh_the_same_both_ways() -> None:
    one, other = made(name="Саша Иванов"), made(name="Ivan Александр")
    rare = made(name="Александр Иван")  # the surname Иван is rarer than Иванов
    scorer = Scorer(default_model(CONTACT), CountedStatistics.of(crowd(one, other, rare, rare), CONTACT))
    match = scorer.score(one, other)
    assert [line.code for line in match.lines if line.code.startswith("name")] == ["name_swapped"]
    assert match.weight == scorer.score(other, one).weight


def test_phone_of_many_names_is_shared() -> None:
    phone = ("89055553311",)
    users = [made(name=name, phones=phone) for name in ("Пётр", "Анна", "Олег", "Вера")]
    nameless = made(comment="89055553311")
    scorer = Scorer(default_model(CONTACT), CountedStatistics.of(crowd(*users, nameless)))
    match = scorer.score(nameless, users[0])
    assert "identifier_shared" in match.guards
    assert match.weight < default_model(CONTACT).auto_at


def test_rule_of_shared_identifiers() -> None:
    anna, oleg, vera = ("ana",), ("oleg",), ("vera",)
    assert not facts_of("phone", [anna, anna, oleg]).is_shared
    assert facts_of("phone", [anna, anna, oleg, oleg]).is_shared
    assert facts_of("phone", [anna, oleg, vera]).is_shared
    assert not facts_of("phone", [("aleksandr", "aleksandra"), ("aleksandr",), ("aleksndr",)]).is_shared
    assert facts_of("landline", [anna]).is_shared
    assert facts_of("phone", []).records == 1


def test_landline_and_company_are_counted_once() -> None:
    left = made(name="Пётр", phones=("8 495 123-45-67",), company="ООО «Север»", inn="7707083893")
    right = made(name="Анна", phones=("8 495 123-45-67",), company="ООО «Север»", inn="7707083893")
    codes = [line.code for line in scorer_of(left, right).score(left, right).lines]
    assert codes == ["prior", "given_name_differ", "inn_equal"]


def test_different_inns_are_never_automatic() -> None:
    left = made(name="Анна Лисицкая", phones=("89055553311",), inn="7707083893")
    right = made(name="Анна Лисицкая", phones=("89055553311",), inn="7736050003")
    assert "inns_differ" in scorer_of(left, right).score(left, right).guards


def test_placeholder_and_own_mailbox_link_nobody() -> None:
    left = made(name="", phones=("8 999 999-99-99",), emails=("boss@ours.ru",))
    right = made(name="", phones=("8 999 999-99-99",), emails=("boss@ours.ru",))
    match = scorer_of(left, right).score(left, right)
    assert set(match.guards) == {"own_user", "placeholder"}
    assert keys_of(left) == ()


def test_lines_read_as_people_typed() -> None:
    left, right = made(name="Саша Котов +7 905 555-33-11"), made(name="Александр", phones=("89055553311",))
    lines = {line.code: line for line in scorer_of(left, right).score(left, right).lines}
    assert (lines["given_name_equal"].left, lines["given_name_equal"].right) == ("Саша", "Александр")
    assert lines["phone_in_name_field"].left == "+79055553311"


def test_names_inside_a_mailbox_in_common_are_no_news() -> None:
    left, right = made(name="Наталья", emails=("natalya86@bk.ru",)), made(name="Наташа", emails=("natalya86@bk.ru",))
    lines = {line.code: line.weight for line in scorer_of(left, right).score(left, right).lines}
    assert lines["name_in_same_mailbox"] == pytest.approx(-lines["given_name_equal"], abs=2.0)
    assert lines["name_in_same_mailbox"] < 0


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("stal iug", "stal iug", "company_equal"),
        ("staliug", "stal iug", "company_equal"),
        ("mirdetal sibir", "midetal sibir", "company_near"),
        ("titan m", "titan t", "companies_differ"),
        ("liga 21", "liga 22", "companies_differ"),
        ("volgastandart", "volgastandart n", "companies_differ"),
        ("~lebedev zahar aleksandroviq", "~lebedev z a", "company_near"),
        ("~lebedev zahar", "~lebedev ivan", "companies_differ"),
        ("salvation army temple", "salvation army", "company_part"),
    ],
)
def test_companies_names_are_compared(one: str, other: str, found: str) -> None:
    assert compare_names(one, other) == found
    assert compare_names(other, one) == found


def test_legal_forms_are_compared() -> None:
    assert forms_differ("ooo", "zao") == "forms_differ"
    assert forms_differ("zao", "pao") == "forms_alike"
    assert forms_differ("ooo", "gk") == "forms_fit"
    assert forms_differ("ooo", "ooo td") == "forms_alike"


def test_company_is_found_by_name_and_by_domain() -> None:
    left, right = made(company="ООО «Север-Юг»"), made(company="Север-Юг, Казань")
    boxed = made(emails=("anna@sever-yug.ru",))
    scorer = scorer_of(left, right, boxed, entity_type=COMPANY)
    assert scorer.weigh(left, right) >= default_model(COMPANY).cluster_at
    assert scorer.weigh(left, boxed) >= default_model(COMPANY).review_at


def test_company_with_another_inn_or_form_is_another() -> None:
    left, right = made(company="ООО «Лидер»", inn="7707083893"), made(company="ООО «Лидер»", inn="7736050003")
    stock = made(company="ПАО «Лидер»")
    scorer = scorer_of(left, right, stock, entity_type=COMPANY)
    assert scorer.weigh(left, right) < default_model(COMPANY).review_at
    assert scorer.weigh(left, stock) < default_model(COMPANY).review_at
    assert scorer.score(left, right).guards == ("inns_differ",)


def test_branches_of_one_name_are_two_sites() -> None:
    left = made(company="Home of Life", address="4650 W. Madison", phones=("6268655",))
    right = made(company="Home of Life", address="4647 W Washington Blvd", phones=("6268655",))
    same = made(company="Home of Life II", address="4650 West Madison St", phones=("6268655",))
    scorer = scorer_of(left, right, same, entity_type=COMPANY)
    assert scorer.weigh(left, same) > default_model(COMPANY).cluster_at > scorer.weigh(left, right)


def test_purchase_is_one_client_and_one_occasion() -> None:
    start = datetime(2026, 1, 10, tzinfo=UTC)
    first = made(name="Анна", phones=("89055553311",), created_at=start, deal_title="швеллер 16П")
    soon = made(name="Анна", phones=("89055553311",), created_at=start + timedelta(days=2))
    later = made(name="Анна", phones=("89055553311",), created_at=start + timedelta(days=90))
    other = made(name="Олег", phones=("89055553399",), created_at=start)
    scorer = scorer_of(first, soon, later, other, entity_type=DEAL)
    assert scorer.weigh(first, soon) >= default_model(DEAL).cluster_at
    assert scorer.weigh(first, later) < default_model(DEAL).review_at
    assert scorer.weigh(first, other) < default_model(DEAL).review_at


def test_client_known_by_the_base_is_enough_for_a_purchase() -> None:
    start = datetime(2026, 1, 10, tzinfo=UTC)
    left, right = (made(created_at=start, client_keys=("contact:5",)) for _ in range(2))
    assert scorer_of(left, right, entity_type=DEAL).weigh(left, right) >= default_model(DEAL).cluster_at


def test_persons_of_other_registers_are_compared_by_all_they_have() -> None:
    left = made(given_name="coleman", surname="jaiden", address="47 radcliffe street", zip_code="4550",
                date_of_birth="19720423", identifier="6077956")  # fmt: skip
    right = made(given_name="jaiden", surname="coleman", address="47 radclife st", zip_code="4550",
                 date_of_birth="23.04.1972")  # fmt: skip
    codes = {line.code for line in scorer_of(left, right).score(left, right).lines}
    assert {"name_swapped", "born_equal", "zip_equal", "address_equal"} <= codes


def test_birth_date_of_which_only_the_year_is_known_is_near() -> None:
    left = made(name="Ann Lawson", date_of_birth="1860-08-28", city="Leeds")
    right = made(name="Ann Lawson", date_of_birth="1860-01-01", city="Leeds")
    codes = {line.code for line in scorer_of(left, right).score(left, right).lines}
    assert "born_near" in codes
    assert "register" in {kind for kind, _ in keyed(left)}


def test_model_survives_json_and_takes_new_weights_from_the_default() -> None:
    model = default_model(CONTACT)
    stored = model.to_json()
    assert model_from_json(stored) == model
    del stored["weights"]["phone_equal"]
    assert model_from_json(stored).weights["phone_equal"] == model.weights["phone_equal"]


def test_probability_grows_with_the_weight() -> None:
    model = default_model(CONTACT)
    chances = [model.probability(weight) for weight in (-900.0, -5.0, 0.0, 5.0, 900.0)]
    assert chances == sorted(chances)
    assert (chances[0] < 0.001, chances[-1] > 0.999) == (True, True)


def test_keys_are_the_same_in_every_process_and_version() -> None:
    evidence = made(name="Анна Лисицкая", phones=("89055553311",), emails=("anna@stal.ru",))
    stable = dict(keyed(evidence))
    assert stable["phone"] == 4009665010435981899
    assert all(-(2**63) <= key < 2**63 for key in keys_of(evidence))


def test_kinds_of_keys_are_told() -> None:
    evidence = made(name="Анна Лисицкая", phones=("89055553311",), company="Север", inn="7707083893")
    kinds = {kind for kind, _ in keyed(evidence)}
    assert {"phone", "inn", "name", "name_company", "phone_start", "phone_end"} <= kinds
    assert "company" in {kind for kind, _ in keyed(evidence, COMPANY)}
    assert "client" in {kind for kind, _ in keyed(made(client_keys=("company:1",)), DEAL)}


def test_weights_soften_only_where_the_data_shows_it() -> None:
    people = [
        made(
            given_name=given_name,
            surname=f"{surname}{at}",
            date_of_birth=f"19{at % 90 + 10}0{at % 9 + 1}11",
            identifier=f"{at:07d}",
        )
        for at in range(200)
        for surname, given_name in (("Smith", "John"), ("Smith", "Kyle" if at % 3 == 0 else "John"))
    ]
    model = default_model(CONTACT)
    scorer = Scorer(model, CountedStatistics.of(people))
    softer = fitted(model, scorer, zip(people[::2], people[1::2], strict=True))
    assert model.weights["given_differ"] < softer.weights["given_differ"] < -1.0
    assert softer.weights["born_differ"] == model.weights["born_differ"]


def test_clusters_never_join_people_of_different_names() -> None:
    phone = ("89055553311",)
    records = crowd(
        made(name="Пётр Котов", phones=phone), made(name="Анна Белкина", phones=phone), made(comment="89055553311")
    )
    clusters = match_all(records, default_model(CONTACT)).clusters
    assert clusters[-3] != clusters[-2]


_PART = st.sampled_from(
    ["Саша", "Александр", "Анна", "Иванов", "Иванова", "Сергеевна", "А.", "Ivan", "+7 905 111-22-33"]
)
_EVIDENCE = st.builds(
    lambda name, phone, email, company, inn, city, born, address, days: made(
        name=" ".join(name), phones=(phone,), emails=(email,), company=company, inn=inn, city=city, date_of_birth=born,
        address=address, zip_code=address[:3], created_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days),
    ),
    st.lists(_PART, max_size=3),
    st.sampled_from(["", "89051112233", "89051112234", "84951112233", "89999999999"]),
    st.sampled_from(["", "ivanov@bk.ru", "ivanov1@bk.ru", "info@stal.ru", "anna86@bk.ru", "a.ivanov@stal.ru"]),
    st.sampled_from(["", "ООО «Сталь»", "ЗАО Сталь", "Сталь Юг", "ИП Иванов А.С.", "ИП Иванов"]),
    st.sampled_from(["", "7707083893", "7736050003", "7707083894"]),
    st.sampled_from(["", "Москва", "СПб"]),
    st.sampled_from(["", "19600828", "19600829", "28.08.1961"]),
    st.sampled_from(["", "5 North Ave", "5 Northern st", "12 Elm"]),
    st.integers(0, 40),
)  # fmt: skip


@pytest.mark.parametrize("entity_type", list(EntityType), ids=str)
@settings(max_examples=150, deadline=None)
@given(left=_EVIDENCE, right=_EVIDENCE, others=st.lists(_EVIDENCE, max_size=6))
def test_score_is_symmetric_and_its_lines_add_up_to_what_weigh_says(
    entity_type: EntityType, left: Evidence, right: Evidence, others: list[Evidence]
) -> None:
    scorer = Scorer(default_model(entity_type), CountedStatistics.of([left, right, *others], entity_type))
    match, turned = scorer.score(left, right), scorer.score(right, left)
    assert match.weight == scorer.weigh(left, right)
    assert match.weight == pytest.approx(sum(line.weight for line in match.lines), abs=1e-5)
    assert match.weight == pytest.approx(turned.weight, abs=1e-5)
    assert set(match.guards) == set(turned.guards)
