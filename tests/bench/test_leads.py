"""Generated leads tell a truth that holds together, and the benchmark on them prints its table."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from bench import duplicates
from bench.leads import COLUMNS, patronymic, taxpayer_number, write_leads
from bench.truth import judge
from crm.matching.normalise.inns import is_valid

LEADS = 3_000


@pytest.fixture(scope="module")
def leads(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Return generated leads."""
    target = tmp_path_factory.mktemp("leads") / "leads.csv"
    write_leads(target, LEADS, seed=3)
    with target.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_same_seed_gives_the_same_leads(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        write_leads(tmp_path / name, 200, seed)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() != (tmp_path / "three").read_bytes()


def test_truth_holds_together(leads: list[dict[str, str]]) -> None:
    assert [row["record_id"] for row in leads] == [str(number) for number in range(1, LEADS + 1)]
    assert tuple(leads[0]) == COLUMNS
    firms, people = defaultdict(set), defaultdict(set)
    for row in leads:
        firms[row["truth_person"]].add(row["truth_company"])
        people[row["truth_deal"]].add(row["truth_person"])
    assert all(len(found) == 1 for found in [*firms.values(), *people.values()])
    assert LEADS * 0.45 < len(firms) < LEADS * 0.58
    assert LEADS * 0.65 < len(people) < LEADS * 0.82
    assert 0.05 < sum(not row["truth_company"] for row in leads) / LEADS < 0.14


def test_dirt_of_every_kind_is_in_it(leads: list[dict[str, str]]) -> None:
    share: dict[str, float] = defaultdict(float)
    for row in leads:
        for tag in row["dirt"].split(";"):
            share[tag] += 1 / LEADS
    kinds = "phone_in_name phone_in_comment translit homoglyph keyboard short initials swap name_noise name_typo"
    kinds += " landline shared_email two_phones phone_typo email_typo inn_typo placeholder own_contact company_typo"
    assert [kind for kind in kinds.split() if not share[kind]] == []
    assert 0.07 < share["phone_in_name"] < 0.17
    assert 0.04 < share["translit"] < 0.1


def test_no_two_people_have_one_mailbox(leads: list[dict[str, str]]) -> None:
    owners = defaultdict(set)
    for row in leads:
        if re.fullmatch(r"[a-z]+[._][a-z]+\d*@(mail|yandex|bk|list)\.ru", row["email"]) and not row["dirt"]:
            owners[row["email"]].add(row["truth_person"])
    assert len(owners) > 20
    assert max(map(len, owners.values())) == 1


@pytest.mark.parametrize("length", [10, 12])
def test_taxpayer_numbers_have_right_check_digits(length: int) -> None:
    draw = Random(1)
    assert all(is_valid(taxpayer_number(draw, length)) for _ in range(200))


@pytest.mark.parametrize(
    ("father", "son", "daughter"),
    [
        ("Иван", "Иванович", "Ивановна"),
        ("Андрей", "Андреевич", "Андреевна"),
        ("Игорь", "Игоревич", "Игоревна"),
        ("Илья", "Ильич", "Ильинична"),
        ("Никита", "Никитич", "Никитична"),
        ("Лев", "Львович", "Львовна"),
        ("Павел", "Павлович", "Павловна"),
        ("Валерий", "Валерьевич", "Валерьевна"),
    ],
)
def test_patronymics_are_those_of_the_language(father: str, son: str, daughter: str) -> None:
    assert (patronymic(father, is_son=True), patronymic(father, is_son=False)) == (son, daughter)


def test_clusters_are_judged_as_by_hand() -> None:
    truth = {"1": "a", "2": "a", "3": "a", "4": "b"}
    judged = judge(truth, {"1": "x", "2": "x", "3": "y", "4": "y"})
    assert (judged.precision, judged.recall) == (0.5, pytest.approx(1 / 3))
    assert judged.f1 == pytest.approx(0.4)
    # Records 1 and 2 sit with their own only, 3 and 4 half; 1 and 2 have two of three, 3 one of three, 4 all.
    assert judged.b3 == pytest.approx(2 * 0.75 * (2 / 3) / (0.75 + 2 / 3))
    assert judge(truth, {}).recall == 0
    assert judge(truth, truth).f1 == 1


def test_benchmark_prints_its_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures.json"
    options = ["--folder", str(tmp_path), "--databases", "sqlite", "--processes", "1", "--json", str(figures)]
    assert duplicates.main(["2000", "--no-splink", *options]) == 0
    told = capfd.readouterr().out
    assert re.search(r"^normalise +\d", told, re.MULTILINE)
    assert re.search(r"^batch +\d+\.\d +\d+\.\d +(\d+|\?) +0\.9\d+ +0\.9\d+ ", told, re.MULTILINE)
    assert re.search(r"^sqlite +look up +\d", told, re.MULTILINE)
    assert re.search(r"^sqlite +keep +\d", told, re.MULTILINE)
    measured = json.loads(figures.read_text(encoding="utf-8"))
    assert measured["normalise"]["records"] == 2_000
    assert measured["sqlite"]["attached"] > 50
    assert measured["sqlite"]["attached_precision"] > 0.97
