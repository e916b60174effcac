"""What the organisation of two persons says: INN, landline, shared mailbox, domain and company are one fact."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

from crm.matching.normalise.evidence import Evidence
from crm.matching.scoring.companies import compare_names, is_called_after
from crm.matching.scoring.context import Context, in_common
from crm.matching.scoring.places import company_address
from crm.matching.statistics import DOMAIN, EMAIL, INN, LANDLINE, PHONE, ROLE_EMAIL
from crm.matching.values import MatchLine

Lines = list[MatchLine] | None
_ALIKE = frozenset({"company_equal", "company_near"})
_TRADER = 1.5


def weigh_organisation(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    """Return the weight of the best thing in common, or of INNs and companies that differ."""
    best: MatchLine | None = None
    for code, weight, one, other in _in_common(context, left, right):
        if best is None or weight > best.weight:
            best = MatchLine(code, weight, one, other)
    if best is None:
        return _differ(context, left, right, lines)
    if lines is not None:
        lines.append(best)
    return best.weight


def inns_differ(left: Evidence, right: Evidence) -> bool:
    """Tell whether both have right INNs and none in common."""
    return bool(left.inns and right.inns and set(left.inns).isdisjoint(right.inns))


def _in_common(context: Context, left: Evidence, right: Evidence) -> Iterator[tuple[str, float, str, str]]:
    for kind, code, own, other in (
        (INN, "inn_equal", left.inns, right.inns),
        (LANDLINE, "landline_equal", left.landlines, right.landlines),
        (ROLE_EMAIL, "role_mailbox_equal", left.role_mailboxes, right.role_mailboxes),
        (DOMAIN, "domain_equal", left.domains, right.domains),
        (PHONE, "shared_phone_equal", left.mobiles, right.mobiles),
        (EMAIL, "shared_mailbox_equal", left.mailboxes, right.mailboxes),
    ):
        for value in in_common(own, other):
            facts = context.facts(kind, value)
            if facts.is_shared:
                yield code, max(context.log_count - log2(facts.records), 0.0), value, value
    at_one_place = company_address(context, left, right)
    if at_one_place:
        yield "address_equal", at_one_place, left.address_typed, right.address_typed
    if left.companies and right.companies:
        yield from _companies(context, left, right)
    elif left.domains and right.companies:
        yield from _domain_names(context, left, right)
    elif right.domains and left.companies:
        yield from ((code, weight, other, one) for code, weight, one, other in _domain_names(context, right, left))


def _companies(context: Context, left: Evidence, right: Evidence) -> Iterator[tuple[str, float, str, str]]:
    for company in left.companies:
        if company in right.companies:
            yield "company_equal", _strength(context, company, left, right), left.company_typed, right.company_typed
            return
    one, other = left.companies[0], right.companies[0]
    if compare_names(one, other) in _ALIKE:
        weight = min(_strength(context, one, left, right), _strength(context, other, left, right))
        yield "company_near", weight + context.weights["company_near"], left.company_typed, right.company_typed


def _strength(context: Context, company: str, left: Evidence, right: Evidence) -> float:
    """Return the weight of a company in common; a sole trader's name is no news where the surnames are compared."""
    weight = context.rarity("company", company)
    return min(weight, _TRADER) if company.startswith("~") and left.surname and right.surname else weight


def _domain_names(context: Context, domain_side: Evidence, other: Evidence) -> Iterator[tuple[str, float, str, str]]:
    for domain in domain_side.domains:
        for company in other.companies:
            if is_called_after(context, domain, company, 0.85):
                weight = context.rarity("company", company) + context.weights["company_near"]
                yield "company_is_domain", weight, domain, other.company_typed
                return


def _differ(context: Context, left: Evidence, right: Evidence, lines: Lines) -> float:
    weight = 0.0
    if inns_differ(left, right):
        weight += context.weights["inn_differ"]
        if lines is not None:
            lines.append(MatchLine("inns_differ", weight, ", ".join(left.inns), ", ".join(right.inns)))
    elif left.companies and right.companies:
        weight += context.weights["companies_differ"]
        if lines is not None:
            lines.append(MatchLine("companies_differ", weight, left.company_typed, right.company_typed))
    return weight
