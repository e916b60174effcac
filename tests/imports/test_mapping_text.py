from __future__ import annotations

from typing import Any

import pytest

from crm.errors import InvalidInput
from crm.i18n.texts import violation_sentence
from crm.imports.fields import RecordKind
from crm.imports.mapping import DateOrder, ImportMapping
from crm.imports.mapping_text import mapping_from, mapping_tree, read_mapping
from crm.models import FieldType, StepKind
from crm.settings import ROOT
from tests.imports.conftest import WriteFile
from tests.imports.importing import deals_mapping


def problems(tree: dict[str, Any]) -> list[tuple[str, str]]:
    """Return code and name of everything wrong, each with a sentence."""
    with pytest.raises(InvalidInput) as refused:
        mapping_from(tree)
    assert all(violation_sentence(one) for one in refused.value.violations)
    return [(one.code, str(one.params.get("name", one.field))) for one in refused.value.violations]


def test_maven_mapping_reads_whole() -> None:
    mapping = read_mapping(ROOT / "tests" / "imports" / "maven.toml")
    assert [part.kind for part in mapping.files] == [
        RecordKind.USERS, RecordKind.OPTIONS, RecordKind.COMPANIES, RecordKind.DEALS,
    ]  # fmt: skip
    assert mapping.currency == "USD"
    assert mapping.owners.create
    assert mapping.files[3].columns["title"] == ("product", "account")
    assert mapping.corrections["product"] == {"GTXPro": "GTX Pro"}


def test_mapping_survives_json() -> None:
    full = deals_mapping(
        name="Old system",
        currency="EUR",
        timezone="Europe/Berlin",
        undated="2020-01-31",
        owners={"default": "vera@example.com", "create": True},
        next_step={"kind": "call", "text": "Call", "in_days": 3},
        pipelines=[{"name": "P", "open": ["A", "B"], "won": "W", "lost": "L"}],
        fields=[{"name": "Product", "type": "choice"}],
        aliases={"stage": {"x": "A"}},
        corrections={"title": {"y": "z"}},
    )
    full["files"][0] = {**full["files"][0], "date_order": "mdy", "delimiter": "\t", "defaults": {"source": "import"}}
    mapping = mapping_from(full)
    assert mapping.files[0].date_order is DateOrder.MDY
    assert mapping.step.kind is StepKind.CALL
    assert mapping.fields[0].type is FieldType.CHOICE
    assert mapping_from(mapping_tree(mapping)) == mapping


def test_every_mistake_is_told_at_once() -> None:
    tree = deals_mapping(
        currency="XXZ",
        timezone="Mars/Base",
        undated="31.12.2020",
        owners={"creat": True},
        next_step={"in_days": 0},
        colour="red",
    )
    tree["files"][0] = {"file": "d.csv", "kind": "deals", "columns": {"titel": "x", "amount": 5}}
    assert set(problems(tree)) == {
        ("mapping_value_wrong", "colour"),
        ("mapping_value_wrong", "owners.creat"),
        ("mapping_value_wrong", "in_days"),
        ("mapping_value_wrong", "amount"),
        ("mapping_field_unknown", "titel"),
        ("mapping_field_needed", "title"),
        ("choice_unknown", "currency"),
        ("choice_unknown", "timezone"),
        ("date_invalid", "undated"),
    }


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({"files": []}, ("mapping_value_wrong", "system")),
        ({"system": "x"}, ("mapping_without_files", "mapping")),
        ({"system": "x", "files": [{"file": "a", "kind": "leads"}]}, ("mapping_value_wrong", "kind")),
        ({"system": "x", "files": "deals.csv"}, ("mapping_value_wrong", "files")),
        ({"system": "x" * 51, "files": []}, ("mapping_value_wrong", "system")),
        (
            {"system": "x", "files": [{"file": "a", "kind": "options", "columns": {"option": "a"}}]},
            ("mapping_field_needed", "into_field"),
        ),
        (
            {"system": "x", "files": [{"file": "a", "kind": "contacts", "columns": {"name": "a", "custom.X": "b"}}]},
            ("mapping_field_unknown", "custom.X"),
        ),
        (deals_mapping(pipelines=[{"name": "P", "won": "W", "lost": "L"}]), ("stage_last_open", "pipelines")),
    ],
)
def test_single_mistake_is_told(tree: dict[str, Any], problem: tuple[str, str]) -> None:
    assert problem in problems(tree)


def test_unreadable_toml_is_told(write_file: WriteFile) -> None:
    for content in (b"name = ", b"\xff\xfe", b"a = 1\na = 2"):
        with pytest.raises(InvalidInput) as refused:
            read_mapping(write_file("m.toml", content))
        assert refused.value.violations[0].code == "mapping_unreadable"


def test_part_is_found_by_pattern_without_regard_to_case() -> None:
    mapping: ImportMapping = mapping_from(deals_mapping())
    assert mapping.part_for("DEALS.csv") is mapping.files[0]
    assert mapping.part_for("deals.xlsx") is None
