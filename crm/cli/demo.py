"""Commands about the demo: put a fictional sales department in, take it out."""

from __future__ import annotations

import argparse

from crm.analytics.example import fill_example
from crm.auth.actors import system_actor
from crm.db import get_database, session_scope
from crm.db.migrate import is_current, migrate
from crm.i18n import LANGUAGES, _, known_language
from crm.imports.demo import clear_demo
from crm.models import Channel

ACTOR = system_actor(Channel.CLI)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `demo fill` and `demo clear`."""
    demo = commands.add_parser("demo", help="a fictional sales department to look around in").add_subparsers(
        required=True, metavar="command"
    )
    fill = demo.add_parser("fill", help="put it in")
    fill.add_argument("--language", choices=sorted(LANGUAGES), default="ru")
    fill.set_defaults(run=fill_in)
    demo.add_parser("clear", help="take it out without a trace").set_defaults(run=clear_out)


def fill_in(arguments: argparse.Namespace) -> None:
    """Fill the demo in."""
    database = get_database()
    if not is_current(database):
        migrate(database)
    with session_scope() as session:
        fill_example(session, ACTOR, language=known_language(arguments.language))
    print(_("The example is in. `demo clear` takes it out again."))


def clear_out(_arguments: argparse.Namespace) -> None:
    """Take the demo out."""
    with session_scope() as session:
        removed = clear_demo(session, ACTOR)
    print(_("The example is out: {removed}.", removed=", ".join(f"{name} {count}" for name, count in removed.items())))
