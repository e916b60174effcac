"""What is thought of a stage's name while it is being typed."""

from __future__ import annotations

from crm.i18n import N_, _, current_reader
from crm.pipelines.linter.names import judge_name

_HINTS = {
    "L02": N_("The name should say what has been done, not what is going on."),
    "L03": N_("This is a place to wait. What has to happen for a deal to leave it?"),
    "L04": N_("Objections come up on any stage: write them down on the deal."),
    "L05": N_("A source is a field of the deal, not a stage."),
    "L06": N_("Close such deals with a reason instead of putting them away."),
    "L07": N_("A stage is what has been done, not who does it."),
}
_WORST_FIRST = ("L04", "L05", "L06", "L07", "L03", "L02")


def name_hint(name: str) -> str | None:
    """Return one line about a stage's name with better ones, as plain text; None for a good or an empty name."""
    if not name.strip():
        return None
    verdict = judge_name(name)
    code = next((one for one in _WORST_FIRST if one in verdict.findings), None)
    if code is None:
        return None
    hint = _(_HINTS[code])
    better = ", ".join(f"«{one}»" if current_reader().language == "ru" else f"“{one}”" for one in verdict.suggestions)
    return f"{hint} {_('For example: {names}', names=better)}" if better else hint
