"""Trash cans and long drawers (L06): where deals are put so as not to be seen."""

from __future__ import annotations

from crm.models.codes import StageKind
from crm.pipelines.linter.names.lists import phrases

_ALWAYS = phrases("trash", "always")
_UNTIL_FINISHED = phrases("trash", "until_finished")
_ON_OPEN_STAGES = phrases("trash", "on_open_stages")
_ALONE = phrases("trash", "alone")


def is_trash(text: str, is_finished: bool, kind: StageKind) -> bool:
    """Tell whether a segment of plain words names a place to lose deals in; `is_finished` is said of its form."""
    if _ALWAYS.search(text) or (not is_finished and _UNTIL_FINISHED.search(text)):
        return True
    return kind is StageKind.OPEN and bool(_ON_OPEN_STAGES.search(text) or _ALONE.fullmatch(text))
