"""What place, date of birth and customer's number say."""

from __future__ import annotations

from math import log2

from rapidfuzz.distance import OSA

from crm.matching.normalise.evidence import Evidence
from crm.matching.normalise.skeleton import skeleton
from crm.matching.scoring.context import Context
from crm.matching.statistics import ADDRESS, whole_address
from crm.matching.values import MatchLine
from crm.models.codes import EntityType

_YEAR_ALONE = "0101"  # what a register writes where only the year is known
_COMPASS = frozenset(
    skeleton(word) for word in ["north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"]
)
Lines = list[MatchLine] | None
_OF_ONE_SITE, _OF_ONE_PERSON = 3.0, 2.0  # holders of one address that are no crowd
_TELLING, _TELLING_SHARE, _SAME_STREET = 3.5, 0.4, 0.75


def weigh_place(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of city, postal code and address."""
    weight = 0.0
    if left.city and right.city:
        if left.city == right.city:
            weight += _say(
                lines,
                "city_equal",
                min(context.weights["city_equal"], context.rarity("city", left.city)),
                left.city,
                right.city,
            )
        else:
            near = context.likeness(left.city, right.city) >= 0.8
            weight += _say(
                lines,
                "city_near" if near else "city_differ",
                0.0 if near else context.weights["city_differ"],
                left.city,
                right.city,
            )
    if left.zip_code and right.zip_code:
        if left.zip_code == right.zip_code:
            weight += _say(
                lines, "zip_equal", context.rarity("zip", left.zip_code) * 0.5, left.zip_code, right.zip_code
            )
        elif OSA.distance(left.zip_code, right.zip_code, score_cutoff=1) > 1:
            weight += _say(lines, "zip_differ", context.weights["zip_differ"], left.zip_code, right.zip_code)
    if (left.house or left.address) and (right.house or right.address) and not is_of_organisation(context, left, right):
        weight += _address(context, left, right, lines)
    return weight


def is_of_organisation(context: Context, left: Evidence, right: Evidence) -> bool:
    """Tell whether two people's addresses are where their companies are: one fact with the company."""
    return context.model.entity_type is not EntityType.COMPANY and bool(left.companies and right.companies)


def company_address(context: Context, left: Evidence, right: Evidence) -> float:
    """Return the weight of two people's companies standing at one address; 0 where they don't."""
    if not is_of_organisation(context, left, right) or left.house != right.house or not left.house:
        return 0.0
    if not _street(context, left, right):
        return 0.0
    return max(context.log_count - log2(_at_address(context, left, right)), 0.0)


def _at_address(context: Context, left: Evidence, right: Evidence) -> int:
    """Return how many stand at the address, as the one or the other writes it."""
    return max(context.frequency(ADDRESS, whole_address(one)) for one in (left, right))


def _commonness(context: Context, left: Evidence, right: Evidence) -> float:
    """Return what to take off an address in common where many stand."""
    usual = _OF_ONE_SITE if context.model.entity_type is EntityType.COMPANY else _OF_ONE_PERSON
    return log2(max(_at_address(context, left, right) / usual, 1.0))


def weigh_identity(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of date of birth and of a national or customer's number."""
    weight = 0.0
    if left.identifier and right.identifier:
        if left.identifier == right.identifier:
            weight += _say(lines, "identifier_equal", context.log_count + 6.0, left.identifier, right.identifier)
        elif OSA.distance(left.identifier, right.identifier, score_cutoff=1) <= 1:
            weight += _say(lines, "identifier_near", context.log_count - 2.0, left.identifier, right.identifier)
        else:
            weight += _say(
                lines, "identifier_differ", context.weights["identifier_differ"], left.identifier, right.identifier
            )
    if left.born and right.born:
        if left.born == right.born:
            weight += _say(lines, "born_equal", context.rarity("born", left.born), left.born, right.born)
        elif _born_near(left.born, right.born):
            weight += _say(lines, "born_near", max(context.rarity("born", left.born) - 5.0, 1.0), left.born, right.born)
        else:
            weight += _say(lines, "born_differ", context.weights["born_differ"], left.born, right.born)
    return weight


def _address(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    same_house = left.house == right.house and bool(left.house)
    street = _street(context, left, right)
    if same_house and street:
        code, weight = "address_equal", min(street + 4.0, context.log_count) - _commonness(context, left, right)
    elif street:
        code, weight = "street_equal", min(street, 6.0) * 0.5
        if left.house and right.house:
            code, weight = "house_differ", weight + context.weights["house_differ"]
    else:
        code, weight = "address_differ", context.weights["address_differ"]
        if not (left.house and right.house):
            weight *= 0.5  # one of them is only a part of an address
    return _say(lines, code, weight, left.address_typed, right.address_typed)


def _street(context: Context, left: Evidence, right: Evidence) -> float:
    """Return how much it says that both stand in one street; a word such as north says too little."""
    shared = [word for word in left.address if word in right.address and word not in _COMPASS]
    known = max((context.rarity("address", word) for word in shared), default=0.0)
    if known >= min(_TELLING, _TELLING_SHARE * context.log_count) or not (left.address and right.address):
        return known
    ours, theirs = "".join(left.address), "".join(right.address)
    if context.likeness(ours, theirs) >= _SAME_STREET:
        return 5.0
    near = any(len(one) > 4 and context.likeness(one, other) >= 0.8 for one in left.address for other in right.address)
    return 4.0 if near else 0.0


def _born_near(left: str, right: str) -> bool:
    if OSA.distance(left, right, score_cutoff=1) <= 1:
        return True
    if left[:4] == right[:4] and _YEAR_ALONE in {left[4:], right[4:]}:
        return True
    return len(left) == 8 == len(right) and left[:4] == right[:4] and left[4:6] == right[6:] and left[6:] == right[4:6]


def _say(lines: Lines, code: str, weight: float, left: str, right: str) -> float:
    if lines is not None:
        lines.append(MatchLine(code, weight, left, right))
    return weight
