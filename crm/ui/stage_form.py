"""The dialog of one stage: its name and colour, when it is done, what deals need, which next steps count."""

from __future__ import annotations

import streamlit as st
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.i18n import N_, _
from crm.i18n.labels import label
from crm.i18n.texts import field_name
from crm.models import StageKind, StepKind
from crm.pipelines.commands import StagePlan, add_stage, edit_stage
from crm.pipelines.values import BUILTIN_FIELDS, COLORS, PipelineInfo, StageInfo
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.markdown import md
from crm.ui.name_hint import name_hint
from crm.ui.page import page_dialog, redraw
from crm.ui.step_inputs import STEP_ICONS

UNITS = {"minutes": (60, N_("minutes")), "hours": (3600, N_("hours")), "days": (86400, N_("days"))}
COLOR_WORDS = {
    "blue": N_("Blue"),
    "green": N_("Green"),
    "orange": N_("Orange"),
    "red": N_("Red"),
    "violet": N_("Violet"),
    "yellow": N_("Yellow"),
    "gray": N_("Grey"),
}
# Streamlit's text colours are too dark on a light ground to be told apart as dots.
COLOR_SIGNS = {
    "blue": "🔵",
    "green": "🟢",
    "orange": "🟠",
    "red": "🔴",
    "violet": "🟣",
    "yellow": "🟡",
    "gray": "⚪\ufe0f",
}
_Outcome = act.Outcome[int] | None


def ask_stage(pipeline: PipelineInfo, stage: StageInfo | None) -> None:
    """Open the dialog that changes a stage, or adds one where None."""
    for key in [name for name in st.session_state if str(name).startswith("stage_form_")]:
        del st.session_state[key]

    @page_dialog(_("Change the stage") if stage else _("Add a stage"), width="medium")
    def ask() -> None:
        outcome: _Outcome = st.session_state.get("stage_form_outcome")
        if outcome is not None and not outcome.ok:
            st.error(outcome.message, icon=":material/error:")
        is_end = stage is not None and stage.kind is not StageKind.OPEN
        plan = _end_inputs(pipeline, stage, outcome) if is_end else _stage_inputs(pipeline, stage, outcome)
        if st.button(_("Save"), key="stage_form_save", type="primary"):
            if stage is None:
                saved = act.run(add_stage, pipeline_id=pipeline.id, expected_version=pipeline.version, plan=plan)
            else:
                saved = act.run(_edit, stage_id=stage.id, expected_version=pipeline.version, plan=plan)
            if saved.ok:
                saved.told(_("Saved"))
                st.rerun()
            st.session_state["stage_form_outcome"] = saved
            redraw()

    ask()


def field_title(key: str, pipeline: PipelineInfo) -> str:
    """Return the reader's name of a field that a stage may require."""
    field = pipeline.fields.get(key)
    return field.name if field else field_name(key)


def _edit(session: Session, actor: Actor, *, stage_id: int, expected_version: int, plan: StagePlan) -> int:
    edit_stage(session, actor, stage_id=stage_id, expected_version=expected_version, plan=plan)
    return stage_id


def _end_inputs(pipeline: PipelineInfo, stage: StageInfo | None, outcome: _Outcome) -> StagePlan:
    name = _name_input(stage, outcome)
    required = _fields_input(_("Fields needed to close"), "required", pipeline, stage, outcome)
    return StagePlan(name, required=required, color=stage.color if stage else None)


