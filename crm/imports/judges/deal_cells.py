"""The cells of a deal's row as typed values: columns, custom fields, client, dates, next step."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from crm.auth.workspace import known_currencies
from crm.contacts.normalise import Point, inn_or_none
from crm.deals.fields import TEXT_LIMITS, custom_violations
from crm.i18n.formats import parse_amount
from crm.imports.clients_known import name_key
from crm.imports.fields import CUSTOM
from crm.imports.judges.shared_cells import kept, points_of, with_strays
from crm.imports.mapping import DateOrder, folded
from crm.imports.prepare import ENTERED
from crm.imports.reading import RowReader
from crm.imports.values import currency_in, parse_day, parse_priority, parse_yes_no, split_values
from crm.imports.world import World
from crm.models.codes import FieldType
from crm.pipelines.values import FieldInfo, PipelineInfo, StageInfo
from crm.typed_text import clean_line

MADE = "~"  # begins foreign ids that were made of the row, where the file has none
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")


@dataclass(frozen=True, slots=True)
class DealCells:
    """A deal's row as read; columns that the file leaves blank are None.

    `foreign` is the id in the other system, or made of title, client and day where the file has none.
    """

    reader: RowReader
    foreign: str
    columns: Mapping[str, Any]
    custom: Mapping[str, Any]
    company: str
    inn: str | None
    contact: str | None
    contact_position: str | None
    points: tuple[Point, ...]
    contact_note: str | None
    loss_reason: str
    loss_note: str | None
    created_at: datetime | None
    closed_at: datetime | None
    step_text: str | None
    step_due_at: datetime | None
    note: str | None


def read_deal(world: World, reader: RowReader) -> DealCells:
    """Read a row; everything wrong is in the reader afterwards."""
    strays: list[str] = []
    inn_text = clean_line(reader.raw("inn"))
    points = points_of(world, reader, strays)
    columns = {
        "title": reader.line("title", TEXT_LIMITS["title"], required=True),
        "amount_minor": reader.parsed("amount", parse_amount, "amount_invalid"),
        "currency": _currency(reader),
        "priority": reader.parsed("priority", parse_priority, "choice_unknown"),
        "source": reader.line("source", TEXT_LIMITS["source"]),
        "expected_close_on": reader.day("expected_close_on"),
        **{name: reader.line(name, TEXT_LIMITS[name]) for name in _UTM},
    }
    cells = DealCells(
        reader=reader,
        foreign=reader.line("external_id", 300) or "",
        columns=columns,
        custom=_custom(world, reader),
        company=reader.line("company", 300) or "",
        inn=kept(reader, "inn", inn_text, strays, partial(inn_or_none, inn_text, world.place.region, "inn")),
        contact=reader.line("contact", 300),
        contact_position=reader.line("contact_position", 200),
        points=points,
        contact_note=with_strays(None, strays),
        loss_reason=reader.line("loss_reason", 5000) or "",
        loss_note=reader.note("loss_note", 5000),
        created_at=reader.moment("created_on"),
        closed_at=reader.moment("closed_on"),
        step_text=reader.line("next_step", 500),
        step_due_at=_step_due_at(world, reader),
        note=reader.note("note"),
    )
    _refuse_future(world, reader, "created_on", cells.created_at)
    _refuse_future(world, reader, "closed_on", cells.closed_at)
    return cells


def made_foreign(cells: DealCells) -> str:
    """Return an id made of what names the deal: the same row gives the same id next time."""
    created = cells.created_at.isoformat() if cells.created_at else ""
    points = ",".join(sorted(point.normalised for point in cells.points))
    parts = (cells.columns["title"] or "", name_key(cells.company), cells.contact or "", points, created)
    return MADE + hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def pipeline_of(world: World, reader: RowReader) -> PipelineInfo | None:
    """Return the pipeline a row names, the default one for a blank cell; an unknown one is refused."""
    name = reader.line("pipeline", 200)
    pipeline = world.pipelines.get(folded(name)) if name else world.default_pipeline
    if pipeline is None:
        reader.refuse("pipeline_unknown", "pipeline", name=name or world.mapping.pipeline)
    return pipeline


def stage_of(reader: RowReader, pipeline: PipelineInfo) -> StageInfo | None:
    """Return the stage a row names in a pipeline, the first one for a blank cell; an unknown one is refused."""
    name = reader.line("stage", 200)
    if not name:
        return pipeline.open_stages[0]
    stages = {folded(stage.name): stage for stage in reversed(pipeline.stages) if not stage.is_retired}
    stage = stages.get(folded(name))
    if stage is None:
        reader.refuse("stage_unknown", "stage", name=name, pipeline=pipeline.name)
    return stage


def entered_of(world: World, reader: RowReader, pipeline: PipelineInfo) -> dict[int, datetime]:
    """Return when the deal entered the pipeline's open stages, by stage id in their order, as far as the file knows."""
    columns = {folded(name): name for name in reader.file.part.entered}
    moments = {}
    for stage in pipeline.open_stages:
        name = columns.get(folded(stage.name))
        moment = reader.moment(ENTERED + name) if name else None
        if moment is not None:
            moments[stage.id] = moment
            _refuse_future(world, reader, "stage", moment)
    return moments


