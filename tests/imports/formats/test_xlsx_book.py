from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook

from crm.imports.cells import xlsx_bytes
from crm.imports.formats import FileRefused, Limits, ReadOptions, open_table
from tests.imports.conftest import WriteFile

MB = 1024 * 1024
LIMITS = Limits(size_bytes=10 * MB, unpacked_bytes=5 * MB, rows=100, columns=10, cell_chars=1000)


def book(rows: list[list[Any]], *, title: str = "Deals", extra: Mapping[str, list[list[Any]]] | None = None) -> bytes:
    """Return a workbook's bytes."""
    made = Workbook()
    sheets = {title: rows, **(extra or {})}
    for name, content in sheets.items():
        sheet = made.create_sheet(name)
        for row in content:
            sheet.append(row)
    del made["Sheet"]
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def repacked(content: bytes, changes: Mapping[str, bytes], *, without: str = "") -> bytes:
    """Return a workbook with entries of its archive replaced or added."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changes and name != without:
                new.writestr(name, old.read(name))
        for name, body in changes.items():
            new.writestr(name, body)
    return written.getvalue()


def refusal(write_file: WriteFile, content: bytes, name: str = "a.xlsx", limits: Limits = LIMITS) -> str:
    """Return the code a workbook is refused with."""
    with pytest.raises(FileRefused) as refused:
        list(open_table(write_file(name, content), limits=limits).rows())
    return refused.value.code


def test_cells_become_the_text_a_person_would_type(write_file: WriteFile) -> None:
    rows = [
        ["text", "number", "amount", "day", "moment", "flag", "none"],
        ["Труба", 79161234567, 1250000.5, date(2025, 11, 21), datetime(2025, 11, 21, 9, 30), True, None],  # noqa: DTZ001 - workbooks know no zones
        ["0012", 3, 0.1 + 0.2, datetime(2025, 1, 2), None, False, ""],  # noqa: DTZ001
    ]
    table = open_table(write_file("a.xlsx", book(rows)))
    assert [row.cells for row in table.rows()] == [
        ("Труба", "79161234567", "1250000.5", "2025-11-21", "2025-11-21 09:30:00", "TRUE", ""),
        ("0012", "3", "0.3", "2025-01-02", "", "FALSE", ""),
    ]


def test_three_digits_behind_the_mark_are_not_thousands(write_file: WriteFile) -> None:
    table = open_table(write_file("a.xlsx", book([["amount"], [1250.125]])))
    assert next(table.rows()).cells == ("1250.1250",)


def test_first_visible_sheet_is_read_unless_one_is_chosen(write_file: WriteFile) -> None:
    made = Workbook()
    made.active.title = "Hidden"
    made.active.append(["secret"])
    made.active.sheet_state = "hidden"
    for name in ("One", "Two"):
        sheet = made.create_sheet(name)
        sheet.append(["a"])
        sheet.append([name])
    written = io.BytesIO()
    made.save(written)
    path = write_file("a.xlsx", written.getvalue())
    assert (open_table(path).sheet, open_table(path).sheets) == ("One", ("Hidden", "One", "Two"))
    assert next(open_table(path, options=ReadOptions(sheet="Two")).rows()).cells == ("Two",)
    with pytest.raises(FileRefused) as refused:
        open_table(path, options=ReadOptions(sheet="Three"))
    assert refused.value.code == "file_sheet_missing"


def test_blank_rows_and_columns_are_left_out_and_lines_stay_true(write_file: WriteFile) -> None:
    rows = [[], ["a", "b", None], [], ["1", None, None], [None, None], ["2", "3"]]
    table = open_table(write_file("a.xlsx", book(rows)))
    assert table.header == ("a", "b")
    assert [(row.line, row.cells) for row in table.rows()] == [(4, ("1", "")), (6, ("2", "3"))]


def test_lying_dimension_cuts_nothing_off(write_file: WriteFile) -> None:
    content = book([["a"], ["1"], ["2"]])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    lying = sheet.replace(b'<dimension ref="A1:A3"', b'<dimension ref="A1:A2"')
    assert lying != sheet
    path = write_file("a.xlsx", repacked(content, {"xl/worksheets/sheet1.xml": lying}))
    assert [row.cells for row in open_table(path).rows()] == [("1",), ("2",)]


def test_formula_in_our_export_is_text(write_file: WriteFile) -> None:
    path = write_file("own.xlsx", xlsx_bytes(["=h()"], [["=1+1"], ["+7"], ["@x"]]))
    with zipfile.ZipFile(path) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
    table = open_table(path)
    assert table.header == ("=h()",)
    assert [row.cells for row in table.rows()] == [("=1+1",), ("+7",), ("@x",)]


def test_renamed_files_are_refused(write_file: WriteFile) -> None:
    plain = book([["a"], ["1"]])
    assert refusal(write_file, b"") == "file_empty"
    assert refusal(write_file, b"a;b\n1;2\n") == "file_content_mismatch"
    assert refusal(write_file, b"<html></html>") == "file_content_mismatch"
    assert refusal(write_file, b"MZ\x90\x00") == "file_content_mismatch"
    assert refusal(write_file, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600) == "file_old_excel"
    assert refusal(write_file, plain, name="a.csv") == "file_content_mismatch"
    assert refusal(write_file, plain, name="a.xlsx.exe") == "file_kind_unknown"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("letter.txt", "hello")
    assert refusal(write_file, zipped.getvalue()) == "file_content_mismatch"


def test_macros_are_refused(write_file: WriteFile) -> None:
    plain = book([["a"], ["1"]])
    assert refusal(write_file, repacked(plain, {"xl/vbaProject.bin": b"x"})) == "file_with_macros"
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        types = archive.read("[Content_Types].xml")
    enabled = types.replace(b"spreadsheetml.sheet.main", b"ms-excel.sheet.macroEnabled.main")
    assert refusal(write_file, repacked(plain, {"[Content_Types].xml": enabled})) == "file_with_macros"


def test_damaged_workbooks_are_refused(write_file: WriteFile) -> None:
    plain = book([["a"], ["1"]])
    assert refusal(write_file, plain[: len(plain) // 2]) == "file_broken"
    spoiled = bytearray(plain)
    spoiled[60:90] = b"\xff" * 30
    assert refusal(write_file, bytes(spoiled)) == "file_broken"
    assert refusal(write_file, repacked(plain, {"xl/workbook.xml": b"<not closed"})) == "file_broken"
    assert refusal(write_file, repacked(plain, {}, without="xl/workbook.xml")) == "file_broken"


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>'
)
EXTERNAL = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'


@pytest.mark.parametrize(
    "entry", ["xl/workbook.xml", "xl/sharedStrings.xml", "[Content_Types].xml", "docProps/core.xml"]
)
@pytest.mark.parametrize("body", [ENTITIES, EXTERNAL, EXTERNAL.decode().encode("utf-16"), b" " * 300_000 + EXTERNAL])
def test_entities_are_refused_wherever_they_stand(write_file: WriteFile, entry: str, body: bytes) -> None:
    assert refusal(write_file, repacked(book([["a"], ["1"]]), {entry: body})) == "file_dangerous"


def test_nested_archive_is_refused(write_file: WriteFile) -> None:
    assert refusal(write_file, repacked(book([["a"]]), {"xl/inner.zip": b"PK"})) == "file_dangerous"


def test_bomb_is_refused_before_it_unpacks(write_file: WriteFile) -> None:
    bomb = repacked(book([["a"], ["1"]]), {"xl/media/zeros.bin": b"\0" * (60 * MB)})
    assert len(bomb) < MB
    path = write_file("bomb.xlsx", bomb)
    tracemalloc.start()
    begun = time.perf_counter()
    with pytest.raises(FileRefused) as refused:
        open_table(path, limits=LIMITS)
    assert refused.value.code == "file_unpacks_too_large"
    assert time.perf_counter() - begun < 2
    assert tracemalloc.get_traced_memory()[1] < 20 * MB
    tracemalloc.stop()


def test_too_many_entries_are_refused(write_file: WriteFile) -> None:
    many = {f"xl/media/{number}.bin": b"x" for number in range(1001)}
    assert refusal(write_file, repacked(book([["a"], ["1"]]), many)) == "file_unpacks_too_large"


def test_overlapping_entries_are_refused(write_file: WriteFile) -> None:
    content = bytearray(book([["a"], ["1"]]))
    written = io.BytesIO(bytes(content))
    with zipfile.ZipFile(written, "a") as archive:
        first = archive.infolist()[0]
        archive.writestr("xl/again.xml", "<x/>")
        twin = archive.getinfo("xl/again.xml")
        twin.header_offset, twin.compress_size, twin.file_size, twin.CRC, twin.compress_type = (
            first.header_offset, first.compress_size, first.file_size, first.CRC, first.compress_type,
        )  # fmt: skip
    assert refusal(write_file, written.getvalue()) == "file_broken"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["a"], *([str(number)] for number in range(101))], "file_too_many_rows"),
        ([[f"c{number}" for number in range(11)], ["1"] * 11], "file_too_many_columns"),
        ([["a"], ["x" * 1001]], "file_cell_too_long"),
        ([["a", "b"], ["1", *[None] * 20, "far"]], "file_too_many_columns"),
        ([], "file_header_missing"),
    ],
)
def test_limits_hold(write_file: WriteFile, rows: list[list[Any]], code: str) -> None:
    assert refusal(write_file, book(rows)) == code
