"""What phones and mailboxes of a person say: equal, a keystroke off, different; shared ones are the organisation's."""

from __future__ import annotations

from functools import lru_cache

from rapidfuzz.distance import OSA

from crm.matching.normalise.evidence import Evidence
from crm.matching.normalise.mailbox_names import plain_surname_in
from crm.matching.normalise.skeleton import skeleton
from crm.matching.normalise.words import given_names
from crm.matching.scoring.context import Context
from crm.matching.scoring.names import given_differ, is_swapped, surnames_differ
from crm.matching.statistics import EMAIL, PHONE
from crm.matching.values import MatchLine

Lines = list[MatchLine] | None
_LIKE = 0.7
_MOST_OF_GIVEN = 6.5


def weigh_contact_points(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of personal phones and mailboxes together."""
    weight = 0.0
    if left.mobiles and right.mobiles:
        weight += _phones(context, left, right, lines)
    if left.mailboxes and right.mailboxes:
        weight += _mailboxes(context, left, right, lines)
    return weight


def personal_in_common(context: Context, left: Evidence, right: Evidence) -> bool:
    """Tell whether two records have a phone or a mailbox in common that one person owns."""
    return any(
        value in other and not context.facts(kind, value).is_shared
        for kind, own, other in ((PHONE, left.mobiles, right.mobiles), (EMAIL, left.mailboxes, right.mailboxes))
        for value in own
    )


def shared_in_common(context: Context, left: Evidence, right: Evidence) -> bool:
    """Tell whether two records have a personal phone or mailbox in common that several people use."""
    return any(
        value in other and context.facts(kind, value).is_shared
        for kind, own, other in ((PHONE, left.mobiles, right.mobiles), (EMAIL, left.mailboxes, right.mailboxes))
        for value in own
    )


def _phones(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    for phone in left.mobiles:
        if phone in right.mobiles:
            if context.facts(PHONE, phone).is_shared:
                return 0.0  # weighed with the organisation
            weight = context.log_count + context.weights["phone_equal"] + _doubt(context, PHONE, phone, left, right)
            if lines is not None:
                lines.append(MatchLine(_found_in(left, right, "phone", phone), weight, phone, phone))
            return weight
    return _near_or_differ(context, "phone", left, right, lines)


def _doubt(context: Context, kind: str, value: str, left: Evidence, right: Evidence) -> float:
    """Return what to take off where a number has had owners of different names and this pair doesn't say which."""
    if (left.given and right.given) or context.facts(kind, value).names < 2:
        return 0.0
    return context.weights["several_names"]


def of_several_owners(context: Context, left: Evidence, right: Evidence) -> bool:
    """Tell whether a nameless record shares a number with one of its owners only by that number."""
    if left.given and right.given:
        return False
    return any(
        value in other and context.facts(kind, value).names > 1
        for kind, own, other in ((PHONE, left.mobiles, right.mobiles), (EMAIL, left.mailboxes, right.mailboxes))
        for value in own
    )


def _mailboxes(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    for mailbox in left.mailboxes:
        if mailbox in right.mailboxes:
            if context.facts(EMAIL, mailbox).is_shared:
                return 0.0
            weight = context.log_count + context.weights["email_equal"] + _doubt(context, EMAIL, mailbox, left, right)
            if lines is not None:
                lines.append(MatchLine(_found_in(left, right, "email", mailbox), weight, mailbox, mailbox))
            return weight + _told_by_mailbox(context, mailbox, left, right, lines)
    return _near_or_differ(context, "email", left, right, lines)


def _told_by_mailbox(context: Context, mailbox: str, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return what to take off a mailbox in common: the names in it are no news, and natalya86@ may be anybody's."""
    words, is_common = _words_of(mailbox)
    weight = 0.0
    if left.given and right.given and any(name in words for name in left.given if name in right.given):
        weight -= min(context.rarity("given", left.given[0]), _MOST_OF_GIVEN)
    if left.surname and left.surname == right.surname and left.surname in words:
        weight -= context.rarity("surname", left.surname)
    if lines is not None and weight:
        lines.append(MatchLine("name_in_same_mailbox", weight, mailbox, mailbox))
    if is_common:
        weight += context.weights["mailbox_of_given_name"]
        if lines is not None:
            lines.append(MatchLine("mailbox_of_given_name", context.weights["mailbox_of_given_name"], mailbox, mailbox))
    return weight


@lru_cache(maxsize=50_000)
def _words_of(mailbox: str) -> tuple[str, bool]:
    """Return the skeleton of a mailbox's name and whether it is but a given name with some digits."""
    local = mailbox.partition("@")[0]
    return skeleton(local), skeleton(_letters(local)) in given_names()


def _near_or_differ(context: Context, kind: str, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of values that differ, or nearly agree: what is near says nothing where the names differ."""
    near = _near_phones if kind == "phone" else _near_mailboxes
    ours, theirs = (left.mobiles, right.mobiles) if kind == "phone" else (left.mailboxes, right.mailboxes)
    code = f"{kind}s_differ"
    weight, one, other = context.weights[code], "", ""
    for value in ours:
        for against in theirs:
            nearness = near(value, against)
            if nearness and one == "":
                weight = 0.0 if _other_person(context, left, right) else context.nearness(nearness, value, against)
                code, one, other = nearness, value, against
    if lines is not None:
        lines.append(MatchLine(code, weight, one or ", ".join(ours), other or ", ".join(theirs)))
    return weight


def _other_person(context: Context, left: Evidence, right: Evidence) -> bool:
    """Tell whether the given names or the surnames are different people's."""
    if given_differ(context, left, right):
        return True
    if not left.surname or not right.surname or is_swapped(context, left, right):
        return False
    return surnames_differ(context, left.surname, right.surname)


def _near_phones(left: str, right: str) -> str:
    return "phone_near" if left[:4] == right[:4] and OSA.distance(left, right, score_cutoff=1) <= 1 else ""


def _near_mailboxes(left: str, right: str) -> str:
    """Return the code of how two mailboxes are near; digits that differ are mostly other people's."""
    local, _, domain = left.partition("@")
    other, _, other_domain = right.partition("@")
    if domain != other_domain:
        if local != other or len(local) < 5:
            return ""
        return "email_near" if len(domain) > 6 and OSA.distance(domain, other_domain, score_cutoff=1) <= 1 else ""
    if len(local) < 6 or OSA.distance(local, other, score_cutoff=1) > 1:
        return ""
    letters, other_letters = _letters(local), _letters(other)
    if letters == other_letters:
        return "" if skeleton(letters) in given_names() else "email_digit_off"
    at = next((place for place, (a, b) in enumerate(zip(letters, other_letters, strict=False)) if a != b), len(letters))
    is_initial = at < 2 or at >= min(len(letters), len(other_letters)) - 2
    return "email_digit_off" if is_initial else "email_near"


def _letters(text: str) -> str:
    return "".join(char for char in text if not char.isdigit())


def _found_in(left: Evidence, right: Evidence, kind: str, value: str) -> str:
    place = left.field_of(kind, value)
    if place == kind:
        place = right.field_of(kind, value)
    return f"{kind}_equal" if place == kind else f"{kind}_in_{place}_field"


def weigh_name_in_mailbox(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of a surname that stands in the other record's mailbox, where surnames can't be compared."""
    if left.surname and right.surname:
        return 0.0
    for named, boxed in ((left, right), (right, left)):
        if len(named.surname) < 5 or boxed.surname or not boxed.mailboxes:
            continue
        mailbox = next((box for box in boxed.mailboxes if _holds(box, named)), "")
        if mailbox:
            code, weight = "surname_in_mailbox", context.rarity("surname", named.surname) - 1.0
            weight = min(weight, context.weights[code])
        elif not boxed.given and _other_surname(context, named, boxed):
            code, mailbox = "other_surname_in_mailbox", boxed.mailboxes[0]
            weight = context.weights[code]
        else:
            continue
        if lines is not None:
            lines.append(MatchLine(code, weight, named.surname_typed, mailbox))
        return weight
    return 0.0


def _holds(mailbox: str, named: Evidence) -> bool:
    return named.surname in skeleton(mailbox.partition("@")[0]) and mailbox not in named.mailboxes


def _other_surname(context: Context, named: Evidence, boxed: Evidence) -> bool:
    """Tell whether all that a nameless record's mailbox tells is another surname."""
    surname = plain_surname_in(boxed.mailboxes[0])
    if not surname or boxed.mailboxes[0] in named.mailboxes:
        return False
    return context.likeness(surname, named.surname) < _LIKE and not surname.startswith(named.surname[:4])
