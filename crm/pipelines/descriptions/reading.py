"""Reading a description from TOML, or from a bare list of stages; every mistake is told with its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import replace

from crm.errors import InvalidInput, Param, Violation, refuse_if_any
from crm.models.codes import FieldType, Role, StageKind, StepKind
from crm.pipelines.commands import PIPELINE_NAME_LIMIT
from crm.pipelines.descriptions.references import read_exception, read_field_keys, read_link
from crm.pipelines.descriptions.tables import Table
from crm.pipelines.descriptions.values import (
    DescribedField,
    DescribedPipeline,
    DescribedReason,
    DescribedStage,
    Description,
    Text,
)
from crm.pipelines.fields import HINT_LIMIT, MAX_OPTIONS, NAME_LIMIT
from crm.pipelines.stage_plans import CRITERION_LIMIT, MAX_NORM_SECONDS, STAGE_NAME_LIMIT
from crm.pipelines.values import BUILTIN_FIELDS, COLORS
from crm.typed_text import clean_line

MOST_BYTES = 500_000
MOST_PIPELINES, MOST_STAGES, MOST_FIELDS, MOST_REASONS, MOST_LINKS = 30, 60, 200, 100, 200
MOST_PROBLEMS = 50
TEXT_LIMIT = 500
# tomllib takes the square of a dotted key's length: no honest line is so long, nor has so many dots.
LONGEST_LINE, MOST_DOTS = 8_000, 300

_LOOKS_LIKE_TOML = re.compile(
    r"^[ \t]*(?:\[\[?[A-Za-z_.]+\]\]?|[a-z_]+[ \t]*=[ \t]*[\"'\[{\dtf].*)[ \t\r]*$", re.MULTILINE
)
_AT_LINE = re.compile(r"at line (\d+)")
_BULLET = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*\u2013\u2014\u2022])\s+")
# The ends as the systems that such lists are copied from call them.
_ENDS = {
    StageKind.WON: ("успешно реализовано", "сделка успешна", "closed - won", "closed won", "deal won", "won"),
    StageKind.LOST: (
        "закрыто и не реализовано",
        "сделка провалена",
        "closed - lost",
        "closed lost",
        "deal lost",
        "lost",
    ),
}


def description_from_text(content: str | bytes, *, name: str = "") -> Description:
    """Read what somebody pasted or uploaded: a description in TOML, or the names of stages, one a line.

    `name` is the pipeline's where the text has none.
    Errors: InvalidInput with everything that is wrong in it.
    """
    return description_from_names(content, name=name) if is_bare_list(content) else read_description(content)


def is_bare_list(content: str | bytes) -> bool:
    """Tell whether a text is a list of names, and not TOML, sound or broken.

    Errors: InvalidInput for what is no text at all.
    """
    return not _LOOKS_LIKE_TOML.search(_decoded(content))


def description_from_names(text: str | bytes, *, name: str) -> Description:
    """Make one pipeline of the names of its stages, one a line; numbers and bullets before them are left out.

    Errors: InvalidInput.
    """
    found: list[Violation] = []
    lines = [_BULLET.sub("", line).strip() for line in _decoded(text).splitlines()]
    lines = [line for line in lines if clean_line(line)]
    ends = {kind: next((one for one in lines if one.casefold() in names), "") for kind, names in _ENDS.items()}
    names = [line for line in lines if line not in ends.values()]
    tree = {
        "pipelines": [
            {
                "name": name,
                "won": ends[StageKind.WON],
                "lost": ends[StageKind.LOST],
                "stages": [{"name": one} for one in names],
            }
        ]
    }
    description = _description(Table(tree, "", found))
    _refuse(found)
    return description


def read_description(content: str | bytes) -> Description:
    """Read a description in TOML.

    Errors: InvalidInput with everything that is wrong in it, each with its place: "pipelines[2].stages[0].name".
    """
    text = _decoded(content)
    if any(len(line) > LONGEST_LINE or line.count(".") > MOST_DOTS for line in text.splitlines()):
        raise _refused("description_too_deep")
    try:
        tree = tomllib.loads(text + "\n")  # so that the last line has a number too
    except tomllib.TOMLDecodeError as error:
        line = _AT_LINE.search(str(error))
        raise (
            _refused("description_not_toml", line=int(line[1])) if line else _refused("description_breaks_off")
        ) from error
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, tables nested without end
        raise _refused("description_too_deep") from error
    found: list[Violation] = []
    description = _description(Table(tree, "", found))
    _refuse(found)
    return description


def _description(top: Table) -> Description:
    fields = tuple(_field(one, f"field_{at + 1}") for at, one in enumerate(top.tables("fields", MOST_FIELDS)))
    keys = {*BUILTIN_FIELDS, *(field.key for field in fields)}
    _tell_twins(top, "fields", [field.key for field in fields])
    _tell_twin_names(top, "fields", [field.name for field in fields])
    shared = _reasons(top)
    tables = list(top.tables("pipelines", MOST_PIPELINES, required=True))
    pipelines = tuple(_pipeline(one, f"pipeline_{at + 1}", keys, shared) for at, one in enumerate(tables))
    _tell_twins(top, "pipelines", [one.key for one in pipelines])
    _tell_twin_names(top, "pipelines", [one.name for one in pipelines])
    description = Description(
        pipelines=pipelines,
        links=tuple(read_link(one, pipelines, keys) for one in top.tables("links", MOST_LINKS)),
        fields=fields,
        name=top.text("name", NAME_LIMIT),
        purpose=top.text("description", TEXT_LIMIT),
        position=top.number("position", 0, 1000) or 0,
    )
    top.finish()
    return description


def _field(table: Table, key: str) -> DescribedField:
    described = DescribedField(
        key=table.key(key),
        type=table.code("type", FieldType) or FieldType.TEXT,
        name=table.text("name", NAME_LIMIT, required=True),
        hint=table.text("hint", HINT_LIMIT),
        options=table.texts("options", NAME_LIMIT, MAX_OPTIONS),
    )
    if described.key in BUILTIN_FIELDS:
        table.wrong("key", "name_repeated", name=described.key)
    has_options = described.type in {FieldType.CHOICE, FieldType.MULTI_CHOICE}
    if has_options and len(described.options) < 2:
        table.wrong("options", "options_needed")
    if described.options and not has_options:
        table.wrong("options", "value_unwanted")
    _tell_twin_names(table, "options", described.options)
    table.finish()
    return described


def _reasons(table: Table) -> tuple[DescribedReason, ...]:
    reasons = tuple(_reason(one) for one in table.tables("loss_reasons", MOST_REASONS))
    _tell_twin_names(table, "loss_reasons", [one.name for one in reasons])
    return reasons


def _reason(table: Table) -> DescribedReason:
    reason = DescribedReason(
        name=table.text("name", NAME_LIMIT, required=True),
        note_required=table.flag("note_required"),
        counts_as_loss=table.flag("counts_as_loss", default=True),
    )
    table.finish()
    return reason


def _pipeline(table: Table, key: str, keys: Collection[str], shared: tuple[DescribedReason, ...]) -> DescribedPipeline:
    stages = tuple(
        _stage(one, f"stage_{at + 1}", keys)
        for at, one in enumerate(table.tables("stages", MOST_STAGES, required=True))
    )
    _tell_twins(table, "stages", [stage.key for stage in stages])
    roles = table.codes("creation_roles", Role)
    described = DescribedPipeline(
        key=table.key(key),
        name=table.text("name", PIPELINE_NAME_LIMIT, required=True),
        stages=stages,
        won=_end(table, StageKind.WON, keys),
        lost=_end(table, StageKind.LOST, keys),
        forward_only=table.flag("forward_only", default=True),
        no_skipping=table.flag("no_skipping", default=True),
        creation_roles=frozenset(Role) if roles is None else frozenset(roles),
        loss_reasons=_reasons(table) or shared,
        stands_alone=table.flag("stands_alone"),
    )
    exceptions = tuple(read_exception(one, described) for one in table.tables("exceptions", MOST_STAGES**2))
    table.finish()
    return replace(described, exceptions=exceptions)


def _end(table: Table, kind: StageKind, keys: Collection[str]) -> DescribedStage:
    """Read an end of a pipeline: its name alone, or a table of settings with the name among them."""
    if not table.is_table_with(kind.value, "name"):
        return DescribedStage(kind.value, table.text(kind.value, STAGE_NAME_LIMIT))
    inner = table.table(kind.value)
    return _finished(inner, _common(inner, kind.value, keys))


def _stage(table: Table, key: str, keys: Collection[str]) -> DescribedStage:
    common = _common(table, table.key(key), keys)
    if common.key in {StageKind.WON, StageKind.LOST}:
        table.wrong("key", "name_repeated", name=common.key)
    stage = replace(
        common,
        required_exit=read_field_keys(table, "required_exit", keys),
        step_kinds=table.codes("step_kinds", StepKind) or (),
        accepts_new=table.flag("accepts_new"),
        win_percent=table.number("win_percent", 0, 100),
    )
    return _finished(table, stage)


def _common(table: Table, key: str, keys: Collection[str]) -> DescribedStage:
    norm, color = table.seconds("norm"), table.line("color", 20)
    if norm is not None and not 0 < norm <= MAX_NORM_SECONDS:
        table.wrong("norm", "norm_invalid")
    if color and color not in COLORS:
        table.wrong("color", "code_unknown", known=", ".join(COLORS))
    return DescribedStage(
        key=key,
        name=table.text("name", STAGE_NAME_LIMIT, required=True),
        exit_criterion=table.text("exit_criterion", CRITERION_LIMIT, block=True),
        norm_seconds=norm,
        required=read_field_keys(table, "required", keys),
        color=color if color in COLORS else None,
    )


def _finished(table: Table, stage: DescribedStage) -> DescribedStage:
    table.finish()
    return stage


def _tell_twins(table: Table, key: str, names: Sequence[str]) -> None:
    for name in sorted({one for one in names if names.count(one) > 1}):
        table.wrong(key, "name_repeated", name=name)


def _tell_twin_names(table: Table, key: str, texts: Sequence[Text]) -> None:
    languages = dict.fromkeys(language for text in texts for language in text.by_language)
    twins: dict[str, None] = {}
    for language in languages:
        names = [name for text in texts if (name := text.spoken(language))]
        twins |= dict.fromkeys(name for name in names if names.count(name) > 1)
    for name in twins:
        table.wrong(key, "name_repeated", name=name)


def _decoded(content: str | bytes) -> str:
    if len(content) > MOST_BYTES:
        raise _refused("description_too_large", limit_kb=MOST_BYTES // 1000)
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _refused("description_binary") from error
    if "\x00" in text:
        raise _refused("description_binary")
    if not text.strip():
        raise _refused("description_empty")
    return text


def _refuse(found: list[Violation]) -> None:
    refuse_if_any(found[:MOST_PROBLEMS])


def _refused(code: str, **params: Param) -> InvalidInput:
    return InvalidInput([Violation(code, None, params)])
