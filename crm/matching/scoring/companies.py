"""What two records say about being of one company: numbers, names, sites, and people they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import log2

from rapidfuzz.distance import OSA

from crm.matching.likeness import near_words
from crm.matching.normalise.companies import joined
from crm.matching.normalise.evidence import Evidence
from crm.matching.normalise.mailboxes import domain_stems
from crm.matching.normalise.skeleton import skeleton
from crm.matching.scoring.context import Context, in_common
from crm.matching.statistics import DOMAIN, EMAIL, LANDLINE, PHONE, ROLE_EMAIL
from crm.matching.values import MatchLine

Lines = list[MatchLine] | None
_STOCK = frozenset({"ao", "oao", "zao", "pao", "nao"})
_LEGAL = _STOCK | {"ooo", "too", "gup", "mup", "fgup"}
_BRANCHES = frozenset(
    skeleton(word)
    for word in ["north", "south", "east", "west", "upper", "lower", "annex", "ii", "iii", "iv", "vi",
                 "север", "юг", "восток", "запад", "северный", "южный", "восточный", "западный"]
)  # fmt: skip
_ENOUGH_WORDS = 4.0  # what the words in common of two sites' names weigh at least
_SHORT_NAME, _LONG_NAME = 9, 3  # letters, words
_SAME, _NEAR, _PART, _OTHER = "company_equal", "company_near", "company_part", "companies_differ"


def weigh_company(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of everything that tells one company from another."""
    is_site = bool(left.house and right.house)
    weight = _inns(context, left, right, lines)
    if is_site:
        weight += _site_names(context, left, right, lines)
    else:
        weight += _names(context, left, right, lines)
        weight += _forms(context, left, right, lines)
    best: tuple[float, str, str] | None = None
    for code, found, value in _in_common(context, left, right, is_site):
        if best is None or found > best[0]:
            best = (found, code, value)
    if best is not None:
        weight += best[0]
        if lines is not None:
            lines.append(MatchLine(best[1], best[0], best[2], best[2]))
    if left.domains and right.domains and not is_site and set(left.domains).isdisjoint(right.domains):
        weight += context.weights["domain_differ"]
        if lines is not None:
            lines.append(
                MatchLine(
                    "domains_differ",
                    context.weights["domain_differ"],
                    ", ".join(left.domains),
                    ", ".join(right.domains),
                )
            )
    return weight


def company_guards(context: Context, left: Evidence, right: Evidence) -> list[str]:
    """Return why two companies aren't merged without a person: branches share a name, a house or a phone."""
    if not set(left.inns).isdisjoint(right.inns):
        return []
    found = []
    ours, theirs = {*left.landlines, *left.mobiles}, {*right.landlines, *right.mobiles}
    boxed = {*left.domains, *left.role_mailboxes, *left.mailboxes}
    if (
        ours
        and theirs
        and ours.isdisjoint(theirs)
        and boxed.isdisjoint({*right.domains, *right.role_mailboxes, *right.mailboxes})
    ):
        found.append("phones_differ")
    if left.zip_code and right.zip_code and left.zip_code != right.zip_code:
        found.append("zip_differ")
    if not left.companies or not right.companies:
        return found
    one, other = left.companies[0], right.companies[0]
    if _branches_differ(one, other):
        found.append("branches_differ")
    if left.house and right.house and context.words_in_common(one, other)[0] < _ENOUGH_WORDS:
        found.append("names_differ")
    return found


@lru_cache(maxsize=50_000)
def _branches_differ(one: str, other: str) -> bool:
    """Tell whether both names say which branch it is, and not the same one: № 2, II, East."""
    ours, theirs = set(one.split()), set(other.split())
    for marks, known in ((_digits([*ours]), _digits([*theirs])), (ours & _BRANCHES, theirs & _BRANCHES)):
        if marks and known and marks != known:
            return True
    return False


