"""Writing present pipelines as a description: what `read_description` reads, it creates the same again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.models import Role, Team, User
from crm.models.codes import LinkTrigger, StageKind
from crm.pipelines.descriptions.tables import written_length
from crm.pipelines.link_values import ConditionOp, LinkCondition, LinkInfo
from crm.pipelines.links import list_links
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import FieldInfo, PipelineInfo, StageInfo

Tree = dict[str, object]


def describe_pipelines(session: Session, pipeline_ids: Sequence[int]) -> str:
    """Return pipelines, the fields they use and the links between them as TOML; what is retired is left out.

    Errors: NotFound.
    """
    infos = [load_pipeline(session, pipeline_id) for pipeline_id in pipeline_ids]
    links = [
        link
        for link in list_links(session)
        if {link.plan.from_pipeline_id, link.plan.to_pipeline_id} <= set(pipeline_ids)
    ]
    by_id = {info.id: info for info in infos}
    keys = _field_keys(infos, links)
    fields = {key: field for info in infos for key, field in info.fields.items() if key in keys}
    tree: Tree = {
        "fields": [_field(keys[key], field) for key, field in fields.items()],
        "pipelines": [_pipeline(info, keys) for info in infos],
        "links": [_link(session, link, by_id, keys) for link in links if _can_go_off(link, by_id)],
    }
    return "\n".join(_tables(tree))


def _can_go_off(link: LinkInfo, infos: Mapping[int, PipelineInfo]) -> bool:
    """Tell whether a link still can: not from a retired stage, nor on a reason or a field that is switched off."""
    source = infos[link.plan.from_pipeline_id]
    reasons = {reason.id for reason in source.active_reasons()}
    return link.plan.from_stage_id in {None, *(stage.id for stage in source.open_stages)} and all(
        source.asks_for(one.field) and (one.field != "loss_reason" or not reasons.isdisjoint(_codes(one)))
        for one in link.plan.conditions
    )


def _codes(condition: LinkCondition) -> tuple[str | int, ...]:
    return condition.value if isinstance(condition.value, tuple) else ()


def _field_keys(infos: Sequence[PipelineInfo], links: Sequence[LinkInfo]) -> dict[str, str]:
    """Return the names in the file of the custom fields that anything uses."""
    stages = [stage for info in infos for stage in (*info.open_stages, info.won_stage, info.lost_stage)]
    used = {key for stage in stages for key in (*stage.required, *stage.required_exit)}
    used |= {key for link in links for key in link.plan.copied}
    used |= {condition.field for link in links for condition in link.plan.conditions}
    active = {key: field for info in infos for key, field in info.fields.items() if field.is_active}
    return {key: f"field_{number}" for number, key in enumerate((one for one in active if one in used), start=1)}


def _field(key: str, field: FieldInfo) -> Tree:
    options = [option.name for option in field.offered()]
    return {"key": key, "type": field.type.value, "name": field.name, "hint": field.hint, "options": options}


def _pipeline(info: PipelineInfo, keys: Mapping[str, str]) -> Tree:
    every_role = info.creation_roles == frozenset(Role)
    return {
        "key": _pipeline_key(info),
        "name": info.name,
        "forward_only": None if info.forward_only else False,
        "no_skipping": None if info.no_skipping else False,
        "creation_roles": None if every_role else _Always(sorted(role.value for role in info.creation_roles)),
        "stands_alone": info.stands_alone or None,
        "stages": [{"key": _stage_key(info, stage.id), **_stage(info, stage, keys)} for stage in info.open_stages],
        "won": _stage(info, info.won_stage, keys),
        "lost": _stage(info, info.lost_stage, keys),
        "exceptions": _exceptions(info),
        "loss_reasons": [
            {
                "name": reason.name,
                "note_required": reason.note_required or None,
                "counts_as_loss": None if reason.counts_as_loss else False,
            }
            for reason in info.active_reasons()
        ],
    }


def _stage(info: PipelineInfo, stage: StageInfo, keys: Mapping[str, str]) -> Tree:
    return {
        "name": stage.name,
        "exit_criterion": stage.exit_criterion,
        "norm": written_length(stage.norm_seconds) if stage.norm_seconds else None,
        "required": [keys.get(key, key) for key in stage.required if info.asks_for(key)],
        "required_exit": [keys.get(key, key) for key in stage.required_exit if info.asks_for(key)],
        "step_kinds": [kind.value for kind in stage.step_kinds],
        "color": stage.color,
        "accepts_new": stage.accepts_new or None,
        "win_percent": stage.win_percent,
    }


def _exceptions(info: PipelineInfo) -> list[Tree]:
    living = {*(stage.id for stage in info.open_stages), info.won_stage.id}
    return [
        {
            "role": role.value,
            "from": _stage_key(info, start),
            "to": StageKind.WON.value if end == info.won_stage.id else _stage_key(info, end),
            "allowed": allowed,
        }
        for (role, start, end), allowed in sorted(info.transitions.items())
        if {start, end} <= living
    ]


def _link(session: Session, link: LinkInfo, infos: Mapping[int, PipelineInfo], keys: Mapping[str, str]) -> Tree:
    plan = link.plan
    source, target = infos[plan.from_pipeline_id], infos[plan.to_pipeline_id]
    open_targets = {stage.id for stage in target.open_stages}
    of_stage = plan.trigger is LinkTrigger.STAGE and plan.from_stage_id is not None
    email = session.scalar(select(User.email).where(User.id == plan.owner_id)) if plan.owner_id else None
    return {
        "from": _pipeline_key(source),
        "trigger": plan.trigger.value,
        "from_stage": _stage_key(source, plan.from_stage_id or 0) if of_stage else None,
        "to": _pipeline_key(target),
        "to_stage": _stage_key(target, plan.to_stage_id) if plan.to_stage_id in open_targets else None,
        "kind": plan.kind.value,
        "copied": _Always([keys.get(key, key) for key in plan.copied if target.asks_for(key)]),
        "owner": plan.owner_rule.value,
        "owner_email": email,
        "delay": written_length(plan.delay_seconds) if plan.delay_seconds else None,
        "cooldown": written_length(plan.cooldown_seconds) if plan.cooldown_seconds else None,
        "max_rounds": plan.max_rounds,
        "skip_if_open": plan.skip_if_open or None,
        "active": None if plan.is_active else False,
        "first_step": {
            "kind": plan.step_kind.value,
            "due": written_length(plan.step_due_seconds),
            "text": plan.step_text or None,
        },
        "conditions": [_condition(session, one, source, keys) for one in plan.conditions],
    }


class _Always(list[str]):
    """A list that says something even when it is empty."""


def _condition(session: Session, condition: LinkCondition, source: PipelineInfo, keys: Mapping[str, str]) -> Tree:
    written: Tree = {"field": keys.get(condition.field, condition.field), "op": condition.op.value}
    if isinstance(condition.value, int):
        return written | {"value": condition.value / 100}
    if condition.op is not ConditionOp.IS_ONE_OF:
        return written
    names: Mapping[str | int, str] = {code: str(code) for code in _codes(condition)}
    if condition.field == "loss_reason":
        names = {reason.id: reason.name for reason in source.active_reasons()}
    elif condition.field == "team":
        names = dict(session.execute(select(Team.id, Team.name)).tuples())
    elif condition.field in source.fields:
        names = {option.code: option.name for option in source.fields[condition.field].options}
    return written | {"values": [names[code] for code in _codes(condition) if code in names]}


def _pipeline_key(info: PipelineInfo) -> str:
    return f"pipeline_{info.id}"


def _stage_key(info: PipelineInfo, stage_id: int) -> str:
    numbers = {stage.id: number for number, stage in enumerate(info.open_stages, start=1)}
    return f"stage_{numbers[stage_id]}"


def _tables(tree: Tree, path: str = "") -> Iterable[str]:
    """Yield the lines of a table: plain values first, then the tables inside it."""
    inner = []
    for key, value in tree.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            inner.append((key, value))
        elif value is not None and (value != [] or isinstance(value, _Always)):
            yield f"{key} = {_written(value)}"
    for key, tables in inner:
        name = f"{path}.{key}" if path else key
        for table in tables:
            yield ""
            yield f"[[{name}]]"
            yield from _tables(table, name)


def _written(value: object) -> str:
    if isinstance(value, dict):
        parts = (f"{key} = {_written(one)}" for key, one in value.items() if one is not None and one != [])
        return f"{{ {', '.join(parts)} }}"
    if isinstance(value, list):
        return f"[{', '.join(_written(one) for one in value)}]"
    # JSON writes texts, numbers and true as TOML does; DEL alone it leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
