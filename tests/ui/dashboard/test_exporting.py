"""Files of frames and lists: bounded, and said to be so."""

from __future__ import annotations

import io

from openpyxl import load_workbook

from crm.i18n import reader
from crm.imports.cells import xlsx_bytes
from crm.ui.dashboard.exporting import _KINDS, MOST_ROWS, Bounded


def test_rows_end_at_the_limit_and_it_is_known() -> None:
    rows = Bounded((str(number) for number in range(5)), 3)
    assert not rows.is_cut
    assert list(rows) == ["0", "1", "2"]
    assert (rows.is_cut, rows.count) == (True, 3)


def test_as_many_rows_as_fit_are_not_cut() -> None:
    rows = Bounded([["a"], ["b"]], 2)
    assert xlsx_bytes(["head"], rows)
    assert not rows.is_cut


def test_numbers_are_text_in_csv_and_numbers_in_a_workbook() -> None:
    header, rows = ["Owner", "Difference", "Came"], [["=Anna", -8.5, 12000]]
    written = _KINDS["csv"][1](header, rows).decode("utf-8-sig")
    assert written.splitlines()[1] == '"\'=Anna";"-8.5";"12000"'
    with reader("ru"):
        assert _KINDS["csv"][1](header, rows).decode("utf-8-sig").splitlines()[1].endswith('"-8,5";"12000"')
    sheet = load_workbook(io.BytesIO(_KINDS["xlsx"][1](header, rows))).active
    assert [cell.value for cell in sheet[2]] == ["=Anna", -8.5, 12000]
    assert sheet["A2"].data_type == "s"


def test_workbooks_hold_fewer_rows_than_text() -> None:
    assert 0 < MOST_ROWS["xlsx"] < MOST_ROWS["csv"]
