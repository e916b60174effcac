"""Headers in both languages, columns mapped by hand, and rows that become raw records."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crm.errors import CrmError
from crm.matching.lead_files import FIELDS, lead_layout, read_instant, read_leads
from crm.matching.values import RawRecord
from crm.models.codes import EntityType

CONTACT = EntityType.CONTACT


def read(
    header: str, *rows: str, entity: EntityType = CONTACT, chosen: dict[str, str] | None = None
) -> list[RawRecord]:
    layout = lead_layout(header.split(";"), entity, chosen)
    return list(read_leads(layout, ((line, row.split(";")) for line, row in enumerate(rows, start=2))))


@pytest.mark.parametrize("field", FIELDS)
def test_our_own_names_are_known(field: str) -> None:
    layout = lead_layout([field, "phone" if field != "phone" else "email", "surname", "company"], CONTACT)
    meant = {"name": "given_name"}.get(field, field)  # a name beside a surname is the first name
    assert layout.named[meant][0] == field


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("№", "record_id"),
        ("Номер", "record_id"),
        ("Телефон", "phone"),
        ("Тел.", "phone"),
        ("Рабочий телефон (контакт)", "phone"),
        ("Mobile phone 2", "phone"),
        ("phone2", "phone"),
        ("E-Mail", "email"),
        ("Личный email контакта", "email"),
        ("Эл. почта", "email"),
        ("ФИО", "name"),
        ("Full_Name", "name"),
        ("Организация", "company"),
        ("Компания контакта", "company"),
        ("ИНН", "inn"),
        ("suburb", "city"),
        ("Населённый пункт", "city"),
        ("Postcode", "zip"),
        ("Индекс", "zip"),
        ("street_number", "address"),
        ("address_1", "address"),
        ("soc_sec_id", "identifier"),
        ("SSN", "identifier"),
        ("СНИЛС", "identifier"),
        ("dob", "date_of_birth"),
        ("Дата рождения", "date_of_birth"),
        ("Должность", "position"),
        ("Примечание", "comment"),
        ("Название сделки", "deal_title"),
        ("Дата создания", "created_at"),
    ],
)
def test_header_is_recognised(header: str, field: str) -> None:
    assert lead_layout([header, "name"], CONTACT).named[field] == ((header, "name") if field == "name" else (header,))


@pytest.mark.parametrize("header", ["truth", "truth_person", "Truth company", "dirt", "state", "", "Бюджет"])
def test_other_columns_are_ignored(header: str) -> None:
    layout = lead_layout(["name", header], CONTACT)
    assert layout.ignored == (header,)
    assert dict(layout.columns) == {"name": (0,)}


def test_several_columns_feed_one_field() -> None:
    (record,) = read(
        "id;phone;Мобильный;phone2;street_number;address_1;address_2;email",
        "7;8 912 111-22-33;;+7 912 4445566;12;Lenin st;flat 3;a@b.ru",
    )
    assert record == RawRecord(
        record_id="7",
        phones=("8 912 111-22-33", "+7 912 4445566"),
        emails=("a@b.ru",),
        address="12 Lenin st flat 3",
    )


def test_first_name_beside_surname_is_no_full_name() -> None:
    (record,) = read("Фамилия;Имя;Телефон", "Петров;Иван;1")
    assert (record.surname, record.given_name, record.name) == ("Петров", "Иван", "")
    (record,) = read("Имя;Телефон", "Петров Иван;1")
    assert (record.surname, record.given_name, record.name) == ("", "", "Петров Иван")


def test_patronymic_of_its_own_column_is_kept_in_the_name() -> None:
    (record,) = read("Фамилия;Имя;Отчество", "Петров;Иван;Львович")
    assert (record.name, record.given_name, record.surname) == ("Петров Иван Львович", "Иван", "Петров")


def test_name_means_the_organisation_where_companies_are_looked_for() -> None:
    (record,) = read("name;phone", "ООО Ромашка;1", entity=EntityType.COMPANY)
    assert (record.company, record.name) == ("ООО Ромашка", "")
    (record,) = read("name;company;phone", "Анна;ООО Ромашка;1", entity=EntityType.COMPANY)
    assert (record.company, record.name) == ("ООО Ромашка", "Анна")


def test_row_without_id_is_called_by_its_number() -> None:
    assert [one.record_id for one in read("name", "Анна", "Вера")] == ["1", "2"]
    assert [one.record_id for one in read("record_id;name", "a;Анна", " ;Вера")] == ["a", "2"]


def test_id_column_is_the_one_named_most_plainly() -> None:
    (record,) = read("key;id;record_id;name", "k;i;r;Анна")
    assert record.record_id == "r"


def test_repeated_id_is_refused_with_both_lines() -> None:
    with pytest.raises(CrmError) as caught:
        read("id;name", "5;Анна", "6;Вера", "5;Дина")
    assert caught.value.code == "lead_id_repeated"
    assert caught.value.params == {"id": "5", "line": 2, "again": 4}


def test_chosen_columns_come_before_guesses() -> None:
    (record,) = read("a;b;name", "8 912 111-22-33;x;Анна", chosen={"a": "phone", "b": "record_id", "name": "surname"})
    assert (record.record_id, record.phones, record.surname, record.name) == ("x", ("8 912 111-22-33",), "Анна", "")


def test_chosen_id_comes_before_a_plainer_one() -> None:
    (record,) = read("record_id;code;name", "1;x;Анна", chosen={"code": "record_id"})
    assert record.record_id == "x"


@pytest.mark.parametrize(
    ("chosen", "code"),
    [({"Телефон": "phone"}, "lead_column_missing"), ({"name": "nickname"}, "lead_field_unknown")],
    ids=["column", "field"],
)
def test_chosen_column_or_field_that_is_not_there_is_refused(chosen: dict[str, str], code: str) -> None:
    with pytest.raises(CrmError) as caught:
        lead_layout(["name", "phone"], CONTACT, chosen)
    assert caught.value.code == code
    assert "name" in str(caught.value.params["known"])


def test_file_that_tells_of_no_client_is_refused() -> None:
    with pytest.raises(CrmError) as caught:
        lead_layout(["id", "Бюджет"], CONTACT)
    assert caught.value.code == "lead_columns_unknown"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-06-05 13:41", datetime(2025, 6, 5, 13, 41, tzinfo=UTC)),
        ("2025-06-05T13:41:07Z", datetime(2025, 6, 5, 13, 41, 7, tzinfo=UTC)),
        ("05.06.2025 13:41", datetime(2025, 6, 5, 13, 41, tzinfo=UTC)),
        ("5.6.2025", datetime(2025, 6, 5, tzinfo=UTC)),
        ("31.02.2025", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_instants_are_read(text: str, instant: datetime | None) -> None:
    assert read_instant(text) == instant
