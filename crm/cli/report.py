"""The command `report`: the figures of one chart."""

from __future__ import annotations

import argparse

FORMATS = ("table", "json", "csv")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `report`."""
    parser = commands.add_parser("report", help="print the figures of a chart; docs/analytics.md says what they mean")
    parser.add_argument("name", metavar="NAME", help="conversion, managers, kpi, ...; a wrong one tells them all")
    parser.add_argument("--from", dest="since", metavar="YYYY-MM-DD", help="first day; default everything")
    parser.add_argument("--to", dest="until", metavar="YYYY-MM-DD", help="last day, included")
    parser.add_argument(
        "--by", metavar="WHAT", help="owner, team, source, month, week, or a choice field by its name or key"
    )
    parser.add_argument("--pipeline", action="append", metavar="NAME", help="id or name; may be given again")
    parser.add_argument("--meaning", help="real-path (the default), reached-at-least or strict-cohort")
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0])
    parser.set_defaults(run=report)


def report(arguments: argparse.Namespace) -> None:
    """Print a chart's figures."""
    from crm.cli.report_figures import print_report  # pandas and Altair take a second, which other commands don't owe

    print_report(arguments)
