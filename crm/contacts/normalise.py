"""Phones, e-mails, taxpayer numbers and addresses in the form they are stored and compared in; pure.

Functions named `..._or_none` take the field's name and the list of violations found so far, add to it and return
None where they refuse, so that a command tells everything at once.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from crm.errors import Violation
from crm.models import PointKind
from crm.typed_text import clean_block, clean_line, line_violations

NOTE_LENGTH = 20_000
POINT_LENGTH = 300

_DASHES = "\\-\u2010-\u2015"
_PHONE = re.compile(
    rf"^(?P<number>[+(]?\d[\d\s()./{_DASHES}]*)"
    r"(?:[,;]?\s*(?:доб(?:авочный)?|вн(?:утр)?|ext(?:ension)?|x|#)\.?[\s:=]*(?P<extension>\d{1,7}))?$",
    re.IGNORECASE,
)
_HOST = re.compile(r"^(?!-)[\w-]{1,63}(?:\.[\w-]{1,63})+$")
_WITHOUT_SCHEME = re.compile(r"^[\w-]+(?:\.[\w-]+)+(?::\d{1,5})?(?:[/?#].*)?$")
_TELEGRAM_ADDRESS = re.compile(r"^(?:https?://)?(?:t|telegram)\.me/|^@", re.IGNORECASE)
_TELEGRAM_NAME = re.compile(r"^[a-z]\w{3,31}$", re.ASCII)
_INN_WEIGHTS = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)


@dataclass(frozen=True, slots=True)
class Phone:
    """A number in E.164 and the extension behind it."""

    e164: str
    extension: str | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """A contact point as typed, and in the form it is compared by."""

    kind: PointKind
    value: str
    normalised: str


def parse_phone(text: str, region: str) -> Phone | None:
    """Read a phone as people of the region type it; None for what is not one whole phone number.

    A number without "+" must be a valid one of the region; after "+" a possible one of its country is enough.
    """
    found = _PHONE.match(clean_line(text))
    if found is None:
        return None
    number = _as_dialled(found["number"], region)
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not possible or not (number.startswith("+") or phonenumbers.is_valid_number(parsed)):
        return None
    return Phone(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), found["extension"])


def readable_phone(e164: str) -> str:
    """Return an E.164 number in groups, as people write it: "+7 900 000-12-00"; anything else as it is."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def phone_or_none(text: str, region: str, field: str, found: list[Violation]) -> str | None:
    """Return the E.164 form of a phone."""
    phone = parse_phone(text, region)
    if phone is None:
        found.append(Violation("phone_invalid", field, {"text": text.strip()[:60]}))
        return None
    return phone.e164


def email_or_none(text: str, field: str, found: list[Violation]) -> str | None:
    """Return an e-mail address in lower case; only its form is checked, nobody is asked."""
    try:
        checked = validate_email(text.strip().removeprefix("mailto:"), check_deliverability=False)
    except (EmailNotValidError, UnicodeError):
        found.append(Violation("email_invalid", field, {"text": text.strip()[:60]}))
        return None
    return checked.normalized.lower()


def telegram_or_none(text: str, field: str, found: list[Violation]) -> str | None:
    """Return a Telegram name in lower case without "@", from a name or a t.me address."""
    name = _TELEGRAM_ADDRESS.sub("", clean_line(text)).rstrip("/").lower()
    if not _TELEGRAM_NAME.match(name):
        found.append(Violation("telegram_invalid", field, {"text": text.strip()[:60]}))
        return None
    return name


def website_or_none(text: str | None, field: str, found: list[Violation]) -> str | None:
    """Return a web address with http or https; a bare host gets https, anything else is a violation."""
    text = text or ""
    address = text.strip()
    if not address:
        return None
    if _WITHOUT_SCHEME.match(address):
        address = f"https://{address}"
    if not _is_web_address(address):
        found.append(Violation("website_invalid", field, {"text": text.strip()[:60]}))
        return None
    parts = urlsplit(address)
    path = "" if parts.path == "/" else parts.path
    address = urlunsplit((parts.scheme.lower(), parts.netloc.lower(), path, parts.query, parts.fragment))
    return _fitting(address, field, POINT_LENGTH, found)


