"""The third step of an import: what would happen to each row, unknown values to be mapped, and the start."""

from __future__ import annotations

from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.clock import utc_now
from crm.db import read_scope
from crm.i18n import _, ngettext
from crm.i18n.formats import money
from crm.i18n.texts import error_sentence, violation_sentence
from crm.imports.background import PlannedUploads, plan_uploads, run_uploads
from crm.imports.fields import RecordKind
from crm.imports.mapping import DateOrder, folded
from crm.imports.mapping_text import mapping_from
from crm.imports.memory import remember_mapping
from crm.imports.plan import MAX_SHOWN, Plan
from crm.imports.reads import reasons
from crm.imports.run import start_import
from crm.models import RowVerdict
from crm.pipelines.reads import list_pipelines, load_pipeline
from crm.ui import act
from crm.ui.import_draft import DraftStep, ImportDraft, begin_draft, settled
from crm.ui.import_files import seen_files
from crm.ui.import_pipeline import stage_names
from crm.ui.import_words import verdict_name
from crm.ui.markdown import md

ROWS_SHOWN = 50
MOST_ASKED = 30
_ASKED_BESIDE = 3
_ORDERS = {DateOrder.DMY: "31.12.2025", DateOrder.MDY: "12/31/2025", DateOrder.YMD: "2025-12-31"}


def draw_check(actor: Actor, draft: ImportDraft) -> None:
    """Draw the plan, once there is one, and the way on or back."""
    answer = settled(draft.plan)
    if answer is None:
        st.markdown(f":material/hourglass_top: {_('Every row is being checked. Nothing is written yet.')}")
        return
    error = answer.error()
    if error is not None:
        st.error(error_sentence(error), icon=":material/error:")
        for violation in answer.violations:
            st.markdown(f":red[{md(violation_sentence(violation))}]")
    plan = answer.value.plan if answer.value else None
    if plan is not None:
        draw_counts(draft, plan)
        draw_unknown(actor, draft, plan)
        draw_rows(draft, plan)
    ready = plan.report.counts.of(RowVerdict.CREATED) + plan.report.counts.of(RowVerdict.UPDATED) if plan else 0
    with st.container(horizontal=True):
        label = ngettext("Import {n} row", "Import {n} rows", ready)
        if st.button(label, type="primary", key=draft.key("start"), disabled=not ready):
            _start(actor, draft, answer.value)
        st.button(_("Back to the columns"), key=draft.key("back"), on_click=_go_back, args=(draft,))
        st.button(_("Choose other files"), key=draft.key("restart"), on_click=begin_draft, type="tertiary")


def draw_counts(draft: ImportDraft, plan: Plan) -> None:
    """Draw how many rows get which verdict, what deals come in, and what is created along the way."""
    counts, deals = plan.report.counts, plan.report.deals
    with st.container(horizontal=True, key="import_counts"):
        for verdict in RowVerdict:
            st.metric(verdict_name(verdict), counts.of(verdict), width="content")
        if deals.total:
            for label, count in ((_("Won"), deals.won), (_("Lost"), deals.lost), (_("Open"), deals.open)):
                st.metric(label, count, width="content")
        for currency, amount_minor in sorted(deals.value_won_minor.items()):
            st.metric(_("Value won"), money(amount_minor, currency), width="content")
    created = (
        (_("New people"), plan.new_people),
        (_("New pipelines"), [_with_stages(draft, name) for name in plan.new_pipelines]),
        (_("New fields"), plan.new_fields),
        (_("New reasons of loss"), plan.new_reasons),
    )
    for label, names in created:
        if names:
            st.caption(f"{label}: {md(', '.join(names))}")


def draw_unknown(actor: Actor, draft: ImportDraft, plan: Plan) -> None:
    """Ask what unknown people and stages mean, and which order of dates is right where nothing proves one."""
    if not plan.unknown and not plan.open_date_columns:
        return
    with st.container(border=True):
        st.markdown(f"**{_('Say what these values mean, then check again')}**")
        with read_scope() as session:
            owners = list(list_owners(session, actor).values())
            pipelines = [load_pipeline(session, one.id) for one in list_pipelines(session)]
        _open, stages = stage_names(draft, pipelines)
        for field, label, ours in (
            ("owner", _("Owner"), owners),
            ("stage", _("Stage"), stages),
            ("pipeline", _("Pipeline"), [one.name for one in pipelines]),
        ):
            _draw_values(draft, field, label, plan.unknown.get(field, {}), ours)
        if plan.open_date_columns:
            _draw_date_order(draft, plan)
        if st.button(_("Check again"), key=draft.key("recheck"), icon=":material/refresh:"):
            draft.plan = plan_uploads(actor, [file.source for file in draft.files], draft.mapping)
            st.rerun()


