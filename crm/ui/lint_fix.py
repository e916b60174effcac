"""The dialog of a fix: what it would change, what it still needs to know, one click to do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.deals.lint_fixes import FixDone, apply_fix
from crm.deals.lint_previews import preview_fix
from crm.i18n import _, ngettext
from crm.i18n.formats import duration
from crm.pipelines.linter.limits import DAY_SECONDS
from crm.pipelines.linter.values import (
    AddLink,
    AddReasons,
    CloseWithReason,
    FillStage,
    Fix,
    MoveSourceToField,
    RenameStage,
    RetireStage,
    SetLoopLimit,
    SplitPipeline,
    SwitchOffReasons,
    TurnIntoObjections,
)
from crm.pipelines.values import PipelineInfo
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.lint_words import fix_label, preview_lines, stage_name
from crm.ui.markdown import md
from crm.ui.name_hint import name_hint
from crm.ui.page import page_dialog, redraw

_OUTCOME = "lint_fix_outcome"


def ask_fix(actor: Actor, pipeline: PipelineInfo, others: dict[int, str], fix: Fix) -> None:
    """Open the dialog that shows what a fix changes and does it."""
    for key in [name for name in st.session_state if str(name).startswith("lint_fix_")]:
        del st.session_state[key]

    title = _("Rename the stage") if isinstance(fix, RenameStage) else md(fix_label(fix, pipeline, others))

    @page_dialog(title, width="medium")
    def ask() -> None:
        outcome: act.Outcome[FixDone] | None = st.session_state.get(_OUTCOME)
        stage_id = getattr(fix, "stage_id", None)
        if stage_id is not None:
            st.markdown(f":gray[{_('Stage')}:] **{md(stage_name(pipeline, stage_id))}**")
        chosen = _inputs(pipeline, others, fix)
        with read_scope() as session:
            preview = preview_fix(session, actor, pipeline_id=pipeline.id, fix=chosen)
        _draw_stages(preview.stages_before, preview.stages_after)
        st.markdown("\n".join(f"- {md(line)}" for line in preview_lines(chosen, preview)))
        if outcome is not None:
            field_error(outcome.full_message or None)
        if st.button(_("Mend it"), key="lint_fix_go", type="primary", icon=":material/build:"):
            done = act.run(apply_fix, pipeline_id=pipeline.id, expected_version=pipeline.version, fix=chosen)
            if done.ok and done.value is not None:
                done.told(_told(done.value))
                st.rerun()
            st.session_state[_OUTCOME] = done
            redraw()

    ask()


def _told(done: FixDone) -> str:
    if not done.open_deals:
        return _("Mended")
    return ngettext("Mended; {n} deal has another stage now", "Mended; {n} deals have another stage now",
                    done.open_deals)  # fmt: skip


def _draw_stages(before: tuple[str, ...], after: tuple[str, ...]) -> None:
    if before == after:
        return
    kept = [f"~~{md(name)}~~" if name not in after else md(name) for name in before]
    st.markdown(f":gray[{_('Now')}:] {' → '.join(kept)}")
    new = [f"**{md(name)}**" if name not in before else md(name) for name in after]
    st.markdown(f":gray[{_('Then')}:] {' → '.join(new)}")


def _inputs(pipeline: PipelineInfo, others: dict[int, str], fix: Fix) -> Fix:
    """Draw what a fix asks for and return it as chosen."""
    match fix:
        case AddLink():
            chosen: Fix = _link_inputs(others, fix)
        case RetireStage() | TurnIntoObjections():
            chosen = replace(fix, target_stage_id=_target_input(pipeline, fix.stage_id, fix.target_stage_id))
        case SplitPipeline():
            name = st.text_input(_("Name"), value=fix.name, key="lint_fix_name", max_chars=200)
            chosen = replace(fix, name=name or "")
        case _:
            draw = _INPUTS.get(type(fix))
            chosen = draw(pipeline, fix) if draw else fix
    return chosen


def _link_inputs(others: dict[int, str], fix: AddLink) -> AddLink:
    ids = list(others)
    at = _place(ids, fix.to_pipeline_id)
    chosen = st.selectbox(_("Where to"), ids, index=at, format_func=lambda one: others[one], key="lint_fix_pipeline")
    return replace(fix, to_pipeline_id=chosen)


def _source_inputs(pipeline: PipelineInfo, fix: MoveSourceToField) -> MoveSourceToField:
    source = st.text_input(_("Source"), value=fix.source, key="lint_fix_source", max_chars=100)
    target = _target_input(pipeline, fix.stage_id, fix.target_stage_id)
    return replace(fix, source=source or "", target_stage_id=target)


def _reasons_inputs(_pipeline: PipelineInfo, fix: AddReasons) -> AddReasons:
    typed = st.text_area(_("Reasons, one a line"), value="\n".join(fix.names), key="lint_fix_names", height=160)
    return AddReasons(tuple(line.strip() for line in (typed or "").splitlines() if line.strip()))


def _unused_inputs(pipeline: PipelineInfo, fix: SwitchOffReasons) -> SwitchOffReasons:
    names = {one.id: one.name for one in pipeline.loss_reasons}
    chosen = st.multiselect(
        _("Reasons"), list(fix.reason_ids), default=list(fix.reason_ids), format_func=lambda one: names[one],
        key="lint_fix_reasons",
    )  # fmt: skip
    return SwitchOffReasons(tuple(chosen))


def _rename_inputs(_pipeline: PipelineInfo, fix: RenameStage) -> RenameStage:
    name = st.text_input(
        _("What has been done when a deal is here?"), value=fix.name, key="lint_fix_name", max_chars=100, live=True
    )
    hint = name_hint(name or "")
    if hint:
        st.caption(f":material/lightbulb: {md(hint)}")
    return RenameStage(fix.stage_id, name or "")


def _target_input(pipeline: PipelineInfo, stage_id: int, target_id: int) -> int:
    ids = [stage.id for stage in pipeline.open_stages if stage.id != stage_id]
    at = _place(ids, target_id)
    chosen: int = st.selectbox(
        _("Deals go to"), ids, index=at, format_func=lambda one: stage_name(pipeline, one),
        key="lint_fix_target",
    )  # fmt: skip
    return chosen


def _fill_inputs(_pipeline: PipelineInfo, fix: FillStage) -> FillStage:
    criterion = st.text_area(
        _("Done when"), value=fix.exit_criterion, key="lint_fix_criterion", max_chars=1000, height=90
    )
    days = st.number_input(
        _("Norm, days"), min_value=0.25, max_value=366.0, step=0.25, value=max(0.25, fix.norm_seconds / DAY_SECONDS),
        key="lint_fix_norm", width=160,
    )  # fmt: skip
    return replace(fix, exit_criterion=criterion or "", norm_seconds=round(days * DAY_SECONDS))


def _close_inputs(pipeline: PipelineInfo, fix: CloseWithReason) -> CloseWithReason:
    reasons = {one.id: one.name for one in pipeline.active_reasons()}
    ids = list(reasons)
    at = _place(ids, fix.reason_id)
    reason = st.selectbox(
        _("Reason of loss"), ids, index=at, format_func=lambda one: reasons[one], key="lint_fix_reason"
    )
    note = st.text_area(_("Note on the loss"), value=fix.note, key="lint_fix_note", max_chars=5000, height=80)
    return CloseWithReason(fix.stage_id, reason, note or "")


def _place(ids: list[int], wanted: int) -> int:
    # What was offered may be out of use by now; the first one is shown then, and its preview with it.
    return ids.index(wanted) if wanted in ids else 0


def _limit_inputs(_pipeline: PipelineInfo, fix: SetLoopLimit) -> SetLoopLimit:
    days = st.number_input(
        _("Pause between two rounds, days"), min_value=1, max_value=1800, key="lint_fix_pause",
        value=fix.cooldown_seconds // DAY_SECONDS,
    )  # fmt: skip
    rounds = st.number_input(_("Rounds at most"), min_value=1, max_value=1000, value=fix.max_rounds, key="lint_fix_max")
    st.caption(_("A client comes back after {pause} at the earliest.", pause=duration(int(days) * DAY_SECONDS)))
    return replace(fix, cooldown_seconds=int(days) * DAY_SECONDS, max_rounds=int(rounds))


_INPUTS: dict[type[Any], Callable[[PipelineInfo, Any], Fix]] = {
    RenameStage: _rename_inputs,
    MoveSourceToField: _source_inputs,
    FillStage: _fill_inputs,
    CloseWithReason: _close_inputs,
    AddReasons: _reasons_inputs,
    SwitchOffReasons: _unused_inputs,
    SetLoopLimit: _limit_inputs,
}
