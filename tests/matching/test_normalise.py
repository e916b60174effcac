"""One evidence for the many ways people type a name, a phone, a mailbox, a company, an address."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.matching.normalise import Evidence, evidence_from_json, make_evidence
from crm.matching.normalise.addresses import read_address, read_zip
from crm.matching.normalise.companies import companies_in_text, read_company
from crm.matching.normalise.dates import read_birth_date
from crm.matching.normalise.goods import read_goods
from crm.matching.normalise.inns import inn_of_field, inns_in_text
from crm.matching.normalise.mailbox_names import plain_surname_in, surnames_in
from crm.matching.normalise.mailboxes import PERSONAL, ROLE, mailboxes_of_field
from crm.matching.normalise.persons import read_name, read_parts, surname_skeleton
from crm.matching.normalise.phones import phones_in_text, phones_of_field
from crm.matching.normalise.skeleton import skeleton
from crm.matching.normalise.words import cities, given_names
from crm.matching.values import OwnIdentifiers, RawRecord


@pytest.mark.parametrize(
    "spellings",
    [
        "Щербаков Shcherbakov Scherbakov Щepбаков",
        "Дмитрий Dmitry Dmitriy Dmitrij",
        "Юлия Юлья Yuliya Julia Yulia JULJA",
        "Соловьёв Соловьев Solovyev Soloviev Solovjev",
        "Фёдор Fyodor Fjodor Fedor",
        "Кузнецов Kuznetsov Kuznecov Kuznetzov",
        "Хохлов Khokhlov Hohlov",
        "Жуков Zhukov Žukov",
        "Наталья Natal'ya Natalia",
        "Евгений Evgenii Evgeny Yevgeniy",
    ],
)
def test_skeleton_is_one_for_every_script(spellings: str) -> None:
    assert len({skeleton(word) for word in spellings.split()}) == 1


def test_skeleton_keeps_digits_and_reads_other_scripts() -> None:
    assert skeleton("2000") == "2000"
    assert skeleton("Müller") == skeleton("Muller")
    assert skeleton("Αλέξανδρος").startswith("aleks")


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("+7 (912) 345-67-89", ["+79123456789"]),
        ("8-912-345-67-89", ["+79123456789"]),
        ("912 345 67 89", ["+79123456789"]),
        ("79123456789", ["+79123456789"]),
        ("+79О62425796", ["+79062425796"]),
        ("тел. 8 912 345-67-89", ["+79123456789"]),
        ("8 912 345-67-89, 89223456780", ["+79123456789", "+79223456780"]),
        ("+79851234567 / 8 (495) 123-45-67", ["+79851234567", "+74951234567"]),
        ("84956459502 доб.566", ["+74956459502"]),
        ("+7-812-443-33-66 ext 278", ["+78124433366"]),
        ("8-861-217-51-47 (доб. 610)", ["+78612175147"]),
        ("+78412960184#257", ["+78412960184"]),
        ("+49 30 901820123", ["+4930901820123"]),
        ("310/246-1501", ["+73102461501"]),
        ("2262649", ["x2262649"]),
        ("нет", []),
        ("-", []),
    ],
)
def test_phones_of_a_field(typed: str, values: list[str]) -> None:
    assert [phone.value for phone in phones_of_field(typed)] == values


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("+1 312 555-0142", "mobile"),
        ("+1 800 555-0142", "landline"),
        ("+49 30 901820123", "mobile"),
        ("+7 495 123-45-67", "landline"),
        ("+7 701 123-45-67", "mobile"),
        ("5351040", "landline"),
    ],
)
def test_phones_that_may_be_mobile_are_taken_for_a_persons(typed: str, kind: str) -> None:
    assert [phone.kind for phone in phones_of_field(typed)] == [kind]


@pytest.mark.parametrize(
    ("typed", "surname", "patronymic"),
    [
        ("Никита Царевич", "careviq", ""),
        ("Алёна Царевна", "carevna", ""),
        ("Роман Абрамович", "abramoviq", ""),
        ("Рабинович Лев", "rabinoviq", ""),
        ("Анна Сергеевна", "", "sergevna"),
        ("Иван Петрович", "", "petroviq"),
        ("Роман Аркадьевич Абрамович", "abramoviq", "arkadeviq"),
        ("Царевна Мария Ивановна", "carevna", "ivanovna"),
    ],
)
def test_surname_like_a_patronymic_is_told(typed: str, surname: str, patronymic: str) -> None:
    name = read_name(typed)
    assert (name.surname, name.patronymic) == (surname, patronymic)


def test_numbers_of_a_title_are_kept_where_the_base_knows_the_client() -> None:
    known = make_evidence(RawRecord(record_id="1", deal_title="Труба 40х40, 2,5 т", client_keys=("contact:1",)))
    assert known.numbers == ("2.5", "40")
    assert make_evidence(RawRecord(record_id="1", deal_title="Труба 40х40, 2,5 т")).numbers == ()


@pytest.mark.parametrize("typed", ["8 999 999-99-99", "+71111111111", "1234567890", "+7 000 000 00 00"])
def test_placeholder_phones_are_told(typed: str) -> None:
    assert [phone.is_placeholder for phone in phones_of_field(typed)] == [True]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Входящий звонок +79200893683", ["+79200893683"]),
        ("Анна 8 968 874-73-07", ["+79688747307"]),
        ("думает моб.89852749403, +7 (985) 274-94-03", ["+79852749403", "+79852749403"]),
        ("Telegram @fedor77 8 (928) 079-22-77", ["+79280792277"]),
        ("Ариина Романовна +7-917-813-32-4", ["+7917813324"]),
        ("труба 57х3,5, 20 т, ГОСТ 8732-78", []),
        ("Сделка 72259", []),
    ],
)
def test_phones_in_a_text(text: str, values: list[str]) -> None:
    evidence = make_evidence(RawRecord(record_id="1", comment=text))
    assert list(evidence.mobiles + evidence.landlines) == list(dict.fromkeys(values))


def test_phone_in_a_text_tells_its_place() -> None:
    assert [place for _, place in phones_in_text("Анна 89121234567!")] == [(5, 16)]


@pytest.mark.parametrize(
    ("typed", "value", "kind"),
    [
        ("Ivan.Petrov+crm@GMAIL.com", "ivanpetrov@gmail.com", PERSONAL),
        ("furmanov-r1973@ya.ru ", "furmanov.r1973@yandex.ru", PERSONAL),
        ("mailto:aksenov@mail.ru", "aksenov@mail.ru", PERSONAL),
        ("petrov@gmail.сom", "petrov@gmail.com", PERSONAL),
        ("petrov@mail.ry", "petrov@mail.ru", PERSONAL),
        ("petrov@yndex.ru", "petrov@yandex.ru", PERSONAL),
        ("petrov @ mail,ru", "petrov@mail.ru", PERSONAL),
        ("INFO@stal.ru", "info@stal.ru", ROLE),
        ("1@stal.ru", "1@stal.ru", ROLE),
    ],
)
def test_mailboxes_of_a_field(typed: str, value: str, kind: str) -> None:
    assert [(box.value, box.kind) for box in mailboxes_of_field(typed)] == [(value, kind)]


@pytest.mark.parametrize("typed", ["no@mail.ru", "net@net.ru", "noemail@noemail.ru", "test@test.ru"])
def test_placeholder_mailboxes_are_told(typed: str) -> None:
    assert [box.is_placeholder for box in mailboxes_of_field(typed)] == [True]


def test_domain_is_kept_only_of_a_company() -> None:
    assert mailboxes_of_field("a.petrov@bk.ru")[0].domain == ""
    assert mailboxes_of_field("a.petrov@stalprokat.ru")[0].domain == "stalprokat.ru"


def test_surnames_in_mailboxes() -> None:
    assert surnames_in("l.petrova85@mail.ru") == ("petrov",)
    assert surnames_in("petrovala@mail.ru") == ("petrov",)
    assert surnames_in("natalya86@yandex.ru") == ()
    assert plain_surname_in("komarova-l1985@bk.ru") == "komarov"


def test_inns_by_their_check_digits() -> None:
    assert inn_of_field("7707083893") == ("7707083893", True)
    assert inn_of_field("77 0708 3893") == ("7707083893", True)
    assert inn_of_field("7707083894") == ("7707083894", False)
    assert inn_of_field("нет") == ("", False)
    assert [inn for inn, _ in inns_in_text("счёт, ИНН 7707083893, тел 89121234567")] == ["7707083893"]


@pytest.mark.parametrize(
    ("typed", "given_name", "surname"),
    [
        ("Иванов Пётр Сергеевич", "petr", "ivanov"),
        ("Пётр Сергеевич Иванов", "petr", "ivanov"),
        ("ИВАНОВА АННА", "ana", "ivanov"),
        ("Ivanov Petr", "petr", "ivanov"),
        ("Bdfyjd Gtnh", "petr", "ivanov"),
        ("Z[byf Tktyf", "elena", "iahin"),
        ("Пётр Иванов (Стройбаза)", "petr", "ivanov"),
        ("Пётр Иванов - менеджер по закупкам", "petr", "ivanov"),
        ("Входящий звонок", "", ""),
        ("Марина Гуревич", "marina", "gureviq"),
        ("Гуревич Марина Викторовна", "marina", "gureviq"),
        ("John Smith", "iohn", "smith"),
    ],
)
def test_names_are_read_in_any_order(typed: str, given_name: str, surname: str) -> None:
    name = read_name(typed)
    expected = surname if surname != "iahin" else surname_skeleton("Яхина")
    assert (given_name in name.given if given_name else name.given == (), name.surname) == (True, expected)


def test_short_names_stand_for_every_full_one() -> None:
    slava = set(read_name("Слава Петров").given)
    assert {skeleton(name) for name in ("Вячеслав", "Станислав", "Ярослав")} <= slava
    assert skeleton("Александр") in read_name("Саша").given
    assert skeleton("Александра") in read_name("Саша").given
    assert skeleton("Алексей") in read_name("Лёха").given
    assert read_name("Александр").given == (skeleton("Александр"),)


def test_initials_and_patronymics() -> None:
    assert (read_name("В.И. Овчинников").surname, read_name("В.И. Овчинников").initials) == ("ovqinikov", "vi")
    assert read_name("Анна Сергеевна").patronymic == skeleton("Сергеевна")
    assert read_name("Анна Сергеевна").surname == ""
    assert read_name("Иван Сергеевич").patronymic == skeleton("Сергеевич")


def test_names_in_two_fields() -> None:
    assert read_parts("jaiden", "coleman").surname == surname_skeleton("Coleman")
    assert read_parts("de la Cruz", "Ann").given == (skeleton("delaCruz"),)
    assert read_parts("", "Иванова").surname == "ivanov"


@pytest.mark.parametrize(
    "spellings",
    [
        [
            "ООО «Сталь-Юг»",
            "Сталь-Юг ООО",
            'ооо "сталь юг"',
            "Stal-Yug Ltd",
            "Сталь-Юг г. Казань",
            "ООО Сталь-Юг (Тула)",
        ],
        ["Общество с ограниченной ответственностью «Орион»", "ОРИОН", "Orion LLC", "компания Орион"],
        ["ИП Лебедев Захар Александрович", "Индивидуальный предприниматель Лебедев Захар Александрович"],
        ["Acme Inc.", "ACME", "Acme, L.L.C.", "Acme Corp"],
    ],
)
def test_company_has_one_key_without_its_form(spellings: list[str]) -> None:
    assert len({read_company(typed).key for typed in spellings}) == 1


def test_company_tells_its_form_city_and_trader() -> None:
    assert read_company("ЗАО «Альфа», Москва") == ("alfa", cities()["moskva"], "zao")
    assert read_company("ООО ТД «Орион»").form == "ooo td"
    assert read_company("Лебедев З.А. ИП").key == "~lebedev z a"
    assert companies_in_text("Нужен лист. С уважением, Анна, ООО «Сталь-Юг», тел.") == ("ООО «Сталь-Юг»",)


def test_addresses_are_free_of_order_and_abbreviations() -> None:
    assert read_address("2345 W. North Ave") == read_address("2345 West North Avenue")
    assert read_address("941 E 132nd Pl")[0] == "941"
    assert read_address("ул. Ленина, д. 5")[0] == "5"
    assert set(read_address("ул. Ленина, д. 5")[1]) == {skeleton("Ленина")}
    assert read_zip("60647-1234") == "60647"


@pytest.mark.parametrize("typed", ["1960-08-28", "28.08.1960", "19600828", "08/28/1960"])
def test_birth_dates(typed: str) -> None:
    assert read_birth_date(typed) == "19600828"


def test_goods_are_words_without_phrases() -> None:
    assert read_goods("Заявка с сайта") == ()
    assert skeleton("швеллер") in read_goods("нужен швеллер 16П, 20 т")


def test_record_keeps_where_each_identifier_was_found() -> None:
    evidence = make_evidence(
        RawRecord(record_id="7", name="Анна +7 912 345-67-89", comment="почта anna@stal.ru, ИНН 7707083893")
    )
    assert evidence.mobiles == ("+79123456789",)
    assert evidence.field_of("phone", "+79123456789") == "name"
    assert evidence.field_of("email", "anna@stal.ru") == "comment"
    assert evidence.field_of("inn", "7707083893") == "comment"
    assert evidence.given == ("ana",)


def test_own_identifiers_and_placeholders_are_put_aside() -> None:
    own = OwnIdentifiers(frozenset({"+79991112233"}), frozenset({"me@bk.ru"}), frozenset({"ours.ru"}), ("+7495780",))
    raw = RawRecord(
        record_id="1",
        phones=("8 495 780-14-14", "89991112233", "8 999 999-99-99"),
        emails=("boss@ours.ru", "me@bk.ru", "no@mail.ru"),
    )
    evidence = make_evidence(raw, own)
    assert (evidence.mobiles, evidence.landlines, evidence.mailboxes) == ((), (), ())
    assert sorted(reason for _, _, reason in evidence.stopped) == ["own_user"] * 4 + ["placeholder"] * 2


def test_signature_completes_and_mends_a_name() -> None:
    evidence = make_evidence(
        RawRecord(record_id="1", name="Павле", comment="Нужен лист. С уважением, Павел Романов, ЗАО «Деталь»")
    )
    assert (evidence.given, evidence.surname, evidence.companies) == (("pavel",), "romanov", ("detal",))


def test_time_and_clients_of_a_deal_are_kept() -> None:
    made = make_evidence(
        RawRecord(record_id="1", created_at=datetime(1970, 1, 2, tzinfo=UTC), client_keys=("contact:5",))
    )
    assert (made.created, made.client_keys) == (1440, ("contact:5",))


def test_full_names_stand_for_themselves() -> None:
    known = given_names()
    assert [name for name in ("aleksandr", "aleksandra", "ana", "iana", "ivan") if known[name] != (name,)] == []


_TEXT = st.text(max_size=30)


@given(name=_TEXT, phone=_TEXT, email=_TEXT, company=_TEXT, comment=_TEXT, address=_TEXT, born=_TEXT)
def test_any_text_makes_evidence_that_survives_json(
    name: str, phone: str, email: str, company: str, comment: str, address: str, born: str
) -> None:
    raw = RawRecord(
        record_id="1",
        name=name,
        phones=(phone,),
        emails=(email,),
        company=company,
        comment=comment,
        address=address,
        date_of_birth=born,
    )
    made = make_evidence(raw)
    assert evidence_from_json(made.to_json()) == made


def test_json_of_an_empty_record_is_short() -> None:
    assert Evidence("5").to_json() == {"record_id": "5"}
