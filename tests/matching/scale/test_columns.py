"""Evidence and keys as columns: what travels to other machines."""

from __future__ import annotations

from pathlib import Path

from crm.matching.keys import BLOCK
from crm.matching.normalise import Evidence
from crm.matching.scale.columns import SCHEMA, evidence_table, read_parquet, without_idle_keys, write_parquet
from crm.matching.statistics import CountedStatistics
from crm.models.codes import EntityType

CONTACT = EntityType.CONTACT
PHONE = "+79161112233"


def table_of(records: list[Evidence]) -> list[dict[str, object]]:
    table = evidence_table(records, CONTACT, CountedStatistics.of(records, CONTACT))
    return list(without_idle_keys(table).to_pylist())


def test_evidence_becomes_columns_that_come_back_from_a_file(tmp_path: Path) -> None:
    records = [Evidence("7", mobiles=(PHONE,), given=("anna",), surname="kovaleva", city="tver"), Evidence("8")]
    table = evidence_table(records, CONTACT, CountedStatistics.of(records, CONTACT))
    assert table.schema.equals(SCHEMA)
    write_parquet(table, tmp_path / "evidence.parquet")
    first, second = read_parquet(tmp_path / "evidence.parquet").to_pylist()
    assert (first["record_id"], first["mobiles"], first["mobile"]) == ("7", [PHONE], PHONE)
    assert (first["given"], first["surname"], first["city"], first["inns"]) == ("anna", "kovaleva", "tver", None)
    assert second == {**dict.fromkeys(SCHEMA.names), "record_id": "8", "keys": [], "weak_keys": []}


def test_phone_of_several_people_comes_as_a_shared_line() -> None:
    names = ("anna", "oleg", "inna", "pavel")
    rows = table_of([Evidence(name, mobiles=(PHONE,), given=(name,)) for name in names])
    assert [(row["mobiles"], row["lines"]) for row in rows] == [(None, [PHONE])] * 4


def test_keys_that_meet_nobody_or_too_many_are_left_out() -> None:
    few = [Evidence(f"f{at}", mobiles=(PHONE,)) for at in range(2)]
    many = [Evidence(f"m{at}", mobiles=("+79160000001",)) for at in range(BLOCK + 1)]
    rows = table_of([*few, *many, Evidence("alone", mobiles=("+79160000002",))])
    assert [len(row["keys"]) for row in rows] == [1, 1] + [0] * (BLOCK + 2)  # type: ignore[arg-type]
    assert rows[0]["keys"] == rows[1]["keys"]
    assert "weak_keys" not in rows[0]


def test_no_records_are_an_empty_table() -> None:
    assert table_of([]) == []
