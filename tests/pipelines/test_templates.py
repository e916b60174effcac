"""The templates of data/pipelines: each file keeps the contract, and is created whole in both languages."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.errors import InvalidInput
from crm.i18n import LANGUAGES
from crm.models import Event, FieldDefinition, FieldType
from crm.pipelines.commands import MAX_NORM_SECONDS, PIPELINE_NAME_LIMIT, STAGE_NAME_LIMIT
from crm.pipelines.fields import create_field, edit_field
from crm.pipelines.reads import list_pipelines, load_fields, load_pipeline
from crm.pipelines.templates import TEMPLATES, available_templates, create_from_template
from crm.pipelines.values import BUILTIN_FIELDS
from tests.conftest import Cast
from tests.refusals import refused

FILES = sorted(TEMPLATES.glob("*.toml"))
each_template = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
each_language = pytest.mark.parametrize("language", LANGUAGES)

KEYS = {
    "template": {"position", "name", "description", "fields", "pipelines", "loss_reasons"},
    "field": {"key", "type", "name", "options"},
    "pipeline": {"name", "won", "lost", "stages"},
    "stage": {"name", "exit_criterion", "norm_minutes", "norm_hours", "required"},
    "reason": {"name", "note_required", "counts_as_loss"},
}


def read(path: Any) -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return content


def texts(content: Any) -> list[dict[str, str]]:
    """Return every text of a template: a table whose keys are languages."""
    if isinstance(content, list):
        return [text for item in content for text in texts(item)]
    if not isinstance(content, dict):
        return []
    if set(content) & set(LANGUAGES):
        return [content]
    return [text for value in content.values() for text in texts(value)]


def stages(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [stage for pipeline in content["pipelines"] for stage in pipeline["stages"]]


def test_there_are_templates_to_start_with() -> None:
    assert {"simple", "trade"} <= {path.stem for path in FILES}


@each_template
def test_template_speaks_every_language(path: Any) -> None:
    found = texts(read(path))
    assert found
    for text in found:
        assert set(text) == set(LANGUAGES)
        assert all(value.strip() == value != "" for value in text.values())


@each_template
def test_template_holds_no_unknown_key(path: Any) -> None:
    content = read(path)
    assert set(content) <= KEYS["template"]
    for kind, tables in (
        ("field", content.get("fields", [])),
        ("pipeline", content["pipelines"]),
        ("stage", stages(content)),
        ("reason", content["loss_reasons"]),
    ):
        assert all(set(table) <= KEYS[kind] for table in tables)


@each_template
def test_pipelines_have_five_to_eight_stages_with_names_of_their_own(path: Any) -> None:
    for pipeline in read(path)["pipelines"]:
        assert 5 <= len(pipeline["stages"]) <= 8
        for language in LANGUAGES:
            names = [one["name"][language] for one in pipeline["stages"]]
            names += [pipeline["won"][language], pipeline["lost"][language]]
            assert len({name.casefold() for name in names}) == len(names)
            assert max(len(name) for name in names) <= STAGE_NAME_LIMIT
            assert len(pipeline["name"][language]) < PIPELINE_NAME_LIMIT - 5


@each_template
def test_stages_have_a_criterion_a_norm_and_known_required_fields(path: Any) -> None:
    content = read(path)
    fields = [field["key"] for field in content.get("fields", [])]
    assert len(set(fields)) == len(fields)
    assert not set(fields) & set(BUILTIN_FIELDS)
    for stage in stages(content):
        assert stage["exit_criterion"]
        assert 0 < 60 * stage.get("norm_minutes", 0) + 3600 * stage.get("norm_hours", 0) <= MAX_NORM_SECONDS
        assert set(stage.get("required", [])) <= {*BUILTIN_FIELDS, *fields}
    assert set(fields) <= {key for stage in stages(content) for key in stage.get("required", [])}
    assert {field["type"] for field in content.get("fields", [])} <= {one.value for one in FieldType}


@each_template
def test_reasons_have_names_of_their_own_and_one_asks_for_a_note(path: Any) -> None:
    reasons = read(path)["loss_reasons"]
    assert any(reason.get("note_required") for reason in reasons)
    assert any(not reason.get("counts_as_loss", True) for reason in reasons)
    for language in LANGUAGES:
        names = [reason["name"][language] for reason in reasons]
        assert len(set(names)) == len(names)


@each_language
@each_template
def test_template_is_created_whole(session: Session, cast: Cast, path: Any, language: str) -> None:
    content = read(path)
    created = create_from_template(session, cast.vera, template=path.stem, language=language)
    assert [one.id for one in list_pipelines(session)] == created
    names = {field["key"]: field["name"][language] for field in content.get("fields", [])}
    assert [one.name for one in load_fields(session)] == list(names.values())
    for pipeline_id, wanted in zip(created, content["pipelines"], strict=True):
        info = load_pipeline(session, pipeline_id)
        assert info.name == wanted["name"][language]
        assert [one.name for one in info.open_stages] == [one["name"][language] for one in wanted["stages"]]
        assert (info.won_stage.name, info.lost_stage.name) == (wanted["won"][language], wanted["lost"][language])
        for made, stage in zip(info.open_stages, wanted["stages"], strict=True):
            asked = [info.fields[key].name if key in info.fields else key for key in made.required]
            assert asked == [names.get(key, key) for key in stage.get("required", [])]
            assert made.exit_criterion == stage["exit_criterion"][language]
            assert made.norm_seconds == 60 * stage.get("norm_minutes", 0) + 3600 * stage.get("norm_hours", 0)
        assert [(one.name, one.note_required, one.counts_as_loss) for one in info.active_reasons()] == [
            (one["name"][language], one.get("note_required", False), one.get("counts_as_loss", True))
            for one in content["loss_reasons"]
        ]
    kinds = list(session.scalars(select(Event.kind)))
    assert kinds.count("pipeline.created") == len(created)


@each_language
def test_available_templates_are_listed_in_their_order(language: str) -> None:
    listed = available_templates(language)
    assert sorted(one.key for one in listed) == [path.stem for path in FILES]
    assert [one.key for one in listed][:2] == ["simple", "trade"]
    for one in listed:
        content = read(TEMPLATES / f"{one.key}.toml")
        assert (one.name, one.description) == (content["name"][language], content["description"][language])
        assert [len(names) for names in one.stages] == [len(each["stages"]) for each in content["pipelines"]]


def test_template_used_twice_shares_fields_and_numbers_the_name(session: Session, cast: Cast) -> None:
    for _ in range(3):
        create_from_template(session, cast.vera, template="trade", language="en")
    assert [one.name for one in list_pipelines(session)] == ["First sales", "First sales 2", "First sales 3"]
    assert len(load_fields(session)) == len(read(TEMPLATES / "trade.toml")["fields"])


def test_template_switches_its_field_on_again(session: Session, cast: Cast) -> None:
    name = read(TEMPLATES / "trade.toml")["fields"][0]["name"]["en"]
    field_id = create_field(session, cast.vera, name=name, field_type=FieldType.TEXT, hint="In three words")
    edit_field(session, cast.vera, field_id=field_id, name=name, hint="In three words", is_active=False)
    create_from_template(session, cast.vera, template="trade", language="en")
    row = session.get_one(FieldDefinition, field_id)
    assert (row.is_active, row.hint) == (True, "In three words")


@pytest.mark.parametrize("template", ["", "nothing", "../pipelines/simple", "simple.toml", "*"])
def test_unknown_template_is_refused(session: Session, cast: Cast, template: str) -> None:
    with refused(session, InvalidInput) as refusal:
        create_from_template(session, cast.vera, template=template, language="en")
    assert refusal.told == [("template_unknown", "template")]