def inn_or_none(text: str | None, region: str, field: str, found: list[Violation]) -> str | None:
    """Return a taxpayer number; a Russian one must have 10 or 12 digits and right check digits."""
    number = re.sub(rf"[\s./{_DASHES}]", "", clean_line(text or "")).upper()
    if not number:
        return None
    if region != "RU":
        broken = None if re.fullmatch(r"[A-Z0-9]{4,20}", number) else Violation("tax_number_invalid", field)
    elif not re.fullmatch(r"[0-9]{10}|[0-9]{12}", number):
        broken = Violation("inn_length", field)
    else:
        broken = None if _inn_digits_right(number) else Violation("inn_checksum", field)
    if broken:
        found.append(broken)
        return None
    return number


def required_line(text: str, field: str, limit: int, found: list[Violation]) -> str:
    """Return one clean line that must not be blank or too long."""
    found.extend(line_violations(text, field, limit, required=True))
    return clean_line(text)


def line_or_none(text: str | None, field: str, limit: int, found: list[Violation]) -> str | None:
    """Return one clean line, None for a blank one."""
    found.extend(line_violations(text or "", field, limit))
    return clean_line(text or "") or None


def note_or_none(text: str | None, field: str, found: list[Violation]) -> str | None:
    """Return a clean text of several lines, None for a blank one."""
    unreadable = [each for each in line_violations(text or "", field, NOTE_LENGTH) if each.code == "text_unreadable"]
    if unreadable:
        found.extend(unreadable)
        return None
    return _fitting(clean_block(text or ""), field, NOTE_LENGTH, found) or None


def check_point(kind: PointKind, text: str, region: str, field: str, found: list[Violation]) -> Point | None:
    """Return a contact point as typed with the form it is compared by."""
    broken = line_violations(text, field, POINT_LENGTH, required=True)
    if broken:
        found.extend(broken)
        return None
    value = clean_line(text)
    match kind:
        case PointKind.PHONE:
            normalised = phone_or_none(value, region, field, found)
        case PointKind.EMAIL:
            normalised = email_or_none(value, field, found)
        case PointKind.TELEGRAM:
            normalised = telegram_or_none(value, field, found)
        case PointKind.WEBSITE:
            normalised = website_or_none(value, field, found)
    return None if normalised is None else Point(kind, value, normalised)


def kind_of_point(text: str) -> PointKind:
    """Tell by its look what a typed contact point is; what looks like nothing else is a phone."""
    line = clean_line(text)
    if _TELEGRAM_ADDRESS.match(line):
        return PointKind.TELEGRAM
    if "@" in line:
        return PointKind.EMAIL
    has_letters = any(char.isalpha() for char in line)
    if "://" in line or (has_letters and _WITHOUT_SCHEME.match(line)):
        return PointKind.WEBSITE
    return PointKind.PHONE


def _as_dialled(number: str, region: str) -> str:
    digits = "".join(str(unicodedata.decimal(char)) for char in number if char.isdecimal())
    if region == "RU" and len(digits) == 11 and digits[0] == "8" and digits[1] in "3489":
        return f"+7{digits[1:]}"  # also the common mistake "+8 916 ..."
    if number.startswith("+") or digits.startswith("00"):
        return f"+{digits.removeprefix('00')}"
    return digits


def _fitting(text: str, field: str, limit: int, found: list[Violation]) -> str | None:
    if len(text) > limit:
        found.append(Violation("text_too_long", field, {"length": len(text), "limit": limit}))
        return None
    return text


def _inn_digits_right(number: str) -> bool:
    digits = [int(char) for char in number]
    checked = (9,) if len(digits) == 10 else (10, 11)
    sums = {at: sum(w * d for w, d in zip(_INN_WEIGHTS[11 - at :], digits, strict=False)) for at in checked}
    return any(digits) and all(total % 11 % 10 == digits[at] for at, total in sums.items())


def _is_web_address(address: str) -> bool:
    if any(char.isspace() or char == "\\" or unicodedata.category(char)[0] == "C" for char in address):
        return False
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    anonymous = parts.username is None and parts.password is None
    return parts.scheme in {"http", "https"} and anonymous and host is not None and bool(_HOST.match(host))
