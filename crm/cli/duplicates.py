"""Commands about duplicates: cluster a file of leads, explain a pair of it, measure, train the second opinion."""

from __future__ import annotations

import argparse

from crm.cli import duplicates_base, duplicates_bench, duplicates_cluster, duplicates_explain, duplicates_scale

TOPICS = (duplicates_cluster, duplicates_explain, duplicates_bench, duplicates_scale, duplicates_base)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `duplicates` and the commands under it."""
    parser = commands.add_parser("duplicates", help="find records that are the same client, company or purchase")
    under = parser.add_subparsers(required=True, metavar="command")
    for topic in TOPICS:
        topic.add_commands(under)
