"""Exceptions of a role to a pipeline's switches: from which stage to which, by the rules, allowed or forbidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from crm.i18n import _, ngettext
from crm.i18n.labels import label
from crm.models import Role
from crm.pipelines.rules import set_transitions
from crm.pipelines.stage_rules.direction import switch_violations
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.ui import act
from crm.ui.device import is_phone
from crm.ui.markdown import md

Exceptions = dict[tuple[int, int], bool]
_CHOICES = ("default", "allowed", "forbidden")
_WIDTH = 100  # pixels of a column: eight stages and their end fit a laptop


@dataclass(slots=True)
class _Draft:
    """Exceptions as chosen and not saved yet; `base` is what they began from."""

    base: Exceptions
    chosen: Exceptions = field(default_factory=dict)


def draw_transitions(pipeline: PipelineInfo) -> None:
    """Draw a role's way from stage to stage: the whole table, then one stage of it to be changed."""
    st.markdown(f"**{_('Exceptions for a role')}**")
    role = st.segmented_control(
        _("Role"), list(Role), default=Role.MANAGER, required=True, format_func=label, key="transitions_role",
        label_visibility="collapsed",
    ) or Role.MANAGER  # fmt: skip
    key = f"transitions_{pipeline.id}_{role.value}"
    saved = live_exceptions(pipeline, role)
    draft: _Draft | None = st.session_state.get(key)
    chosen = draft.chosen if draft else saved
    if not is_phone():
        _draw_table(pipeline, chosen)
    _draw_stage(pipeline, key, saved, chosen)
    if draft is not None and draft.chosen != saved:
        _draw_save(pipeline, role, key, draft, saved)
    st.caption(
        _("Closing as lost is always allowed. A head passes a ban with a written reason; it stands under “Exceptions”.")
    )


def live_exceptions(pipeline: PipelineInfo, role: Role) -> Exceptions:
    """Return a role's exceptions between stages that are in use."""
    starts = {stage.id for stage in pipeline.open_stages}
    ends = {*starts, pipeline.won_stage.id}
    return {
        (start, end): allowed
        for (whose, start, end), allowed in pipeline.transitions.items()
        if whose is role and start in starts and end in ends
    }


def _draw_table(pipeline: PipelineInfo, chosen: Mapping[tuple[int, int], bool]) -> None:
    ends = _ends(pipeline)
    table: dict[str, list[str]] = {_("From ↓ to →"): [stage.name for stage in pipeline.open_stages]}
    for number, end in enumerate(ends, 1):
        table[f"{number}. {end.name}"] = [_cell(pipeline, start, end, chosen) for start in pipeline.open_stages]
    names = list(table)
    widths = {name: st.column_config.TextColumn(width=_WIDTH if name != names[0] else 2 * _WIDTH) for name in names}
    st.dataframe(table, hide_index=True, column_config=widths, key=f"transitions_table_{pipeline.id}")


def _cell(pipeline: PipelineInfo, start: StageInfo, end: StageInfo, chosen: Mapping[tuple[int, int], bool]) -> str:
    if start.id == end.id:
        return ""
    exception = chosen.get((start.id, end.id))
    if exception is not None:
        return _("✓ allowed") if exception else _("✗ forbidden")
    return "✓" if not switch_violations(pipeline, start, end) else "–"


def _draw_stage(pipeline: PipelineInfo, key: str, saved: Exceptions, chosen: Mapping[tuple[int, int], bool]) -> None:
    stages = {stage.id: stage for stage in pipeline.open_stages}
    start_id = st.selectbox(
        _("Change the ways from the stage"), list(stages), format_func=lambda one: stages[one].name,
        key=f"transitions_from_{pipeline.id}", width=320,
    )  # fmt: skip
    start = stages.get(start_id or 0)
    if start is None:
        return
    for end in _ends(pipeline):
        if end.id == start.id:
            continue
        by_rules = _("by the rules: yes") if not switch_violations(pipeline, start, end) else _("by the rules: no")
        words = {
            "default": f":material/rule: {by_rules}",
            "allowed": f":material/check: {_('allowed')}",
            "forbidden": f":material/block: {_('forbidden')}",
        }
        present = {None: "default", True: "allowed", False: "forbidden"}[chosen.get((start.id, end.id))]
        widget = f"{key}_{start.id}_{end.id}_{present}"  # named by its value: a discarded choice leaves nothing behind
        st.segmented_control(
            f"→ {md(end.name)}", _CHOICES, default=present, required=True, format_func=words.__getitem__, key=widget,
            on_change=_choose, args=(key, widget, (start.id, end.id), saved),
        )  # fmt: skip


def _choose(key: str, widget: str, way: tuple[int, int], saved: Exceptions) -> None:
    draft: _Draft = st.session_state.setdefault(key, _Draft(dict(saved), dict(saved)))
    answer = st.session_state[widget]
    draft.chosen.pop(way, None)
    if answer in {"allowed", "forbidden"}:
        draft.chosen[way] = answer == "allowed"


def _draw_save(pipeline: PipelineInfo, role: Role, key: str, draft: _Draft, saved: Exceptions) -> None:
    if draft.base != saved:
        st.warning(_("Somebody else has changed these rules meanwhile. Discard to see them as they are."))
    count = len({way for way in {*draft.chosen, *saved} if draft.chosen.get(way) != saved.get(way)})
    st.caption(ngettext("{n} change is not saved yet", "{n} changes are not saved yet", count))
    with st.container(horizontal=True):
        if st.button(_("Save the exceptions"), key=f"{key}_save", type="primary", disabled=draft.base != saved):
            outcome = act.run(
                set_transitions, pipeline_id=pipeline.id, expected_version=pipeline.version, role=role,
                exceptions=draft.chosen,
            )  # fmt: skip
            if outcome.ok:
                del st.session_state[key]
            outcome.told(_("Saved"))
            st.rerun()
        if st.button(_("Discard"), key=f"{key}_discard", type="tertiary"):
            del st.session_state[key]
            st.rerun()


def _ends(pipeline: PipelineInfo) -> tuple[StageInfo, ...]:
    return (*pipeline.open_stages, pipeline.won_stage)
