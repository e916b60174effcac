"""Leads of a business-to-business CRM with the truth beside them: who called, for which firm, about which purchase.

`python -m bench.leads 20000 --out leads.csv` writes a file; the same number and seed always give the same one.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

from bench import lead_words as words
from bench.lead_dirt import (
    mailbox_mistyped,
    mailbox_written,
    name_soiled,
    name_written,
    personal_mailbox,
    phone_mistyped,
    phone_written,
    word_mistyped,
)
from bench.words import CITIES, COMPANY_BEGINNINGS, COMPANY_ENDINGS, SURNAMES

GENERATOR = 2  # raise it whenever generated leads change
COLUMNS = (
    *("record_id", "created_at", "source", "name", "phone", "email", "company", "inn", "city", "position", "comment"),
    *("deal_title", "truth_person", "truth_company", "truth_deal", "dirt"),
)
TRUTHS = {"contact": "truth_person", "company": "truth_company", "deal": "truth_deal"}
_LEADS_OF_PERSON = (0.53, 0.232, 0.104, 0.07, 0.033, 0.019, 0.01, 0.002)
_PEOPLE_OF_FIRM = (0.63, 0.205, 0.09, 0.05, 0.017, 0.008)
_SOURCES = (("site_form", 0.3), ("manager", 0.23), ("call", 0.18), ("imp", 0.14), ("email", 0.1), ("messenger", 0.05))
_TIED = 0.9
# How often somebody asks for a phone where neither it nor a mailbox was left.
_REACHABLE = {"site_form": 1.0, "email": 1.0, "call": 0.9, "messenger": 0.8, "manager": 0.8, "imp": 0.8}
_START = datetime(2024, 1, 9, 8, tzinfo=UTC)
_DAYS = 640
_PRIVATE = 0.09


@dataclass(slots=True)
class Firm:
    """A legal entity, or nobody's (`key` empty) for private buyers."""

    key: str = ""
    name: str = ""
    is_sole: bool = False
    forms: tuple[str, ...] = ()
    inn: str = ""
    city: str = ""
    landline: str = ""
    domain: str = ""
    role_mailbox: str = ""


@dataclass(slots=True)
class Person:
    """The human behind leads."""

    key: str
    name: tuple[str, str, str]
    firm: Firm
    mobiles: list[str]
    mailbox: str
    city: str
    job: str
    left: set[str] = field(default_factory=set)  # the kinds of address that earlier leads left


@dataclass(slots=True)
class Lead:
    """One row to be: what is told so far, and what was done to it."""

    told: dict[str, str]
    tags: list[str] = field(default_factory=list)


