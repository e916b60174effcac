"""What must be there before rows can be written: people named as owners, pipelines, reasons of loss, custom fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from crm.auth.fields import MAX_NAME, clean_email
from crm.auth.permissions import Action, may
from crm.errors import InvalidInput, Violation, refuse_if_any
from crm.imports.fields import CUSTOM, RecordKind
from crm.imports.formats import Row
from crm.imports.judged import Judged, UserDraft
from crm.imports.mapping import NewPipeline, folded
from crm.imports.people import Person, names_only
from crm.imports.prepare import Prepared, PreparedFile
from crm.imports.reading import RowReader
from crm.imports.values import split_values
from crm.imports.visits.needs import owners_of_visits, reasons_of_visits, some_name_nobody
from crm.imports.world import World
from crm.models.codes import FieldType, Role, RowVerdict, StageKind
from crm.pipelines.values import FieldInfo, LossReasonInfo, Option, PipelineInfo, StageInfo
from crm.typed_text import clean_line, line_violations

MAX_NEW_REASONS = 50
_WITH_OPTIONS = frozenset({FieldType.CHOICE, FieldType.MULTI_CHOICE})


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """A custom field to be created (`present` is None) or to get more values; `options` are all of them, in order."""

    name: str
    type: FieldType
    options: tuple[str, ...]
    present: FieldInfo | None


@dataclass(frozen=True, slots=True)
class SetUp:
    """What is missing; `option_rows` are the verdicts on files that list the values of a choice field."""

    people: tuple[UserDraft, ...]
    pipelines: tuple[NewPipeline, ...]
    fields: tuple[FieldPlan, ...]
    reasons: tuple[tuple[str, str], ...]  # folded name of the pipeline, name of the reason
    option_rows: tuple[tuple[str, Judged[None]], ...]


def plan_set_up(session: Session, world: World, prepared: Prepared) -> SetUp:
    """Find what is missing and promise it in `world`; nothing is written.

    Errors: InvalidInput where the mapping needs what neither exists nor may be created by the actor.
    """
    designs = may(world.actor, Action.DESIGN_PIPELINES)
    pipelines = tuple(one for one in prepared.mapping.pipelines if folded(one.name) not in world.pipelines)
    refuse_if_any(_mapping_violations(world, prepared, pipelines, designs=designs))
    option_rows, listed = _judge_options(world, prepared)
    set_up = SetUp(
        people=tuple(_new_owners(world, prepared)),
        pipelines=pipelines,
        fields=tuple(_field_plans(world, prepared, listed)) if designs else (),
        reasons=(),
        option_rows=tuple(option_rows),
    )
    _promise(world, set_up)
    reasons = tuple(_new_reasons(world, prepared)) if designs else ()
    for key, name in reasons:
        reason = LossReasonInfo(world.new_id(), None, name, False, True, True)
        world.add_reason(world.pipelines[key], reason)
    return replace(set_up, reasons=reasons)


def _mapping_violations(
    world: World, prepared: Prepared, missing: Sequence[NewPipeline], *, designs: bool
) -> list[Violation]:
    found = []
    if not designs:
        found += [Violation("pipeline_unknown", "pipeline", {"name": one.name}) for one in missing]
    known = {*world.pipelines, *(folded(one.name) for one in prepared.mapping.pipelines)}
    wanted = prepared.mapping.pipeline
    with_deals = (*prepared.of_kind(RecordKind.DEALS), *prepared.of_kind(RecordKind.VISITS))
    if with_deals and (not known or (wanted and folded(wanted) not in known)):
        found.append(Violation("pipeline_unknown", "pipeline", {"name": wanted}))
    if len(prepared.of_kind(RecordKind.VISITS)) > 1:
        found.append(Violation("visits_in_one_file", "mapping"))
    to_come = {folded(one.name) for one in prepared.mapping.fields} if designs else set()
    for name in _custom_names(prepared):
        if folded(name) not in world.fields and folded(name) not in to_come:
            found.append(Violation("mapping_custom_unknown", "mapping", {"name": name}))
    default = prepared.mapping.owners.default
    known_people = world.people.found(default) if default else []
    if len(known_people) > 1:
        found.append(Violation("owner_ambiguous", "owner", {"name": default}))
    if default and not known_people and not _may_create_people(world):
        found.append(Violation("owner_unknown", "owner", {"name": default}))
    return found


def _custom_names(prepared: Prepared) -> list[str]:
    names = [
        code.removeprefix(CUSTOM)
        for file in prepared.of_kind(RecordKind.DEALS)
        for code in {*file.part.columns, *file.part.defaults}
        if code.startswith(CUSTOM)
    ]
    return names_only([*names, *(file.part.into_field for file in prepared.of_kind(RecordKind.OPTIONS))])


def _may_create_people(world: World) -> bool:
    return world.mapping.owners.create and may(world.actor, Action.MANAGE_USERS)


def _new_owners(world: World, prepared: Prepared) -> list[UserDraft]:
    if not _may_create_people(world):
        return []
    gathered = [
        prepared.alias("owner", value)
        for file in prepared.files
        if file.kind not in {RecordKind.USERS, RecordKind.VISITS}
        for value in file.scan.values.get("owner", ())
    ]
    gathered += owners_of_visits(world, prepared)
    default = prepared.mapping.owners.default
    if default and (
        any(file.kind is not RecordKind.VISITS for file in prepared.files) or some_name_nobody(world, prepared)
    ):
        gathered.append(default)
    drafts = []
    for value in names_only(gathered):
        if world.people.found(value) or line_violations(value, "owner", MAX_NAME):
            continue
        email = clean_email(value) if "@" in value else ""
        name = email.partition("@")[0] if email else clean_line(value)
        person = Person(world.new_id(), name, email or world.people.placeholder_email(name), Role.MANAGER, None)
        world.people.add(person)
        drafts.append(UserDraft(person.id, name, person.email, person.role, None, True))
    return drafts


def _judge_options(world: World, prepared: Prepared) -> tuple[list[tuple[str, Judged[None]]], dict[str, list[str]]]:
    """Return the verdicts on files of options, and the options they list by folded field name."""
    verdicts = []
    listed: dict[str, list[str]] = {}
    for file in prepared.of_kind(RecordKind.OPTIONS):
        key = folded(file.part.into_field)
        field = world.fields.get(key)
        present = {folded(option.name) for option in field.offered()} if field else set()
        options = listed.setdefault(key, [])
        for row in file.table.rows():
            judged = _judge_option(world, prepared, file, row, present)
            verdicts.append((file.name, judged))
            if judged.verdict is not RowVerdict.FAILED and folded(judged.label) not in map(folded, options):
                options.append(judged.label)
    return verdicts, listed


def _judge_option(world: World, prepared: Prepared, file: PreparedFile, row: Row, present: set[str]) -> Judged[None]:
    reader = RowReader(prepared, file, row, world.place.zone)
    name = reader.line("option", 200, required=True) or ""
    is_new = folded(name) not in present
    if is_new and not may(world.actor, Action.DESIGN_PIPELINES):
        reader.refuse("choice_unknown", "option")
    verdict = RowVerdict.FAILED if reader.found else RowVerdict.CREATED if is_new else RowVerdict.UNCHANGED
    present.add(folded(name))
    return Judged(row.line, row.cells, verdict, name, None, tuple(reader.found), tuple(reader.warnings))


def _field_plans(world: World, prepared: Prepared, listed: Mapping[str, list[str]]) -> list[FieldPlan]:
    planned = {folded(one.name): one for one in prepared.mapping.fields}
    plans = []
    for name in _custom_names(prepared):
        key = folded(name)
        present = world.fields.get(key)
        kind = present.type if present else planned[key].type
        offered = [option.name for option in present.offered()] if present else []
        options = offered
        if kind in _WITH_OPTIONS:
            # What an admin took out of the list stays out: only somebody who decides so brings it back.
            retired = {folded(option.name) for option in present.options if option.is_retired} if present else set()
            wanted = [*listed.get(key, []), *_used_options(prepared, name, kind)]
            options = names_only([*offered, *(one for one in wanted if folded(one) not in retired)])
        if present is None or len(options) > len(offered):
            plans.append(FieldPlan(present.name if present else planned[key].name, kind, tuple(options), present))
    return plans


def _used_options(prepared: Prepared, name: str, kind: FieldType) -> list[str]:
    used = []
    for file in prepared.of_kind(RecordKind.DEALS):
        for code, values in file.scan.values.items():
            if code.startswith(CUSTOM) and folded(code.removeprefix(CUSTOM)) == folded(name):
                texts = [prepared.alias(code, value) for value in values]
                used += [one for text in texts for one in _parts(text, kind)]
    return [one for one in used if not line_violations(one, name, 200)]


def _parts(text: str, kind: FieldType) -> list[str]:
    return [clean_line(one) for one in split_values(text)] if kind is FieldType.MULTI_CHOICE else [text]


def _new_reasons(world: World, prepared: Prepared) -> list[tuple[str, str]]:
    reasons = []
    of_visits = reasons_of_visits(world, prepared)
    pipelines = _pipelines_of_deals(world, prepared) | {key: world.pipelines[key] for key in of_visits}
    for key, pipeline in pipelines.items():
        present = {folded(reason.name) for reason in pipeline.active_reasons()}
        named, is_default_needed = _reasons_in(world, prepared, pipeline)
        if key in of_visits:
            named, is_default_needed = [*named, *of_visits[key].names], is_default_needed or of_visits[key].some_missing
        fresh = [name for name in names_only(named) if folded(name) not in present]
        if len(fresh) > MAX_NEW_REASONS:
            fresh, is_default_needed = [], True  # free text and no list of reasons: it goes into the note
        if is_default_needed and folded(world.default_reason) not in {*present, *map(folded, fresh)}:
            fresh.append(world.default_reason)
        reasons += [(key, name) for name in fresh]
    return reasons


def _pipelines_of_deals(world: World, prepared: Prepared) -> dict[str, PipelineInfo]:
    names = [
        prepared.alias("pipeline", value)
        for file in prepared.of_kind(RecordKind.DEALS)
        for value in file.scan.values.get("pipeline", ())
    ]
    if any("pipeline" not in file.scan.values for file in prepared.of_kind(RecordKind.DEALS)) or not names:
        default = world.default_pipeline
        names += [default.name] if default else []
    return {folded(name): world.pipelines[folded(name)] for name in names if folded(name) in world.pipelines}


def _reasons_in(world: World, prepared: Prepared, pipeline: PipelineInfo) -> tuple[list[str], bool]:
    """Return the reasons that files name, and whether lost deals may come without one."""
    all_named: list[str] = []
    is_default_needed = False
    lost = folded(pipeline.lost_stage.name)
    for file in prepared.of_kind(RecordKind.DEALS):
        stages = file.scan.values.get("stage", {})
        count = sum(number for value, number in stages.items() if folded(prepared.alias("stage", value)) == lost)
        reasons = file.scan.values.get("loss_reason", {})
        if count:
            aliased = [prepared.alias("loss_reason", value) for value in reasons]
            named = [name for name in aliased if not line_violations(name, "loss_reason", 200)]
            is_default_needed = is_default_needed or len(named) < len(reasons) or sum(reasons.values()) < count
            all_named += named
    return all_named, is_default_needed


def _promise(world: World, set_up: SetUp) -> None:
    """Make what is missing known, so that rows can be judged before it is written."""
    for new in set_up.pipelines:
        world.pipelines[folded(new.name)] = _promised_pipeline(world, new)
    for plan in set_up.fields:
        codes = {folded(option.name): option for option in plan.present.options} if plan.present else {}
        options = tuple(codes.get(folded(name)) or Option(f"new:{name}", name) for name in plan.options)
        field_id = plan.present.id if plan.present else world.new_id()
        world.fields[folded(plan.name)] = FieldInfo(field_id, plan.name, plan.type, options, None, True)
    fields = {field.key: field for field in world.fields.values()}
    for key, pipeline in world.pipelines.items():
        world.pipelines[key] = replace(pipeline, fields=fields)


def _promised_pipeline(world: World, new: NewPipeline) -> PipelineInfo:
    pipeline_id = world.new_id()
    kinds = [
        *((name, StageKind.OPEN) for name in new.open_stages),
        (new.won, StageKind.WON),
        (new.lost, StageKind.LOST),
    ]
    stages = tuple(
        StageInfo(world.new_id(), pipeline_id, name, kind, position, None, None, (), False)
        for position, (name, kind) in enumerate(kinds)
    )
    if len({folded(name) for name, _kind in kinds}) != len(kinds):
        raise InvalidInput([Violation("name_taken", "pipelines")])
    return PipelineInfo(pipeline_id, new.name, False, 1, stages, (), {})
