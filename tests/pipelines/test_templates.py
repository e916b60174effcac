"""The templates of data/pipelines: each file keeps the contract, and is created whole in both languages."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.errors import InvalidInput
from crm.i18n import LANGUAGES
from crm.models import Event, FieldDefinition, FieldType, LinkKind, LinkTrigger
from crm.pipelines.commands import PIPELINE_NAME_LIMIT
from crm.pipelines.descriptions import Description, describe_pipelines, described_pipelines, read_description
from crm.pipelines.fields import create_field, edit_field
from crm.pipelines.link_values import LinkInfo, unbraked_loops
from crm.pipelines.links import list_links
from crm.pipelines.linter.findings import lint
from crm.pipelines.linter.foreign import facts_of_description
from crm.pipelines.linter.names import judge_name
from crm.pipelines.linter.score import score_of
from crm.pipelines.reads import list_pipelines, load_fields, load_pipeline
from crm.pipelines.templates import TEMPLATES, available_templates, create_from_template
from crm.pipelines.values import StageInfo
from tests.conftest import Cast
from tests.refusals import refused

FILES = sorted(TEMPLATES.glob("*.toml"))
each_template = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
each_language = pytest.mark.parametrize("language", LANGUAGES)

QUESTIONS = ("business", "buys", "volumes", "frequency", "buyers", "supplier")


def description(path: Path) -> Description:
    return read_description(path.read_bytes())


def texts(content: Any) -> list[dict[str, str]]:
    """Return every text of a template: a table whose keys are languages."""
    if isinstance(content, list):
        return [text for item in content for text in texts(item)]
    if not isinstance(content, dict):
        return []
    if set(content) & set(LANGUAGES):
        return [content]
    return [text for value in content.values() for text in texts(value)]


def links_of(session: Session) -> set[tuple[str, LinkTrigger, str | None, str, LinkKind]]:
    return {
        (one.from_pipeline, one.plan.trigger, one.from_stage, one.to_pipeline, one.plan.kind)
        for one in list_links(session)
    }


def link_between(session: Session, source: str, trigger: LinkTrigger, target: str) -> LinkInfo:
    found = [
        one
        for one in list_links(session)
        if (one.from_pipeline, one.plan.trigger, one.to_pipeline) == (source, trigger, target)
    ]
    return found[0]


def unnumbered(stage: StageInfo) -> tuple[object, ...]:
    return (stage.name, stage.kind, stage.exit_criterion, stage.norm_seconds, stage.step_kinds, stage.color)


def test_there_are_templates_to_start_with() -> None:
    assert {path.stem for path in FILES} >= {"simple", "trade", "construction", "product"}


@each_template
def test_template_speaks_every_language(path: Path) -> None:
    found = texts(tomllib.loads(path.read_text(encoding="utf-8")))
    assert found
    for text in found:
        assert set(text) == set(LANGUAGES)
        assert all(value.strip() == value != "" for value in text.values())


@each_template
def test_template_says_for_whom_it_is_and_every_text_has_both_languages(path: Path) -> None:
    read = description(path)
    assert read.position
    named = [one.name for one in (*read.pipelines, *read.fields)]
    named += [stage.name for one in read.pipelines for stage, _kind in one.all_stages()]
    named += [stage.exit_criterion for one in read.pipelines for stage in one.stages]
    named += [reason.name for one in read.pipelines for reason in one.loss_reasons]
    named += [link.step_text for link in read.links]
    for text in (read.name, read.purpose, *named):
        assert set(text.by_language) == set(LANGUAGES)


@each_template
def test_pipelines_have_five_to_eight_stages_with_names_of_their_own(path: Path) -> None:
    for pipeline in description(path).pipelines:
        assert 5 <= len(pipeline.stages) <= 8
        for language in LANGUAGES:
            names = [stage.name.spoken(language).casefold() for stage, _kind in pipeline.all_stages()]
            assert len(set(names)) == len(names)
            assert len(pipeline.name.spoken(language)) < PIPELINE_NAME_LIMIT - 5


@each_language
@each_template
def test_every_name_is_a_finished_action(path: Path, language: str) -> None:
    names = [
        (stage.name.spoken(language), kind)
        for pipeline in description(path).pipelines
        for stage, kind in pipeline.all_stages()
    ]
    judged = {name: judge_name(name, language, kind) for name, kind in names}
    assert {name: one.findings for name, one in judged.items() if not one.finished_action or one.findings} == {}


@each_language
@each_template
def test_linter_finds_nothing(path: Path, language: str) -> None:
    looked = {facts.pipeline.name: lint(facts) for facts in facts_of_description(description(path), language)}
    assert {name: found for name, found in looked.items() if found} == {}
    assert {score_of(found) for found in looked.values()} == {100}


@each_template
def test_every_stage_has_a_norm_and_colours_are_rare(path: Path) -> None:
    read = description(path)
    stages = [stage for pipeline in read.pipelines for stage in pipeline.stages]
    assert all(stage.norm_seconds for stage in stages)
    assert all(len([one for one in pipeline.stages if one.color]) <= 2 for pipeline in read.pipelines)


@each_template
def test_every_field_is_asked_for_or_handed_on(path: Path) -> None:
    read = description(path)
    stages = [stage for pipeline in read.pipelines for stage in pipeline.stages]
    asked = {key for stage in stages for key in (*stage.required, *stage.required_exit)}
    assert {field.key for field in read.fields} <= asked | {key for link in read.links for key in link.copied}


@each_template
def test_reasons_are_enough_and_one_asks_for_a_note(path: Path) -> None:
    for pipeline in description(path).pipelines:
        assert len([one for one in pipeline.loss_reasons if one.counts_as_loss]) >= 4
        assert any(one.note_required for one in pipeline.loss_reasons)
        assert any(not one.counts_as_loss for one in pipeline.loss_reasons)


@each_language
@each_template
def test_template_is_created_whole(session: Session, cast: Cast, path: Path, language: str) -> None:
    read = description(path)
    created = create_from_template(session, cast.vera, template=path.stem, language=language)
    assert tuple(one.id for one in list_pipelines(session)) == created
    names = [field.name.spoken(language) for field in read.fields]
    assert [one.name for one in load_fields(session)] == names
    field_names = {field.key: field.name.spoken(language) for field in read.fields}
    for pipeline_id, wanted in zip(created, described_pipelines(read, language), strict=True):
        info = load_pipeline(session, pipeline_id)
        assert (info.name, info.stands_alone) == (wanted.name, wanted.stands_alone)
        assert (info.forward_only, info.no_skipping) == (True, True)
        assert info.creation_roles == wanted.creation_roles
        assert [unnumbered(one) for one in info.stages] == [unnumbered(one) for one in wanted.stages]
        assert [(one.name, one.note_required, one.counts_as_loss) for one in info.active_reasons()] == [
            (one.name, one.note_required, one.counts_as_loss) for one in wanted.loss_reasons
        ]
        own = read.pipelines[created.index(pipeline_id)]
        for made, stage in zip(info.open_stages, own.stages, strict=True):
            asked = [info.fields[key].name if key in info.fields else key for key in made.required]
            assert asked == [field_names.get(key, key) for key in stage.required]
            asked = [info.fields[key].name if key in info.fields else key for key in made.required_exit]
            assert asked == [field_names.get(key, key) for key in stage.required_exit]
    assert len(list_links(session)) == len(read.links)
    assert session.scalar(select(func.count()).where(Event.kind == "pipeline.created")) == len(created)


@each_template
def test_every_end_leads_somewhere_and_every_loop_has_a_brake(session: Session, cast: Cast, path: Path) -> None:
    created = create_from_template(session, cast.vera, template=path.stem, language="en")
    links = list_links(session)
    alone = {one for one in created if load_pipeline(session, one).stands_alone or len(created) == 1}
    for trigger in (LinkTrigger.WON, LinkTrigger.LOST):
        assert {one.plan.from_pipeline_id for one in links if one.plan.trigger is trigger} == {*created} - alone
    assert unbraked_loops([one.plan for one in links]) == []
    assert all(one.plan.step_text for one in links)


@each_language
@each_template
def test_created_template_described_and_read_again_is_the_same(
    session: Session, cast: Cast, path: Path, language: str
) -> None:
    created = create_from_template(session, cast.vera, template=path.stem, language=language)
    written = describe_pipelines(session, created)
    read, wanted = read_description(written), description(path)
    assert [(one.name.spoken(language), one.type) for one in read.fields] == [
        (one.name.spoken(language), one.type) for one in wanted.fields if is_used(wanted, one.key)
    ]
    for made, one in zip(described_pipelines(read, language), described_pipelines(wanted, language), strict=True):
        assert [unnumbered(stage) for stage in made.stages] == [unnumbered(stage) for stage in one.stages]
    assert len(read.links) == len(wanted.links)
    assert {(one.delay_seconds, one.cooldown_seconds, one.max_rounds, one.kind) for one in read.links} == {
        (one.delay_seconds, one.cooldown_seconds, one.max_rounds, one.kind) for one in wanted.links
    }


def is_used(read: Description, key: str) -> bool:
    stages = [stage for pipeline in read.pipelines for stage in pipeline.stages]
    return any(key in (*one.required, *one.required_exit) for one in stages) or any(
        key in link.copied for link in read.links
    )


@each_language
def test_templates_are_listed_in_their_order_with_their_pipelines(language: str) -> None:
    listed = available_templates(language)
    assert [one.key for one in listed] == ["simple", "trade", "construction", "product"]
    assert [len(one.pipelines) for one in listed] == [1, 6, 3, 5]
    for one in listed:
        read = description(TEMPLATES / f"{one.key}.toml")
        assert (one.name, one.purpose) == (read.name.spoken(language), read.purpose.spoken(language))
        assert one.description == read


# What the texts ask of the trading company


def test_trade_has_the_six_pipelines_of_the_practitioner(session: Session, cast: Cast) -> None:
    create_from_template(session, cast.vera, template="trade", language="ru")
    assert [one.name for one in list_pipelines(session)] == [
        "Первичные продажи", "Активная база", "Постоянные клиенты", "База отказов", "Холодные продажи", "Возвраты",
    ]  # fmt: skip


def test_trade_links_are_those_of_the_practitioner(session: Session, cast: Cast) -> None:
    create_from_template(session, cast.vera, template="trade", language="ru")
    won, lost, stage = LinkTrigger.WON, LinkTrigger.LOST, LinkTrigger.STAGE
    first, base, regular = "Первичные продажи", "Активная база", "Постоянные клиенты"
    refusals, cold = "База отказов", "Холодные продажи"
    assert links_of(session) == {
        (first, won, None, base, LinkKind.CONTINUATION),
        (cold, won, None, base, LinkKind.CONTINUATION),
        (base, stage, "Заявка на просчёт получена", regular, LinkKind.REPEAT_SALE),
        (base, won, None, base, LinkKind.CONTINUATION),
        (regular, won, None, base, LinkKind.CONTINUATION),
        (first, lost, None, refusals, LinkKind.REFUSAL_WORK),
        (base, lost, None, refusals, LinkKind.REFUSAL_WORK),
        (regular, lost, None, refusals, LinkKind.REFUSAL_WORK),
        (cold, lost, None, refusals, LinkKind.REFUSAL_WORK),
        (refusals, won, None, first, LinkKind.RETURN),
        (refusals, lost, None, refusals, LinkKind.REFUSAL_WORK),
    }
    again = link_between(session, refusals, lost, refusals).plan
    assert again.to_stage_id == load_pipeline(session, again.to_pipeline_id).open_stages[0].id
    assert (again.cooldown_seconds, again.max_rounds) == (90 * 86400, 4)


def test_trade_returns_stand_alone(session: Session, cast: Cast) -> None:
    created = create_from_template(session, cast.vera, template="trade", language="en")
    returns = load_pipeline(session, created[5])
    assert returns.stands_alone
    assert all(returns.id not in {one.plan.from_pipeline_id, one.plan.to_pipeline_id} for one in list_links(session))


def test_trade_brings_the_client_to_the_invoice_in_a_day(session: Session, cast: Cast) -> None:
    created = create_from_template(session, cast.vera, template="trade", language="ru")
    stages = load_pipeline(session, created[0]).open_stages
    assert stages[0].norm_seconds == 15 * 60
    assert stages[-1].name == "Счёт выставлен"
    assert sum(stage.norm_seconds or 0 for stage in stages[:-1]) == 24 * 3600


def test_trade_asks_six_questions_before_the_offer(session: Session, cast: Cast) -> None:
    created = create_from_template(session, cast.vera, template="trade", language="ru")
    info = load_pipeline(session, created[0])
    asked = [info.fields[key].name for key in info.open_stages[2].required]
    assert asked == [
        "Чем занимается клиент", "Что покупает", "Какие объёмы", "Как часто возникает потребность и от чего зависит",
        "Кто ещё занимается закупками", "С кем работают сейчас",
    ]  # fmt: skip
    assert {field.key for field in description(TEMPLATES / "trade.toml").fields} >= set(QUESTIONS)


def test_trade_hands_the_six_answers_on_with_every_link() -> None:
    for link in description(TEMPLATES / "trade.toml").links:
        assert set(QUESTIONS) <= set(link.copied)


def test_trade_knows_eight_reasons_and_keeps_what_is_no_request_apart(session: Session, cast: Cast) -> None:
    created = create_from_template(session, cast.vera, template="trade", language="ru")
    for pipeline_id in created[:5]:
        reasons = load_pipeline(session, pipeline_id).active_reasons()
        assert [one.name for one in reasons if one.counts_as_loss] == [
            "Знает крупных поставщиков и покупает напрямую", "Купил у другой торгующей компании", "Изменения в заявке",
            "Принимает решение", "Условия поставки", "Цена", "Не отвечает", "Другое",
        ]  # fmt: skip
        assert [one.name for one in reasons if one.note_required] == ["Другое"]
        assert len([one for one in reasons if not one.counts_as_loss]) == 1


def test_product_comes_back_to_the_client_in_three_months(session: Session, cast: Cast) -> None:
    create_from_template(session, cast.vera, template="product", language="en")
    plan = link_between(session, "First sale", LinkTrigger.WON, "Repeat sale").plan
    assert (plan.kind, plan.delay_seconds, plan.skip_if_open) == (LinkKind.REPEAT_SALE, 90 * 86400, True)


def test_product_splits_refusals_by_reason_and_leaves_out_what_is_no_request(session: Session, cast: Cast) -> None:
    create_from_template(session, cast.vera, template="product", language="en")
    deferred = link_between(session, "First sale", LinkTrigger.LOST, "Deferred demand").plan.conditions[0]
    won_back = link_between(session, "First sale", LinkTrigger.LOST, "Reanimation").plan.conditions[0]
    reasons = load_pipeline(session, list_pipelines(session)[0].id).active_reasons()
    assert isinstance(deferred.value, tuple)
    assert isinstance(won_back.value, tuple)
    assert set(deferred.value).isdisjoint(won_back.value)
    assert {*deferred.value, *won_back.value} == {one.id for one in reasons if one.counts_as_loss}


def test_construction_goes_from_sale_through_production_to_building(session: Session, cast: Cast) -> None:
    create_from_template(session, cast.vera, template="construction", language="en")
    names = [one.name for one in list_pipelines(session)]
    assert names == ["Sale with design", "Production", "Building"]
    led = links_of(session)
    assert all((start, LinkTrigger.WON, None, end, LinkKind.CONTINUATION) in led for start, end in pairwise(names))


# Creating twice, and beside what is there


def test_template_used_twice_shares_fields_and_numbers_the_names(session: Session, cast: Cast) -> None:
    for _ in range(3):
        create_from_template(session, cast.vera, template="trade", language="en")
    names = [one.name for one in list_pipelines(session)]
    assert len(set(names)) == len(names) == 18
    assert [name for name in names if name.startswith("First")] == ["First sales", "First sales 2", "First sales 3"]
    assert len(load_fields(session)) == len(description(TEMPLATES / "trade.toml").fields)
    assert all(one.from_pipeline.endswith(" 3") == one.to_pipeline.endswith(" 3") for one in list_links(session))


def test_template_switches_its_field_on_again(session: Session, cast: Cast) -> None:
    name = description(TEMPLATES / "trade.toml").fields[0].name.spoken("en")
    field_id = create_field(session, cast.vera, name=name, field_type=FieldType.TEXT, hint="In three words")
    edit_field(session, cast.vera, field_id=field_id, name=name, hint="In three words", is_active=False)
    create_from_template(session, cast.vera, template="trade", language="en")
    row = session.get_one(FieldDefinition, field_id)
    assert (row.is_active, row.hint) == (True, "In three words")


def test_template_leaves_a_field_of_another_type_alone(session: Session, cast: Cast) -> None:
    create_field(session, cast.vera, name="What the client buys", field_type=FieldType.NUMBER)
    create_from_template(session, cast.vera, template="trade", language="en")
    assert {(one.name, one.type) for one in load_fields(session)} >= {
        ("What the client buys", FieldType.NUMBER),
        ("What the client buys 2", FieldType.TEXT),
    }


def test_template_adds_its_values_to_a_choice_that_is_there(session: Session, cast: Cast) -> None:
    create_field(
        session, cast.vera, name="Cause of the return", field_type=FieldType.CHOICE, options=["Defect", "Own whim"]
    )
    create_from_template(session, cast.vera, template="trade", language="en")
    field = next(one for one in load_fields(session) if one.name == "Cause of the return")
    assert [option.name for option in field.offered()][:3] == ["Defect", "Own whim", "Wrong goods delivered"]


@pytest.mark.parametrize("template", ["", "nothing", "../pipelines/simple", "simple.toml", "*"])
def test_unknown_template_is_refused(session: Session, cast: Cast, template: str) -> None:
    with refused(session, InvalidInput) as refusal:
        create_from_template(session, cast.vera, template=template, language="en")
    assert refusal.told == [("template_unknown", "template")]
