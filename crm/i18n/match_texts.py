"""Words of the matcher: what each line of the waterfall says, what forbids an automatic merge."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import floor

from crm.i18n import N_, _
from crm.i18n.formats import number

PRIOR = "prior"
BRIDGE = "bridge"
_AGREE = 0.9  # how often a word is the same in two records of one person, as the scorer reckons
_MISPLACED = re.compile(r"(phone|email)_in_(\w+)_field")


@dataclass(frozen=True, slots=True)
class LineWords:
    """A sentence for two different texts, one for equal texts, and the few words of a list."""

    differing: str
    equal: str
    short: str
    is_rare: bool = False  # the rarer the word, the more it says: told as "1 in 115"


def _words(differing: str, short: str, equal: str | None = None, *, is_rare: bool = False) -> LineWords:
    return LineWords(differing, equal or differing, short, is_rare)


LINES: dict[str, LineWords] = {
    PRIOR: _words(N_("Two records taken at random"), N_("by chance")),
    BRIDGE: _words(N_("Another record has a phone or an e-mail of each: {left}"), N_("joined by another record")),
    "phone_equal": _words(N_("The same phone: {left}"), N_("same phone")),
    "phone_near": _words(N_("Phones differ by one digit: {left} and {right}"), N_("phone off by a digit")),
    "phones_differ": _words(N_("Different phones: {left} and {right}"), N_("different phones")),
    "email_equal": _words(N_("The same e-mail: {left}"), N_("same e-mail")),
    "email_near": _words(N_("E-mails differ by one letter: {left} and {right}"), N_("e-mail off by a letter")),
    "email_digit_off": _words(N_("E-mails differ by a digit or an initial: {left} and {right}"), N_("similar e-mail")),
    "emails_differ": _words(N_("Different e-mails: {left} and {right}"), N_("different e-mails")),
    "surname_equal": _words(
        N_("The surname is the same: {left} = {right}"), N_("same surname"), N_("The surname is the same: {left}"),
        is_rare=True,
    ),
    "surname_near": _words(N_("The surname is almost the same: {left} and {right}"), N_("surname almost the same")),
    "surname_differ": _words(N_("Different surnames: {left} and {right}"), N_("different surnames")),
    "surname_in_mailbox": _words(N_("The surname {left} stands in the e-mail {right}"), N_("surname in the e-mail")),
    "other_surname_in_mailbox": _words(N_("The e-mail {right} bears another surname than {left}"),
                                       N_("another surname in the e-mail")),
    "given_name_equal": _words(
        N_("{left} = {right}: one name"), N_("same first name"), N_("The first name is the same: {left}"), is_rare=True
    ),
    "given_name_near": _words(N_("The first name is almost the same: {left} and {right}"),
                              N_("first name almost the same")),
    "given_name_differ": _words(N_("Different first names: {left} and {right}"), N_("different first names")),
    "name_swapped": _words(N_("First name and surname are swapped: {left} and {right}"), N_("name swapped")),
    "name_in_other_place": _words(N_("The surname of one stands as the other's first name: {left} and {right}"),
                                  N_("name in another place")),
    "names_differ_once": _words(N_("First name and surname differ: counted once"), N_("different names")),
    "name_in_same_mailbox": _words(N_("The name stands in the shared e-mail already: {left}"),
                                   N_("name in the e-mail")),
    "mailbox_of_given_name": _words(N_("An e-mail of a first name may be anybody's: {left}"), N_("common e-mail")),
    "only_names": _words(N_("Only the names speak for it"), N_("only names")),
    "initials_agree": _words(N_("The initial fits: {left} and {right}"), N_("initial fits")),
    "initials_differ": _words(N_("The initial does not fit: {left} and {right}"), N_("initial does not fit")),
    "patronymic_equal": _words(N_("The patronymic is the same"), N_("same patronymic"), is_rare=True),
    "patronymic_near": _words(N_("The patronymic is almost the same"), N_("patronymic almost the same")),
    "patronymic_differ": _words(N_("Different patronymics"), N_("different patronymics")),
    "patronymic_initial_agree": _words(N_("The initial of the patronymic fits"), N_("second initial fits")),
    "patronymic_initial_differ": _words(N_("The initial of the patronymic does not fit"),
                                        N_("second initial does not fit")),
    "inn_equal": _words(N_("The same INN: {left}"), N_("same INN")),
    "inns_differ": _words(N_("Different INNs: {left} and {right}"), N_("different INNs")),
    "inn_near": _words(N_("INNs differ by one digit: {left} and {right}"), N_("INN off by a digit")),
    "landline_equal": _words(N_("The same office phone: {left}"), N_("same office phone")),
    "role_mailbox_equal": _words(N_("The same office e-mail: {left}"), N_("same office e-mail")),
    "domain_equal": _words(N_("E-mails of one company: {left}"), N_("same e-mail domain")),
    "shared_phone_equal": _words(N_("The same phone, which several people use: {left}"), N_("same shared phone")),
    "shared_mailbox_equal": _words(N_("The same e-mail, which several people use: {left}"), N_("same shared e-mail")),
    "company_equal": _words(
        N_("The same company: {left} = {right}"), N_("same company"), N_("The same company: {left}"), is_rare=True
    ),
    "company_near": _words(N_("Almost the same company: {left} and {right}"), N_("company almost the same")),
    "companies_differ": _words(N_("Different companies: {left} and {right}"), N_("different companies")),
    "company_is_domain": _words(N_("The e-mail domain {left} sounds like the company {right}"),
                                N_("company in the e-mail")),
    "company_part": _words(N_("One name is a part of the other: {left} and {right}"), N_("company partly the same")),
    "legal_forms_differ": _words(N_("Different legal forms: {left} and {right}"), N_("different legal forms")),
    "domains_differ": _words(N_("E-mails of different companies: {left} and {right}"), N_("different e-mail domains")),
    "city_equal": _words(N_("The same city"), N_("same city")),
    "city_near": _words(N_("Almost the same city"), N_("city almost the same")),
    "city_differ": _words(N_("Different cities"), N_("different cities")),
    "zip_equal": _words(N_("The same postal code: {left}"), N_("same postal code")),
    "zip_differ": _words(N_("Different postal codes: {left} and {right}"), N_("different postal codes")),
    "address_equal": _words(N_("The same address: {left} = {right}"), N_("same address"),
                            N_("The same address: {left}")),
    "street_equal": _words(N_("The same street: {left} and {right}"), N_("same street"), N_("The same street: {left}")),
    "house_differ": _words(N_("The same street, another house: {left} and {right}"), N_("another house")),
    "address_differ": _words(N_("Different addresses: {left} and {right}"), N_("different addresses")),
    "identifier_equal": _words(N_("The same customer number: {left}"), N_("same customer number")),
    "identifier_near": _words(N_("Customer numbers differ by one character: {left} and {right}"),
                              N_("number off by a character")),
    "identifier_differ": _words(N_("Different customer numbers: {left} and {right}"), N_("different numbers")),
    "born_equal": _words(N_("The same date of birth"), N_("same date of birth")),
    "born_near": _words(N_("Almost the same date of birth"), N_("date of birth almost the same")),
    "born_differ": _words(N_("Different dates of birth"), N_("different dates of birth")),
    "client_equal": _words(N_("The deals are of one client"), N_("one client")),
    "time_near": _words(N_("Created close together: {left} and {right}"), N_("close in time"),
                        N_("Created on one day: {left}")),
    "time_apart": _words(N_("Created long apart: {left} and {right}"), N_("far apart in time")),
    "goods_equal": _words(N_("About the same goods"), N_("same goods")),
    "goods_again": _words(N_("The same goods some days later: bought again, most likely"), N_("bought again")),
    "goods_differ": _words(N_("About different goods"), N_("different goods")),
    "amounts_differ": _words(N_("Different numbers in the titles: {left} and {right}"), N_("different amounts")),
    "client_and_occasion": _words(N_("Both the client and the occasion have to be the same"),
                                  N_("client and occasion")),
}  # fmt: skip
MISPLACED: dict[tuple[str, str], LineWords] = {
    ("phone", "name"): _words(N_("The phone {left} was found in the name"), N_("phone in the name")),
    ("phone", "comment"): _words(N_("The phone {left} was found in the note"), N_("phone in the note")),
    ("phone", "title"): _words(N_("The phone {left} was found in the title of a deal"), N_("phone in a deal's title")),
    ("phone", "company"): _words(N_("The phone {left} was found in the company's name"), N_("phone in the company")),
    ("phone", "position"): _words(N_("The phone {left} was found in the job title"), N_("phone in the job title")),
    ("phone", "address"): _words(N_("The phone {left} was found in the address"), N_("phone in the address")),
    ("phone", "email"): _words(N_("The phone {left} was found among the e-mails"), N_("phone among the e-mails")),
    ("email", "name"): _words(N_("The e-mail {left} was found in the name"), N_("e-mail in the name")),
    ("email", "comment"): _words(N_("The e-mail {left} was found in the note"), N_("e-mail in the note")),
    ("email", "title"): _words(N_("The e-mail {left} was found in the title of a deal"),
                               N_("e-mail in a deal's title")),
    ("email", "company"): _words(N_("The e-mail {left} was found in the company's name"), N_("e-mail in the company")),
    ("email", "position"): _words(N_("The e-mail {left} was found in the job title"), N_("e-mail in the job title")),
    ("email", "address"): _words(N_("The e-mail {left} was found in the address"), N_("e-mail in the address")),
    ("email", "phone"): _words(N_("The e-mail {left} was found among the phones"), N_("e-mail among the phones")),
}  # fmt: skip
GUARDS: dict[str, str] = {
    "given_names_differ": N_("The first names differ, so this pair is never merged without a person."),
    "inns_differ": N_("The INNs differ, so this pair is never merged without a person."),
    "phones_differ": N_("The companies' phones differ, so this pair is never merged without a person."),
    "zip_differ": N_("The postal codes differ, so this pair is never merged without a person."),
    "branches_differ": N_("The names tell different branches, so this pair is never merged without a person."),
    "names_differ": N_("The names have too little in common, so this pair is never merged without a person."),
    "identifier_shared": N_("Several people use this phone or e-mail, so this pair is never merged without a person."),
    "placeholder": N_("The phone or e-mail in common is a placeholder, so it says nothing."),
    "own_user": N_("The phone or e-mail in common is our own, so it says nothing."),
}


def chance(probability: float) -> str:
    """Return a probability as a whole percentage; never 100, for nobody is that sure."""
    return _("{share} %", share=min(99, floor(100 * probability)))


def line_sentence(code: str, weight: float, left: str, right: str) -> str:
    """Return a line of the waterfall as a sentence, as plain text; an unknown code is a programming error."""
    words = words_of_line(code)
    same = left.strip().casefold() == right.strip().casefold()
    told = _(words.equal if same else words.differing, left=left, right=right)
    # The scorer weighs an agreement by how often chance alone would bring it.
    one_in = round(2**weight / _AGREE) if words.is_rare and weight > 0 else 0
    return f"{told} {_('(1 in {n})', n=number(one_in))}" if one_in > 1 else told


def words_of_line(code: str) -> LineWords:
    """Return the words of a line's code."""
    found = _MISPLACED.fullmatch(code)
    return MISPLACED[found[1], found[2]] if found else LINES[code]


def guard_sentence(code: str) -> str:
    """Return why a pair is never merged automatically."""
    return _(GUARDS[code])
