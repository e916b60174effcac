from __future__ import annotations

from typing import Any

import pytest

from crm.errors import InvalidInput
from crm.imports.formats import open_table
from crm.imports.mapping import DateOrder
from crm.imports.mapping_text import mapping_from
from crm.imports.prepare import Prepared, prepare
from tests.imports.conftest import WriteFile
from tests.imports.importing import deals_file, deals_mapping


def prepared(write_file: WriteFile, files: dict[str, str], mapping: dict[str, Any]) -> Prepared:
    """Write the files and prepare them."""
    return prepare(mapping_from(mapping), [open_table(write_file(name, text)) for name, text in files.items()])


def test_first_pass_counts_rows_and_gathers_values(write_file: WriteFile) -> None:
    rows = (
        "1;A;Contact made;Anna;5;Mir;;;;",
        "2;B;Offer sent;Anna;;;01.02.2025;21.02.2025;;",
        "3;C;Offer sent;Anton;;;;;;",
    )
    scan = prepared(write_file, deals_file(*rows), deals_mapping()).files[0].scan
    assert scan.row_count == 3
    assert dict(scan.values["owner"]) == {"Anna": 2, "Anton": 1}
    assert dict(scan.values["stage"]) == {"Contact made": 1, "Offer sent": 2}
    assert scan.date_orders["entered.Contact made"] is DateOrder.DMY


def test_column_that_leaves_the_order_open_goes_by_its_neighbours(write_file: WriteFile) -> None:
    rows = ("1;A;;;;;01/02/2025;01/31/2025;;",)
    scan = prepared(write_file, deals_file(*rows), deals_mapping()).files[0].scan
    assert scan.date_orders["entered.Contact made"] is DateOrder.MDY
    assert scan.open_orders == ()


def test_order_that_nothing_proves_is_told(write_file: WriteFile) -> None:
    rows = ("1;A;;;;;01/02/2025;;;",)
    scan = prepared(write_file, deals_file(*rows), deals_mapping()).files[0].scan
    assert scan.open_orders == ("entered.Contact made",)
    assert scan.date_orders["entered.Contact made"] is DateOrder.DMY


def test_order_given_by_hand_wins(write_file: WriteFile) -> None:
    mapping = deals_mapping()
    mapping["files"] = [{**mapping["files"][0], "date_order": "mdy"}]
    scan = prepared(write_file, deals_file("1;A;;;;;21.01.2025;;;"), mapping).files[0].scan
    assert set(scan.date_orders.values()) == {DateOrder.MDY}


def test_values_are_corrected_by_column_before_they_are_joined(write_file: WriteFile) -> None:
    mapping = {
        "system": "s",
        "files": [{"file": "d.csv", "kind": "deals", "columns": {"title": ["product", "account"]}}],
        "corrections": {"PRODUCT": {"gtxpro": "GTX Pro"}},
    }
    file = prepared(write_file, {"d.csv": "product,account\nGTXPro,Isdom\nGTXPRO,\n"}, mapping).files[0]
    assert [file.text(row, "title") for row in file.table.rows()] == ["GTX Pro, Isdom", "GTX Pro"]


def test_files_come_in_the_order_of_kinds(write_file: WriteFile) -> None:
    mapping = {
        "system": "s",
        "files": [
            {"file": "d.csv", "kind": "deals", "columns": {"title": "a"}},
            {"file": "c.csv", "kind": "companies", "columns": {"name": "a"}},
            {"file": "u.csv", "kind": "users", "columns": {"name": "a"}},
        ],
    }
    files = dict.fromkeys(("d.csv", "c.csv", "u.csv"), "a\n1\n")
    assert [file.name for file in prepared(write_file, files, mapping).files] == ["u.csv", "c.csv", "d.csv"]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"deals.csv": "id;title\n1;2\n"}, "mapping_column_missing"),
        (deals_file() | {"other.csv": "a\n1\n"}, "mapping_file_unknown"),
        ({}, "mapping_file_missing"),
    ],
)
def test_files_that_do_not_fit_the_mapping_are_refused(write_file: WriteFile, files: dict[str, str], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        prepared(write_file, files, deals_mapping())
    assert {one.code for one in refused.value.violations} == {code}


def test_same_file_twice_is_refused(write_file: WriteFile) -> None:
    table = open_table(write_file("deals.csv", deals_file("1;A;;;;;;;;")["deals.csv"]))
    with pytest.raises(InvalidInput) as refused:
        prepare(mapping_from(deals_mapping()), [table, table])
    assert [one.code for one in refused.value.violations] == ["mapping_file_twice"]
