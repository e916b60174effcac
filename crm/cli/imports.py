"""Commands about imports: import files, list imports, undo one."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from crm.auth.actors import system_actor
from crm.auth.setup import ensure_workspace
from crm.cli.import_visits import add_visit_options, files_of, is_of_visits, visits_mapping, with_pipelines
from crm.clock import utc_now
from crm.db import get_database, read_scope, session_scope
from crm.db.migrate import is_current, migrate
from crm.errors import Violation, refuse_if_any
from crm.i18n import _, ngettext
from crm.i18n.formats import full_moment, money
from crm.imports.fields import RecordKind
from crm.imports.formats import Table, open_table
from crm.imports.mapping import ImportMapping
from crm.imports.mapping_text import read_mapping
from crm.imports.memory import fitted_mapping, guess_mapping, recall_mapping, remember_mapping
from crm.imports.people import is_known_person
from crm.imports.plan import Plan, plan_import
from crm.imports.prepare import Prepared, prepare
from crm.imports.progress import Counts
from crm.imports.reads import failed_rows_file, list_imports, load_import, reason
from crm.imports.report import Report, load_report, report_tree
from crm.imports.run import origin_of, run_import, start_import
from crm.imports.sources import sources_of
from crm.imports.undo import undo_import
from crm.models import Channel, RowVerdict

ACTOR = system_actor(Channel.CLI)
_SHOWN_FAILURES = 10


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `import`, `imports list` and `imports undo`."""
    parser = commands.add_parser("import", help="import CSV and XLSX files; `import visits FILE` a history of deals")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    add_visit_options(parser)
    parser.add_argument("--mapping", type=Path, help="TOML file; without one the columns' names decide")
    parser.add_argument("--owner", default="", help="e-mail or name of who owns what the files name nobody for")
    parser.add_argument("--dry-run", action="store_true", help="judge every row and write nothing")
    parser.add_argument("--report", type=Path, help="write the figures as JSON")
    parser.add_argument("--failed", type=Path, metavar="FOLDER", help="write the failed rows of each file as CSV")
    parser.add_argument("--resume", type=int, metavar="ID", help="go on with an interrupted import of the same files")
    parser.set_defaults(run=import_files)
    imports = commands.add_parser("imports", help="past imports").add_subparsers(required=True, metavar="command")
    imports.add_parser("list", help="print id, state, counts and name").set_defaults(run=print_imports)
    undo = imports.add_parser("undo", help="take a whole import back")
    undo.add_argument("id", type=int)
    undo.set_defaults(run=undo_one)


def import_files(arguments: argparse.Namespace) -> None:
    """Import files, or only judge them; print the figures."""
    database = get_database()
    if not is_current(database):
        migrate(database)
    paths = files_of(arguments)
    tables = [open_table(path) for path in paths]
    prepared = with_pipelines(arguments, prepare(_mapping(arguments, tables), tables))
    if arguments.dry_run:
        report = _dry_run(prepared)
    else:
        import_id = _run(prepared, paths, arguments.resume)
        with read_scope() as session:
            report = load_report(session, ACTOR, import_id)
        if arguments.failed:
            _write_failed(import_id, arguments.failed)
    _print_report(report)
    if report.counts.of(RowVerdict.FAILED.value) and not arguments.dry_run and not arguments.failed:
        print(_("Why rows failed is told by --dry-run; --failed FOLDER writes them with the reasons."))
    if arguments.report:
        text = json.dumps(report_tree(report), ensure_ascii=False, indent=2)
        arguments.report.write_text(f"{text}\n", encoding="utf-8")


def print_imports(_arguments: argparse.Namespace) -> None:
    """Print one import a line, fields separated by tabs."""
    with read_scope() as session:
        for one in list_imports(session, ACTOR):
            made = "/".join(str(one.counts.of(verdict.value)) for verdict in RowVerdict)
            print(f"{one.id}\t{one.status.value}\t{full_moment(one.created_at)}\t{made}\t{one.name}")


