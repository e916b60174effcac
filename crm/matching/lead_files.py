"""Leads of a file: which column means what, by its header or as somebody says, and rows as raw records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from crm.errors import CrmError
from crm.matching.values import RawRecord
from crm.models.codes import EntityType

# What a column may be told to be with --columns; the order is that of the documents.
FIELDS = (
    *(
        "record_id",
        "created_at",
        "source",
        "name",
        "given_name",
        "patronymic",
        "surname",
        "phone",
        "email",
        "company",
        "inn",
    ),
    *("city", "address", "zip", "position", "comment", "deal_title", "date_of_birth", "identifier"),
)

_SYNONYMS: Mapping[str, str] = {
    "record_id": "record id, rec id, lead id, contact id, client id, row id, id, ид, id записи, id контакта, "
    "id клиента, id лида, id сделки, uid, uuid, key, номер, номер записи, номер лида, №, n, no, number",
    "created_at": "created at, created, created on, date created, creation date, create date, дата создания, создан, "
    "создана, дата заявки, дата обращения, дата",
    "source": "source, lead source, utm source, источник, источник лида, канал, откуда",
    "name": "name, full name, fullname, contact name, client name, customer name, lead name, person, person name, "
    "fio, contact, customer, client, имя, фио, ф и о, имя контакта, имя клиента, контакт, контактное лицо, клиент, "
    "полное имя, фамилия имя отчество, фамилия имя",
    "given_name": "given name, given, first name, firstname, forename, fname, имя собственное",
    "patronymic": "patronymic, middle name, middlename, second name, отчество",
    "surname": "surname, last name, lastname, family name, lname, фамилия",
    "phone": "phone, phones, phone number, telephone, tel, mobile, mobile phone, cell, cell phone, cellphone, msisdn, "
    "whatsapp, телефон, телефоны, тел, номер телефона, мобильный, мобильный телефон, сотовый, сотовый телефон, "
    "моб, моб телефон, моб тел, контактный телефон, телефон компании, городской телефон",
    "email": "email, emails, e mail, mail, email address, e mail address, mailbox, почта, эл почта, электронная почта, "
    "адрес электронной почты, емейл, имейл, емайл, email компании",
    "company": "company, company name, organisation, organization, org, organisation name, organization name, firm, "
    "employer, account, account name, business name, site name, компания, название компании, организация, "
    "наименование организации, название организации, фирма, юр лицо, юрлицо, юридическое лицо, контрагент, "
    "компания контакта, предприятие",
    "inn": "inn, tin, tax id, taxpayer number, vat, vat number, инн, инн компании, инн организации",
    "city": "city, town, suburb, locality, settlement, place, город, населенный пункт, нас пункт, город клиента",
    "address": "address, street address, street number, house number, street, address line, addr, building, "
    "адрес, улица, дом, адрес клиента, юр адрес, юридический адрес, фактический адрес, адрес доставки",
    "zip": "zip, zip code, zipcode, postcode, post code, postal code, индекс, почтовый индекс, индекс почтовый",
    "position": "position, job, job title, occupation, role, должность, должность контакта",
    "comment": "comment, comments, note, notes, description, remark, message, комментарий, комментарии, комент, "
    "коммент, примечание, примечания, заметка, заметки, описание, сообщение, текст заявки",
    "deal_title": "deal title, deal, deal name, opportunity, subject, lead title, название сделки, сделка, тема, "
    "заявка, название заявки, название лида, лид",
    "date_of_birth": "date of birth, dob, birth date, birthdate, birthday, born, дата рождения, день рождения, др, "
    "год рождения",
    "identifier": "identifier, soc sec id, ssn, social security number, social security, national id, national number, "
    "personal number, customer number, customer id, passport, passport number, license, license number, снилс, "
    "паспорт, номер паспорта, серия и номер паспорта, номер клиента, код клиента, лицевой счет, номер договора, "
    "карта клиента",
}
_KNOWN = {name: field for field, names in _SYNONYMS.items() for name in names.split(", ")}
# "Рабочий телефон (контакт)" and "Contact: primary e-mail": words that say whose, not what.
_WHOSE_NAMES = (
    "контакта, контакт, клиента, клиент, лида, рабочий, рабочая, раб, основной, основная, личный, личная, домашний, "
    "дополнительный, доп, другой, другая, прямой, contact, customer, client, lead, work, primary, main, personal, "
    "home, other, additional, business, alternative, direct, office"
)
_WHOSE = frozenset(_WHOSE_NAMES.split(", "))
_SINGLE = frozenset({"record_id", "created_at", "inn", "date_of_birth", "zip", "identifier", "source"})
_DAY_FIRST = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})(?:[ T,]+(\d{1,2}):(\d{2}))?")


@dataclass(frozen=True, slots=True)
class LeadLayout:
    """Which columns, by position, feed each field; `named` tells their headers in the same order."""

    columns: Mapping[str, tuple[int, ...]]
    named: Mapping[str, tuple[str, ...]]
    ignored: tuple[str, ...]

    def position(self, field: str) -> int | None:
        """Return the first column of a field, None where the file has none."""
        places = self.columns.get(field)
        return places[0] if places else None


def lead_layout(header: Sequence[str], entity_type: EntityType, chosen: Mapping[str, str] | None = None) -> LeadLayout:
    """Tell what each column means: first as `chosen` (theirs to ours) says, then by the names people give.

    Errors: CrmError where a chosen column or field is unknown, or nothing in the header tells of a client.
    """
    fields = _chosen_fields(header, chosen or {})
    guessed = {place: _field_of(name) for place, name in enumerate(header) if place not in fields}
    fields |= {place: field for place, field in guessed.items() if field}
    _settle_names(header, fields, entity_type, frozenset(chosen or {}))
    found: dict[str, list[int]] = {}
    for place in sorted(fields):
        found.setdefault(fields[place], []).append(place)
    for field in _SINGLE & found.keys():
        asked = [place for place in found[field] if header[place] in (chosen or {})]
        found[field] = [_plainest(field, header, asked or found[field])]
    used = {place for places in found.values() for place in places}
    if not found.keys() & {
        "name",
        "given_name",
        "patronymic",
        "surname",
        "phone",
        "email",
        "company",
        "inn",
        "identifier",
    }:
        raise CrmError("lead_columns_unknown", known=", ".join(header), fields=", ".join(FIELDS))
    return LeadLayout(
        columns={field: tuple(places) for field, places in found.items()},
        named={field: tuple(header[place] for place in places) for field, places in found.items()},
        ignored=tuple(name for place, name in enumerate(header) if place not in used),
    )


class LeadReader:
    """Makes raw records of the cells of rows."""

    def __init__(self, layout: LeadLayout) -> None:
        self._single = {field: places[0] for field, places in layout.columns.items()}
        self._several = layout.columns

    def record_id(self, cells: Sequence[str]) -> str:
        """Return the id a row bears, empty where it has none."""
        return self._one("record_id", cells)

    def record(self, record_id: str, cells: Sequence[str]) -> RawRecord:
        """Return a row as a raw record."""
        given, surname = self._joined("given_name", cells), self._joined("surname", cells)
        return RawRecord(
            record_id=record_id,
            name=self._joined("name", cells) or _full_name(surname, given, self._joined("patronymic", cells)),
            given_name=given,
            surname=surname,
            phones=self._each("phone", cells),
            emails=self._each("email", cells),
            company=self._joined("company", cells),
            inn=self._one("inn", cells),
            city=self._joined("city", cells),
            address=self._joined("address", cells),
            zip_code=self._one("zip", cells),
            position=self._joined("position", cells),
            comment=self._joined("comment", cells),
            deal_title=self._joined("deal_title", cells),
            date_of_birth=self._one("date_of_birth", cells),
            identifier=self._one("identifier", cells),
            source=self._one("source", cells),
            created_at=read_instant(self._one("created_at", cells)),
        )

    def _one(self, field: str, cells: Sequence[str]) -> str:
        place = self._single.get(field)
        return "" if place is None else cells[place].strip()

    def _joined(self, field: str, cells: Sequence[str]) -> str:
        places = self._several.get(field)
        if places is None:
            return ""
        if len(places) == 1:
            return cells[places[0]].strip()
        return " ".join(self._each(field, cells))

    def _each(self, field: str, cells: Sequence[str]) -> tuple[str, ...]:
        return tuple([text for place in self._several.get(field, ()) if (text := cells[place].strip())])


def identified(layout: LeadLayout, rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield id and cells of rows given as (line, cells); a row without an id is called by its number.

    Errors: CrmError where two rows have the same id.
    """
    reader, seen = LeadReader(layout), dict[str, int]()
    for number, (line, cells) in enumerate(rows, start=1):
        record_id = reader.record_id(cells) or str(number)
        before = seen.setdefault(record_id, line)
        if before != line:
            raise CrmError("lead_id_repeated", id=record_id, line=before, again=line)
        yield record_id, cells


