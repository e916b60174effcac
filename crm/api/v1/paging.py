"""Pages by keyset: a cursor holds the sort key of the last item, so that no page costs more than the first."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeAlias, TypeVar

from pydantic import Field

from crm.api.v1.values import Output, QueryInput, QueryLimit, QueryText
from crm.errors import InvalidInput, Violation

PAGE_SIZE = 50
LAST_SECOND = 253_402_300_799  # of the year 9999
_MARK = re.compile(r"(?P<kind>[a-z.]{1,40})(?P<numbers>(:[0-9]{1,18}){1,3})")

Row = TypeVar("Row")
Item = TypeVar("Item", bound=Output)
Cursor: TypeAlias = Annotated[QueryText, Field(description="next_cursor of the page before; none for the first page")]


class PageQuery(QueryInput):
    """Which page of a list."""

    limit: QueryLimit = PAGE_SIZE
    cursor: Cursor | None = None


class Page(Output, Generic[Item]):
    """A page of a list; next_cursor leads to the following one and is null on the last."""

    items: list[Item]
    next_cursor: str | None


def page_of(
    rows: Sequence[Row], limit: int, kind: str, made: Callable[[Row], Item], key: Callable[[Row], tuple[int, ...]]
) -> Page[Item]:
    """Return the page of rows that were read with one more than the limit; `key` gives a row's place."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=[made(row) for row in shown], next_cursor=_written(kind, key(shown[-1])) if more else None)


def place_of(cursor: str | None, kind: str, length: int) -> tuple[int, ...] | None:
    """Return the place a cursor of this kind of list holds, None for the first page.

    A place is an id, or an instant in epoch seconds with what tells apart the rows of one second.
    Errors: InvalidInput for a cursor that was made up or belongs to another list or order.
    """
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        text = ""
    found = _MARK.fullmatch(text)
    numbers = tuple(int(part) for part in found["numbers"].split(":")[1:]) if found else ()
    fits = len(numbers) == length and (length == 1 or numbers[0] <= LAST_SECOND)
    if found is None or found["kind"] != kind or not fits:
        raise InvalidInput([Violation("cursor_invalid", "cursor")])
    return numbers


def _written(kind: str, place: tuple[int, ...]) -> str:
    text = ":".join([kind, *(str(number) for number in place)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
