"""Every reason and every objection the matcher can bring has its words, in both languages."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from bench.leads import write_leads
from crm.i18n import reader
from crm.i18n.match_texts import LINES, MISPLACED, guard_sentence, line_sentence, words_of_line
from crm.matching.batch import match_all
from crm.matching.lead_files import lead_layout, read_leads
from crm.matching.model import default_model
from crm.matching.normalise import Evidence, make_evidence
from crm.matching.values import Match
from crm.models.codes import EntityType

LEADS = 1_500


@pytest.mark.parametrize("entity_type", EntityType)
def test_everything_said_of_generated_leads_has_words(tmp_path: Path, entity_type: EntityType) -> None:
    codes, guards = set(), set()
    for match in matches(evidence(tmp_path, entity_type), entity_type):
        codes |= {line.code for line in match.lines}
        guards |= set(match.guards)
    assert len(codes) > 15
    assert {code for code in codes if not words_of_line(code).short} == set()
    assert all(guard_sentence(guard) for guard in guards)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_words_take_the_two_texts(language: str) -> None:
    with reader(language):
        codes = [*LINES, *(f"{kind}_in_{place}_field" for kind, place in MISPLACED)]
        sentences = [line_sentence(code, -1.0, "A", "B") for code in codes]
    assert all("{" not in sentence for sentence in sentences)
    assert line_sentence("phones_differ", -2.0, "1", "2") == "Different phones: 1 and 2"


def evidence(folder: Path, entity_type: EntityType) -> list[Evidence]:
    write_leads(folder / "leads.csv", LEADS)
    with (folder / "leads.csv").open(encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        layout = lead_layout(next(rows), entity_type)
        return [make_evidence(raw) for raw in read_leads(layout, enumerate(rows, start=2))]


def matches(records: list[Evidence], entity_type: EntityType) -> Iterator[Match]:
    result = match_all(records, default_model(entity_type))
    for pair in result.pairs:
        yield result.scorer.score(records[pair.left], records[pair.right])
    for left, right in pairwise(records):
        yield result.scorer.score(left, right)
