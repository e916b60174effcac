"""A raw record read into evidence: identifiers from every field, the name, the company, the place, the goods."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field

from crm.matching.likeness import likeness
from crm.matching.normalise.addresses import read_address, read_zip
from crm.matching.normalise.companies import companies_in_text, read_company
from crm.matching.normalise.dates import read_birth_date
from crm.matching.normalise.evidence import Evidence, Misplaced
from crm.matching.normalise.goods import read_goods, read_numbers
from crm.matching.normalise.inns import inn_of_field, inns_in_text
from crm.matching.normalise.inns import is_valid as is_valid_inn
from crm.matching.normalise.mailboxes import ROLE, Mailbox, mailboxes_in, mailboxes_of_field
from crm.matching.normalise.persons import PersonName, is_given, read_name, read_parts
from crm.matching.normalise.phones import MOBILE, Phone, phones_in_text, phones_of_field, without_extensions
from crm.matching.normalise.words import cities, city_key
from crm.matching.values import OwnIdentifiers, RawRecord

_SIGNED = re.compile(r"(?:с уважением|best regards|kind regards|sincerely)[,:]?\s+([^,;\n]+)", re.IGNORECASE)
_HANDLE = re.compile(r"(?<!\w)@\w+")  # the name somebody has in a messenger
_TYPING_ERROR = 0.74
_IDENTIFIER = re.compile(r"[\W_]+")
_DIGIT = re.compile(r"\d")
NOBODY = OwnIdentifiers()


@dataclass(slots=True)
class _Findings:
    mobiles: list[str] = field(default_factory=list)
    landlines: list[str] = field(default_factory=list)
    mailboxes: list[str] = field(default_factory=list)
    role_mailboxes: list[str] = field(default_factory=list)
    domains: list[str] = field(default_factory=list)
    inns: list[str] = field(default_factory=list)
    wrong_inns: list[str] = field(default_factory=list)
    stopped: list[tuple[str, str, str]] = field(default_factory=list)
    misplaced: list[Misplaced] = field(default_factory=list)


def make_evidence(raw: RawRecord, own: OwnIdentifiers = NOBODY) -> Evidence:
    """Return the evidence of a record; what belongs to our own users is put aside."""
    found = _Findings()
    for typed in raw.phones:
        _take_field(found, own, typed, "phone")
    for typed in raw.emails:
        _take_field(found, own, typed, "email")
    _take_inn_field(found, raw.inn)
    name_text, company_text, comment, title = (
        _take_text(found, own, text, place)
        for text, place in (
            (raw.name, "name"), (raw.company, "company"), (raw.comment, "comment"), (raw.deal_title, "title"),
        )
    )  # fmt: skip
    for text, place in (
        (raw.position, "position"),
        (raw.given_name, "name"),
        (raw.surname, "name"),
        (raw.address, "address"),
    ):
        if _DIGIT.search(text) or "@" in text:
            _take_text(found, own, text, place)
    name = _name(raw, name_text, comment)
    companies, city, form = _companies(raw, name, company_text, comment, title)
    house, address = read_address(raw.address)
    return Evidence(
        record_id=raw.record_id,
        given=name.given,
        given_typed=_intern(name.given_typed),
        surname=_intern(name.surname),
        surname_typed=_intern(name.surname_typed),
        patronymic=_intern(name.patronymic),
        initials=_intern(name.initials),
        extra_names=name.extra,
        mobiles=tuple(found.mobiles),
        landlines=tuple(found.landlines),
        mailboxes=tuple(found.mailboxes),
        role_mailboxes=tuple(found.role_mailboxes),
        domains=tuple(found.domains),
        inns=tuple(found.inns),
        wrong_inns=tuple(found.wrong_inns),
        companies=companies,
        company_form=_intern(form),
        company_typed=raw.company.strip(),
        city=_intern(city),
        address_typed=raw.address.strip(),
        house=house,
        address=address,
        zip_code=_intern(read_zip(raw.zip_code)),
        born=read_birth_date(raw.date_of_birth) if raw.date_of_birth else "",
        identifier=_IDENTIFIER.sub("", raw.identifier).lower(),
        created=int(raw.created_at.timestamp() // 60) if raw.created_at is not None else 0,
        goods=read_goods(f"{title} {comment}"),
        numbers=read_numbers(raw.deal_title) if raw.client_keys else (),
        client_keys=raw.client_keys,
        stopped=tuple(found.stopped),
        misplaced=tuple(found.misplaced),
    )


def _name(raw: RawRecord, name_text: str, comment: str) -> PersonName:
    """Return the name of its own fields, completed and mended by the signature of a letter."""
    name = read_parts(raw.given_name, raw.surname) if raw.given_name or raw.surname else read_name(name_text)
    signature = _SIGNED.search(comment)
    if signature is None:
        return name
    signed = read_name(signature.group(1))
    if not name.given and not name.surname and not name.patronymic:
        return signed
    if _is_mistyped(name, signed):
        name = name._replace(given=signed.given)
    fits = not name.given or not signed.given or bool(set(name.given) & set(signed.given))
    if not fits or (name.surname and signed.surname and name.surname != signed.surname):
        return name
    return name._replace(
        given=name.given or signed.given,
        given_typed=name.given_typed or signed.given_typed,
        surname=name.surname or signed.surname,
        surname_typed=name.surname_typed or signed.surname_typed,
        initials=name.initials or signed.initials,
    )


def _is_mistyped(name: PersonName, signed: PersonName) -> bool:
    if not name.given or not signed.given or set(name.given) & set(signed.given) or is_given(name.given_typed):
        return False
    return likeness(name.given[0], signed.given[0]) >= _TYPING_ERROR


def _companies(
    raw: RawRecord, name: PersonName, company_text: str, comment: str, title: str
) -> tuple[tuple[str, ...], str, str]:
    own = read_company(company_text)
    city = _city(raw.city) or own.city
    keys = [own.key]
    for text in name.in_brackets:
        place = cities().get(city_key(text))
        if place is None and not _is_position(text):
            keys.append(read_company(text).key)
        city = city or place or ""
    for text in (comment, title):
        keys.extend(read_company(typed).key for typed in companies_in_text(text))
    return tuple(dict.fromkeys(_intern(key) for key in keys if len(key) > 1)), city, own.form


def _is_position(text: str) -> bool:
    name = read_name(text)
    return not (name.given or name.surname or name.extra)


def _city(typed: str) -> str:
    if not typed:
        return ""
    key = city_key(re.sub(r"^\s*(?:г|гор|город)\.?\s+|^\s*г\.", "", typed, flags=re.IGNORECASE))
    return cities().get(key, key)


def _take_field(found: _Findings, own: OwnIdentifiers, typed: str, place: str) -> None:
    if not typed.strip():
        return
    boxes = mailboxes_of_field(typed) if "@" in typed else ()
    for box in boxes:
        _add_mailbox(found, own, box, place)
    if boxes and place == "email":
        return
    rest = typed
    for _, (start, end) in reversed(mailboxes_in(typed)):
        rest = rest[:start] + " " + rest[end:]
    for phone in phones_of_field(rest) if any(char.isdigit() for char in rest) else ():
        if place == "phone" or phone.kind == MOBILE:
            _add_phone(found, own, phone, place)


def _take_text(found: _Findings, own: OwnIdentifiers, text: str, place: str) -> str:
    """Take the identifiers out of a text; returns what is left of it."""
    for box, (start, end) in reversed(mailboxes_in(text)):
        _add_mailbox(found, own, box, place)
        text = text[:start] + " " * (end - start) + text[end:]
    if len(text) < 9 or len(_DIGIT.findall(text)) < 9:
        return text
    text = _HANDLE.sub(lambda handle: " " * len(handle.group()), text)
    for inn, (start, end) in reversed(inns_in_text(text)):
        _add_inn(found, inn, is_valid_inn(inn), place)
        text = text[:start] + " " * (end - start) + text[end:]
    text = without_extensions(text)
    for phone, (start, end) in sorted(phones_in_text(text), key=lambda item: -item[1][0]):
        _add_phone(found, own, phone, place)
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _take_inn_field(found: _Findings, typed: str) -> None:
    inn, is_right = inn_of_field(typed) if typed else ("", False)
    if inn:
        _add_inn(found, inn, is_right, "inn")


def _add_inn(found: _Findings, inn: str, is_right: bool, place: str) -> None:
    known = found.inns if is_right else found.wrong_inns
    if inn not in known:
        known.append(inn)
    if place != "inn":
        found.misplaced.append(Misplaced("inn", inn, place))


def _add_phone(found: _Findings, own: OwnIdentifiers, phone: Phone, place: str) -> None:
    if phone.is_placeholder:
        found.stopped.append(("phone", phone.value, "placeholder"))
        return
    if phone.value in own.phones or (own.phone_prefixes and phone.value.startswith(own.phone_prefixes)):
        found.stopped.append(("phone", phone.value, "own_user"))
        return
    known = found.mobiles if phone.kind == MOBILE else found.landlines
    if phone.value not in known:
        known.append(phone.value)
    if place != "phone":
        found.misplaced.append(Misplaced("phone", phone.value, place))


def _add_mailbox(found: _Findings, own: OwnIdentifiers, box: Mailbox, place: str) -> None:
    if box.is_placeholder:
        found.stopped.append(("email", box.value, "placeholder"))
        return
    if box.value in own.mailboxes or box.value.rpartition("@")[2] in own.domains:
        found.stopped.append(("email", box.value, "own_user"))
        return
    known = found.role_mailboxes if box.kind == ROLE else found.mailboxes
    if box.value not in known:
        known.append(box.value)
    if box.domain and box.domain not in found.domains:
        found.domains.append(_intern(box.domain))
    if place != "email":
        found.misplaced.append(Misplaced("email", box.value, place))


def _intern(text: str) -> str:
    return sys.intern(text)
