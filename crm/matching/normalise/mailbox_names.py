"""Names inside mailboxes: petrova of l.petrova, of petrovala and of petrova-l85."""

from __future__ import annotations

import re
from functools import lru_cache

from crm.matching.normalise.persons import is_given, surname_skeleton

_PIECE = re.compile(r"[a-z]{4,}")
_RUSSIAN = re.compile(r"([a-z]{2,}(?:ova|eva|ina|ov|ev|in|skiy|skaya|ko|uk))[a-z]{0,2}$")


@lru_cache(maxsize=50_000)
def surnames_in(mailbox: str) -> tuple[str, ...]:
    """Return the skeletons of what may be surnames in a mailbox."""
    found = []
    for piece in _PIECE.findall(mailbox.partition("@")[0]):
        ending = _RUSSIAN.match(piece)
        surname = surname_skeleton(ending.group(1) if ending else piece)
        if len(surname) > 3 and not is_given(piece):
            found.append(surname)
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=50_000)
def plain_surname_in(mailbox: str) -> str:
    """Return the one surname with a Russian ending in a mailbox; empty where there is none or it isn't plain."""
    pieces = [piece for piece in _PIECE.findall(mailbox.partition("@")[0]) if not is_given(piece)]
    ending = _RUSSIAN.match(pieces[0]) if len(pieces) == 1 else None
    return surname_skeleton(ending.group(1)) if ending else ""
