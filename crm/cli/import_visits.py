"""What `import visits FILE` adds to `import`: the pipeline, its stages, its ends, the columns of the history."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from crm.db import read_scope
from crm.errors import Violation, refuse_if_any
from crm.i18n import _, reader
from crm.imports.fields import RecordKind, is_known_field
from crm.imports.formats import Table
from crm.imports.mapping import FileMapping, ImportMapping, OwnerRule, folded
from crm.imports.memory import columns_beside_visits, guess_columns
from crm.imports.prepare import Prepared
from crm.imports.visits.describing import Wanted, described
from crm.models import Workspace
from crm.pipelines.reads import list_pipelines, load_pipeline

WORD = Path("visits")  # stands before a file of visits; a real file has a suffix


def add_visit_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a file of visits."""
    group = parser.add_argument_group("a file of visits (deal, stage, entered at, owner)")
    group.add_argument("--deals", type=Path, action="append", default=[], metavar="FILE", help="deals of the visits")
    group.add_argument("--pipeline", default="", help="its name; without one the file's column or name")
    group.add_argument("--stages", type=_names, default=(), help='open stages in order: "A;B;C"; else detected')
    group.add_argument(
        "--won", type=_names, default=(), help="stages that mean won; else recognised by name or outcome"
    )
    group.add_argument("--lost", type=_names, default=(), help="stages that mean lost; else recognised")
    group.add_argument("--columns", type=_columns, default={}, metavar="THEIRS=OURS,...",
                       help="columns whose names are not recognised, for example ticket=deal,step=stage")  # fmt: skip
    group.add_argument("--zone", default="", help="zone of times that name none; else the company's")
    group.add_argument("--system", default="", help="the name under which the ids of deals are kept")


def is_of_visits(arguments: argparse.Namespace) -> bool:
    """Tell whether the command says that a file holds visits."""
    return len(arguments.files) > 1 and arguments.files[0] == WORD


def files_of(arguments: argparse.Namespace) -> list[Path]:
    """Return the files to be read, those of deals included."""
    files: list[Path] = arguments.files[1:] if is_of_visits(arguments) else arguments.files
    return [*files, *(path for path in arguments.deals if path not in files)]


def visits_mapping(arguments: argparse.Namespace, mapping: ImportMapping, tables: Sequence[Table]) -> ImportMapping:
    """Return a guessed mapping with what the command says of visits, deals, columns, zone and system.

    Errors: InvalidInput.
    """
    _check_columns(arguments, tables)
    visits = {arguments.files[1].name} if is_of_visits(arguments) else set()
    deals = {path.name for path in arguments.deals}
    headers = {table.name: table.header for table in tables}
    parts = []
    for part, name in ((mapping.part_for(name), name) for name in headers):
        if part is not None:
            kind = RecordKind.VISITS if name in visits else RecordKind.DEALS if name in deals else part.kind
            parts.append(
                _part(arguments, part if part.kind is kind else _anew(part, kind, headers[name]), headers[name])
            )
    mapping = replace(mapping, files=tuple(parts), system=arguments.system or mapping.system)
    if arguments.zone:
        refuse_if_any([] if arguments.zone in available_timezones() else [Violation("choice_unknown", "timezone")])
        mapping = replace(mapping, timezone=arguments.zone)
    if any(part.kind is RecordKind.VISITS for part in parts):
        mapping = replace(mapping, owners=OwnerRule(mapping.owners.default, create=True))
    return mapping


def with_pipelines(arguments: argparse.Namespace, prepared: Prepared) -> Prepared:
    """Return the files with the pipelines of their visits described; files without visits as they are.

    Errors: InvalidInput.
    """
    if not prepared.of_kind(RecordKind.VISITS) or (arguments.mapping and prepared.mapping.pipelines):
        return prepared
    with read_scope() as session:
        infos = [load_pipeline(session, one.id) for one in list_pipelines(session)]
        workspace = session.get(Workspace, 1)
    zone = prepared.mapping.timezone or (workspace.timezone if workspace else "UTC")
    wanted = Wanted(arguments.pipeline, arguments.stages, arguments.won, arguments.lost)
    with reader(workspace.language if workspace else "en", zone):
        found = described(prepared, ZoneInfo(zone), wanted, {folded(one.name): one for one in infos})
        if arguments.mapping:
            return found
        # Nobody imports on a command line: a deal whose rows name nobody gets somebody who stands for that.
        owners = replace(found.mapping.owners, default=found.mapping.owners.default or _("Owner not stated"))
    return replace(found, mapping=replace(found.mapping, owners=owners))


def _check_columns(arguments: argparse.Namespace, tables: Sequence[Table]) -> None:
    here = {folded(name) for table in tables for name in table.header}
    files = ", ".join(table.name for table in tables)
    refuse_if_any(
        [
            Violation("mapping_column_missing", "mapping", {"file": files, "column": theirs})
            for theirs in arguments.columns
            if folded(theirs) not in here
        ]
    )


def _anew(part: FileMapping, kind: RecordKind, header: Sequence[str]) -> FileMapping:
    return replace(part, kind=kind, columns=guess_columns(kind, header))


def _part(arguments: argparse.Namespace, part: FileMapping, header: Sequence[str]) -> FileMapping:
    """Return a part with the columns that the command names; each is used once."""
    here = {folded(name) for name in header}
    given = {ours: theirs for theirs, ours in arguments.columns.items() if folded(theirs) in here}
    if part.kind is RecordKind.DEALS and is_of_visits(arguments):
        return replace(part, columns=columns_beside_visits(part.columns, header))
    if not given or part.kind is not RecordKind.VISITS:
        return _checked(part)
    taken = {folded(theirs) for theirs in given.values()}
    guessed = {ours: names for ours, names in part.columns.items() if not taken & set(map(folded, names))}
    return _checked(replace(part, columns={**guessed, **{ours: (theirs,) for ours, theirs in given.items()}}))


def _checked(part: FileMapping) -> FileMapping:
    if part.kind is RecordKind.VISITS:
        found = [
            Violation("mapping_field_unknown", "mapping", {"name": code, "file": part.pattern})
            for code in part.columns
            if not is_known_field(part.kind, code)
        ]
        found += [
            Violation("mapping_field_needed", "mapping", {"name": code, "file": part.pattern})
            for code in ("deal", "stage", "entered_at")
            if code not in part.columns
        ]
        refuse_if_any(found)
    return part


def _names(text: str) -> tuple[str, ...]:
    """Split names at semicolons, or at commas where there is no semicolon."""
    parts = text.split(";") if ";" in text else text.split(",")
    return tuple(name for name in (" ".join(part.split()) for part in parts) if name)


def _columns(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in re.split(r"[,;]", text) if pair.strip()]
    if not all(ours.strip() for _theirs, _equals, ours in pairs):
        raise argparse.ArgumentTypeError("write THEIRS=OURS, divided by commas")
    return {theirs.strip(): ours.strip().replace(" ", "_") for theirs, _equals, ours in pairs}
