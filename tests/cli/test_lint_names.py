"""The command line: verdicts on the stage names of a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crm.cli.run import main

HEADER = ["name", "finished_action", "findings"]


@pytest.fixture(autouse=True)
def in_english_without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("CRM_DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3")


def lint(tmp_path: Path, content: bytes | str, *, code: int = 0) -> list[list[str]]:
    """Judge the names of a file; return the rows written."""
    source, target = tmp_path / "names.csv", tmp_path / "out.csv"
    source.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["lint", "names", str(source), "--out", str(target)]) == code
    if code:
        assert not target.exists()
        return []
    with target.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_each_row_gets_one_verdict_in_order(tmp_path: Path) -> None:
    rows = lint(
        tmp_path,
        "id,name,language,kind\n"
        "7,Переговоры,ru,open\n"
        "8,Closed won,en,won\n"
        '9,"КП отправлено, ждём",ru,\n'
        "10,Переговоры,ru,open\n"
        "11,,ru,open\n",
    )
    assert rows == [
        HEADER,
        ["Переговоры", "0", "L02"],
        ["Closed won", "1", ""],
        ["КП отправлено, ждём", "1", "L03"],
        ["Переговоры", "0", "L02"],
        ["", "0", "L02"],
    ]


def test_rows_of_empty_cells_are_kept(tmp_path: Path) -> None:
    assert lint(tmp_path, "name,language\n,\nDemo,en\n") == [HEADER, ["", "0", "L02"], ["Demo", "0", "L02"]]


def test_file_of_a_russian_excel_is_read(tmp_path: Path) -> None:
    text = "Name;Language\r\nДоговор подписан;RU\r\nСогласование договора;ru\r\nДумает;ru\r\n"
    rows = lint(tmp_path, text.encode("cp1251"))
    assert [row[1:] for row in rows[1:]] == [["1", ""], ["0", "L02"], ["0", "L02;L03"]]


def test_header_alone_gives_a_header(tmp_path: Path) -> None:
    assert lint(tmp_path, "name,language\n") == [HEADER]


def test_letters_decide_where_the_language_is_blank(tmp_path: Path) -> None:
    assert lint(tmp_path, "name,language\nОплата получена,\nPaid,\n")[1:] == [
        ["Оплата получена", "1", ""],
        ["Paid", "1", ""],
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name\nDemo\n", "The file has no column language. It has: name."),
        ("stage,lang\nDemo,en\n", "The file has no column name, language. It has: stage, lang."),
        ("", "The file is empty."),
        ("name,language\nDémo,fr\n", "Line 2: the language “fr” is unknown. Write one of: ru, en."),
        (
            "name,language,kind\nDemo,en,closed\n",
            "Line 2: the kind “closed” is unknown. Write one of: open, won, lost.",
        ),
        (b"PK\x03\x04xlsx", "The content of the file does not fit its name."),
    ],
)
def test_file_that_can_not_be_judged_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | str, sentence: str
) -> None:
    lint(tmp_path, content, code=2)
    assert sentence in capsys.readouterr().err


def test_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "names", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out.csv")]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_target_that_can_not_be_written_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "names.csv"
    source.write_text("name,language\nDemo,en\n", encoding="utf-8")
    assert main(["lint", "names", str(source), "--out", str(tmp_path / "no" / "out.csv")]) == 2
    assert "out.csv" in capsys.readouterr().err


def test_refusal_is_told_in_the_reader_s_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    lint(tmp_path, "name\nDemo\n", code=2)
    assert "В файле нет столбца language" in capsys.readouterr().err
