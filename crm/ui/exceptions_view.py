"""The page of exceptions: moves past a rule, counted and listed, and removed deals with their way back."""

from __future__ import annotations

from typing import TypeVar

import streamlit as st

from crm.actor import Actor
from crm.auth.permissions import Action, may
from crm.db import read_scope
from crm.deals.exceptions import (
    ExceptionFilter,
    OverrideRow,
    Place,
    RemovalRow,
    count_overrides,
    list_overrides,
    list_removals,
)
from crm.deals.removal import restore_deal
from crm.i18n import _, ngettext
from crm.i18n.formats import full_moment, moment
from crm.i18n.rule_texts import rule_name
from crm.models import StageKind
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.ui import act
from crm.ui.forms import field_error
from crm.ui.journal import PERIODS, since_of
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.page import page_dialog, redraw
from crm.ui.step_inputs import step_input

PAGE_ROWS = 20

R = TypeVar("R", OverrideRow, RemovalRow)


def period_input() -> ExceptionFilter:
    """Draw the choice of a period and return what it asks for."""
    period = st.segmented_control(
        _("Period"),
        list(PERIODS),
        default="month",
        required=True,
        format_func=lambda code: _(PERIODS[code]),
        key="exceptions_period",
        label_visibility="collapsed",
    )
    return ExceptionFilter(since=since_of(period or "month"))


def draw_overrides(actor: Actor, period: ExceptionFilter) -> None:
    """Draw how many moves went past rules, by rule and by person, then the moves themselves."""
    with read_scope() as session:
        counts = count_overrides(session, actor, period)
    if not counts.moves:
        st.info(
            _("No rule was passed in this period. When a head moves a deal past a rule, the move and its reason "
              "stand here."),
            icon=":material/gavel:",
        )  # fmt: skip
        return
    st.markdown(f"**{ngettext('{n} move past a rule', '{n} moves past a rule', counts.moves)}**")
    by_rule, by_person = dict(counts.by_rule), {one: (name, count) for one, name, count in counts.by_person}
    rule = st.pills(
        _("Rule"), list(by_rule), format_func=lambda code: f"{rule_name(code)} · {by_rule[code]}",
        key="exceptions_rule",
    )  # fmt: skip
    person = st.pills(
        _("Who decided"), list(by_person),
        format_func=lambda one: f"{md(by_person[one][0] or _('System'))} · {by_person[one][1]}",
        key="exceptions_person",
    )  # fmt: skip
    wanted = ExceptionFilter(period.since, period.until, person, rule)
    seen = _pages("overrides", wanted)
    with read_scope() as session:
        rows = list_overrides(session, actor, wanted, after=seen[-1] if seen else None, limit=PAGE_ROWS + 1)
    for row in rows[:PAGE_ROWS]:
        _draw_override(row)
    _draw_pager("overrides", seen, rows)


def draw_removals(actor: Actor, period: ExceptionFilter) -> None:
    """Draw removed deals with who, when and why; administrators put them back."""
    restored = st.toggle(_("Also those that came back"), key="exceptions_restored")
    seen = _pages("removals", (period, restored))
    with read_scope() as session:
        rows = list_removals(
            session, actor, period, with_restored=restored, after=seen[-1] if seen else None, limit=PAGE_ROWS + 1
        )
    if not rows and not seen:
        _draw_none_removed(actor, period)
        return
    for row in rows[:PAGE_ROWS]:
        _draw_removal(actor, row)
    _draw_pager("removals", seen, rows)


def _draw_none_removed(actor: Actor, period: ExceptionFilter) -> None:
    """Tell that no deal is out: none ever was, or each is back."""
    with read_scope() as session:
        back = len(list_removals(session, actor, period, with_restored=True, limit=PAGE_ROWS + 1))
    if not back:
        st.info(
            _("No deal was removed in this period. Only administrators remove deals, with a reason; "
              "managers close them as lost."),
            icon=":material/delete:",
        )  # fmt: skip
        return
    many = _("More than {n} deals were removed in this period; all of them are back.", n=PAGE_ROWS)
    few = ngettext("{n} deal was removed in this period; it is back.",
                   "{n} deals were removed in this period; all of them are back.", back)  # fmt: skip
    st.info(many if back > PAGE_ROWS else few, icon=":material/undo:")
    st.button(_("Show"), key="exceptions_show_restored", on_click=_show_restored)


def _show_restored() -> None:
    st.session_state["exceptions_restored"] = True


