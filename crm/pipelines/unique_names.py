"""Names that nobody else may have: the database has the last word where two people take one at once."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from crm.errors import InvalidInput, Violation


def save_named(session: Session, row: Any) -> None:
    """Write a new row, or one whose name has changed.

    Errors: InvalidInput where another transaction has taken the name since it was looked for.
    """
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        raise InvalidInput([Violation("name_taken", "name")]) from None
