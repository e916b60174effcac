"""Weights fitted to the data at hand, without labels: how often a field differs where everything else agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from math import log2
from types import MappingProxyType

from crm.matching.model import MatchModel
from crm.matching.normalise.evidence import Evidence
from crm.matching.scorer import Scorer
from crm.matching.values import MatchLine
from crm.models.codes import EntityType

SAMPLE = 20_000  # pairs looked at
_SURE = 8.0  # a pair that is one without the field in question
_LEAST = -2.0  # what such a pair still weighs when the field differs
_ENOUGH = 60
_SOFTEST = 0.3  # of the default: what differs never comes to mean nothing
# The weight that is fitted, the code that tells of it, and the codes of the same field.
_FIELDS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("given_differ", "given_name_differ", frozenset({"given_name_equal", "given_name_near", "given_name_differ"})),
    ("surname_differ", "surname_differ", frozenset({"surname_equal", "surname_near", "surname_differ"})),
    ("patronymic_differ", "patronymic_differ",
     frozenset({"patronymic_equal", "patronymic_near", "patronymic_differ"})),
    ("born_differ", "born_differ", frozenset({"born_equal", "born_near", "born_differ"})),
    ("identifier_differ", "identifier_differ",
     frozenset({"identifier_equal", "identifier_near", "identifier_differ"})),
    ("address_differ", "address_differ",
     frozenset({"address_equal", "street_equal", "house_differ", "address_differ"})),
    ("house_differ", "house_differ", frozenset({"address_equal", "street_equal", "house_differ", "address_differ"})),
    ("zip_differ", "zip_differ", frozenset({"zip_equal", "zip_differ"})),
    ("city_differ", "city_differ", frozenset({"city_equal", "city_near", "city_differ"})),
)  # fmt: skip
# Branches share a name and a phone: that their addresses differ says nothing about how often one site's do.
_KEPT = {EntityType.COMPANY: frozenset({"address_differ", "house_differ"})}
_COMMON_MAILBOX = "mailbox_of_given_name"
_TELLING = frozenset({"surname_equal", "surname_near", "surname_differ", "patronymic_equal", "patronymic_differ"})
_SOME, _USUAL, _MOST_OFF = 25, 0.01, 8.0
_BOTH_NAMES = frozenset({"name_in_other_place", "names_differ_once"})


def fitted(model: MatchModel, scorer: Scorer, pairs: Iterable[tuple[Evidence, Evidence]]) -> MatchModel:
    """Return the model with weights of differing fields as this data shows them, never harder than by default."""
    seen: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    for left, right in pairs:
        if not set(left.mailboxes).isdisjoint(right.mailboxes):
            _count_mailbox(scorer.score(left, right).lines, seen, differing)
        if scorer.weigh(left, right) >= _LEAST:
            match = scorer.score(left, right)
            _count(match.lines, match.weight, seen, differing)
    weights = dict(model.weights)
    for name, _, _ in _FIELDS:
        if name in weights and name not in _KEPT.get(model.entity_type, ()) and seen[name] >= _ENOUGH:
            shown = log2((differing[name] + 0.5) / (seen[name] + 1.0))
            weights[name] = min(max(weights[name], shown), weights[name] * _SOFTEST)
    if "mailbox_of_given_name" in weights and seen[_COMMON_MAILBOX] >= _SOME:
        wrong = min(max(differing[_COMMON_MAILBOX] / seen[_COMMON_MAILBOX] - _USUAL, 0.004), 0.99)
        alone = model.prior + weights["email_equal"]
        weights["mailbox_of_given_name"] = min(max(log2((1.0 - wrong) / wrong) - alone, -_MOST_OFF), 0.0)
    return replace(model, weights=MappingProxyType(weights))


def _count_mailbox(lines: tuple[MatchLine, ...], seen: Counter[str], differing: Counter[str]) -> None:
    """Count how often a mailbox such as natalya86@ is another person's: surnames or patronymics tell."""
    codes = {line.code for line in lines}
    if _COMMON_MAILBOX in codes and codes & _TELLING:
        seen[_COMMON_MAILBOX] += 1
        differing[_COMMON_MAILBOX] += bool(codes & {"surname_differ", "patronymic_differ"})


def _count(lines: tuple[MatchLine, ...], weight: float, seen: Counter[str], differing: Counter[str]) -> None:
    found = {line.code: line.weight for line in lines}
    of_both = sum(found.get(code, 0.0) for code in _BOTH_NAMES)
    for name, code, codes in _FIELDS:
        own = [value for key, value in found.items() if key in codes]
        if not own:
            continue
        rest = weight - sum(own) - (of_both if name in {"given_differ", "surname_differ"} else 0.0)
        if rest >= _SURE:
            seen[name] += 1
            differing[name] += code in found
