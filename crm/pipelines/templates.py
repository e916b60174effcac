"""Pipelines ready made: descriptions in data/pipelines, created whole in Russian or English."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.errors import InvalidInput, Violation
from crm.pipelines.descriptions import Description, create_from_description, read_description
from crm.settings import ROOT

TEMPLATES = ROOT / "data" / "pipelines"


@dataclass(frozen=True, slots=True)
class Template:
    """A template in a list, in one language; `pipelines` are their names in order."""

    key: str
    name: str
    purpose: str
    pipelines: tuple[str, ...]
    description: Description


def available_templates(language: str) -> list[Template]:
    """Return the templates in their order."""
    read = [(path.stem, _described(path, path.stat().st_mtime_ns)) for path in TEMPLATES.glob("*.toml")]
    read.sort(key=lambda pair: (pair[1].position, pair[0]))
    return [
        Template(
            key=key,
            name=description.name.spoken(language),
            purpose=description.purpose.spoken(language),
            pipelines=tuple(pipeline.name.spoken(language) for pipeline in description.pipelines),
            description=description,
        )
        for key, description in read
    ]


def create_from_template(session: Session, actor: Actor, *, template: str, language: str) -> tuple[int, ...]:
    """Create a template whole, as `create_from_description` does; return the ids of the pipelines in order.

    Errors: Forbidden; InvalidInput for an unknown template.
    """
    require(actor, Action.DESIGN_PIPELINES)
    found = next((one for one in available_templates(language) if one.key == template), None)
    if found is None:
        raise InvalidInput([Violation("template_unknown", "template")])
    return create_from_description(session, actor, description=found.description, language=language)


@cache
def _described(path: Path, _changed_at: int) -> Description:
    return read_description(path.read_bytes())
