"""The command `lint`: what stands in a pipeline's way, and the verdicts on bare stage names."""

from __future__ import annotations

import argparse
from pathlib import Path

from crm.cli.lint_names import lint_names

NAMES = "names"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `lint`."""
    parser = commands.add_parser(
        "lint",
        help="judge stage names of a CSV file",
        usage="python -m crm.cli lint names FILE.csv --out OUT.csv",
    )
    parser.add_argument("target", choices=(NAMES,))
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="columns name, language and optionally kind")
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.csv", help="where the verdicts go")
    parser.set_defaults(run=lint)


def lint(arguments: argparse.Namespace) -> int:
    """Lint what was named; return the exit code."""
    return lint_names(arguments.file, arguments.out)
