"""A link between pipelines in a plain sentence, and the words for its parts; all of it markdown."""

from __future__ import annotations

from collections.abc import Mapping

from crm.i18n import N_, _, ngettext
from crm.i18n.formats import duration
from crm.i18n.labels import label
from crm.i18n.texts import FIELD_NAMES, field_name
from crm.models import LinkOwner, LinkTrigger, Priority
from crm.pipelines.link_values import ConditionOp, LinkCondition, LinkInfo
from crm.pipelines.values import FieldInfo
from crm.ui.forms import typed_form
from crm.ui.markdown import md

OP_TEXTS = {
    ConditionOp.AT_LEAST: N_("at least"),
    ConditionOp.AT_MOST: N_("at most"),
    ConditionOp.IS_ONE_OF: N_("is one of"),
    ConditionOp.FILLED: N_("is filled"),
    ConditionOp.EMPTY: N_("is empty"),
}


def link_sentence(link: LinkInfo) -> str:
    """Return what sets a link off and what it creates."""
    plan = link.plan
    source, target = md(link.from_pipeline), md(link.to_pipeline)
    starts = {
        LinkTrigger.WON: _("Won in “{pipeline}”", pipeline=source),
        LinkTrigger.LOST: _("Lost in “{pipeline}”", pipeline=source),
        LinkTrigger.STAGE: _("Comes to “{stage}” in “{pipeline}”", stage=md(link.from_stage or "—"), pipeline=source),
    }
    where = md(link.to_stage) if link.to_stage else _("first stage")
    return f"{starts[plan.trigger]} → **{_('new deal in “{pipeline}”', pipeline=target)}**, {where}"


def link_details(link: LinkInfo, fields: Mapping[str, FieldInfo], names: Mapping[str, Mapping[int, str]]) -> str:
    """Return whose the new deal is, when it comes, under which conditions, and what ends a loop.

    `names` are those of reasons of loss and of teams by id, under "loss_reason" and "team".
    """
    plan = link.plan
    owner = label(plan.owner_rule).lower()
    if plan.owner_rule is not LinkOwner.SAME:
        owner = _("owner: {owner}", owner=md(link.owner_name) if link.owner_name else owner)
    parts = [
        label(plan.kind).lower(),
        owner,
        _("after {time}", time=duration(plan.delay_seconds)) if plan.delay_seconds else _("at once"),
    ]
    told = [condition_words(one, fields, names) for one in plan.conditions]
    parts += [_("if {conditions}", conditions="; ".join(told))] if told else []
    parts += [_("pause between rounds {time}", time=duration(plan.cooldown_seconds))] if plan.cooldown_seconds else []
    parts += [ngettext("{n} round at most", "{n} rounds at most", plan.max_rounds)] if plan.max_rounds else []
    parts += [_("not while the client has an open deal")] if plan.skip_if_open else []
    return " · ".join(parts)


def condition_words(
    condition: LinkCondition, fields: Mapping[str, FieldInfo], names: Mapping[str, Mapping[int, str]]
) -> str:
    """Return a condition in words."""
    title = md(field_title(condition.field, fields)).lower()
    return " ".join(filter(None, (title, _(OP_TEXTS[condition.op]), _value_words(condition, fields, names))))


def field_title(key: str, fields: Mapping[str, FieldInfo]) -> str:
    """Return the reader's name of a field that a link copies or looks at."""
    if key in fields:
        return fields[key].name
    return _("Team") if key == "team" else field_name(key) if key in FIELD_NAMES else key


def value_title(
    field: str, value: str | int, fields: Mapping[str, FieldInfo], names: Mapping[str, Mapping[int, str]]
) -> str:
    """Return one value of a condition as a reader knows it."""
    if field == "priority":
        return label(Priority[str(value).upper()])
    if field in names:
        return names[field].get(int(value), "—")
    return fields[field].option_name(str(value)) if field in fields else str(value)


def _value_words(
    condition: LinkCondition, fields: Mapping[str, FieldInfo], names: Mapping[str, Mapping[int, str]]
) -> str:
    if isinstance(condition.value, tuple):
        return ", ".join(f"“{md(value_title(condition.field, one, fields, names))}”" for one in condition.value)
    return "" if condition.value is None else md(typed_form(condition.value))
