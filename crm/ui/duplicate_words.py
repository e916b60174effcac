"""Words of duplicates: what the matcher found, what forbids an automatic merge, what a merge moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from crm.contacts.normalise import readable_phone
from crm.duplicates.merge_values import KindCount
from crm.i18n import N_, _, ngettext
from crm.i18n.formats import day
from crm.i18n.match_texts import BRIDGE, PRIOR, chance, line_sentence, words_of_line
from crm.i18n.match_texts import guard_sentence as guard_words
from crm.matching.values import MatchLine

__all__ = ["chance", "guard_words"]

_LONGEST = 80


_COUNTS: dict[str, Callable[[int], str]] = {
    "activities": lambda n: ngettext("{n} note or call", "{n} notes and calls", n),
    "companies": lambda n: ngettext("{n} company", "{n} companies", n),
    "contact_points": lambda n: ngettext("{n} phone or e-mail", "{n} phones and e-mails", n),
    "contacts": lambda n: ngettext("{n} person", "{n} people", n),
    "deals": lambda n: ngettext("{n} deal", "{n} deals", n),
    "events": lambda n: ngettext("{n} line of history", "{n} lines of history", n),
    "external_ids": lambda n: ngettext("{n} number of another system", "{n} numbers of another system", n),
    "later_deals": lambda n: ngettext("{n} later deal", "{n} later deals", n),
    "link_runs": lambda n: ngettext("{n} firing of a link", "{n} firings of links", n),
    "next_steps": lambda n: ngettext("{n} next step", "{n} next steps", n),
    "objections": lambda n: ngettext("{n} objection", "{n} objections", n),
    "rule_overrides": lambda n: ngettext("{n} move past a rule", "{n} moves past a rule", n),
    "stage_visits": lambda n: ngettext("{n} stay on a stage", "{n} stays on stages", n),
}
_RECORDS: dict[str, str] = {
    "activities": N_("Note or call"),
    "companies": N_("Company"),
    "contact_points": N_("Phone or e-mail"),
    "contacts": N_("Contact"),
    "deal_contacts": N_("Contact of a deal"),
    "deals": N_("Deal"),
    "external_ids": N_("Number of another system"),
    "next_steps": N_("Next step"),
    "objections": N_("Objection"),
}
_LEFT_OUT: dict[str, Callable[[int], str]] = {
    "guarded": lambda n: ngettext("{n} pair with something against it", "{n} pairs with something against them", n),
    "below_automatic": lambda n: ngettext("{n} pair not sure enough", "{n} pairs not sure enough", n),
    "contradicted": lambda n: ngettext("{n} pair of a group that somebody keeps apart",
                                       "{n} pairs of groups that somebody keeps apart", n),
    "group_too_large": lambda n: ngettext("{n} pair of too large a group", "{n} pairs of too large groups", n),
    "undone_before": lambda n: ngettext("{n} pair merged and undone before", "{n} pairs merged and undone before", n),
}  # fmt: skip


def is_start(line: MatchLine) -> bool:
    """Tell whether a line is where every pair starts, before anything was compared."""
    return line.code == PRIOR


def line_words(line: MatchLine) -> str:
    """Return a line of the waterfall as a sentence, as plain text."""
    return line_sentence(line.code, line.weight, _cut(line, line.left), _cut(line, line.right))


def short_why(lines: Sequence[MatchLine]) -> str:
    """Return in a few words what speaks loudest for a pair, as plain text."""
    speaking = (one for one in lines if one.code == BRIDGE or (one.weight > 0 and not is_start(one)))
    loudest = sorted(speaking, key=lambda one: (one.code != BRIDGE, -one.weight))
    return ", ".join(dict.fromkeys(_(words_of_line(one.code).short) for one in loudest[:2]))


def counts_words(counts: Sequence[KindCount]) -> str:
    """Return counts of rows as a list in words; empty for none."""
    return ", ".join(_COUNTS[one.kind](one.count) for one in counts if one.count)


def kind_name(table: str) -> str:
    """Return what a row of a table is called."""
    return _(_RECORDS[table])


def left_out_words(counts: Sequence[KindCount]) -> str:
    """Return what a bulk merge leaves to people, as a list in words."""
    return ", ".join(_LEFT_OUT[one.kind](one.count) for one in counts if one.count)


def _cut(line: MatchLine, text: str) -> str:
    if line.code.startswith("time_"):
        text = day(date.fromisoformat(text))
    if "phone" in line.code or line.code == "landline_equal":
        text = ", ".join(readable_phone(one) for one in text.split(", "))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
