from __future__ import annotations

import pytest

from crm.imports.cells import csv_bytes, guard_formula, unguard_formula

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]


@pytest.mark.parametrize("start", STARTS)
def test_formula_gets_an_apostrophe(start: str) -> None:
    assert guard_formula(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"


@pytest.mark.parametrize("value", ["", "plain", "a=b", "'quoted", "1250,50", " =x", "Ромашка"])
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
