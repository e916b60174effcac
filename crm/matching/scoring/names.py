"""What the names of two persons say: given name, surname, patronymic, initials, in swapped order too."""

from __future__ import annotations

from crm.matching.normalise.evidence import Evidence
from crm.matching.normalise.words import given_names
from crm.matching.scoring.context import Context
from crm.matching.values import MatchLine

NEAR = 0.74
Lines = list[MatchLine] | None


def weigh_names(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of the names; what one side lacks weighs nothing."""
    if is_swapped(context, left, right):
        return _swapped(context, left, right, lines)
    weight = 0.0
    if left.surname and right.surname:
        weight += _surname(context, left, right, lines)
    if left.given and right.given:
        weight += _given(context, left, right, lines)
        if weight <= context.weights["name_differ"]:
            weight += _in_other_place(context, left, right, weight, lines)
    elif left.initials and right.initials and (left.surname or right.surname):
        weight += _initial(context, left, right, lines)
    if left.patronymic and right.patronymic:
        weight += _patronymic(context, left, right, lines)
    elif len(left.initials) > 1 and len(right.initials) > 1:
        weight += _second_initial(context, left, right, lines)
    return weight


def given_differ(context: Context, left: Evidence, right: Evidence) -> bool:
    """Tell whether two records name different people by their given names."""
    if not left.given or not right.given or left.given == right.given or is_swapped(context, left, right):
        return False
    return names_differ(context, left.given, right.given)


def names_differ(context: Context, left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Tell whether two sets of given names are of different people: no name in common, no typing error."""
    return not _shared_given(left, right) and _given_likeness(context, left, right) < NEAR


def surnames_differ(context: Context, left: str, right: str) -> bool:
    """Tell whether two surnames are different, typing errors aside."""
    return left != right and context.likeness(left, right) < NEAR


def _surname(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    if left.surname == right.surname:
        code, weight = "surname_equal", context.rarity("surname", left.surname)
    elif context.likeness(left.surname, right.surname) >= NEAR:
        rarity = min(context.rarity("surname", left.surname), context.rarity("surname", right.surname))
        code, weight = "surname_near", min(rarity, 9.0) + context.weights["surname_near"]
    else:
        code, weight = "surname_differ", context.weights["surname_differ"]
    if lines is not None:
        lines.append(MatchLine(code, weight, left.surname_typed, right.surname_typed))
    return weight


def _given(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    if _shared_given(left.given, right.given):
        more = left.given if len(left.given) >= len(right.given) else right.given
        weight = (
            min(context.rarity("given", name) for name in more) if len(more) > 1 else context.rarity("given", more[0])
        )
        weight -= 0.3 * (len(more) - 1)
        code = "given_name_equal"
    elif _given_likeness(context, left.given, right.given) >= NEAR:
        rarity = max(context.rarity("given", left.given[0]), context.rarity("given", right.given[0]))
        code, weight = "given_name_near", min(rarity, 6.0) + context.weights["given_near"]
    else:
        code, weight = "given_name_differ", context.weights["given_differ"]
    if lines is not None:
        lines.append(MatchLine(code, weight, left.given_typed, right.given_typed))
    return weight


def _initial(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    full, short = (left, right) if left.given else (right, left)
    letters = {name[:1] for name in full.given} or {full.initials[:1]}
    agree = (
        short.initials[0] in letters
        or full.initials[0] == short.initials[0]
        or "i" in (short.initials[0], full.initials[0])
    )
    code = "initials_agree" if agree else "initials_differ"
    weight = context.weights[code]
    if lines is not None:
        lines.append(
            MatchLine(
                code,
                weight,
                left.given_typed or left.initials[0].upper(),
                right.given_typed or right.initials[0].upper(),
            )
        )
    return weight


def _patronymic(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    if left.patronymic == right.patronymic:
        code, weight = "patronymic_equal", context.rarity("patronymic", left.patronymic)
    elif context.likeness(left.patronymic, right.patronymic) >= 0.8:
        code, weight = "patronymic_near", context.weights["patronymic_near"] + 4.0
    else:
        code, weight = "patronymic_differ", context.weights["patronymic_differ"]
    if lines is not None:
        lines.append(MatchLine(code, weight, left.patronymic, right.patronymic))
    return weight


def _second_initial(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    agree = left.initials[1] == right.initials[1] or "i" in (left.initials[1], right.initials[1])
    weight = context.weights["initials_agree" if agree else "initials_differ"]
    if lines is not None:
        code = "patronymic_initial_agree" if agree else "patronymic_initial_differ"
        lines.append(MatchLine(code, weight, left.initials[1].upper(), right.initials[1].upper()))
    return weight


def _shared_given(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    if left == right:
        return True
    if len(left) == 1 and len(right) == 1:
        return False
    return not set(left).isdisjoint(right)


def _given_likeness(context: Context, left: tuple[str, ...], right: tuple[str, ...]) -> float:
    known = given_names()
    if left[0] in known and right[0] in known:
        return 0.0  # two names that people have: Александр is no typing error for Александра
    return max(context.likeness(one, other) for one in left for other in right)


def _in_other_place(context: Context, left: Evidence, right: Evidence, weight: float, lines: Lines) -> float:
    """Return what to add where both names differ: that is one fact, and one may stand in the place of the other."""
    for one, other in ((left, right), (right, left)):
        if len(one.surname) > 3 and context.likeness(one.surname, other.given[0]) >= NEAR:
            added = context.weights["name_differ"] + min(context.rarity("surname", one.surname), 6.0) - weight
            if lines is not None:
                lines.append(MatchLine("name_in_other_place", added, one.surname_typed, other.given_typed))
            return added
    added = context.weights["name_differ"] - weight
    if lines is not None:
        lines.append(MatchLine("names_differ_once", added))
    return added


def is_swapped(context: Context, left: Evidence, right: Evidence) -> bool:
    """Tell whether given name and surname stand in each other's place."""
    if left.surname == right.surname or not (left.surname and right.surname and left.given and right.given):
        return False
    if left.surname in right.given and right.surname in left.given:
        return True
    return (
        left.given[0] != right.given[0]
        and context.likeness(left.surname, right.given[0]) >= NEAR
        and context.likeness(right.surname, left.given[0]) >= NEAR
        and context.likeness(left.surname, right.surname) < NEAR
    )


def _swapped(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    # Which of the two is in order nobody knows: the one whose names are the more usual ones.
    rarities = [context.rarity("surname", one.surname) + context.rarity("given", one.given[0]) for one in (left, right)]
    weight = min(rarities) - 2.0
    if lines is not None:
        lines.append(
            MatchLine("name_swapped", weight, f"{left.given_typed} {left.surname_typed}".strip(),
                      f"{right.given_typed} {right.surname_typed}".strip())
        )  # fmt: skip
    return weight
