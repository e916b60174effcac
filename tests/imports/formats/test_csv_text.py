from __future__ import annotations

import pytest

from crm.imports.formats import FileRefused, Limits, ReadOptions, open_table
from tests.imports.conftest import WriteFile

ROWS = "Название;Сумма\nТруба стальная;1 250 000,50 ₽\nЛист ёлочный;5\n"
WITHOUT_ROUBLE = ROWS.replace(" ₽", "")
SMALL = Limits(size_bytes=10_000, unpacked_bytes=10_000, rows=3, columns=4, cell_chars=100)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", ROWS),
        ("utf-8-sig", ROWS),
        ("utf-16", ROWS),
        ("utf-16-le", ROWS),
        ("utf-16-be", ROWS),
        ("cp1251", WITHOUT_ROUBLE),
        ("cp866", WITHOUT_ROUBLE),
    ],
)
def test_encoding_is_told_by_the_bytes(write_file: WriteFile, encoding: str, text: str) -> None:
    table = open_table(write_file("deals.csv", text, encoding))
    assert table.header == ("Название", "Сумма")
    assert [row.cells for row in table.rows()] == [
        ("Труба стальная", "1 250 000,50 ₽" if "₽" in text else "1 250 000,50"),
        ("Лист ёлочный", "5"),
    ]


def test_western_text_is_not_taken_for_russian(write_file: WriteFile) -> None:
    table = open_table(write_file("a.csv", "Name;City\nCafé Zoë;Nîmes\nMüller;Köln\n", "cp1252"))
    assert next(table.rows()).cells == ("Café Zoë", "Nîmes")


def test_chosen_encoding_wins(write_file: WriteFile) -> None:
    path = write_file("a.csv", "Имя\nИван\n", "mac_cyrillic")
    assert next(open_table(path, options=ReadOptions(encoding="mac_cyrillic")).rows()).cells == ("Иван",)


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_delimiter_is_told_by_the_rows(write_file: WriteFile, delimiter: str) -> None:
    text = f'a{delimiter}b\n"x{delimiter}y"{delimiter}"1,5; 2"\n3{delimiter}4\n'
    table = open_table(write_file("a.csv", text))
    assert table.delimiter == delimiter
    assert [row.cells for row in table.rows()] == [(f"x{delimiter}y", "1,5; 2"), ("3", "4")]


def test_one_column_needs_no_delimiter(write_file: WriteFile) -> None:
    assert [row.cells for row in open_table(write_file("a.csv", "Product\nGTX Pro\nMG\n")).rows()] == [
        ("GTX Pro",),
        ("MG",),
    ]


def test_quotes_hold_line_breaks_and_lines_are_counted(write_file: WriteFile) -> None:
    table = open_table(write_file("a.csv", 'a;b\n"one\ntwo";"say ""hi"""\n\nx;y\n'))
    assert [(row.line, row.cells) for row in table.rows()] == [(2, ("one\ntwo", 'say "hi"')), (5, ("x", "y"))]


def test_short_rows_are_filled_and_wide_ones_marked(write_file: WriteFile) -> None:
    rows = list(open_table(write_file("a.csv", "a;b\n1\n1;2;3\n1;2;;\n")).rows())
    assert [(row.cells, row.is_too_wide) for row in rows] == [
        (("1", ""), False),
        (("1", "2"), True),
        (("1", "2"), False),
    ]


def test_header_gets_unique_names(write_file: WriteFile) -> None:
    assert open_table(write_file("a.csv", "a;; a ;a;\n1;2;3;4;5\n")).header == ("a", "#2", "a (2)", "a (3)")


def test_own_export_gives_the_exact_values_back(write_file: WriteFile) -> None:
    from crm.imports.cells import csv_bytes

    values = [
        "=1+1",
        "+7 916",
        "-5",
        "@x",
        "\tt",
        "\rr",
        "＝1",
        "'=1",
        "''=1",
        "'plain",
        "it's",
        " spaced ",
        '"q"',
        "a\nb",
    ]
    written = csv_bytes(["value"], [[value] for value in values])
    read = [row.cells[0] for row in open_table(write_file("own.csv", written)).rows()]
    assert read == values


BROKEN_UTF8 = "Имя;Город\nИван;Омск\nПётр;Тула\n".encode()[:-3] + b"\xff\xfe\n"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "file_empty"),
        ("a.csv", b"\n\n  \n", "file_header_missing"),
        ("a.csv", b"a;b\n1;\x002\n", "file_binary"),
        ("a.csv", bytes(range(256)) * 20, "file_binary"),
        ("a.csv", b"MZ\x90\x00\x03\x00\x00\x00\x04\x00", "file_binary"),
        ("a.csv", b"%PDF-1.7\n", "file_binary"),
        ("a.csv", b"\x89PNG\r\n\x1a\n", "file_binary"),
        ("a.csv", b"PK\x03\x04rest", "file_content_mismatch"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_old_excel"),
        ("a.csv", b"<!DOCTYPE html><html><body>1;2</body></html>", "file_content_mismatch"),
        ("a.csv", b"\xef\xbb\xbf  <HTML><table>", "file_content_mismatch"),
        ("a.csv", b'a;b\n"never closed;2\n3;4\n', "file_quotes_broken"),
        ("a.csv", b'a;b\n"x"y;2\n', "file_quotes_broken"),
        ("a.csv", BROKEN_UTF8, "file_encoding_broken"),
        ("a.exe", b"a;b\n1;2\n", "file_kind_unknown"),
        ("a.csv.exe", b"a;b\n1;2\n", "file_kind_unknown"),
        ("a", b"a;b\n1;2\n", "file_kind_unknown"),
        ("a.xls", b"a;b\n1;2\n", "file_old_excel"),
        ("a.XLSM", b"a;b\n1;2\n", "file_with_macros"),
    ],
)
def test_bad_file_is_refused_by_its_code(write_file: WriteFile, name: str, content: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        open_table(write_file(name, content))
    assert refused.value.code == code


def test_table_that_begins_like_a_program_is_read(write_file: WriteFile) -> None:
    assert open_table(write_file("a.csv", "MZ;name\n1;2\n")).header == ("MZ", "name")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\n1\n2\n3\n4\n", "file_too_many_rows"),
        ("a;b;c;d;e\n1;2;3;4;5\n", "file_too_many_columns"),
        ("a\n" + "x" * 101 + "\n", "file_cell_too_long"),
        ("a\n" + "xy\n" * 4000, "file_too_large"),
    ],
)
def test_limits_hold(write_file: WriteFile, text: str, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        list(open_table(write_file("a.csv", text), limits=SMALL).rows())
    assert refused.value.code == code


def test_limits_themselves_are_allowed(write_file: WriteFile) -> None:
    text = "a;b;c;d\n" + f"{'x' * 100};2;3;4\n" * 3
    assert len(list(open_table(write_file("a.csv", text), limits=SMALL).rows())) == 3


def test_missing_file_is_told_by_name(write_file: WriteFile) -> None:
    path = write_file("a.csv", "a\n1\n")
    path.unlink()
    with pytest.raises(FileRefused) as refused:
        open_table(path)
    assert (refused.value.code, refused.value.params["name"]) == ("file_missing", "a.csv")
