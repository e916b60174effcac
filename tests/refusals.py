"""Refused commands: what was said, that it can be said in words, and that nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy.orm import Session

from crm.errors import CrmError, Refused, Violation
from crm.i18n.texts import error_sentence, violation_sentence
from tests.conftest import rows_of_all_tables


@dataclass(slots=True)
class Refusal:
    """What a refused command told; filled when the block has ended."""

    violations: list[Violation] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[str, str | None]]:
        """Return code and field of each violation, in order."""
        return [(violation.code, violation.field) for violation in self.violations]

    @property
    def codes(self) -> list[str]:
        """Return the codes, in order."""
        return [violation.code for violation in self.violations]


@contextmanager
def refused(session: Session, error: type[CrmError]) -> Iterator[Refusal]:
    """Expect the error, a sentence for all it says, and every row as it was before the block."""
    refusal = Refusal()
    before = rows_of_all_tables(session)
    with pytest.raises(error) as caught, session.begin_nested():
        yield refusal
    assert type(caught.value) is error
    assert error_sentence(caught.value)
    if isinstance(caught.value, Refused):
        refusal.violations += caught.value.violations
        assert all(violation_sentence(violation) for violation in refusal.violations)
    assert rows_of_all_tables(session) == before
