"""Bring a database to the newest schema."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from crm.db.engine import Database
from crm.settings import ROOT

# Tables and indexes whose text differs by engine; models don't know them, migrations make them.
MADE_BY_HAND = (
    *("search_fts", "ix_search_entries_fts"),
    *("ix_deals_board_due", "ix_deals_board_hot", "ix_deals_my_day", "ix_deals_of_company"),
)


def migrate(database: Database, revision: str = "head") -> None:
    """Run every migration up to `revision` in one transaction."""
    config = alembic_config()
    with database.write_engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def is_current(database: Database) -> bool:
    """Tell whether the schema is the newest one."""
    with database.read_engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    return set(present) == set(ScriptDirectory.from_config(alembic_config()).get_heads())


def alembic_config() -> Config:
    """Return Alembic's configuration for our migrations folder."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "crm" / "db" / "migrations"))
    return config
