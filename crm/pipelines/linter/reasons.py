"""L12: reasons of loss that teach nothing."""

from __future__ import annotations

from crm.errors import Param
from crm.i18n import _
from crm.pipelines.linter.behaviour import Behaviour
from crm.pipelines.linter.facts import LintFacts, folded
from crm.pipelines.linter.values import AddReasons, Behind, Door, Finding, Severity, SwitchOffReasons
from crm.pipelines.values import LossReasonInfo

_OTHER = frozenset({"другое", "прочее", "иное", "иная причина", "other", "misc", "miscellaneous"})


def check(facts: LintFacts) -> list[Finding]:
    """Return findings about too few reasons, much "other", one reason for nearly all, reasons nobody needs."""
    reasons = facts.pipeline.active_reasons()
    found: list[Finding] = []
    if not facts.has_settings:
        return found
    limits = facts.limits
    if len(reasons) < limits.fewest_reasons:
        params: dict[str, Param] = {"count": len(reasons), "fewest": limits.fewest_reasons}
        found.append(Finding("L12", Severity.WARNING, ("few",), "", params, fixes=(AddReasons(_missing(reasons)),)))
    behaviour = facts.behaviour
    if behaviour is None or behaviour.losses < limits.fewest_deals:
        return found
    for reason in reasons:
        percent = 100 * behaviour.losses_by_reason.get(reason.id, 0) / behaviour.losses
        if percent > limits.one_reason_percent:
            found.append(_frequent(facts, behaviour, reason, "one"))
        elif _is_other(reason) and percent > limits.other_percent:
            found.append(_frequent(facts, behaviour, reason, "other"))
    return found + _unused(facts, behaviour)


def _is_other(reason: LossReasonInfo) -> bool:
    return reason.note_required or folded(reason.name) in _OTHER


def _frequent(facts: LintFacts, behaviour: Behaviour, reason: LossReasonInfo, variant: str) -> Finding:
    count = behaviour.losses_by_reason[reason.id]
    params: dict[str, Param] = {
        "reason": reason.name, "count": count, "of": behaviour.losses,
        "percent": round(100 * count / behaviour.losses),
    }  # fmt: skip
    door = Door(Behind.LOST_FOR, count, facts.pipeline.id, reason_id=reason.id, since=behaviour.losses_since)
    return Finding(
        "L12",
        Severity.WARNING,
        (variant,),
        f"reason:{reason.id}",
        params,
        (door,),
        (AddReasons(_missing(facts.pipeline.active_reasons())),),
    )


def _unused(facts: LintFacts, behaviour: Behaviour) -> list[Finding]:
    reasons = facts.pipeline.active_reasons()
    # Reasons of all pipelines may be needed elsewhere.
    unused = [one for one in reasons if one.pipeline_id is not None and not behaviour.losses_by_reason.get(one.id)]
    if behaviour.losses < facts.limits.unused_after_losses or not unused or len(reasons) - len(unused) < 1:
        return []
    params: dict[str, Param] = {
        "reasons": "; ".join(one.name for one in unused),
        "count": len(unused),
        "of": behaviour.losses,
    }
    fix = SwitchOffReasons(tuple(one.id for one in unused))
    return [Finding("L12", Severity.HINT, ("unused",), "unused", params, fixes=(fix,))]


def _missing(reasons: tuple[LossReasonInfo, ...]) -> tuple[str, ...]:
    usual = (
        _("Too dear"),
        _("Bought from somebody else"),
        _("No need any more"),
        _("Terms of delivery do not suit"),
        _("Does not answer"),
        _("Put the purchase off"),
    )
    present = {folded(one.name) for one in reasons}
    return tuple(name for name in usual if folded(name) not in present)
