"""Commands about the database itself."""

from __future__ import annotations

import argparse

from crm.db import get_database
from crm.db.migrate import is_current, migrate


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `migrate`."""
    parser = commands.add_parser("migrate", help="bring the database to this version's schema")
    parser.set_defaults(run=migrate_here)


def migrate_here(_arguments: argparse.Namespace) -> None:
    """Run the missing migrations of the configured database."""
    database = get_database()
    shown = database.url.render_as_string(hide_password=True)
    if is_current(database):
        print(f"{shown} is at the newest schema.")
        return
    migrate(database)
    print(f"{shown} was brought to the newest schema.")
