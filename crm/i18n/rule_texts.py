"""Short names of the stage rules that a head may pass with a reason."""

from __future__ import annotations

from crm.i18n import N_, _

RULE_NAMES: dict[str, str] = {
    "amount_not_positive": N_("won without an amount"),
    "back_not_allowed": N_("moved back"),
    "deal_closed": N_("closed deal taken up again"),
    "field_missing": N_("fields left empty"),
    "field_missing_on_exit": N_("fields of the former stage left empty"),
    "move_forbidden": N_("not for this role"),
    "next_step_kind_wrong": N_("next step of another kind"),
    "skip_not_allowed": N_("stages skipped"),
}


def rule_name(code: str) -> str:
    """Return the reader's short name of a passed rule; the code itself for one that is no more."""
    return _(RULE_NAMES[code]) if code in RULE_NAMES else code
