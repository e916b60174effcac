"""The pipelines page around its stages: its name, reasons of loss, custom fields."""

from __future__ import annotations

import streamlit as st

from crm.i18n import _, ngettext
from crm.i18n.labels import label
from crm.models import FieldType
from crm.pipelines.commands import edit_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason, create_field, edit_field, edit_loss_reason
from crm.pipelines.values import FieldInfo, LossReasonInfo, PipelineInfo
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.markdown import md

_CHOICES = {FieldType.CHOICE, FieldType.MULTI_CHOICE}


def draw_settings(pipeline: PipelineInfo) -> None:
    """Draw the pipeline's name and putting it away."""
    with st.popover(_("Name and archive"), icon=":material/edit:"):
        name = st.text_input(_("Name"), value=pipeline.name, key=f"name_{pipeline.id}_{pipeline.version}")
        archived = st.toggle(
            _("In the archive: no new deals, not on the board"),
            value=pipeline.is_archived,
            key=f"archived_{pipeline.id}_{pipeline.version}",
        )
        if st.button(_("Save"), key="save_pipeline", type="primary"):
            act.run(
                edit_pipeline,
                pipeline_id=pipeline.id,
                expected_version=pipeline.version,
                name=name or "",
                is_archived=archived,
            ).told(_("Saved"))
            st.rerun()


def draw_reasons(pipeline: PipelineInfo) -> None:
    """Draw the reasons of loss, each with its switches, and the way to add one."""
    st.caption(_("Closing a deal as lost demands one of these. A reason that is no loss stays out of loss statistics."))
    for reason in pipeline.loss_reasons:
        _draw_reason(reason)
    with st.form("new_reason", clear_on_submit=True, border=False):
        name = st.text_input(_("New reason"), max_chars=200)
        note = st.checkbox(_("Needs a note"))
        counts = st.checkbox(_("Counts as a loss"), value=True)
        if st.form_submit_button(_("Add the reason"), icon=":material/add:"):
            plan = ReasonPlan(name or "", note, counts)
            act.run(add_loss_reason, pipeline_id=pipeline.id, plan=plan).told(_("Reason added"))
            st.rerun()


def draw_fields(pipeline: PipelineInfo) -> None:
    """Draw the custom fields of deals and the way to add one."""
    st.caption(_("Fields belong to deals of all pipelines; each stage says which it needs."))
    for field in pipeline.fields.values():
        _draw_field(field)
    with st.popover(_("New field"), icon=":material/add:"):
        name = st.text_input(_("Name"), key="new_field_name", max_chars=200)
        kind = st.selectbox(_("Type"), list(FieldType), format_func=label, key="new_field_type") or FieldType.TEXT
        options = _options_input("new_field_options", []) if kind in _CHOICES else []
        hint = st.text_input(_("Hint"), key="new_field_hint", max_chars=300)
        if st.button(_("Add the field"), key="new_field_go", type="primary"):
            outcome = act.run(create_field, name=name or "", field_type=kind, options=options, hint=hint or "")
            if outcome.ok:
                for key in ("new_field_name", "new_field_hint", "new_field_options"):
                    st.session_state.pop(key, None)
                outcome.told(_("Field added"))
                st.rerun()
            field_error(outcome.full_message)


def _draw_reason(reason: LossReasonInfo) -> None:
    marks = [_("needs a note")] if reason.note_required else []
    marks += [] if reason.counts_as_loss else [_("not a loss")]
    marks += [] if reason.is_active else [_("switched off")]
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        st.markdown(md(reason.name) + (f" :gray[· {' · '.join(marks)}]" if marks else ""), width="stretch")
        with st.popover(_("Change"), key=f"reason_{reason.id}"):
            name = st.text_input(_("Name"), value=reason.name, key=f"reason_{reason.id}_name", max_chars=200)
            note = st.checkbox(_("Needs a note"), value=reason.note_required, key=f"reason_{reason.id}_note")
            counts = st.checkbox(_("Counts as a loss"), value=reason.counts_as_loss, key=f"reason_{reason.id}_counts")
            active = st.checkbox(_("Offered"), value=reason.is_active, key=f"reason_{reason.id}_active")
            if st.button(_("Save"), key=f"reason_{reason.id}_save", type="primary"):
                plan = ReasonPlan(name or "", note, counts, active)
                act.run(edit_loss_reason, reason_id=reason.id, plan=plan, seen=reason).told(_("Saved"))
                st.rerun()


def _draw_field(field: FieldInfo) -> None:
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        off = "" if field.is_active else f" · {_('switched off')}"
        offered = len(field.offered())
        values = f" · {ngettext('{n} value', '{n} values', offered)}" if field.type in _CHOICES else ""
        st.markdown(f"{md(field.name)} :gray[· {label(field.type)}{values}{off}]", width="stretch")
        with st.popover(_("Change"), key=f"field_{field.id}"):
            name = st.text_input(_("Name"), value=field.name, key=f"field_{field.id}_name", max_chars=200)
            names = [option.name for option in field.offered()]
            options = _options_input(f"field_{field.id}_options", names) if field.type in _CHOICES else []
            hint = st.text_input(_("Hint"), value=field.hint or "", key=f"field_{field.id}_hint", max_chars=300)
            active = st.checkbox(_("Offered"), value=field.is_active, key=f"field_{field.id}_active")
            if st.button(_("Save"), key=f"field_{field.id}_save", type="primary"):
                act.run(
                    edit_field,
                    field_id=field.id,
                    name=name or "",
                    options=options,
                    hint=hint or "",
                    is_active=active,
                    seen=field,
                ).told(_("Saved"))
                st.rerun()


def _options_input(key: str, names: list[str]) -> list[str]:
    typed = st.text_area(_("Values, one a line"), value="\n".join(names), key=key, height=120)
    return [line for line in (typed or "").splitlines() if line.strip()]