def undo_one(arguments: argparse.Namespace) -> None:
    """Take an import back and say what stayed."""
    with session_scope() as session:
        undone = undo_import(session, ACTOR, import_id=arguments.id)
    for label, records in ((_("Removed"), undone.removed), (_("Restored"), undone.restored)):
        print(f"{label}: {', '.join(f'{entity} {count}' for entity, count in records.items()) or 0}")
    for kept in undone.kept:
        why = _("changed since the import") if kept.reason == "changed" else _("used by other records")
        print(f"{_('Kept')}: {kept.entity} {kept.entity_id}, {why}")


def _mapping(arguments: argparse.Namespace, tables: Sequence[Table]) -> ImportMapping:
    if arguments.mapping:
        mapping = read_mapping(arguments.mapping)
    else:
        with read_scope() as session:
            known = recall_mapping(session, ACTOR, headers=[table.header for table in tables])
        headers = {table.name: table.header for table in tables}
        known = None if is_of_visits(arguments) or known is None else fitted_mapping(known, headers)
        mapping = visits_mapping(arguments, known or guess_mapping(headers), tables)
    if arguments.owner:
        _check_owner(arguments.owner)
        mapping = replace(mapping, owners=replace(mapping.owners, default=arguments.owner))
    return mapping


def _check_owner(named: str) -> None:
    """Refuse an owner whom nobody knows: a name mistyped on the command line makes no person.

    Errors: InvalidInput.
    """
    with read_scope() as session:
        refuse_if_any([] if is_known_person(session, named) else [Violation("owner_unknown", "owner", {"name": named})])


def _run(prepared: Prepared, paths: Sequence[Path], resume: int | None) -> int:
    sources = sources_of(paths)
    now = utc_now()
    with session_scope() as session:
        ensure_workspace(session, ACTOR, now)
        headers = [file.table.header for file in prepared.files]
        remember_mapping(session, ACTOR, headers=headers, mapping=prepared.mapping, now=now)
        import_id = resume or start_import(session, ACTOR, origin=origin_of(prepared, sources))
    run_import(
        session_scope, ACTOR, import_id=import_id, prepared=prepared, sources=sources, on_progress=_show_progress
    )
    return import_id


def _dry_run(prepared: Prepared) -> Report:
    with read_scope() as session:
        plan = plan_import(session, ACTOR, prepared=prepared, now=utc_now(), on_progress=_show_progress)
    kinds = {file.name: file.kind for file in prepared.files}
    _print_failures(plan, kinds)
    return plan.report


def _print_failures(plan: Plan, kinds: dict[str, RecordKind]) -> None:
    failed = [row for row in plan.rows if row.verdict is RowVerdict.FAILED]
    for row in failed[:_SHOWN_FAILURES]:
        why = " ".join(reason(kinds[row.file], violation) for violation in row.violations)
        print(_("{file}, line {line}: {why}", file=row.file, line=row.line, why=why))


def _write_failed(import_id: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with read_scope() as session:
        summary = load_import(session, ACTOR, import_id)
        for name, verdicts in summary.counts.rows.items():
            if verdicts.get(RowVerdict.FAILED.value):
                failed = failed_rows_file(session, ACTOR, import_id, name)
                path = folder / failed.name
                path.write_bytes(failed.content)
                print(path)


def _print_report(report: Report) -> None:
    counts, deals = report.counts, report.deals
    print(
        _(
            "{total} rows: {created} created, {updated} updated, {unchanged} unchanged, {failed} failed.",
            total=counts.done,
            **{verdict.value: counts.of(verdict.value) for verdict in RowVerdict},
        )
    )
    if deals.total:
        print(ngettext("{n} deal", "{n} deals", deals.total), end=": ")
        print(_("{won} won, {lost} lost, {open} open.", won=deals.won, lost=deals.lost, open=deals.open))
    for currency, amount_minor in sorted(deals.value_won_minor.items()):
        print(_("Value won: {value}", value=money(amount_minor, currency)))
    if report.import_id is not None:
        print(_("Import {id}; `imports undo {id}` takes it back.", id=report.import_id))


def _show_progress(counts: Counts) -> None:
    if sys.stderr.isatty():
        print(f"\r{counts.done} / {counts.total}", end="" if counts.done < counts.total else "\n", file=sys.stderr)
