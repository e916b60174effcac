"""What `report` prints: the figures of one chart, as its page shows them, for other programs and for reading."""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from crm.analytics.charts import CHARTS
from crm.analytics.choices import bounded
from crm.analytics.population import MONTH, OWNER, PIPELINE, PRIORITY, SOURCE, TEAM, WEEK
from crm.analytics.scope import FIRST_DAY, LAST_DAY, Scope, whole_scope
from crm.analytics.values import Ask, Chart, Kind, Meaning
from crm.auth.actors import system_actor
from crm.auth.permissions import Action, require
from crm.auth.setup import ensure_workspace
from crm.clock import utc_now
from crm.db import get_database, read_scope, session_scope
from crm.db.migrate import is_current, migrate
from crm.deals.retracing import retrace_progress
from crm.errors import CrmError
from crm.i18n import _
from crm.i18n.analytics_texts import PATHS_IN_THE_MAKING
from crm.imports.cells import guard_formula
from crm.models import Channel, FieldType
from crm.pipelines.reads import list_pipelines, load_fields
from crm.pipelines.values import FieldInfo

ACTOR = system_actor(Channel.CLI)
_SPLITS = (OWNER, TEAM, SOURCE, PRIORITY, PIPELINE, MONTH, WEEK)
_FRACTIONS = 6  # digits behind the point that a program gets
_SHOWN_FRACTIONS = {Kind.MONEY: 2, Kind.PERCENT: 1, Kind.HOURS: 1, Kind.NUMBER: 1}
_PLAIN: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.MONEY: lambda value: round(float(value) / 100, 2),
    Kind.PERCENT: lambda value: round(float(value), _FRACTIONS),
    Kind.HOURS: lambda value: round(float(value), _FRACTIONS),
    Kind.NUMBER: lambda value: round(float(value), _FRACTIONS),
    Kind.COUNT: int,
    Kind.ID: int,
    Kind.FLAG: bool,
}


@dataclass(frozen=True, slots=True)
class Printed:
    """A report's columns and rows as they are printed: money in whole units, days as text."""

    columns: list[str]
    kinds: list[Kind]
    rows: list[list[Any]]


def print_report(arguments: argparse.Namespace) -> None:
    """Print a chart's frame; docs/analytics.md says what its columns mean."""
    require(ACTOR, Action.SEE_ANALYTICS)
    chart = _chart(arguments.name)
    meaning = _meaning(chart, arguments.meaning)
    _make_ready()
    with read_scope() as session:
        fields = load_fields(session)
        scope = _scope(session, arguments)
        ask = Ask(scope, _by(chart, arguments.by, fields), meaning)
        printed = _printed(session, chart, ask, fields)
    _WRITERS[arguments.format](printed)


def _make_ready() -> None:
    """Bring a new or older base to where it can be asked, and tell of figures that are being made anew."""
    if not is_current(get_database()):
        migrate(get_database())
        with session_scope() as session:
            ensure_workspace(session, ACTOR, utc_now())
    with read_scope() as session:
        if retrace_progress(session, ACTOR) is not None:
            print(_(PATHS_IN_THE_MAKING), file=sys.stderr)


def _chart(name: str) -> Chart:
    for one in CHARTS:
        if one.name == name:
            return one
    raise CrmError("chart_unknown", name=name, known=", ".join(one.name for one in CHARTS))


def _meaning(chart: Chart, name: str | None) -> Meaning:
    if name is None:
        return Meaning.REAL_PATH
    if not chart.has_meanings:
        raise CrmError("meaning_unused", name=chart.name)
    if name not in set(Meaning):
        raise CrmError("meaning_unknown", name=name, known=", ".join(Meaning))
    return Meaning(name)


def _scope(session: Session, arguments: argparse.Namespace) -> Scope:
    since, until = _day(arguments.since, FIRST_DAY), _day(arguments.until, LAST_DAY)
    if since > until:
        raise CrmError("period_reversed", since=since.isoformat(), until=until.isoformat())
    ids = tuple(_pipeline_id(session, one) for one in arguments.pipeline or ())
    return bounded(session, replace(whole_scope(session), since=since, until=until, pipeline_ids=ids))


def _day(text: str | None, otherwise: date) -> date:
    if text is None:
        return otherwise
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CrmError("day_unreadable", text=text) from None
    return min(max(day, FIRST_DAY), LAST_DAY)


def _pipeline_id(session: Session, name: str) -> int:
    known = list_pipelines(session, with_archived=True)
    # A name may be a number; it goes before the ids of others.
    for one in (*(one for one in known if one.name == name), *(one for one in known if str(one.id) == name)):
        return one.id
    raise CrmError("pipeline_unknown", name=name)


def _by(chart: Chart, wanted: str | None, fields: Sequence[FieldInfo]) -> str | None:
    """Return the split asked for; None where the chart's rows are of such parts anyway."""
    if wanted is None or wanted in {one.code for one in chart.columns} & set(_SPLITS):
        return None
    if wanted in chart.splits:
        return wanted
    choices = [one for one in fields if one.type is FieldType.CHOICE and chart.has_fields]
    for one in choices:
        if wanted.casefold() in (one.name.casefold(), one.key):
            return one.key
    if not chart.splits and not choices:
        raise CrmError("split_none", name=chart.name)
    known = [*(one for one in _SPLITS if one in chart.splits), *sorted(chart.splits - set(_SPLITS))]
    raise CrmError("split_unknown", split=wanted, known=", ".join([*known, *(one.name for one in choices)]))


def _printed(session: Session, chart: Chart, ask: Ask, fields: Sequence[FieldInfo]) -> Printed:
    frame = chart.frame(session, ACTOR, ask)
    codes = list(frame.columns)
    kinds = {f"{one}_id": Kind.ID for one in _SPLITS} | {one.code: one.kind for one in chart.columns}
    of = {one.key: one for one in fields}
    rows = [
        [_cell(kinds.get(code, Kind.NAME), value, of.get(code)) for code, value in zip(codes, row, strict=True)]
        for row in frame.itertuples(index=False, name=None)
    ]
    names = [of[code].name if code in of else code for code in codes]
    return Printed(names, [kinds.get(code, Kind.NAME) for code in codes], rows)


def _cell(kind: Kind, value: Any, field: FieldInfo | None) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if field is not None:
        return field.option_name(value)
    return value.isoformat() if isinstance(value, date) else _PLAIN.get(kind, str)(value)


def _write_json(printed: Printed) -> None:
    print(json.dumps({"columns": printed.columns, "rows": printed.rows}, ensure_ascii=False))


def _write_csv(printed: Printed) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(guard_formula, printed.columns))
    writer.writerows([guard_formula(one) if isinstance(one, str) else one for one in row] for row in printed.rows)


def _write_table(printed: Printed) -> None:
    shown = [[_text(kind, value) for kind, value in zip(printed.kinds, row, strict=True)] for row in printed.rows]
    widths = [max(map(len, column)) for column in zip(printed.columns, *shown, strict=True)]
    for line in (printed.columns, *shown):
        aligned = (
            text.ljust(width) if kind in (Kind.NAME, Kind.CODE, Kind.DAY) else text.rjust(width)
            for text, width, kind in zip(line, widths, printed.kinds, strict=True)
        )  # fmt: skip
        print("  ".join(aligned).rstrip())


def _text(kind: Kind, value: Any) -> str:
    if value is None:
        return ""
    digits = _SHOWN_FRACTIONS.get(kind)
    return str(value) if digits is None else f"{value:.{digits}f}"


_WRITERS = {"table": _write_table, "json": _write_json, "csv": _write_csv}