def _currency(reader: RowReader) -> str | None:
    code = (reader.line("currency", 20) or "").upper()
    if not code:
        return currency_in(reader.raw("amount"))
    code = currency_in(code) or code
    if code not in known_currencies():
        reader.refuse("choice_unknown", "currency")
        return None
    return code


def _custom(world: World, reader: RowReader) -> dict[str, Any]:
    values = {}
    for name in {*reader.file.positions, *reader.file.part.defaults}:
        if not name.startswith(CUSTOM):
            continue
        field = world.fields.get(folded(name.removeprefix(CUSTOM)))
        if field is None:
            reader.refuse("choice_unknown", name)
            continue
        value = reader.parsed(name, partial(_typed, reader, field, name), _CODES[field.type])
        if value not in (None, "", []):
            reader.found += custom_violations(field, field.id, value)
            values[str(field.id)] = value
    return values


_CODES = {
    FieldType.TEXT: "text_unreadable",
    FieldType.NUMBER: "number_invalid",
    FieldType.MONEY: "amount_invalid",
    FieldType.DATE: "date_invalid",
    FieldType.CHOICE: "choice_unknown",
    FieldType.MULTI_CHOICE: "choice_unknown",
    FieldType.YES_NO: "choice_unknown",
}


def _typed(reader: RowReader, field: FieldInfo, name: str, text: str) -> Any:
    line = clean_line(text)
    if not line:
        return None
    readers: dict[FieldType, Callable[[], Any]] = {
        FieldType.TEXT: lambda: line,
        FieldType.NUMBER: lambda: _number(line),
        FieldType.MONEY: lambda: parse_amount(line),
        FieldType.DATE: lambda: _iso_day(reader, name, line),
        FieldType.CHOICE: lambda: _option(field, line),
        FieldType.MULTI_CHOICE: lambda: list(dict.fromkeys(_option(field, one) for one in split_values(text))),
        FieldType.YES_NO: lambda: parse_yes_no(line),
    }
    return readers[field.type]()


def _number(text: str) -> int | float:
    squeezed = "".join(text.split())
    if not _NUMBER.fullmatch(squeezed):
        raise ValueError(text)
    value = float(squeezed.replace(",", "."))
    return int(value) if value.is_integer() else value


def _iso_day(reader: RowReader, name: str, text: str) -> str | None:
    day = parse_day(text, reader.file.scan.date_orders.get(name, DateOrder.YMD))
    return day.isoformat() if day else None


def _option(field: FieldInfo, text: str) -> str:
    wanted = folded(text)
    code = next((option.code for option in field.offered() if folded(option.name) == wanted), None)
    if code is None:
        raise ValueError(text)
    return code


def _step_due_at(world: World, reader: RowReader) -> datetime | None:
    due_at = reader.moment("next_step_on")
    if due_at is None:
        return None
    local = due_at.astimezone(world.place.zone)
    # A day without a time means "some time that day", not its first minute.
    return world.end_of_day(due_at) if (local.hour, local.minute) == (0, 0) else due_at


def _refuse_future(world: World, reader: RowReader, field: str, moment: datetime | None) -> None:
    if moment is not None and moment > world.now + timedelta(days=1):
        reader.refuse("date_in_future", field)
