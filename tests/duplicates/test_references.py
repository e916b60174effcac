"""Every column that points to clients and deals has a policy for merges; a new one without fails here."""

from __future__ import annotations

import pytest
from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Table

from crm.duplicates.references import JSON_COLUMNS, NO_REFERENCES, REFERENCES, Policy, references_to
from crm.models import Base, EntityType

TARGETS = {"contacts": EntityType.CONTACT, "companies": EntityType.COMPANY, "deals": EntityType.DEAL}
# What a reader of the metadata tells from an id: a whole number or a text, no key of another table, not the row's own.
_SINGLE_KEYS = {"id"}


def keys_to_records(metadata: MetaData) -> dict[str, EntityType]:
    """Return the foreign keys to contacts, companies and deals."""
    found = {}
    for table in metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table.name in TARGETS:
                found[f"{table.name}.{key.parent.name}"] = TARGETS[key.column.table.name]
    return found


def bare_ids(metadata: MetaData) -> set[str]:
    """Return the columns that are ids by their name and have no foreign key."""
    return {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_id") and column.name not in _SINGLE_KEYS and not column.foreign_keys
    }


def json_columns(metadata: MetaData) -> set[str]:
    """Return the columns that hold JSON."""
    return {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, JSON)
    }


def without_policy(metadata: MetaData) -> set[str]:
    """Return what a merge would not know what to do with."""
    told = {one.name for one in REFERENCES}
    found = keys_to_records(metadata).keys() - told
    found |= bare_ids(metadata) - told - NO_REFERENCES.keys()
    return found | (json_columns(metadata) - JSON_COLUMNS.keys())


def test_every_column_has_a_policy() -> None:
    assert without_policy(Base.metadata) == set()


def test_policies_name_columns_that_are_there() -> None:
    columns = {f"{table.name}.{column.name}" for table in Base.metadata.sorted_tables for column in table.columns}
    told = {one.name for one in REFERENCES} | NO_REFERENCES.keys() | JSON_COLUMNS.keys()
    assert told <= columns
    assert len({one.name for one in REFERENCES}) == len(REFERENCES)


def test_policies_agree_with_the_keys() -> None:
    keys = keys_to_records(Base.metadata)
    assert {one.name: one.target for one in REFERENCES if one.name in keys} == keys
    for one in REFERENCES:
        table = Base.metadata.tables[one.table]
        assert (one.target is None) == (one.type_column is not None), one.name
        assert {*one.key, *filter(None, [one.type_column])} <= set(table.columns.keys()), one.name
        assert bool(one.key) == (one.policy is Policy.UNITE), one.name


@pytest.mark.parametrize(
    "column",
    [
        Column("deal_id", BigInteger),
        Column("entity_id", Integer),
        Column("invoice", JSON),
    ],
    ids=["deal_id", "entity_id", "json"],
)
def test_new_table_without_a_policy_is_found(column: Column[object]) -> None:
    metadata = MetaData()
    Table("payments", metadata, Column("id", Integer, primary_key=True), column)
    assert without_policy(metadata) == {f"payments.{column.name}"}


def test_references_are_chosen_by_type_and_policy() -> None:
    moved = {one.name for one in references_to(EntityType.COMPANY, Policy.MOVE)}
    assert moved == {"companies.parent_id", "contacts.company_id", "deals.company_id", "external_ids.entity_id"}
