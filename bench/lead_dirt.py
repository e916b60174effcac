"""What clerks, forms and telephones do to a name, a phone, a mailbox, a firm."""

from __future__ import annotations

from random import Random

from bench.lead_words import (
    FREE_MAIL,
    JOBS,
    KEYBOARD,
    LOOK_ALIKES,
    MISTYPED_MAIL,
    SHORT_NAMES,
    latin,
)

_WAYS = ("given", "short", "short alone", "western", "turned", "passport", "swap", "polite", "initials", "surname")
_WAY_SHARES = (18, 4.5, 4.5, 18, 8, 17, 8, 12, 8.5, 1.5)
_ALPHABET = "абвгдежзийклмнопрстуфхцчшщыьэюя"
_MOBILE_FORMS = (
    *("8{}{}{}{}", "+7{}{}{}{}", "7{}{}{}{}", "{}{}{}{}", "+7 ({}) {}-{}-{}", "8 ({}) {}-{}-{}", "8-{}-{}-{}-{}"),
    *(
        "+7 {} {} {} {}",
        "8 {} {}{}{}",
        "8({}){}{}{}",
        "+7-{}-{}-{}-{}",
        "{} {}{}{}",
        "тел. 8 {} {}-{}-{}",
        "7({}){}-{}-{}",
    ),
)


def phone_written(draw: Random, digits: str) -> str:
    """Return ten digits as somebody types them; rarely with the letter O for a zero."""
    code = 4 if digits.startswith(("3", "4", "8")) and draw.random() < 0.2 else 3
    number = digits[code:].rjust(7, " ").strip()
    parts = (digits[:code], number[:-4], number[-4:-2], number[-2:])
    text = draw.choice(_MOBILE_FORMS).format(*parts)
    return text.replace("0", draw.choice("OО"), 1) if draw.random() < 0.006 else text


def phone_mistyped(draw: Random, digits: str) -> str:
    """Return a phone with one digit wrong, two swapped, or one missing."""
    at = draw.randrange(3, len(digits) - 1)
    kind = draw.random()
    if kind < 0.5:
        return digits[:at] + str((int(digits[at]) + draw.randint(1, 9)) % 10) + digits[at + 1 :]
    if kind < 0.8:
        return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
    return digits[:at] + digits[at + 1 :]


def word_mistyped(draw: Random, word: str) -> str:
    """Return a word with one letter doubled, lost, swapped or replaced."""
    if len(word) < 4:
        return word
    at, kind = draw.randrange(1, len(word) - 1), draw.random()
    if kind < 0.25:
        return word[:at] + word[at] + word[at:]
    if kind < 0.5:
        return word[:at] + word[at + 1 :]
    if kind < 0.75:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + draw.choice(_ALPHABET) + word[at + 1 :]


def mailbox_mistyped(draw: Random, mailbox: str) -> str:
    """Return a mailbox with a slip in its domain or its name."""
    name, domain = mailbox.split("@")
    if domain in MISTYPED_MAIL and draw.random() < 0.5:
        return f"{name}@{draw.choice(MISTYPED_MAIL[domain])}"
    if len(name) < 4:
        return mailbox
    at = draw.randrange(1, len(name) - 1)
    if draw.random() < 0.5:
        return f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2 :]}@{domain}"
    return f"{name[:at]}{name[at]}{name[at:]}@{domain}"


def mailbox_written(draw: Random, mailbox: str) -> str:
    """Return a mailbox with capitals, a prefix, a tag or blanks around."""
    kind = draw.random()
    if kind < 0.08:
        return mailbox.upper()
    if kind < 0.16:
        return mailbox.capitalize()
    if kind < 0.17:
        return f"mailto:{mailbox}"
    if kind < 0.185:
        return f"{mailbox} "
    if kind < 0.195 and mailbox.endswith("gmail.com"):
        return mailbox.replace("@", "+zakaz@")
    return mailbox


def personal_mailbox(draw: Random, given: str, surname: str, patronymic: str, born: int) -> str:
    """Return a mailbox that somebody of this name would choose on a public service."""
    first, last = latin(given).lower(), latin(surname).lower()
    year = draw.choice((str(born), str(born)[2:], str(draw.randint(1, 99)), ""))
    name = draw.choice(
        (
            f"{last}{year}",
            f"{first}.{last}{year}",
            f"{last}_{first}",
            f"{last}.{first[0]}{year}",
            f"{first}{year or born}",
            f"{last}-{first[0]}{year}",
            f"{first[0]}.{last}{year}",
            f"{last}{first[0]}{latin(patronymic).lower()[:1]}",
            f"{first}{last[:4]}{year}",
        )
    )
    return f"{name}@{draw.choice(FREE_MAIL)}"


def name_written(draw: Random, person: tuple[str, str, str], tags: list[str]) -> str:
    """Return given name, patronymic and surname in one of the orders and shortenings people use."""
    given, patronymic, surname = person
    (way,) = draw.choices(_WAYS, _WAY_SHARES)
    if way in {"short", "short alone"}:
        if given not in SHORT_NAMES:
            return given
        tags.append("short")
        short = draw.choice(SHORT_NAMES[given].split())
        return f"{short} {surname}" if way == "short" else short
    tags += [way] if way in {"swap", "initials"} else []
    initials = f"{given[0]}.{' ' * (draw.random() < 0.4)}{patronymic[0]}."
    return {
        "given": given,
        "western": f"{given} {surname}",
        "turned": f"{surname} {given}",
        "passport": f"{surname} {given} {patronymic}",
        "swap": f"{given} {patronymic} {surname}",
        "polite": f"{given} {patronymic}",
        "initials": f"{surname} {initials}" if draw.random() < 0.65 else f"{initials} {surname}",
        "surname": surname,
    }[way]


def name_soiled(draw: Random, name: str, firm: str, tags: list[str]) -> str:
    """Return a name with slips, another alphabet or layout, a job title or a firm behind it."""
    kind = draw.random()
    if kind < 0.045:
        tags.append("name_typo")
        words = name.split()
        at = draw.randrange(len(words))
        words[at] = word_mistyped(draw, words[at])
        name = " ".join(words)
    elif kind < 0.125:
        tags.append("translit")
        name = latin(name, draw.randrange(4))
    elif kind < 0.155:
        tags.append("homoglyph")
        name = name.translate(LOOK_ALIKES)
    elif kind < 0.16:
        tags.append("keyboard")
        name = name.translate(KEYBOARD)
    elif kind < 0.205:
        tags.append("name_noise")
        behind = f"({firm})" if firm and draw.random() < 0.4 else draw.choice(("- ", "", ", ")) + draw.choice(JOBS)
        name = f"{name} {behind}"
    case = draw.random()
    if case < 0.05:
        return name.upper()
    if case < 0.1:
        return name.lower()
    return name.replace(" ", "  ") if case < 0.13 else name
