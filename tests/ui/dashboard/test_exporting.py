"""Files of frames and lists: bounded, and said to be so."""

from __future__ import annotations

from crm.imports.cells import xlsx_bytes
from crm.ui.dashboard.exporting import MOST_ROWS, Bounded


def test_rows_end_at_the_limit_and_it_is_known() -> None:
    rows = Bounded((str(number) for number in range(5)), 3)
    assert not rows.is_cut
    assert list(rows) == ["0", "1", "2"]
    assert rows.is_cut


def test_as_many_rows_as_fit_are_not_cut() -> None:
    rows = Bounded([["a"], ["b"]], 2)
    assert xlsx_bytes(["head"], rows)
    assert not rows.is_cut


def test_workbooks_hold_fewer_rows_than_text() -> None:
    assert 0 < MOST_ROWS["xlsx"] < MOST_ROWS["csv"]
