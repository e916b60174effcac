"""Clusters from pairs: strongest first, never joining two clusters that name different people or different INNs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from crm.matching.normalise.evidence import Evidence
from crm.matching.scoring.companies import forms_differ
from crm.matching.scoring.context import Context
from crm.matching.scoring.names import names_differ, surnames_differ
from crm.models.codes import EntityType

CERTAIN = 8.0  # a pair this strong joins clusters whatever their names say: other things than names agree
RELIABLE = -4.5  # where names of one person differ more often than this weight says, they keep no clusters apart
_Value = TypeVar("_Value")
LONGEST_PURCHASE = 14 * 1440  # minutes between the first and the last lead of one deal


@dataclass(slots=True)
class _Profile:
    given: Counter[tuple[str, ...]] = field(default_factory=Counter)
    surnames: Counter[str] = field(default_factory=Counter)
    inns: Counter[str] = field(default_factory=Counter)
    forms: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    first: int = 0
    last: int = 0


def cluster(evidences: Sequence[Evidence], pairs: Iterable[tuple[int, int, float]], context: Context) -> list[int]:
    """Return the cluster of each record, named by its smallest place; pairs are (left place, right place, weight)."""
    conflict = _conflict_of(context)
    parent = list(range(len(evidences)))
    profiles: dict[int, _Profile] = {}

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for left, right, weight in sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1])):
        one, other = root(left), root(right)
        if one == other:
            continue
        ours = profiles.get(one) or _profile(evidences[one])
        theirs = profiles.get(other) or _profile(evidences[other])
        if conflict(ours, theirs, weight):
            continue
        low, high = min(one, other), max(one, other)
        parent[high] = low
        profiles[low] = _together(ours, theirs)
        profiles.pop(high, None)
    return [root(place) for place in range(len(evidences))]


def _profile(evidence: Evidence) -> _Profile:
    profile = _Profile(first=evidence.created, last=evidence.created)
    if evidence.given:
        profile.given[evidence.given] = 1
    if evidence.surname:
        profile.surnames[evidence.surname] = 1
    for inn in evidence.inns:
        profile.inns[inn] = 1
    if evidence.company_form:
        profile.forms[evidence.company_form] = 1
    for domain in evidence.domains:
        profile.domains[domain] = 1
    return profile


def _together(ours: _Profile, theirs: _Profile) -> _Profile:
    return _Profile(
        ours.given + theirs.given,
        ours.surnames + theirs.surnames,
        ours.inns + theirs.inns,
        ours.forms + theirs.forms,
        ours.domains + theirs.domains,
        min(ours.first, theirs.first),
        max(ours.last, theirs.last),
    )


def _conflict_of(context: Context) -> Callable[[_Profile, _Profile, float], bool]:
    if context.model.entity_type is EntityType.COMPANY:
        return _companies_conflict
    if context.model.entity_type is EntityType.DEAL:
        return _purchases_conflict
    given_tells = context.weights.get("given_differ", 0.0) <= RELIABLE
    surname_tells = context.weights.get("surname_differ", 0.0) <= RELIABLE

    def people(ours: _Profile, theirs: _Profile, weight: float) -> bool:
        if weight >= CERTAIN:
            return False
        if (
            given_tells
            and ours.given
            and theirs.given
            and names_differ(context, _most(ours.given), _most(theirs.given))
        ):
            return True
        if not surname_tells or not ours.surnames or not theirs.surnames:
            return False
        return surnames_differ(context, _most(ours.surnames), _most(theirs.surnames))

    return people


def _companies_conflict(ours: _Profile, theirs: _Profile, weight: float) -> bool:
    if ours.inns and theirs.inns:
        return _most(ours.inns) not in theirs.inns
    if weight >= CERTAIN:
        return False
    if ours.forms and theirs.forms and forms_differ(_most(ours.forms), _most(theirs.forms)) == "forms_differ":
        return True
    return bool(ours.domains and theirs.domains and set(ours.domains).isdisjoint(theirs.domains))


def _purchases_conflict(ours: _Profile, theirs: _Profile, _weight: float) -> bool:
    return max(ours.last, theirs.last) - min(ours.first, theirs.first) > LONGEST_PURCHASE


def _most(counts: Counter[_Value]) -> _Value:
    return counts.most_common(1)[0][0]
