"""Creating what a description describes: fields, pipelines, their rules and reasons, links, all in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.errors import InvalidInput, Refused, Violation, refuse_if_any
from crm.models import FieldDefinition, Pipeline, Role, Team, User
from crm.pipelines.commands import create_pipeline, edit_stage
from crm.pipelines.descriptions.plans import MadeIds, link_plan, named_condition, stage_plan
from crm.pipelines.descriptions.values import (
    DescribedCondition,
    DescribedField,
    DescribedLink,
    DescribedPipeline,
    DescribedReason,
    Description,
)
from crm.pipelines.fields import ReasonPlan, add_loss_reason, create_field, edit_field
from crm.pipelines.link_values import ConditionOp, LinkCondition
from crm.pipelines.links import create_link
from crm.pipelines.reads import load_fields, load_loss_reasons, load_pipeline
from crm.pipelines.rules import PipelineRules, edit_rules, set_transitions
from crm.pipelines.values import FieldInfo, PipelineInfo, custom_key


def create_from_description(
    session: Session, actor: Actor, *, description: Description, language: str
) -> tuple[int, ...]:
    """Create a description's fields, pipelines, reasons of loss and links; return the ids of the pipelines in order.

    A field of the same name and type is used again, switched on if it was off; a taken name gets a number.
    Errors: Forbidden; InvalidInput with places in the description, and nothing is created then.
    """
    require(actor, Action.DESIGN_PIPELINES)
    refuse_if_any([
        Violation("description_link_moves", f"links[{at}].mode")
        for at, link in enumerate(description.links)
        if link.moves
    ])  # fmt: skip
    keys: dict[str, str] = {}
    for at, field in enumerate(description.fields):
        with _placed(f"fields[{at}]"):
            keys[field.key] = _field_key(session, actor, field, language)
    made: list[PipelineInfo] = []
    for at, pipeline in enumerate(description.pipelines):
        with _placed(f"pipelines[{at}]"):
            made.append(_create_pipeline(session, actor, pipeline, keys, language))
    pairs = list(zip(description.pipelines, made, strict=True))
    ids = MadeIds(
        pipelines={one.key: info.id for one, info in pairs},
        stages={pair: stage_id for one, info in pairs for pair, stage_id in _stage_ids(one, info).items()},
        fields=keys,
    )
    for at, link in enumerate(description.links):
        with _placed(f"links[{at}]"):
            _create_link(session, actor, link, ids, language)
    return tuple(info.id for info in made)


def _field_key(session: Session, actor: Actor, field: DescribedField, language: str) -> str:
    name = field.name.spoken(language)
    options = [option.spoken(language) for option in field.options]
    present = next((one for one in load_fields(session) if (one.name, one.type) == (name, field.type)), None)
    if present is None:
        free = _free_name(name, session.scalars(select(FieldDefinition.name)))
        hint = field.hint.spoken(language)
        return custom_key(create_field(session, actor, name=free, field_type=field.type, options=options, hint=hint))
    offered = [option.name for option in present.offered()]
    wanted = [*offered, *(option for option in options if option not in offered)]
    edit_field(session, actor, field_id=present.id, name=name, options=wanted, hint=present.hint or "")
    return present.key


def _create_pipeline(
    session: Session, actor: Actor, pipeline: DescribedPipeline, keys: Mapping[str, str], language: str
) -> PipelineInfo:
    pipeline_id = create_pipeline(
        session,
        actor,
        name=_free_name(pipeline.name.spoken(language), session.scalars(select(Pipeline.name))),
        stages=[stage_plan(stage, keys, language) for stage in pipeline.stages],
        won_name=pipeline.won.name.spoken(language),
        lost_name=pipeline.lost.name.spoken(language),
    )
    row = session.get_one(Pipeline, pipeline_id)
    row.stands_alone = pipeline.stands_alone
    rules = PipelineRules(pipeline.forward_only, pipeline.no_skipping, pipeline.creation_roles)
    edit_rules(session, actor, pipeline_id=pipeline_id, expected_version=row.version, rules=rules)
    info = load_pipeline(session, pipeline_id)
    for end, stage in ((pipeline.won, info.won_stage), (pipeline.lost, info.lost_stage)):
        with _placed(end.key):
            plan = replace(stage_plan(end, keys, language), name=stage.name)
            edit_stage(session, actor, stage_id=stage.id, expected_version=row.version, plan=plan)
    _create_exceptions(session, actor, pipeline, info)
    _create_reasons(session, actor, pipeline.loss_reasons, pipeline_id, language)
    return load_pipeline(session, pipeline_id)


def _create_exceptions(session: Session, actor: Actor, pipeline: DescribedPipeline, info: PipelineInfo) -> None:
    ids = _stage_ids(pipeline, info)
    by_role = sorted(pipeline.exceptions, key=lambda one: one.role)
    for role, exceptions in groupby(by_role, key=lambda one: one.role):
        set_transitions(
            session,
            actor,
            pipeline_id=info.id,
            expected_version=load_pipeline(session, info.id).version,
            role=Role(role),
            exceptions={
                (ids[pipeline.key, one.from_stage], ids[pipeline.key, one.to_stage]): one.is_allowed
                for one in exceptions
            },
        )


def _create_reasons(
    session: Session, actor: Actor, reasons: Iterable[DescribedReason], pipeline_id: int, language: str
) -> None:
    common = {reason.name for reason in load_loss_reasons(session, None)}
    for reason in reasons:
        name = reason.name.spoken(language)
        if name not in common:
            plan = ReasonPlan(name, reason.note_required, reason.counts_as_loss)
            add_loss_reason(session, actor, pipeline_id=pipeline_id, plan=plan)


def _create_link(session: Session, actor: Actor, link: DescribedLink, ids: MadeIds, language: str) -> None:
    source = load_pipeline(session, ids.pipelines[link.from_pipeline])
    conditions = []
    for at, condition in enumerate(link.conditions):
        with _placed(f"conditions[{at}]"):
            conditions.append(_condition(session, condition, source, ids, language))
    owner_id = None
    if link.owner_email:
        owner_id = session.scalar(select(User.id).where(User.email == link.owner_email.lower()))
        if owner_id is None:
            refuse_if_any([Violation("choice_unknown", "owner_email")])
    plan = link_plan(link, ids, language, owner_id=owner_id, conditions=tuple(conditions))
    create_link(session, actor, plan=plan)


def _condition(
    session: Session, condition: DescribedCondition, source: PipelineInfo, ids: MadeIds, language: str
) -> LinkCondition:
    named = named_condition(condition, ids, language)
    if named.op is not ConditionOp.IS_ONE_OF or not isinstance(named.value, tuple):
        return named
    known = _values_by_name(session, named.field, source)
    if known is None:
        return named
    missing = [Violation("choice_unknown", "values") for name in named.value if name not in known]
    refuse_if_any(missing[:1])
    return LinkCondition(named.field, named.op, tuple(known[str(name)] for name in named.value))


def _values_by_name(session: Session, field: str, source: PipelineInfo) -> dict[str, str | int] | None:
    """Return what the names of a condition's values stand for; None where they stand for themselves."""
    if field == "loss_reason":
        return {reason.name: reason.id for reason in source.loss_reasons}
    if field == "team":
        return {name: team_id for team_id, name in session.execute(select(Team.id, Team.name))}
    custom: FieldInfo | None = source.fields.get(field)
    return None if custom is None else {option.name: option.code for option in custom.offered()}


def _stage_ids(pipeline: DescribedPipeline, info: PipelineInfo) -> dict[tuple[str, str], int]:
    made = (*info.open_stages, info.won_stage, info.lost_stage)
    described = pipeline.all_stages()
    return {(pipeline.key, stage.key): one.id for (stage, _kind), one in zip(described, made, strict=True)}


def _free_name(name: str, names: Iterable[str]) -> str:
    taken = set(names)
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} {number}", number + 1
    return free


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Put the place in front of the fields of what is refused inside the block."""
    try:
        yield
    except Refused as error:
        raise InvalidInput([
            Violation(one.code, ".".join(part for part in (place, one.field) if part), one.params)
            for one in error.violations
        ]) from error  # fmt: skip