def _inns(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    ours, theirs = left.inns + left.wrong_inns, right.inns + right.wrong_inns
    if not ours or not theirs:
        return 0.0
    code, weight = "inns_differ", context.weights["inn_differ"]
    if not set(ours).isdisjoint(theirs):
        code, weight = "inn_equal", context.log_count + context.weights["inn_equal"]
    elif (left.wrong_inns or right.wrong_inns) and any(_near_numbers(one, other) for one in ours for other in theirs):
        code, weight = "inn_near", context.log_count + context.weights["inn_near"]
    if lines is not None:
        lines.append(MatchLine(code, weight, ", ".join(ours), ", ".join(theirs)))
    return weight


def _names(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    if left.companies and right.companies:
        code, one, other = _best_name(left.companies, right.companies)
        texts = (left.company_typed, right.company_typed)
    elif left.companies or right.companies:
        named, boxed = (left, right) if left.companies else (right, left)
        found = _named_domain(context, named, boxed)
        if found is None:
            return 0.0
        code, one, other = _NEAR, found[0], found[0]
        texts = (left.company_typed or found[1], right.company_typed or found[1])
    else:
        return 0.0
    weight = context.weights[code]
    if code == _OTHER and not set(left.inns).isdisjoint(right.inns):
        weight = max(weight, context.weights["other_name_same_inn"])
    if code != _OTHER:
        weight += min(context.name_strength(one), context.name_strength(other))
    if code == _NEAR and min(len(one), len(other)) < _SHORT_NAME:
        weight += context.weights["short_name_near"]
    if lines is not None:
        lines.append(MatchLine(code, weight, *texts))
    return weight


def _forms(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    one, other = left.company_form, right.company_form
    if one == other or not one or not other:
        return 0.0
    weight = context.weights[forms_differ(one, other)]
    if left.companies and left.companies == right.companies and len(left.companies[0].split()) >= _LONG_NAME:
        weight *= 0.5  # so long a name is seldom two companies'; the form was mixed up rather
    if lines is not None and weight:
        lines.append(MatchLine("legal_forms_differ", weight, left.company_typed, right.company_typed))
    return weight


@lru_cache(maxsize=5_000)
def forms_differ(one: str, other: str) -> str:
    """Return the code of how two legal forms differ: stock companies are often mixed up, others are not."""
    ours, theirs = set(one.split()), set(other.split())
    legal, other_legal = ours & _LEGAL, theirs & _LEGAL
    if not legal or not other_legal:
        return "forms_fit"
    if legal != other_legal:
        return "forms_alike" if legal <= _STOCK and other_legal <= _STOCK else "forms_differ"
    return "forms_fit" if ours == theirs else "forms_alike"


def _site_names(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of the names of two places: branches share words, and one place has several names."""
    if not left.companies or not right.companies:
        return 0.0
    weight, code = context.words_in_common(left.companies[0], right.companies[0])
    if lines is not None:
        lines.append(MatchLine(code, weight, left.company_typed, right.company_typed))
    return weight


def _best_name(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, str, str]:
    best = (_OTHER, ours[0], theirs[0])
    rank = {_SAME: 3, _NEAR: 2, _PART: 1, _OTHER: 0}
    for one in ours:
        for other in theirs:
            code = compare_names(one, other)
            if rank[code] > rank[best[0]]:
                best = (code, one, other)
    return best


@lru_cache(maxsize=100_000)
def compare_names(one: str, other: str) -> str:
    """Tell how two companies' keys compare: equal, near (typing errors), one a part of the other, or different."""
    if one == other:
        return _SAME
    if one.startswith("~") or other.startswith("~"):
        return _compare_traders(one, other)
    ours, theirs = one.split(), other.split()
    if joined(one) == joined(other) or sorted(ours) == sorted(theirs):
        return _SAME
    if _digits(ours) != _digits(theirs):
        return _OTHER
    fewer, more = (ours, theirs) if len(ours) <= len(theirs) else (theirs, ours)
    return _NEAR if _is_near(fewer, more) else _part(fewer, more)


def _is_near(fewer: list[str], more: list[str]) -> bool:
    if len(fewer) == len(more):
        return all(near_words(one, other) for one, other in zip(fewer, more, strict=True))
    if set(fewer) <= set(more):
        return False
    whole, other = "".join(fewer), "".join(more)  # a blank more or less, and one typing error
    return min(len(whole), len(other)) > 7 and OSA.distance(whole, other, score_cutoff=1) <= 1


def _part(fewer: list[str], more: list[str]) -> str:
    shared = sum(any(near_words(word, against) for against in more) for word in fewer)
    is_whole = len(fewer) > 1 and shared == len(fewer)
    return _PART if is_whole or (len(fewer) > 3 and shared * 4 >= len(fewer) * 3) else _OTHER


def _compare_traders(one: str, other: str) -> str:
    """Compare "~surname given patronymic" of two sole traders; either name may be a letter or missing."""
    if one[:1] != other[:1]:
        return _OTHER
    ours, theirs = one.split(), other.split()
    same = True
    for mine, yours in zip(ours, theirs, strict=False):
        if mine == yours:
            continue
        same = False
        is_letter = len(mine) == 1 or len(yours) == 1
        if not (mine[0] == yours[0] if is_letter else near_words(mine, yours)):
            return _OTHER
    return _SAME if same and min(len(ours), len(theirs)) > 1 else _NEAR


def _near_numbers(one: str, other: str) -> bool:
    return OSA.distance(one, other, score_cutoff=1) <= 1


def _digits(words: list[str]) -> set[str]:
    return {word for word in words if word.isdigit()}


def _named_domain(context: Context, named: Evidence, boxed: Evidence) -> tuple[str, str] | None:
    for domain in boxed.domains:
        for company in named.companies:
            if is_called_after(context, domain, company, 0.9):
                return company, domain
    return None


def is_called_after(context: Context, domain: str, company: str, likeness: float) -> bool:
    """Tell whether a domain carries a company's name, as alike as asked."""
    whole = skeleton(joined(company))
    if len(whole) < 5:
        return False
    stems = domain_stems(domain)
    return whole in stems or (len(whole) > 6 and any(context.likeness(stem, whole) >= likeness for stem in stems))


def _in_common(context: Context, left: Evidence, right: Evidence, is_site: bool) -> Iterator[tuple[str, float, str]]:
    for kind, code, own, other, strength in (
        (DOMAIN, "domain_equal", left.domains, right.domains, "domain_equal"),
        (LANDLINE, "landline_equal", left.landlines, right.landlines, "landline_equal"),
        (ROLE_EMAIL, "role_mailbox_equal", left.role_mailboxes, right.role_mailboxes, "role_mailbox_equal"),
        (PHONE, "phone_equal", left.mobiles, right.mobiles, "person_equal"),
        (EMAIL, "email_equal", left.mailboxes, right.mailboxes, "person_equal"),
    ):
        for value in in_common(own, other):
            facts = context.facts(kind, value)
            weight = context.log_count - log2(facts.records)
            if not facts.is_hub and not is_site:
                weight = context.log_count + context.weights[strength]
            yield code, weight, value
