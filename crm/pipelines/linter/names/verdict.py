"""What the judge says about one stage name."""

from __future__ import annotations

from dataclasses import dataclass

LANGUAGES = ("ru", "en")

UNFINISHED = "L02"
SWAMP = "L03"
OBJECTIONS = "L04"
SOURCE = "L05"
TRASH = "L06"
PERSON = "L07"


@dataclass(frozen=True, slots=True)
class NameVerdict:
    """Whether a name says what has happened, the codes of what is wrong with it, and better names."""

    finished_action: bool
    findings: tuple[str, ...]
    suggestions: tuple[str, ...]
