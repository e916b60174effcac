from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook

from crm.imports.cells import csv_bytes, guard_formula, unguard_formula, xlsx_bytes

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]


@pytest.mark.parametrize("start", STARTS)
def test_formula_gets_an_apostrophe(start: str) -> None:
    assert guard_formula(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("value", ["", "plain", "a=b", "'quoted", "1250,50", " =x", "Ромашка", "-8,5", "-12"])
def test_harmless_value_stays(value: str) -> None:
    assert guard_formula(value) == value
    assert unguard_formula(value) == value


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("apostrophes", ["", "'", "''"])
def test_guard_can_be_taken_back(start: str, apostrophes: str) -> None:
    value = f"{apostrophes}{start}1"
    assert unguard_formula(guard_formula(value)) == value


def test_csv_quotes_and_guards_every_cell() -> None:
    written = csv_bytes(["=name", "x"], [["+7", 'say "hi"'], ["a;b", ""]])
    assert written.decode("utf-8-sig") == '"\'=name";"x"\r\n"\'+7";"say ""hi"""\r\n"a;b";""\r\n'


def test_workbook_keeps_numbers_as_numbers_and_texts_as_texts() -> None:
    book = load_workbook(io.BytesIO(xlsx_bytes(["name", "sum"], [["=1+1", 1250.5], ["12", -3]])))
    cells = [[(cell.value, cell.data_type) for cell in row] for row in book.active.iter_rows(min_row=2)]
    assert cells == [[("=1+1", "s"), (1250.5, "n")], [("12", "s"), (-3, "n")]]