class Crowd:
    """Draws firms, people and their leads; whoever asks first gets the smaller numbers."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(f"leads {seed}")
        self.firms = self.people = self.deals = 0
        self._surnames = _surnames()
        self._surname_weights = list(accumulate(1 / (place + 12) ** 1.02 for place in range(len(self._surnames))))
        self._given_weights = {
            names: list(accumulate(1 / (place + 5) for place in range(len(names))))
            for names in (words.MEN, words.WOMEN)
        }
        self._retired: list[str] = []
        self._taken: set[str] = set()

    def leads(self) -> Iterator[Lead]:
        """Yield leads for ever, those of a firm together."""
        while True:
            firm = Firm() if self.draw.random() < _PRIVATE * 1.4 else self._firm()
            count = 1 if not firm.key or firm.is_sole else _counted(self.draw, _PEOPLE_OF_FIRM)
            family = self._surname() if count > 1 and self.draw.random() < 0.06 else None
            for _person in range(count):
                yield from self._leads_of(self._person(firm, family))

    def _surname(self) -> tuple[str, str]:
        return self.draw.choices(self._surnames, cum_weights=self._surname_weights)[0]

    def _firm(self) -> Firm:
        draw = self.draw
        self.firms += 1
        name = draw.choice(words.FIRM_FIRSTS) + draw.choice(COMPANY_BEGINNINGS)
        if draw.random() < 0.75:
            name += draw.choice(COMPANY_ENDINGS).lower()
        name = name[0].upper() + name[1:].lower() + draw.choice(words.FIRM_TAILS)
        is_sole = draw.random() < 0.2
        domain = words.latin(name).lower().replace(" ", "-").strip("-")
        return Firm(
            key=f"C{self.firms:07}",
            name=name,
            is_sole=is_sole,
            forms=words.STOCK_FORMS if draw.random() < 0.1 else words.FIRM_FORMS,
            inn=taxpayer_number(draw, 12 if is_sole else 10),
            city=draw.choice(CITIES),
            landline=_landline(draw),
            domain=self._free(f"{domain}{draw.choice(('', '', '-' + str(draw.randint(1, 999))))}", ".ru"),
            role_mailbox=draw.choice(words.ROLE_BOXES),
        )

    def _person(self, firm: Firm, family: tuple[str, str] | None) -> Person:
        draw = self.draw
        self.people += 1
        is_man = draw.random() < 0.55
        names = words.MEN if is_man else words.WOMEN
        given = draw.choices(names, cum_weights=self._given_weights[names])[0]
        father = draw.choices(words.MEN, cum_weights=self._given_weights[words.MEN])[0]
        surname = (family or self._surname())[0 if is_man else 1]
        name = (given, patronymic(father, is_man), surname)
        mobile = self._mobile()
        mobiles = [mobile, self._mobile()] if draw.random() < 0.05 else [mobile]
        if draw.random() < 0.006:
            self._retired.append(mobile)
        born = draw.randint(1960, 2002)
        mailbox = personal_mailbox(draw, given, surname, name[1], born)
        if firm.domain and not firm.is_sole and draw.random() < 0.4:
            first, last = words.latin(given).lower(), words.latin(surname).lower()
            own = draw.choice((f"{first}.{last}", last, f"{last}.{first[0]}", first, f"{first[0]}.{last}"))
            mailbox = f"{own}@{firm.domain}"
        mailbox = self._free(*mailbox.replace("@", " @").split())
        job = draw.choice(words.JOBS) if draw.random() < 0.6 else ""
        return Person(f"P{self.people:07}", name, firm, mobiles, mailbox, firm.city or draw.choice(CITIES), job)

    def _mobile(self) -> str:
        if self._retired and self.draw.random() < 0.004:
            return self._retired.pop()  # the operator gave a number to its next owner
        return self._free(self.draw.choice(words.MOBILE_CODES) + f"{self.draw.randrange(10**7):07}")

    def _free(self, wanted: str, behind: str = "") -> str:
        """Return an address that nobody has yet: who comes late to a mail service gets a number behind the name."""
        found = wanted + behind
        while found in self._taken:
            number = f"{self.draw.randrange(10, 10_000)}"
            found = wanted[: -len(number)] + number if wanted.isdigit() else f"{wanted}{number}{behind}"
        self._taken.add(found)
        return found

    def _leads_of(self, person: Person) -> Iterator[Lead]:
        draw = self.draw
        left = _counted(draw, _LEADS_OF_PERSON)
        day = draw.random() * _DAYS
        while left > 0:
            self.deals += 1
            of_deal = min(left, 1 if draw.random() < 0.5 else draw.randint(2, 4))
            goods = draw.choice(words.GOODS)
            for _ in range(of_deal):
                at = _START + timedelta(days=(day % _DAYS) + draw.random() * 6, minutes=draw.randrange(600))
                yield self._lead(person, f"D{self.deals:07}", goods, at)
            left -= of_deal
            day += 7 + draw.random() * 280

    def _lead(self, person: Person, deal: str, goods: str, at: datetime) -> Lead:
        draw, firm = self.draw, person.firm
        source = draw.choices([name for name, _share in _SOURCES], [share for _name, share in _SOURCES])[0]
        lead = Lead({"created_at": f"{at:%Y-%m-%d %H:%M}", "source": source})
        told = lead.told
        told |= {"truth_person": person.key, "truth_company": firm.key, "truth_deal": deal}
        self._tell_reachable(person, lead)
        told["name"] = told.get("name", "") or self._name(person, lead)
        rate = {"manager": 0.75, "imp": 0.8, "site_form": 0.22, "email": 0.2, "call": 0.2, "messenger": 0.02}[source]
        if firm.key and draw.random() < rate:
            told["company"] = self._firm_name(person, lead)
            if source in {"manager", "imp"} and draw.random() < 0.5:
                told["inn"] = _inn_written(draw, firm.inn, lead.tags)
        if draw.random() < (0.55 if source in {"call", "manager"} else 0.2):
            told["city"] = person.city
        if person.job and source in {"manager", "imp"} and draw.random() < 0.55:
            told["position"] = person.job
        self._tell_comment(person, lead, goods)
        told["deal_title"] = self._title(told.get("company", ""), goods)
        self._spoil(lead)
        told["dirt"] = ";".join(sorted(set(lead.tags)))
        return lead

    def _tell_reachable(self, person: Person, lead: Lead) -> None:
        draw, told = self.draw, lead.told
        has_phone, has_mailbox = {
            "call": (0.98, 0.07),
            "messenger": (0.97, 0.05),
            "email": (0.2, 0.99),
            "site_form": (0.76, 0.5),
            "manager": (0.85, 0.55),
            "imp": (0.78, 0.62),
        }[told["source"]]
        tells_phone, tells_mailbox = draw.random() < has_phone, draw.random() < has_mailbox
        if not tells_mailbox and draw.random() < _REACHABLE[told["source"]]:
            tells_phone = True
        tells = {kind for kind, is_told in (("phone", tells_phone), ("email", tells_mailbox)) if is_told}
        # Few people stay without anything that ties their leads together: sooner or later both are left at once.
        if person.left and not person.left & tells and draw.random() < _TIED:
            tells_phone, tells_mailbox = tells_phone or "phone" in person.left, tells_mailbox or "email" in person.left
        person.left |= tells
        if tells_mailbox:
            told["email"] = self._mailbox(person, lead)
        if not tells_phone:
            lead.tags += ["email_only"] if tells_mailbox else []
            return
        lead.tags += [] if tells_mailbox else ["phone_only"]
        phone = self._phone(person, lead)
        place = draw.random()
        if place < 0.125:
            lead.tags.append("phone_in_name")
            lead.told["name"] = self._phone_in_name(person, phone, lead)
        elif place < 0.2:
            lead.tags.append("phone_in_comment")
            lead.told["comment"] = draw.choice(("тел {}", "моб.{}", "звонить на {}", "{}", "конт. {}")).format(phone)
        else:
            told["phone"] = phone
            if draw.random() < 0.05:
                lead.tags.append("two_phones")
                second = person.firm.landline or person.mobiles[-1]
                joint = draw.choice((", ", "; ", " / "))
                told["phone"] += joint + phone_written(draw, second if draw.random() < 0.6 else person.mobiles[-1])

    def _phone(self, person: Person, lead: Lead) -> str:
        draw = self.draw
        digits = draw.choice(person.mobiles)
        told_otherwise = not person.left or "email" in lead.told
        if person.firm.landline and draw.random() < (0.11 if told_otherwise else 0.03):
            lead.tags.append("landline")
            extension = draw.choice(("", "", " доб. {}", " (доб.{})", " доб{}")).format(draw.randint(100, 999))
            return phone_written(draw, person.firm.landline) + extension
        if draw.random() < 0.01:
            lead.tags.append("phone_typo")
            digits = phone_mistyped(draw, digits)
        return phone_written(draw, digits)

    def _mailbox(self, person: Person, lead: Lead) -> str:
        draw, firm = self.draw, person.firm
        if firm.domain and draw.random() < 0.075:
            lead.tags.append("shared_email")
            return f"{firm.role_mailbox}@{firm.domain}"
        mailbox = person.mailbox
        if draw.random() < 0.02:
            lead.tags.append("email_typo")
            mailbox = mailbox_mistyped(draw, mailbox)
        return mailbox_written(draw, mailbox)

    def _phone_in_name(self, person: Person, phone: str, lead: Lead) -> str:
        draw = self.draw
        kind = draw.random()
        if kind < 0.3:
            return phone
        if kind < 0.45:
            return draw.choice(("Звонок с {}", "Входящий звонок {}", "Новый контакт {}")).format(phone)
        return f"{self._name(person, lead)} {phone}"

    def _name(self, person: Person, lead: Lead) -> str:
        draw, source = self.draw, lead.told["source"]
        kind = draw.random()
        if kind < (0.09 if source == "call" else 0.012):
            return ""
        if kind < (0.14 if source == "call" else 0.02):
            return draw.choice(("Новый контакт", "Клиент", "Входящий звонок", "без имени"))
        name = name_soiled(draw, name_written(draw, person.name, lead.tags), person.firm.name, lead.tags)
        if draw.random() < 0.01 and lead.told.get("email"):
            lead.tags.append("email_in_name")
            return f"{name} {lead.told.pop('email')}"
        return name

    def _firm_name(self, person: Person, lead: Lead) -> str:
        draw, firm = self.draw, person.firm
        if firm.is_sole:
            given, father, surname = person.name
            form = draw.choice(words.SOLE_FORMS)
            return form.format(surname=surname, given=given, patronymic=father, i=given[0], o=father[0])
        name, kind = firm.name, draw.random()
        if kind < 0.035:
            lead.tags.append("company_translit")
            return words.latin(name, draw.randrange(4)) + draw.choice((" Ltd", " LLC", ""))
        if kind < 0.065:
            lead.tags.append("company_typo")
            name = word_mistyped(draw, name)
        elif kind < 0.12:
            name = name.upper()
        elif kind < 0.15:
            name = name.translate(words.LOOK_ALIKES)
        text = draw.choice(firm.forms).format(name, city=firm.city)
        if draw.random() < 0.035:
            lead.tags.append("inn_in_company")
            text += f" ИНН {firm.inn}"
        return text

    def _tell_comment(self, person: Person, lead: Lead, goods: str) -> None:
        draw, told = self.draw, lead.told
        source, said = told["source"], told.get("comment", "")
        if source == "email" and draw.random() < 0.6:
            signed = [f"{person.name[0]} {person.name[2]}"]
            signed += [person.firm.name] if person.firm.name and draw.random() < 0.5 else []
            if draw.random() < 0.35:
                lead.tags.append("phone_in_comment")
                signed.append(f"тел. {self._phone(person, lead)}")
            if person.firm.inn and draw.random() < 0.15:
                lead.tags.append("inn_in_comment")
                signed.append(f"ИНН {person.firm.inn}")
            said = f"Здравствуйте! Интересует {goods}. С уважением, {', '.join(signed)} {said}".strip()
        elif source == "site_form" and draw.random() < 0.75:
            said = f"{draw.choice(('Заявка: ', 'нужен ', 'перезвоните, '))}{goods} {said}".strip()
        elif source == "manager" and draw.random() < 0.5:
            said = f"{draw.choice(('думает', 'просил КП', 'ждёт счёт', 'перезвонить завтра'))} {said}".strip()
        elif source == "messenger":
            said = f"{draw.choice(('WhatsApp', 'Telegram @' + person.mailbox.split('@')[0]))} {said}".strip()
        told["comment"] = said

    def _title(self, firm_name: str, goods: str) -> str:
        kind = self.draw.random()
        if kind < 0.38:
            return self.draw.choice(words.EMPTY_TITLES)
        if kind < 0.62:
            return f"Сделка {self.draw.randint(10_000, 99_999)}"
        return f"{goods} {firm_name}".strip() if kind < 0.7 else goods

    def _spoil(self, lead: Lead) -> None:
        draw, told = self.draw, lead.told
        kind = draw.random()
        if kind < 0.01:
            lead.tags.append("placeholder")
            told["phone"] = draw.choice(words.NO_PHONE) if "email" in told else told.get("phone", "")
        elif kind < 0.016:
            lead.tags.append("placeholder")
            told["email"] = draw.choice(words.NO_MAIL) if "phone" in told else told.get("email", "")
        elif kind < 0.019:
            lead.tags.append("own_contact")
            told["email"] = draw.choice(words.OWN_MAILBOXES)
        elif kind < 0.021:
            lead.tags.append("own_contact")
            told["phone"] = phone_written(draw, draw.choice(words.OWN_PHONES))


def write_leads(target: Path, count: int, seed: int = 1) -> None:
    """Write `count` leads to a CSV file, in no order that would tell the truth."""
    crowd = Crowd(seed)
    source = crowd.leads()
    lines = [_line_of(next(source)) for _ in range(count)]
    Random(f"order {seed}").shuffle(lines)
    with target.open("w", encoding="utf-8", newline="") as stream:
        stream.write(",".join(COLUMNS) + "\r\n")
        stream.writelines(f"{number},{line}" for number, line in enumerate(lines, start=1))


def taxpayer_number(draw: Random, length: int) -> str:
    """Return a random INN of ten or twelve digits with right check digits."""
    digits = [draw.randint(0, 9) for _ in range(length - (1 if length == 10 else 2))]
    weights = (2, 4, 10, 3, 5, 9, 4, 6, 8) if length == 10 else (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    digits.append(_check(digits, weights))
    if length == 12:
        digits.append(_check(digits, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)))
    return "".join(map(str, digits))


def patronymic(father: str, is_son: bool) -> str:
    """Return the patronymic of a father's given name."""
    irregular = {"Илья": "Ильи", "Никита": "Никити", "Лев": "Льво", "Павел": "Павло", "Пётр": "Петро"}
    if father in irregular:
        stem = irregular[father]
        if stem.endswith("и"):
            return stem + ("ч" if is_son else "нична" if father == "Илья" else "чна")
        return stem + ("вич" if is_son else "вна")
    stem = father[:-1] + "е" if father[-1] in "йь" else father + "о"
    stem = stem[:-2] + "ье" if father.endswith(("лерий", "гений", "надий", "талий", "горий", "орий")) else stem
    return stem + ("вич" if is_son else "вна")