def _draw_override(row: OverrideRow) -> None:
    rules = ", ".join(rule_name(code) for code in row.rules)
    with st.container(border=True, gap="xsmall"):
        page_link("deal", f"**\\#{row.deal_id} {md(row.deal_title)}**", deal=row.deal_id)
        st.markdown(
            f":orange-badge[:material/gavel: {md(rules)}] {md(row.from_stage)} → {md(row.to_stage)} "
            f":gray[· {md(row.pipeline)}]"
        )
        st.text(row.reason)
        st.caption(f"{md(row.author or _('System'))} · {md(moment(row.at))}", help=md(full_moment(row.at)))


def _draw_removal(actor: Actor, row: RemovalRow) -> None:
    with st.container(border=True, gap="xsmall"):
        title = f"**\\#{row.deal_id} {md(row.deal_title)}**"
        if row.restored_at is None:
            st.markdown(f"{title} :gray[· {md(row.pipeline)} · {md(row.owner)}]")
        else:
            page_link("deal", title, deal=row.deal_id)
        st.text(row.reason)
        st.caption(
            _("{who} removed it {when}", who=md(row.author or _("System")), when=md(moment(row.at))),
            help=md(full_moment(row.at)),
        )
        if row.restored_at is not None:
            who, when = md(row.restored_by or _("System")), md(moment(row.restored_at))
            st.caption(f":material/undo: {_('{who} put it back {when}', who=who, when=when)}")
        elif may(actor, Action.REMOVE_DEALS) and st.button(
            _("Put back"), key=f"restore_{row.deal_id}", icon=":material/undo:"
        ):
            _ask_restore(row)


def _ask_restore(row: RemovalRow) -> None:
    for key in [name for name in st.session_state if str(name).startswith("restore_form_")]:
        del st.session_state[key]

    @page_dialog(_("Put the deal back"), width="medium")
    def ask() -> None:
        with read_scope() as session:
            pipeline = load_pipeline(session, row.pipeline_id)
        stage = pipeline.stage(row.stage_id)
        outcome: act.Outcome[None] | None = st.session_state.get("restore_form_outcome")
        st.markdown(f"**\\#{row.deal_id} {md(row.deal_title)}**")
        if outcome is not None and not outcome.ok:
            st.error(outcome.message, icon=":material/error:")
        stage_id, step = None, None
        if stage is not None and stage.kind is StageKind.OPEN:
            stage_id = _stage_input(pipeline, stage, outcome)
            step = step_input(key="restore_form_step", error=outcome.field_error("next_step") if outcome else None).plan
        if st.button(_("Put back"), key="restore_form_save", type="primary"):
            saved = act.run(restore_deal, deal_id=row.deal_id, step=step, stage_id=stage_id)
            if not saved.ok and saved.violations:
                st.session_state["restore_form_outcome"] = saved
                redraw()
            saved.told(_("The deal is back"))
            st.rerun()

    ask()


def _stage_input(pipeline: PipelineInfo, stage: StageInfo, outcome: act.Outcome[None] | None) -> int | None:
    if not stage.is_retired:
        st.caption(_("It comes back on the stage “{stage}”.", stage=md(stage.name)))
        return None
    names = {one.id: one.name for one in pipeline.open_stages}
    chosen = st.selectbox(
        _("Its stage “{stage}” is no longer in use. Put it on", stage=md(stage.name)),
        list(names),
        index=None,
        format_func=lambda one: names[one],
        key="restore_form_stage",
        placeholder=_("Choose a stage"),
    )
    field_error(outcome.field_error("stage") if outcome else None)
    return chosen


def _pages(name: str, wanted: object) -> list[Place]:
    """Return the places where the pages before ended; another filter begins at the newest row."""
    pages: dict[object, list[Place]] = st.session_state.setdefault(f"exceptions_{name}_pages", {})
    return pages.setdefault(wanted, [])


def _draw_pager(name: str, seen: list[Place], rows: list[R]) -> None:
    if not seen and len(rows) <= PAGE_ROWS:
        return
    with st.container(horizontal=True):
        st.button(
            _("Later"), key=f"{name}_later", icon=":material/chevron_left:", disabled=not seen,
            on_click=_drop_last, args=(seen,),
        )  # fmt: skip
        if len(rows) > PAGE_ROWS:
            st.button(
                _("Earlier"), key=f"{name}_earlier", icon=":material/chevron_right:", on_click=seen.append,
                args=(rows[PAGE_ROWS - 1].place,),
            )  # fmt: skip


def _drop_last(seen: list[Place]) -> None:
    del seen[-1:]