def draw_rows(draft: ImportDraft, plan: Plan) -> None:
    """Draw the rows of one verdict, page by page."""
    present = [verdict for verdict in RowVerdict if plan.report.counts.of(verdict)]
    if not present:
        return
    first = RowVerdict.FAILED if RowVerdict.FAILED in present else present[0]
    verdict = st.segmented_control(
        _("Rows"), present, default=first, required=True, format_func=verdict_name, key=draft.key("verdict"),
        label_visibility="collapsed",
    )  # fmt: skip
    rows = [row for row in plan.rows if row.verdict is verdict]
    pages = max(1, -(-len(rows) // ROWS_SHOWN))
    page = st.pagination(pages, key=draft.key("page", verdict)) if pages > 1 else 1
    shown = rows[((page or 1) - 1) * ROWS_SHOWN :][:ROWS_SHOWN]
    kinds = {look.source.name: RecordKind(part["kind"])
             for look, part in zip(seen_files(draft), draft.mapping["files"], strict=True)}  # fmt: skip
    st.dataframe(
        {
            _("File"): [row.file for row in shown],
            _("Line"): [row.line for row in shown],
            _("Record"): [row.label for row in shown],
            _("Why"): [reasons(kinds[row.file], row.violations or row.warnings) for row in shown],
            _("Changes"): [", ".join(row.changes) for row in shown],
        },
        hide_index=True,
    )
    if plan.report.counts.of(verdict) > len(rows):
        st.caption(_("The first {n} of these rows are shown; all of them are counted.", n=MAX_SHOWN))


def _with_stages(draft: ImportDraft, name: str) -> str:
    new = next(one for one in draft.mapping["pipelines"] if one["name"] == name)
    return f"{name}: {' → '.join(new['open'])} → {new['won']} / {new['lost']}"


def _draw_values(draft: ImportDraft, field: str, label: str, unknown: Any, ours: list[str]) -> None:
    aliases = draft.mapping["aliases"].setdefault(field, {})
    asked = list(unknown.items())[:MOST_ASKED]
    for at in range(0, len(asked), _ASKED_BESIDE):
        for (value, count), place in zip(asked[at : at + _ASKED_BESIDE], st.columns(_ASKED_BESIDE), strict=False):
            chosen = place.selectbox(
                f"{label} “{md(value)}” · {ngettext('{n} row', '{n} rows', count)}", ours, index=None,
                placeholder=_("Leave these rows out"), key=draft.key("alias", field, value),
            )  # fmt: skip
            if chosen:
                aliases[value] = chosen


def _draw_date_order(draft: ImportDraft, plan: Plan) -> None:
    columns = ", ".join(plan.open_date_columns)
    order = st.selectbox(
        _("How are dates written in {columns}?", columns=md(columns)), list(_ORDERS), index=0,
        format_func=lambda one: _ORDERS[one], key=draft.key("order"), width=420,
    )  # fmt: skip
    names = {folded(name) for name in plan.open_date_columns}
    for look, part in zip(seen_files(draft), draft.mapping["files"], strict=True):
        if names & {folded(name) for name in look.header}:
            part["date_order"] = (order or DateOrder.DMY).value


def _go_back(draft: ImportDraft) -> None:
    draft.step, draft.plan = DraftStep.COLUMNS, None


def _start(actor: Actor, draft: ImportDraft, planned: PlannedUploads | None) -> None:
    if planned is None:
        return
    outcome = act.run(start_import, origin=planned.origin).told()
    if outcome.value is None:
        return
    mapping = mapping_from(draft.mapping)
    headers = [look.header for look in seen_files(draft)]
    act.run(remember_mapping, headers=headers, mapping=mapping, now=utc_now())
    run_uploads(actor, outcome.value)
    begin_draft()
    st.rerun()
