"""Swamps: stages where deals lie and nothing has to happen for them to leave (L03)."""

from __future__ import annotations

from crm.pipelines.linter.names.lists import phrases

_ALWAYS = phrases("swamps", "always")
_UNTIL_FINISHED = phrases("swamps", "until_finished")


def is_swamp(text: str, is_finished: bool) -> bool:
    """Tell whether a segment of plain words names a swamp; `is_finished` is the verdict on its form."""
    return bool(_ALWAYS.search(text)) or (not is_finished and bool(_UNTIL_FINISHED.search(text)))
