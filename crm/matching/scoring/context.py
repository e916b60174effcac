"""What every comparison needs: the weights, and how rare each word is, looked up once."""

from __future__ import annotations

from math import log2

from crm.matching.likeness import likeness, near_words
from crm.matching.model import MatchModel
from crm.matching.statistics import (
    HOLDERS,
    MAILBOX_BLOCK,
    PHONE_BLOCK,
    IdentifierFacts,
    Statistics,
    mailbox_block,
    phone_block,
)

_MOST_OF_NEAR = 12.5
_FEW_NUMBERED = 4  # petrov1@, petrov2@: more of them are a row of mailboxes, not slips
_OF_NEIGHBOURS = 2.0  # numbers of one block stand one digit apart more often than by chance
_CACHED = 200_000  # of each kind; a million records in two processes leave no room for more
_AGREE = 0.9  # how often a word is the same in two records of one person
_LITTLE, _MOST_OF_WORDS = 0.2, 9.0
_UNSEEN_MORE = 2.0  # a word seen once is likely to be met again


class Context:
    """The weights of one model over the data of one base or file."""

    __slots__ = ("_facts", "_near", "_rarity", "_words", "log_count", "model", "statistics", "weights")

    def __init__(self, model: MatchModel, statistics: Statistics) -> None:
        self.model = model
        self.statistics = statistics
        self.weights = dict(model.weights)
        self.log_count = log2(max(statistics.record_count, 2))
        self._rarity: dict[tuple[str, str], float] = {}
        self._facts: dict[tuple[str, str], IdentifierFacts] = {}
        self._words: dict[tuple[str, str], tuple[float, str]] = {}
        self._near: dict[tuple[str, str], float] = {}

    def rarity(self, field: str, value: str) -> float:
        """Return the weight of two records agreeing on a word: the rarer, the more."""
        known = self._rarity.get((field, value))
        if known is None:
            frequency = self.statistics.frequency(field, value) + _UNSEEN_MORE
            known = max(log2(_AGREE) + self.log_count - log2(frequency), 0.0)
            if len(self._rarity) > _CACHED:
                self._rarity.clear()
            self._rarity[field, value] = known
        return known

    def nearness(self, code: str, one: str, other: str) -> float:
        """Return the weight of phones or mailboxes one keystroke apart; among many, neighbours are mostly others'."""
        if code == "email_digit_off":
            numbered = self.statistics.frequency(MAILBOX_BLOCK, mailbox_block(one) or mailbox_block(other))
            return self.weights[code] if numbered <= _FEW_NUMBERED else 0.0
        if code == "email_near":
            return min(self.log_count, _MOST_OF_NEAR) + self.weights[code]
        near = max(self.statistics.frequency(PHONE_BLOCK, phone_block(phone)) for phone in (one, other))
        return max(self.log_count + self.weights[code] - _OF_NEIGHBOURS * log2(max(near / 2.0, 1.0)), 0.0)

    def frequency(self, field: str, value: str) -> int:
        """Return in how many records a word stands."""
        return self.statistics.frequency(field, value)

    def name_strength(self, company: str) -> float:
        """Return the weight of a company's whole name: every other holder of the name halves it."""
        if company.startswith("~"):
            surname, *names = company[1:].split()
            more = sum(1.5 if len(name) == 1 else 5.0 for name in names)
            return min(self.rarity("surname", surname) + more, self.log_count)
        return self.log_count - log2(self.statistics.frequency(HOLDERS, company))

    def words_in_common(self, one: str, other: str) -> tuple[float, str]:
        """Return the weight of the words two names share, rare words more than common ones, and its code."""
        pair = (one, other) if one < other else (other, one)
        known = self._words.get(pair)
        if known is None:
            if len(self._words) > _CACHED:
                self._words.clear()
            known = self._words[pair] = self._compare_words(*pair)
        return known

    def _compare_words(self, one: str, other: str) -> tuple[float, str]:
        ours, theirs = _telling_words(one), _telling_words(other)
        shared = ours & theirs
        shared |= {word for word in ours - shared if any(near_words(word, against) for against in theirs)}
        ours_weight, theirs_weight, in_common = (
            sum(self.rarity("company_word", word) + 0.5 for word in words) for words in (ours, theirs, shared)
        )
        part = in_common / max(min(ours_weight, theirs_weight), 0.5)
        weight = min(in_common, _MOST_OF_WORDS) * min(part, 1.0) + self.weights["words_differ"] * (1.0 - min(part, 1.0))
        if len(shared) == 1 and min(len(ours), len(theirs)) > 1:
            weight += self.weights["one_word_equal"] * (1.0 - min(part, 1.0))
        if part < _LITTLE:
            return weight, "companies_differ"
        return weight, "company_equal" if ours == theirs else "company_near"

    def facts(self, kind: str, value: str) -> IdentifierFacts:
        """Return what is known of an identifier."""
        known = self._facts.get((kind, value))
        if known is None:
            if len(self._facts) > _CACHED:
                self._facts.clear()
            known = self._facts[kind, value] = self.statistics.identifier(kind, value)
        return known

    def likeness(self, left: str, right: str) -> float:
        """Return how alike two words are, 0 to 1; what two keystrokes or fewer could turn into each other is alike."""
        pair = (left, right) if left < right else (right, left)
        known = self._near.get(pair)
        if known is None:
            if len(self._near) > _CACHED:
                self._near.clear()
            known = self._near[pair] = likeness(left, right)
        return known


def _telling_words(name: str) -> set[str]:
    """Return the words of a name without conjunctions and other single letters, where there are others."""
    words = set(name.split())
    return {word for word in words if len(word) > 1} or words


def in_common(own: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of the first that stand in the second too."""
    if not own or not other:
        return ()
    return tuple(value for value in own if value in other)
