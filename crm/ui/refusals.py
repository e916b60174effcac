"""Refused moves in words that stand alone, away from the fields they are about."""

from __future__ import annotations

from collections.abc import Sequence

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.errors import Violation
from crm.i18n import _
from crm.i18n.texts import FIELD_NAMES, violation_sentence
from crm.pipelines.stage_rules.direction import way_violations
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.ui.deal_inputs import display_name

# Their sentences say what they are about.
_TELLING = frozenset({"loss_note", "loss_reason", "next_step", "override_reason", "stage"})
_WAYS = frozenset({"back_not_allowed", "move_forbidden", "skip_not_allowed"})


def barred(actor: Actor, pipeline: PipelineInfo, start: StageInfo, target: StageInfo) -> str:
    """Return why the actor can't move deals from an open stage to another, empty when they can.

    Who passes rules with a reason can go anywhere.
    """
    if may(actor, Action.OVERRIDE_RULES):
        return ""
    return " ".join(map(violation_sentence, way_violations(pipeline, actor.role, start, target)))


def refused_move(violations: Sequence[Violation], pipeline: PipelineInfo) -> str:
    """Return why a deal stays, each field by its name; where the way itself is forbidden, only that."""
    ways = [one for one in violations if one.code in _WAYS]
    return " ".join(dict.fromkeys(_sentence(one, pipeline) for one in ways or violations))


def _sentence(violation: Violation, pipeline: PipelineInfo) -> str:
    field = violation.field
    known = field in FIELD_NAMES or field in pipeline.fields
    if field is None or not known or field in _TELLING or violation.code == "amount_not_positive":
        return violation_sentence(violation)
    name = display_name(field, pipeline)
    if violation.code == "field_missing":
        return _("“{stage}” needs the field “{field}”.", stage=violation.params["stage"], field=name)
    if violation.code == "field_missing_on_exit":
        return _("“{stage}” can't be left without the field “{field}”.", stage=violation.params["stage"], field=name)
    return f"{name}: {violation_sentence(violation)}"
