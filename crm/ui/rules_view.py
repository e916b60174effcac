"""The tab "Rules" of a pipeline: the two switches, who creates deals, and exceptions of a role."""

from __future__ import annotations

from typing import Any

import streamlit as st

from crm.i18n import _
from crm.i18n.labels import label
from crm.models import Role
from crm.pipelines.rules import PipelineRules, edit_rules
from crm.pipelines.values import PipelineInfo
from crm.ui import act
from crm.ui.markdown import md
from crm.ui.transition_view import draw_transitions


def draw_rules(pipeline: PipelineInfo) -> None:
    """Draw the rules that hold on every stage, then the exceptions."""
    st.caption(_("Rules count from a deal's next move on. Deals that stand somewhere already stay where they are."))
    _draw_switches(pipeline)
    st.divider()
    draw_transitions(pipeline)


def saved_rules(pipeline: PipelineInfo) -> PipelineRules:
    """Return a pipeline's rules as they are."""
    return PipelineRules(pipeline.forward_only, pipeline.no_skipping, pipeline.creation_roles)


def _draw_switches(pipeline: PipelineInfo) -> None:
    prefix = f"rules_{pipeline.id}"
    saved = saved_rules(pipeline)
    base, version = _base(prefix, saved, pipeline.version)
    forward_only = st.toggle(
        _("Forward only"),
        key=f"{prefix}_forward",
        help=_("Deals don't go back to a stage behind. Losing is always possible."),
    )
    no_skipping = st.toggle(
        _("No skipping"),
        key=f"{prefix}_skipping",
        help=_("Deals go to the following stage only, and are won from the last one."),
    )
    roles = st.pills(
        _("Who creates deals by hand"), list(Role), selection_mode="multi", format_func=label, key=f"{prefix}_roles",
        help=_("Links, imports and incoming requests create deals whatever is chosen here."),
    )  # fmt: skip
    begins = ", ".join(md(stage.name) for stage in pipeline.starting_stages)
    st.caption(_("They begin on: {stages}. Each stage says whether it takes new deals.", stages=begins))
    typed = PipelineRules(forward_only, no_skipping, frozenset(roles))
    if typed == saved:
        return
    if base != saved:
        st.warning(_("Somebody else has changed these rules meanwhile. Discard to see them as they are."))
    with st.container(horizontal=True):
        if st.button(_("Save the rules"), key=f"{prefix}_save", type="primary"):
            outcome = act.run(edit_rules, pipeline_id=pipeline.id, expected_version=version, rules=typed)
            if outcome.ok:
                _forget(prefix)
            outcome.told(_("Saved"))
            st.rerun()
        if st.button(_("Discard"), key=f"{prefix}_discard", type="tertiary"):
            _forget(prefix)
            st.rerun()


def _base(prefix: str, saved: PipelineRules, version: int) -> tuple[PipelineRules, int]:
    """Return the rules that the widgets began from, and the version a save expects.

    Untouched widgets follow what others save; touched ones keep what was chosen, and a save over others' is refused.
    """
    known: tuple[PipelineRules, int] | None = st.session_state.get(f"{prefix}_base")
    if known is None or (known[0] != saved and _typed(prefix) == known[0]):
        st.session_state[f"{prefix}_forward"] = saved.forward_only
        st.session_state[f"{prefix}_skipping"] = saved.no_skipping
        st.session_state[f"{prefix}_roles"] = [role for role in Role if role in saved.creation_roles]
    elif known[0] != saved:
        return known
    elif f"{prefix}_forward" not in st.session_state:  # the tab was left: what was not saved is gone
        _forget(prefix)
        return _base(prefix, saved, version)
    st.session_state[f"{prefix}_base"] = (saved, version)
    return saved, version


def _typed(prefix: str) -> PipelineRules | None:
    values: list[Any] = [st.session_state.get(f"{prefix}_{name}") for name in ("forward", "skipping", "roles")]
    return None if None in values else PipelineRules(values[0], values[1], frozenset(values[2]))


def _forget(prefix: str) -> None:
    for name in ("base", "forward", "skipping", "roles"):
        st.session_state.pop(f"{prefix}_{name}", None)
