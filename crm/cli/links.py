"""Commands about links between pipelines."""

from __future__ import annotations

import argparse

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.db import get_database
from crm.deals.due_links import run_due_links
from crm.models import Channel

BROKEN = 2
AT_MOST = 1_000_000


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `links run`."""
    links = commands.add_parser("links", help="links between pipelines").add_subparsers(
        required=True, metavar="command"
    )
    run = links.add_parser("run", help="create the deals of links whose day has come; the server does so by itself")
    run.set_defaults(run=run_links)


def run_links(_arguments: argparse.Namespace) -> int:
    """Do what is due and print how many there were; 2 when some broke."""
    report = run_due_links(get_database(), system_actor(Channel.CLI), now=utc_now(), limit=AT_MOST)
    print(f"Done: {report.done}, broken: {report.failed}")
    return BROKEN if report.failed else 0
