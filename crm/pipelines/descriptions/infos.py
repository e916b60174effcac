"""A description seen as pipelines and links that exist, for whoever judges or draws those: ids are made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from crm.i18n.labels import label
from crm.models.codes import LinkTrigger
from crm.pipelines.descriptions.plans import MadeIds, link_plan, named_condition
from crm.pipelines.descriptions.values import (
    DescribedField,
    DescribedLink,
    DescribedPipeline,
    Description,
)
from crm.pipelines.flow_map import MapArrow, MapPicture, MapPipeline, MapStage
from crm.pipelines.link_values import LinkCondition, LinkInfo
from crm.pipelines.values import FieldInfo, LossReasonInfo, Option, PipelineInfo, StageInfo, custom_key

APART = 1000


def described_pipelines(description: Description, language: str) -> tuple[PipelineInfo, ...]:
    """Return the described pipelines in order: the first has the id 1 and stages from 1000 on, the next 2 and 2000."""
    made = _made(description)
    fields = [_field(field, at, language) for at, field in enumerate(description.fields, start=1)]
    return tuple(
        PipelineInfo(
            id=made.pipelines[one.key],
            name=one.name.spoken(language),
            is_archived=False,
            version=1,
            stages=_stages(one, made, language),
            loss_reasons=tuple(
                LossReasonInfo(
                    id=made.pipelines[one.key] * APART + number,
                    pipeline_id=made.pipelines[one.key],
                    name=reason.name.spoken(language),
                    note_required=reason.note_required,
                    counts_as_loss=reason.counts_as_loss,
                    is_active=True,
                )
                for number, reason in enumerate(one.loss_reasons, start=1)
            ),
            fields={info.key: info for info in fields},
            forward_only=one.forward_only,
            no_skipping=one.no_skipping,
            creation_roles=one.creation_roles,
            transitions={
                (each.role, made.stages[one.key, each.from_stage], made.stages[one.key, each.to_stage]): each.is_allowed
                for each in one.exceptions
            },
            stands_alone=one.stands_alone,
        )
        for one in description.pipelines
    )


def described_links(description: Description, language: str) -> tuple[LinkInfo, ...]:
    """Return the described links between the pipelines of `described_pipelines`; teams are told by name."""
    made = _made(description)
    infos = {info.id: info for info in described_pipelines(description, language)}
    return tuple(_link(link, infos, made, at, language) for at, link in enumerate(description.links, start=1))


def described_map(description: Description, language: str) -> MapPicture:
    """Return the map of the described pipelines; nothing is counted on it."""
    infos = {info.id: info for info in described_pipelines(description, language)}
    pipelines = tuple(
        MapPipeline(
            str(info.id), info.name, tuple(MapStage(str(stage.id), stage.name, stage.kind) for stage in info.stages)
        )
        for info in infos.values()
    )
    return MapPicture(pipelines, tuple(_arrow(link, infos) for link in described_links(description, language)))


def _arrow(link: LinkInfo, infos: Mapping[int, PipelineInfo]) -> MapArrow:
    plan = link.plan
    source, target = infos[plan.from_pipeline_id], infos[plan.to_pipeline_id]
    starts = {LinkTrigger.WON: source.won_stage.id, LinkTrigger.LOST: source.lost_stage.id}
    start = starts.get(plan.trigger, plan.from_stage_id)
    end = plan.to_stage_id or target.open_stages[0].id
    return MapArrow(str(start), str(end), plan.trigger, plan.kind, plan.is_active)


def _made(description: Description) -> MadeIds:
    numbered = list(enumerate(description.pipelines, start=1))
    return MadeIds(
        pipelines={one.key: at for at, one in numbered},
        stages={
            (one.key, stage.key): at * APART + number
            for at, one in numbered
            for number, (stage, _kind) in enumerate(one.all_stages())
        },
        fields={field.key: custom_key(at) for at, field in enumerate(description.fields, start=1)},
    )


def _field(field: DescribedField, at: int, language: str) -> FieldInfo:
    options = (Option(str(number), option.spoken(language)) for number, option in enumerate(field.options, start=1))
    hint = field.hint.spoken(language) or None
    return FieldInfo(at, field.name.spoken(language), field.type, tuple(options), hint, is_active=True)


def _stages(pipeline: DescribedPipeline, made: MadeIds, language: str) -> tuple[StageInfo, ...]:
    return tuple(
        StageInfo(
            id=made.stages[pipeline.key, stage.key],
            pipeline_id=made.pipelines[pipeline.key],
            name=stage.name.spoken(language) or label(kind),
            kind=kind,
            position=position,
            exit_criterion=stage.exit_criterion.spoken(language) or None,
            norm_seconds=stage.norm_seconds,
            required=tuple(made.fields.get(key, key) for key in stage.required),
            is_retired=False,
            required_exit=tuple(made.fields.get(key, key) for key in stage.required_exit),
            step_kinds=stage.step_kinds,
            color=stage.color,
            accepts_new=stage.accepts_new,
            win_percent=stage.win_percent,
        )
        for position, (stage, kind) in enumerate(pipeline.all_stages())
    )


def _link(link: DescribedLink, infos: Mapping[int, PipelineInfo], made: MadeIds, at: int, language: str) -> LinkInfo:
    source, target = infos[made.pipelines[link.from_pipeline]], infos[made.pipelines[link.to_pipeline]]
    conditions = tuple(_condition(named_condition(one, made, language), source) for one in link.conditions)
    plan = link_plan(link, made, language, conditions=conditions)
    from_stage = source.stage(plan.from_stage_id) if plan.from_stage_id else None
    to_stage = target.stage(plan.to_stage_id) if plan.to_stage_id else None
    return LinkInfo(
        id=at,
        version=1,
        plan=plan,
        from_pipeline=source.name,
        from_stage=from_stage.name if from_stage else None,
        to_pipeline=target.name,
        to_stage=to_stage.name if to_stage else None,
        owner_name=link.owner_email or None,
        created_at=datetime(2000, 1, 1, tzinfo=UTC),
    )


def _condition(condition: LinkCondition, source: PipelineInfo) -> LinkCondition:
    """Return a condition with ids and codes in place of names."""
    codes: dict[str | int, str | int] = {}
    if condition.field == "loss_reason":
        codes = {reason.name: reason.id for reason in source.loss_reasons}
    elif condition.field in source.fields:
        codes = {option.name: option.code for option in source.fields[condition.field].options}
    if not isinstance(condition.value, tuple):
        return condition
    return replace(condition, value=tuple(codes.get(one, one) for one in condition.value))
