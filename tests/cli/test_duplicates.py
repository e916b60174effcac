"""The command line: clusters of a file of leads, the reasons of a pair, the benchmark."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import pytest

from bench.leads import write_leads
from crm.cli.duplicates_file import own_identifiers
from crm.cli.peak_memory import PeakMemory
from crm.cli.run import main
from crm.errors import InvalidInput
from crm.matching.values import OwnIdentifiers

LEADS = Path(__file__).parent / "leads.csv"
HEADER = ["record_id", "cluster", "score"]


@pytest.fixture(autouse=True)
def in_english_without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("CRM_DATABASE_URL", "sqlite:////nowhere/at/all.sqlite3")


def cluster(source: Path, target: Path, *options: str) -> list[list[str]]:
    assert main(["duplicates", "cluster", str(source), "--out", str(target), *options]) == 0
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == HEADER
    return rows[1:]


def together(rows: list[list[str]]) -> list[set[str]]:
    groups: dict[str, set[str]] = {}
    for record_id, name, _score in rows:
        groups.setdefault(name, set()).add(record_id)
    return [group for group in groups.values() if len(group) > 1]


def test_people_of_a_file_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = cluster(LEADS, tmp_path / "out.csv")
    assert [row[0] for row in rows] == ["11", "12", "13", "14", "15", "16", "17", "18"]
    assert together(rows) == [{"11", "12", "13"}, {"14", "15"}]
    assert [row[1] for row in rows[:3]] == ["11", "11", "11"]
    assert all((row[2] != "") == (row[0] < "16") for row in rows)
    assert all(float(row[2]) > 3 for row in rows[:5])
    told = capsys.readouterr()
    assert told.out.startswith("8 records, 5 clusters, 3 duplicates, ")
    assert "Not read: truth." in told.err
    assert "phone = Телефон + Доп. телефон" in told.err


def test_companies_of_a_file_are_found(tmp_path: Path) -> None:
    assert together(cluster(LEADS, tmp_path / "out.csv", "--entity", "company")) == [{"11", "12", "13", "14", "15"}]


def test_purchases_of_a_file_are_found(tmp_path: Path) -> None:
    assert together(cluster(LEADS, tmp_path / "out.csv", "--entity", "deal")) == [{"11", "12"}, {"14", "15"}]


def test_file_of_a_russian_excel_is_read(tmp_path: Path) -> None:
    source = tmp_path / "leads.csv"
    source.write_bytes(LEADS.read_text(encoding="utf-8").encode("cp1251"))
    assert together(cluster(source, tmp_path / "out.csv")) == [{"11", "12", "13"}, {"14", "15"}]


def test_columns_are_named_by_hand(tmp_path: Path) -> None:
    source = tmp_path / "leads.csv"
    source.write_text("кто,куда,key\nАнна,8 916 204-51-77,x\nАня,+7 (916) 2045177,y\nИнна,,z\n", encoding="utf-8")
    rows = cluster(source, tmp_path / "out.csv", "--columns", "кто=name,куда=phone", "--columns", "key=record_id")
    assert together(rows) == [{"x", "y"}]


def test_rows_without_ids_go_by_their_number(tmp_path: Path) -> None:
    source = tmp_path / "leads.csv"
    source.write_text("name,phone\nАнна,8 916 204-51-77\nИнна,\nАнна,89162045177\n", encoding="utf-8")
    assert cluster(source, tmp_path / "out.csv")[1] == ["2", "2", ""]


def test_our_own_contacts_say_nothing(tmp_path: Path) -> None:
    source = tmp_path / "leads.csv"
    source.write_text("name,phone\n,84957801717\n,8 495 780-17-17\nАнна,m@us.ru\nВера,m@us.ru\n", encoding="utf-8")
    rows = cluster(source, tmp_path / "out.csv", "--own", "+7495780*,us.ru")
    assert together(rows) == []


def test_our_own_contacts_are_read_as_in_the_settings() -> None:
    arguments = argparse.Namespace(own=["8 495 780*, 8 916 204-51-77", "Info@Us.RU"])
    assert own_identifiers(arguments) == OwnIdentifiers(
        phones=frozenset({"+79162045177"}),
        mailboxes=frozenset({"info@us.ru"}),
        domains=frozenset({"us.ru"}),
        phone_prefixes=("+7495780",),
    )
    with pytest.raises(InvalidInput) as refusal:
        own_identifiers(argparse.Namespace(own=["nonsense"]))
    assert [one.code for one in refusal.value.violations] == ["own_identifier_unreadable"]


def test_several_processes_give_the_same_clusters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crm.cli.duplicates_cluster._WORTH_SHARING", 0)
    source = tmp_path / "leads.csv"
    write_leads(source, 3_000)
    alone = cluster(source, tmp_path / "one.csv", "--processes", "1")
    assert cluster(source, tmp_path / "two.csv", "--processes", "3") == alone
    assert len(together(alone)) > 400


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ("", (), "The file is empty"),
        ("name,phone\n", (), "The file has a header and no rows under it."),
        ("name,phone\nАнна,1\n", ("--columns", "Телефон=phone"), "no column “Телефон”. It has: name, phone."),
        ("name,phone\nАнна,1\n", ("--columns", "name=nickname"), "We have no column “nickname”."),
        ("name,phone\nАнна,1\n", ("--columns", "name"), "“name” is no pair of columns."),
        ("name,phone\nАнна,1\n", ("--entity", "person"), "Write one of: contact, company, deal."),
        ("id,name\n5,Анна\n5,Вера\n", (), "Lines 2 and 3 have the same id “5”."),
        ("id,Бюджет\n5,100\n", (), "No column tells who the client is."),
        ('name,phone\n"Анна,1\n', (), "quot"),
    ],
    ids=["empty", "rows", "column", "field", "pair", "entity", "ids", "clients", "quotes"],
)
def test_bad_input_is_told_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, options: tuple[str, ...], told: str
) -> None:
    source, target = tmp_path / "leads.csv", tmp_path / "out.csv"
    source.write_text(content, encoding="utf-8")
    assert main(["duplicates", "cluster", str(source), "--out", str(target), *options]) == 1
    assert told in capsys.readouterr().err
    assert not target.exists()


def test_file_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", "cluster", str(tmp_path / "no.csv"), "--out", str(tmp_path / "out.csv")]) == 1
    assert "no.csv" in capsys.readouterr().err


def test_pair_is_explained_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", "explain", str(LEADS), "11", "13"]) == 0
    told = capsys.readouterr().out
    assert "11: Ковалёва Мария Игоревна · 8 (916) 204-51-77 · ООО «Гранит-Инвест» · Тверь" in told
    assert "The phone +7 916 204-51-77 was found in the name" in told
    assert "= Together: " in told
    assert "The file's clusters have them together." in told


def test_pair_is_explained_in_russian(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    assert main(["duplicates", "explain", str(LEADS), "11", "16"]) == 0
    told = capsys.readouterr().out
    assert "Разные телефоны: +7 916 204-51-77 и +7 921 400-11-22" in told
    assert "В группах файла они порознь." in told


def test_weights_of_the_waterfall_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", "explain", str(LEADS), "14", "15"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("  ", "="))]
    weights = [float(line.split()[-1].replace("−", "-")) for line in lines]
    assert sum(weights[:-1]) == pytest.approx(weights[-1], abs=0.05 * len(weights))


def test_unknown_record_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["duplicates", "explain", str(LEADS), "11", "99"]) == 1
    assert "no record with the id “99”" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["50"], "Measure at 100 leads at least."),
        (["1000", "--databases", "mysql"], "There is no database “mysql” to measure."),
        (["1000", "--entity", "person"], "“person” can't be looked for."),
    ],
    ids=["count", "database", "entity"],
)
def test_benchmark_refuses_what_it_can_not_measure(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["duplicates", "bench", *arguments]) == 1
    assert told in capsys.readouterr().err


def test_peak_of_memory_counts_what_was_held() -> None:
    with PeakMemory() as memory:
        held = bytearray(b"1") * 150_000_000
    assert len(held) == 150_000_000
    told = memory.stop()
    assert told is None or told > 150