def _stage_inputs(pipeline: PipelineInfo, stage: StageInfo | None, outcome: _Outcome) -> StagePlan:
    name = _name_input(stage, outcome)
    color = _color_input(stage)
    criterion = st.text_area(
        _("Done when"),
        value=(stage.exit_criterion or "") if stage else "",
        key="stage_form_criterion",
        placeholder=_("What must be true before the deal goes on?"),
        height=80,
    )
    _error(outcome, "exit_criterion")
    norm = _norm_input(stage)
    _error(outcome, "norm_seconds")
    win_percent = _win_input(stage)
    _error(outcome, "win_percent")
    with st.container(border=True, gap="small"):
        st.markdown(f"**{_('What deals need here')}**")
        required = _fields_input(_("Fields needed to enter"), "required", pipeline, stage, outcome)
        required_exit = _fields_input(_("Fields needed to go on"), "required_exit", pipeline, stage, outcome)
        kinds = st.pills(
            _("Next steps that count"),
            list(StepKind),
            selection_mode="multi",
            default=list(stage.step_kinds) if stage else [],
            format_func=lambda one: f"{STEP_ICONS[one]} {label(one)}",
            key="stage_form_kinds",
            help=_("A deal enters with a next step of one of these kinds. Choose none, and any will do."),
        )
        _error(outcome, "step_kinds")
    accepts_new = _new_deals_input(pipeline, stage)
    ordered = tuple(kind for kind in StepKind if kind in kinds)
    return StagePlan(name, criterion or "", norm, required, required_exit, ordered, color, accepts_new, win_percent)


def _name_input(stage: StageInfo | None, outcome: _Outcome) -> str:
    name = st.text_input(
        _("Name: a finished action, such as “Proposal sent”"),
        value=stage.name if stage else "",
        key="stage_form_name",
        max_chars=100,
        live=True,
    )
    _error(outcome, "name")
    hint = name_hint(name or "") if stage is None or stage.kind is StageKind.OPEN else None
    if hint:
        st.caption(f":material/lightbulb: {md(hint)}")
    return name or ""


def _color_input(stage: StageInfo | None) -> str | None:
    return st.pills(
        _("Colour on the board"),
        list(COLORS),
        default=stage.color if stage else None,
        format_func=lambda one: f"{COLOR_SIGNS[one]} {_(COLOR_WORDS[one])}",
        key="stage_form_color",
    )


def _fields_input(
    title: str, moment: str, pipeline: PipelineInfo, stage: StageInfo | None, outcome: _Outcome
) -> tuple[str, ...]:
    present = list(getattr(stage, moment)) if stage else []
    keys = [
        *BUILTIN_FIELDS,
        *(field.key for field in pipeline.fields.values() if field.is_active or field.key in present),
    ]
    chosen = st.multiselect(
        title,
        keys,
        default=[key for key in present if key in keys],
        format_func=lambda key: field_title(key, pipeline),
        key=f"stage_form_{moment}",
        placeholder=_("No field is needed"),
    )
    _error(outcome, moment)
    return tuple(chosen)


def _new_deals_input(pipeline: PipelineInfo, stage: StageInfo | None) -> bool:
    if stage is not None and pipeline.open_stages[0].id == stage.id:
        st.caption(_("New deals begin here: this is the first stage."))
        return stage.accepts_new
    return st.toggle(
        _("New deals may begin here"), value=stage.accepts_new if stage else False, key="stage_form_accepts_new"
    )


def _norm_input(stage: StageInfo | None) -> int | None:
    seconds = stage.norm_seconds if stage else None
    unit = next((code for code in ("days", "hours") if seconds and seconds % UNITS[code][0] == 0), "minutes")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        amount = st.number_input(
            _("Norm: the longest healthy stay"),
            min_value=0,
            max_value=100_000,
            value=seconds // UNITS[unit][0] if seconds else None,
            step=1,
            key="stage_form_norm",
            placeholder=_("No norm"),
        )
        chosen = st.selectbox(
            _("Unit"),
            list(UNITS),
            index=list(UNITS).index(unit if seconds else "hours"),
            format_func=lambda code: _(UNITS[code][1]),
            key="stage_form_unit",
            label_visibility="collapsed",
            width=130,
        )
    return int(amount) * UNITS[chosen][0] if amount else None


def _win_input(stage: StageInfo | None) -> int | None:
    percent = st.number_input(
        _("Chance of a win, %"),
        min_value=0,
        max_value=100,
        value=stage.win_percent if stage else None,
        step=5,
        key="stage_form_win",
        placeholder=_("Not set"),
        help=_("How many of a hundred deals on this stage are won. The forecast multiplies their sums by it."),
        width=220,
    )
    return None if percent is None else int(percent)


def _error(outcome: _Outcome, field: str) -> None:
    field_error(outcome.field_error(field) if outcome else None)
