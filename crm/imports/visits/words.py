"""Words by which stages and outcomes of other systems' histories say that a deal was won or lost."""

from __future__ import annotations

import re

from crm.imports.mapping import folded
from crm.models.codes import StageKind

_MARKS = re.compile(r"[\W_]+")
# Looked at before the won ones: "not paid" is no payment.
_LOST = re.compile(
    r"\b(lost|loss|refus\w+|cancel\w*|reject\w*|declin\w*|fail\w*|unsuccessful\w*|unpaid|disqualif\w*|abandon\w*"
    r"|not (?:paid|won|realised|realized|successful)|отказ\w*|проигр\w*|отмен\w*|отклон\w*|провал\w*|неусп\w*"
    r"|потерян\w*|слит\w*|не (?:реализ|оплач|состоял|успе|выигр)\w*|некачествен\w*)\b"
)
_WON = re.compile(
    r"\b(won|paid|success\w*|успешн\w*|успех\w*|оплачен\w*|оплата получена|выигр\w*|реализован\w*|купил\w*)\b"
)
# Said of an outcome; in the name of a stage they may mean anything.
_OUTCOMES = {
    **dict.fromkeys(("win", "wins", "sold", "sale", "продано", "продажа"), StageKind.WON),
    **dict.fromkeys(("lose", "loses", "dropped", "unsold", "no sale", "не продано", "нет продажи"), StageKind.LOST),
}
_CLOSED = re.compile(
    r"\b(clos\w*|archiv\w*|done|end|ended|finish\w*|complet\w*|final\w*|закры\w*|архив\w*|заверш\w*|оконч\w*|итог\w*)\b"
)
_GOING_ON = frozenset({
    "", "open", "forward", "back", "handover", "hand over", "in progress", "moved", "next", "none", "new", "running",
    "открыт", "открыта", "открыто", "в работе", "вперед", "назад", "передан", "передана", "передано", "в процессе",
})  # fmt: skip


def end_named(text: str) -> StageKind | None:
    """Return whether a name says that a deal is won or lost; None where it says neither."""
    plain = _plain(text)
    if _LOST.search(plain):
        return StageKind.LOST
    return StageKind.WON if _WON.search(plain) else None


def is_closing_named(text: str) -> bool:
    """Tell whether a name says that a deal is over, whichever way."""
    return _CLOSED.search(_plain(text)) is not None


def outcome_named(text: str) -> StageKind | None:
    """Return what an outcome says: won, lost, or None for a deal that goes on.

    Errors: ValueError for a word that says nothing of the kind.
    """
    end = _OUTCOMES.get(_plain(text)) or end_named(text)
    if end is None and _plain(text) not in _GOING_ON:
        raise ValueError(text)
    return end


def _plain(text: str) -> str:
    return _MARKS.sub(" ", folded(text)).strip()
