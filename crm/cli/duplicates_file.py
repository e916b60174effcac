"""A file of leads on the command line: its options, its columns, its rows as raw records."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crm.contacts.match_input import own_of
from crm.contacts.own_identifiers import read_own
from crm.errors import CrmError, Violation, refuse_if_any
from crm.i18n import N_, _
from crm.i18n.formats import number
from crm.imports.formats import FileRefused, Limits, Table, limits_from_settings, open_table
from crm.matching.lead_files import LeadLayout, lead_layout
from crm.matching.values import OwnIdentifiers
from crm.models.codes import EntityType

# Limits of the import page guard a server against its visitors; who runs a command owns the machine.
_LARGEST_BYTES = 64 * 1024**3
_MOST_ROWS = 200_000_000
_MOST_COLUMNS = 2_000
_SILENT_SECONDS = 3
_REGION = "RU"  # of phones without a country
_STAGES = {
    "read": N_("Reading rows"),
    "keys": N_("Counting names and phones"),
    "blocks": N_("Looking for pairs"),
    "pairs": N_("Comparing pairs"),
    "clusters": N_("Joining clusters"),
}


@dataclass(frozen=True, slots=True)
class LeadFile:
    """A file ready to be read, as often as wanted."""

    table: Table
    layout: LeadLayout

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield line and cells of the rows."""
        return ((row.line, row.cells) for row in self.table.rows())


class Teller:
    """Tells on stderr how far a long job has come; files done in a moment go without."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._told = ""
        self._is_line_open = False

    def tell(self, stage: str, done: int, of: int) -> None:
        """Show a stage; on a terminal the count too, in one line, else each stage once."""
        if time.monotonic() - self._began < _SILENT_SECONDS:
            return
        share = f" {number(done)}" + (f" / {number(of)}" if of else "")
        if sys.stderr.isatty():
            print(f"\r\033[K{_(_STAGES[stage])}{share}", end="", file=sys.stderr, flush=True)
            self._is_line_open = True
        elif stage != self._told:
            print(_(_STAGES[stage]), file=sys.stderr, flush=True)
        self._told = stage

    def close(self) -> None:
        """End the line that is still open."""
        if self._is_line_open:
            print(file=sys.stderr)


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """Add the file and what can be said about it."""
    parser.add_argument("file", type=Path, metavar="FILE.csv")
    parser.add_argument("--entity", default=EntityType.CONTACT.value, help="contact (default), company or deal")
    parser.add_argument(
        "--columns",
        action="append",
        default=[],
        metavar="THEIRS=OURS,...",
        help="what columns mean; without it their names decide",
    )
    parser.add_argument(
        "--own",
        action="append",
        default=[],
        metavar="CONTACT,...",
        help="our own mailboxes, domains and phones (+7495780* for all that begin so): they say nothing of a client",
    )


def entity_of(arguments: argparse.Namespace) -> EntityType:
    """Return the kind of record asked for."""
    try:
        return EntityType(arguments.entity)
    except ValueError as error:
        raise CrmError("entity_unknown", name=arguments.entity, known=", ".join(EntityType)) from error


def open_leads(arguments: argparse.Namespace) -> LeadFile:
    """Open the file and tell on stderr what its columns were taken for."""
    path: Path = arguments.file
    if not path.is_file():
        raise FileRefused("file_missing", name=path.name)
    chosen = _chosen(arguments.columns)
    table = open_table(path, limits=_limits())
    layout = lead_layout(table.header, entity_of(arguments), chosen)
    meant = "; ".join(f"{field} = {' + '.join(names)}" for field, names in layout.named.items())
    print(_("Columns: {meant}.", meant=meant), file=sys.stderr)
    if layout.ignored:
        print(_("Not read: {names}.", names=", ".join(layout.ignored)), file=sys.stderr)
    return LeadFile(table, layout)


def own_identifiers(arguments: argparse.Namespace) -> OwnIdentifiers:
    """Return what `--own` says, written and read as in the settings of the base.

    Errors: InvalidInput with everything unreadable.
    """
    found: list[Violation] = []
    stored = read_own([one for text in arguments.own for one in text.split(",")], _REGION, found)
    refuse_if_any(found)
    return own_of(tuple(stored))


def _chosen(texts: Sequence[str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for pair in (part for text in texts for part in text.split(",") if part.strip()):
        theirs, sign, ours = pair.rpartition("=")
        if not sign or not theirs.strip() or not ours.strip():
            raise CrmError("lead_columns_malformed", text=pair.strip())
        chosen[" ".join(theirs.split())] = ours.strip()
    return chosen


def _limits() -> Limits:
    return replace(
        limits_from_settings(),
        size_bytes=_LARGEST_BYTES,
        unpacked_bytes=_LARGEST_BYTES,
        rows=_MOST_ROWS,
        columns=_MOST_COLUMNS,
    )
