"""Objections as a stage (L04): what a client doubts belongs to the deal, whatever its stage."""

from __future__ import annotations

from crm.pipelines.linter.names.lists import phrases

_ALWAYS = phrases("objections", "always")


def is_objections(text: str) -> bool:
    """Tell whether a segment of plain words is about objections."""
    return bool(_ALWAYS.search(text))
