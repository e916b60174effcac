"""The schema that migrations make is the schema the models describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from crm.db import Database
from crm.db.migrate import MADE_BY_HAND, alembic_config, is_current, migrate
from crm.duplicates.merging import merge_records
from crm.duplicates.undo import undo_merge
from crm.models import Base, DealContact, EntityType
from tests.conftest import Cast, rows_of_all_tables
from tests.factories import add_company, add_contact, add_deal, add_pipeline


def test_migration_from_empty_equals_models(database: Database) -> None:
    with database.write_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _known_to_models})
        assert compare_metadata(context, Base.metadata) == []


def test_indexes_and_constraints_of_migration_equal_those_of_models_on_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    migrated, made = Database(sqlite_url), Database(f"sqlite:///{tmp_path / 'models.sqlite3'}")
    Base.metadata.create_all(made.write_engine)
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    assert _definitions(migrated.write_engine, query) == _definitions(made.write_engine, query)
    migrated.close()
    made.close()


def test_indexes_and_constraints_of_migration_equal_those_of_models_on_postgresql(
    postgresql_url: str, postgresql_server: str
) -> None:
    migrated = Database(postgresql_url)
    with migrated.write_engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA models"))
        connection.commit()
    made = create_engine(migrated.url, connect_args={"options": "-c search_path=models"})
    Base.metadata.create_all(made)
    for query in (
        "SELECT indexname, replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = current_schema",
        """SELECT conrelid::regclass || conname, pg_get_constraintdef(oid) FROM pg_constraint
           WHERE connamespace = current_schema::regnamespace""",
    ):
        assert _definitions(migrated.write_engine, query) == _definitions(made, query)
    made.dispose()
    migrated.close()


def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert is_current(database)
    migrate(database)
    assert is_current(database)


def test_empty_database_is_not_current(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    assert not is_current(database)
    database.close()


def test_second_migration_keeps_rows_requirements_and_indexes_made_by_hand(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'old.sqlite3'}")
    migrate(database, "0001")
    with database.write_engine.begin() as connection:
        connection.execute(text("INSERT INTO pipelines VALUES (1, 'Sales', 1, 0, 0, 1)"))
        connection.execute(
            text("INSERT INTO stages (id, pipeline_id, name, kind, position) VALUES (1, 1, 'Met', 'open', 0)")
        )
        connection.execute(text("INSERT INTO stage_requirements VALUES (1, 1, 'amount', NULL)"))
    migrate(database)
    with database.read_engine.connect() as connection:
        pipeline = connection.execute(text("SELECT forward_only, no_skipping, creation_roles FROM pipelines")).one()
        requirement = connection.execute(text("SELECT stage_id, moment, builtin FROM stage_requirements")).one()
        indexes = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'index'")).all()
    assert tuple(pipeline) == (1, 1, '["manager", "head", "admin"]')
    assert tuple(requirement) == (1, "entry", "amount")
    assert {"ix_deals_board_due", "ix_deals_my_day", "ix_deals_of_company"} <= set(indexes)
    database.close()


def test_third_migration_goes_back_and_forth_and_keeps_what_hangs_on_clients(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        company = add_company(session, cast.anna, "Mir")
        person = add_contact(session, cast.anna, "Olga Serova", company_id=company, phone="+79161234567")
        deal = add_deal(session, cast.anna, add_pipeline(session), company_id=company)
        session.add(DealContact(deal_id=deal, contact_id=person, position=0))
    kept = ("contacts", "companies", "deals", "contact_points", "deal_contacts", "stage_visits", "workspace", "users")
    before = {name: rows for name, rows in rows_of_all_tables(database).items() if name in kept}
    _downgrade(database, "0002")
    with database.read_engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM contact_points")) == 1
        assert "merged_into_id" not in {column["name"] for column in inspect(connection).get_columns("contacts")}
        assert "match_pairs" not in inspect(connection).get_table_names()
    migrate(database)
    assert is_current(database)
    assert {name: rows for name, rows in rows_of_all_tables(database).items() if name in kept} == before
    test_migration_from_empty_equals_models(database)


def test_third_migration_does_not_go_back_while_records_are_merged(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        first, second = (add_contact(session, cast.anna, "Olga Serova") for _ in range(2))
        merge_id = merge_records(
            session, cast.vera, entity_type=EntityType.CONTACT, survivor_id=first, merged_id=second
        )
    with pytest.raises(RuntimeError, match="Records are merged"):
        _downgrade(database, "0002")
    migrate(database)
    with database.session_scope() as session:
        undo_merge(session, cast.vera, merge_id=merge_id)
    _downgrade(database, "0002")
    assert not is_current(database)


def test_failed_migration_leaves_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'half.sqlite3'}")
    with database.write_engine.begin() as connection:
        connection.execute(text("CREATE TABLE stage_visits (id INTEGER)"))  # in the way of the migration
    outcome = ""
    try:
        migrate(database)
    except Exception as error:  # noqa: BLE001 - any failure will do, its traces count
        outcome = str(error)
    assert "stage_visits" in outcome
    with database.read_engine.connect() as connection:
        names = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
    assert names == ["stage_visits"]
    database.close()


def test_first_migration_is_the_only_root_and_there_is_one_head() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(alembic_config())
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1


def _downgrade(database: Database, revision: str) -> None:
    config = alembic_config()
    with database.write_engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()


def _known_to_models(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    return not (name or "").startswith(MADE_BY_HAND)


def _definitions(engine: Engine, query: str) -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    return {
        name: " ".join(definition.split()).replace('"', "").replace("models.", "")
        for name, definition in rows
        if not name.startswith(MADE_BY_HAND) and "alembic_version" not in name
    }