def _surnames() -> list[tuple[str, str]]:
    common = [(name, name[:-2] + "ая" if name.endswith("ий") else f"{name}а") for name in SURNAMES]
    roots = [first + second for first in words.FIRST_SYLLABLES for second in words.SECOND_SYLLABLES]
    rare, rarest = (
        [(root + man, root + woman) for man, woman in words.RARE_ENDINGS for root in some]
        for some in (words.RARE_ROOTS, roots)
    )
    for some in (rare, rarest):
        Random("rare surnames").shuffle(some)
    return common + rare + rarest


def _counted(draw: Random, shares: tuple[float, ...]) -> int:
    return draw.choices(range(1, len(shares) + 1), shares)[0]


def _landline(draw: Random) -> str:
    code = draw.choice(words.AREA_CODES)
    return code + str(draw.randrange(10 ** (9 - len(code)), 10 ** (10 - len(code))))


def _inn_written(draw: Random, inn: str, tags: list[str]) -> str:
    kind = draw.random()
    if kind < 0.02:
        tags.append("inn_typo")
        at = draw.randrange(len(inn) - 1)
        return inn[:at] + inn[at + 1] + inn[at] + inn[at + 2 :]
    return f"{inn[:2]} {inn[2:6]} {inn[6:]}" if kind < 0.07 else inn


def _check(digits: list[int], weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 11 % 10


def _line_of(lead: Lead) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerow([lead.told.get(column, "") for column in COLUMNS[1:]])
    return stream.getvalue()


def main() -> None:
    """Write the file that the arguments ask for."""
    known = argparse.ArgumentParser(prog="python -m bench.leads", description=__doc__)
    known.add_argument("count", type=int)
    known.add_argument("--seed", type=int, default=1)
    known.add_argument("--out", type=Path, required=True)
    given = known.parse_args()
    write_leads(given.out, given.count, given.seed)


if __name__ == "__main__":
    main()
