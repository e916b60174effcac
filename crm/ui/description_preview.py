"""What a description would create, before it does: the map, then stages, links, fields and reasons in words."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from crm.i18n import _, current_reader, ngettext
from crm.i18n.formats import duration
from crm.i18n.labels import label
from crm.i18n.texts import FIELD_NAMES, field_name
from crm.pipelines.descriptions import Description, described_links, described_map, described_pipelines
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.ui.link_words import link_details, link_sentence
from crm.ui.map_view import draw_map
from crm.ui.markdown import md


def created_counts(description: Description) -> str:
    """Return in numbers what a description brings."""
    stages = sum(len(one.stages) for one in description.pipelines)
    reasons = {reason.name.spoken("en") for one in description.pipelines for reason in one.loss_reasons}
    counts = [
        ngettext("{n} stage", "{n} stages", stages),
        ngettext("{n} link", "{n} links", len(description.links)) if description.links else "",
        ngettext("{n} deal field", "{n} deal fields", len(description.fields)) if description.fields else "",
        ngettext("{n} reason of loss", "{n} reasons of loss", len(reasons)) if reasons else "",
    ]
    return " · ".join(one for one in counts if one)


def draw_preview(description: Description, *, key: str) -> None:
    """Draw the map of what would be created, and all of it in words."""
    infos = described_pipelines(description, current_reader().language)
    if len(infos) > 1:
        draw_map(described_map(description, current_reader().language), key=f"{key}_map")
    stages, links, fields, reasons = st.tabs([_("Stages"), _("Links"), _("Deal fields"), _("Reasons of loss")])
    with stages:
        for info in infos:
            _draw_stages(info, is_open=len(infos) == 1)
    with links:
        _draw_links(description, infos)
    with fields:
        _draw_fields(infos)
    with reasons:
        _draw_reasons(infos)


def _draw_stages(info: PipelineInfo, *, is_open: bool) -> None:
    count = ngettext("{n} stage", "{n} stages", len(info.open_stages))
    with st.expander(f"**{md(info.name)}** · {count}", expanded=is_open):
        for number, stage in enumerate(info.open_stages, start=1):
            st.markdown(f"{number}. {_stage_line(info, stage)}")
        ends = _("Ends: won as “{won}”, lost as “{lost}”", won=md(info.won_stage.name), lost=md(info.lost_stage.name))
        st.caption(f"{ends}{' · ' + _('stands alone') if info.stands_alone else ''}")


def _stage_line(info: PipelineInfo, stage: StageInfo) -> str:
    needed = [_field_title(info, key) for key in (*stage.required, *stage.required_exit)]
    details = [
        duration(stage.norm_seconds) if stage.norm_seconds else "",
        _("needs: {fields}", fields=", ".join(dict.fromkeys(needed))) if needed else "",
    ]
    told = " · ".join(one for one in details if one)
    lines = [f"**{md(stage.name)}**" + (f" :gray[· {told}]" if told else "")]
    lines += [f":small[{md(stage.exit_criterion)}]"] if stage.exit_criterion else []
    return "  \n   ".join(lines)


def _draw_links(description: Description, infos: Sequence[PipelineInfo]) -> None:
    if not description.links:
        st.caption(_("No links: each pipeline ends where it ends."))
    fields = infos[0].fields
    names = {"loss_reason": {reason.id: reason.name for info in infos for reason in info.loss_reasons}}
    for link in described_links(description, current_reader().language):
        st.markdown(f"- {link_sentence(link)}  \n  :small[:gray[{link_details(link, fields, names)}]]")


def _draw_fields(infos: Sequence[PipelineInfo]) -> None:
    fields = infos[0].fields.values()
    if not fields:
        st.caption(_("No fields of its own: the built-in ones are enough."))
    for field in fields:
        values = ", ".join(md(option.name) for option in field.offered())
        told = " · ".join(one for one in (label(field.type), values, md(field.hint or "")) if one)
        st.markdown(f"- {md(field.name)} :gray[· {told}]")


def _draw_reasons(infos: Sequence[PipelineInfo]) -> None:
    lists = {tuple((one.name, one.note_required, one.counts_as_loss) for one in info.loss_reasons) for info in infos}
    for reasons in sorted(lists, key=len, reverse=True):
        names = [info.name for info in infos if tuple(
            (one.name, one.note_required, one.counts_as_loss) for one in info.loss_reasons
        ) == reasons]  # fmt: skip
        if len(lists) > 1:
            st.markdown(f"**{md(', '.join(names))}**")
        if not reasons:
            st.caption(_("No reasons yet: deals can't be closed as lost until there is one."))
        for name, note_required, counts_as_loss in reasons:
            marks = [_("needs a note")] if note_required else []
            marks += [] if counts_as_loss else [_("not a loss")]
            st.markdown(f"- {md(name)}" + (f" :gray[· {' · '.join(marks)}]" if marks else ""))


def _field_title(info: PipelineInfo, key: str) -> str:
    if key in info.fields:
        return md(info.fields[key].name)
    return field_name(key) if key in FIELD_NAMES else key
