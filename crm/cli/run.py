"""Reading the command line and telling errors in one sentence."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from crm.cli import (
    analytics,
    check,
    database,
    demo,
    duplicates,
    imports,
    jobs,
    links,
    lint,
    pipelines,
    report,
    sessions,
    users,
)  # fmt: skip
from crm.errors import CrmError, Refused
from crm.i18n import known_language, reader
from crm.i18n.texts import error_sentence, violation_sentence

REFUSED = 1


class Topic(Protocol):
    """A module of this package: it adds its commands, each with `set_defaults(run=function)`."""

    def add_commands(self, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add the topic's parsers."""


TOPICS: tuple[Topic, ...] = (
    database, users, sessions, imports, demo, pipelines, links, lint, duplicates, analytics, report, jobs, check,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code, 1 for a refusal."""
    parser = argparse.ArgumentParser(prog="python -m crm.cli", description="Looking after a Voronka installation.")
    commands = parser.add_subparsers(required=True, metavar="command")
    for topic in TOPICS:
        topic.add_commands(commands)
    chosen = parser.parse_args(arguments)
    with reader(known_language(os.environ.get("LANG"))):
        try:
            return int(chosen.run(chosen) or 0)
        except CrmError as error:
            print(_told(error), file=sys.stderr)
            return REFUSED


def _told(error: CrmError) -> str:
    lines = [error_sentence(error)]
    if isinstance(error, Refused):
        lines += [
            f"  {violation.field + ': ' if violation.field else ''}{violation_sentence(violation)}"
            for violation in error.violations
        ]
    return "\n".join(lines)
