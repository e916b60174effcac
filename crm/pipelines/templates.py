"""Pipelines ready made: TOML files in data/pipelines, created whole in Russian or English."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.errors import InvalidInput, Violation
from crm.models import FieldType, Pipeline
from crm.pipelines.commands import StagePlan, create_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason, create_field, edit_field
from crm.pipelines.reads import load_fields
from crm.pipelines.values import BUILTIN_FIELDS, custom_key
from crm.settings import ROOT

TEMPLATES = ROOT / "data" / "pipelines"


@dataclass(frozen=True, slots=True)
class TemplateSummary:
    """A template in a list; `stages` are the names of the open stages of each pipeline."""

    key: str
    name: str
    description: str
    stages: tuple[tuple[str, ...], ...]


def available_templates(language: str) -> list[TemplateSummary]:
    """Return the templates in their order, in the given language."""
    read = [(path.stem, _read(path)) for path in TEMPLATES.glob("*.toml")]
    read.sort(key=lambda pair: (pair[1]["position"], pair[0]))
    return [
        TemplateSummary(
            key=key,
            name=content["name"][language],
            description=content["description"][language],
            stages=tuple(
                tuple(stage["name"][language] for stage in pipeline["stages"]) for pipeline in content["pipelines"]
            ),
        )
        for key, content in read
    ]


def create_from_template(session: Session, actor: Actor, *, template: str, language: str) -> list[int]:
    """Create a template's fields, pipelines and loss reasons; return the ids of the pipelines.

    A field of the same name is used again, switched on if it was off; a taken pipeline name gets a number.
    Errors: Forbidden; InvalidInput for an unknown template.
    """
    require(actor, Action.DESIGN_PIPELINES)
    path = TEMPLATES / f"{template}.toml"
    if template not in {one.stem for one in TEMPLATES.glob("*.toml")}:
        raise InvalidInput([Violation("template_unknown", "template")])
    content = _read(path)
    keys = {field["key"]: _field_key(session, actor, field, language) for field in content.get("fields", [])}
    created = []
    for pipeline in content["pipelines"]:
        pipeline_id = create_pipeline(
            session,
            actor,
            name=_free_name(session, pipeline["name"][language]),
            stages=[_stage_plan(stage, keys, language) for stage in pipeline["stages"]],
            won_name=pipeline["won"][language],
            lost_name=pipeline["lost"][language],
        )
        for reason in content["loss_reasons"]:
            add_loss_reason(session, actor, pipeline_id=pipeline_id, plan=_reason_plan(reason, language))
        created.append(pipeline_id)
    return created


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as source:
        return tomllib.load(source)


def _field_key(session: Session, actor: Actor, field: Mapping[str, Any], language: str) -> str:
    name = field["name"][language]
    present = next((one for one in load_fields(session) if one.name == name), None)
    if present is not None and not present.is_active:
        values = [option.name for option in present.offered()]
        edit_field(session, actor, field_id=present.id, name=name, options=values, hint=present.hint or "")
    if present is not None:
        return present.key
    options = [option[language] for option in field.get("options", [])]
    return custom_key(create_field(session, actor, name=name, field_type=FieldType(field["type"]), options=options))


def _stage_plan(stage: Mapping[str, Any], keys: Mapping[str, str], language: str) -> StagePlan:
    minutes = stage.get("norm_minutes", 0) + 60 * stage.get("norm_hours", 0)
    return StagePlan(
        name=stage["name"][language],
        exit_criterion=stage["exit_criterion"][language],
        norm_seconds=minutes * 60 or None,
        required=tuple(key if key in BUILTIN_FIELDS else keys[key] for key in stage.get("required", [])),
    )


def _reason_plan(reason: Mapping[str, Any], language: str) -> ReasonPlan:
    return ReasonPlan(
        name=reason["name"][language],
        note_required=reason.get("note_required", False),
        counts_as_loss=reason.get("counts_as_loss", True),
    )


def _free_name(session: Session, name: str) -> str:
    taken = set(session.scalars(select(Pipeline.name).where(Pipeline.name.startswith(name, autoescape=True))))
    candidates = [name, *(f"{name} {number}" for number in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)