def read_leads(layout: LeadLayout, rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[RawRecord]:
    """Yield rows, given as (line, cells), as raw records; errors as of `identified`."""
    reader = LeadReader(layout)
    return (reader.record(record_id, cells) for record_id, cells in identified(layout, rows))


def read_instant(text: str) -> datetime | None:
    """Return an instant of ISO form or with the day first, UTC where no zone is said; None for anything else."""
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        found = _DAY_FIRST.match(text)
        if not found:
            return None
        day, month, year, hour, minute = (int(part or 0) for part in found.groups())
        try:
            instant = datetime(year, month, day, hour, minute, tzinfo=UTC)
        except ValueError:
            return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _chosen_fields(header: Sequence[str], chosen: Mapping[str, str]) -> dict[int, str]:
    places = {name: place for place, name in reversed(list(enumerate(header)))}
    for theirs, ours in chosen.items():
        if theirs not in places:
            raise CrmError("lead_column_missing", column=theirs, known=", ".join(header))
        if ours not in FIELDS:
            raise CrmError("lead_field_unknown", field=ours, known=", ".join(FIELDS))
    return {places[theirs]: ours for theirs, ours in chosen.items()}


def _field_of(header: str) -> str:
    plain = _plain(header)
    words = plain.split()
    if not words or words[0] == "truth":
        return ""
    unnumbered = re.sub(r"(?<=\D) ?\d+$", "", plain)
    whose_not = " ".join(word for word in unnumbered.split() if word not in _WHOSE)
    return next((_KNOWN[name] for name in (plain, unnumbered, whose_not) if name in _KNOWN), "")


def _plain(header: str) -> str:
    return " ".join(re.sub(r"[^\w№]+|_", " ", header.casefold().replace("ё", "е")).split())


def _settle_names(
    header: Sequence[str], fields: dict[int, str], entity_type: EntityType, chosen: frozenset[str]
) -> None:
    """Let "name" mean a first name beside a surname, and an organisation where companies are looked for."""
    has_surname, has_given = ("surname" in fields.values(), "given_name" in fields.values())
    has_company = "company" in fields.values()
    for place, field in list(fields.items()):
        if field != "name" or header[place] in chosen:
            continue
        if entity_type is EntityType.COMPANY and not has_company:
            fields[place] = "company"
        elif has_surname and not has_given and _is_bare_name(header[place]):
            fields[place] = "given_name"


def _is_bare_name(header: str) -> bool:
    return header.strip().casefold() in {"name", "имя"}


def _plainest(field: str, header: Sequence[str], places: Sequence[int]) -> int:
    """Choose among columns of one field as its synonyms are listed: "record_id" before "id" before "key"."""
    names = _SYNONYMS[field].split(", ")

    def rank(place: int) -> int:
        plain = _plain(header[place])
        return names.index(plain) if plain in names else len(names)

    return min(places, key=rank)


def _full_name(surname: str, given: str, patronymic: str) -> str:
    """Return the whole name where a patronymic stands in a column of its own: no other field would carry it."""
    return " ".join(filter(None, (surname, given, patronymic))) if patronymic else ""
