"""The health of a pipeline: its score over time, what to mend, what was accepted and why."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

import streamlit as st

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import read_scope
from crm.deals.lint_deals import deals_behind
from crm.i18n import N_, _, ngettext
from crm.i18n.formats import day, duration, money
from crm.i18n.labels import label
from crm.i18n.lint_texts import why
from crm.models import LintOccasion
from crm.pipelines.linter.acceptance import accept_finding, revoke_acceptance
from crm.pipelines.linter.runs import Health, PastScore, Told, lint_pipeline, load_health, load_score_history
from crm.pipelines.linter.score import COUNTED_PER_CODE, WEIGHTS
from crm.pipelines.linter.values import Door, Finding, Fix, Severity
from crm.pipelines.reads import list_pipelines
from crm.pipelines.values import PipelineInfo
from crm.ui import act
from crm.ui.device import is_phone
from crm.ui.forms import field_error
from crm.ui.lint_fix import ask_fix
from crm.ui.lint_limits import ask_limits
from crm.ui.lint_words import SEVERITY_SIGNS, SEVERITY_WORDS, door_label, fix_label, sentence_of
from crm.ui.markdown import md
from crm.ui.nav import page_link
from crm.ui.template_view import open_foreign_check

SHOWN_DEALS = 20
_KEPT = "lint_health"
_KEPT_SECONDS = 60
_VERDICTS = ((90, N_("In good health")), (60, N_("Has weak spots")), (0, N_("Its figures can't be relied on")))


def draw_health(actor: Actor, pipeline: PipelineInfo) -> None:
    """Draw the score with its history, then the findings with their fixes."""
    with read_scope() as session:
        history = load_score_history(session, actor, pipeline.id)
        others = {one.id: one.name for one in list_pipelines(session) if one.id != pipeline.id}
    health = _health(actor, pipeline, history)
    _draw_score(pipeline, health, history)
    grave = [one.finding for one in health.to_mend if one.finding.severity is not Severity.HINT]
    _draw_findings(actor, pipeline, others, grave)
    hints = [one.finding for one in health.to_mend if one.finding.severity is Severity.HINT]
    if hints:
        with st.expander(ngettext("{n} hint", "{n} hints", len(hints)), expanded=not grave):
            _draw_findings(actor, pipeline, others, hints)
    accepted = [one for one in health.told if one.acceptance is not None]
    if accepted:
        with st.expander(_("Accepted: {count}", count=len(accepted))):
            for told in accepted:
                _draw_accepted(pipeline, told)


def _health(actor: Actor, pipeline: PipelineInfo, history: list[PastScore]) -> Health:
    """Return how the pipeline is, looked up anew when it was redesigned or a minute has passed."""
    state = (pipeline, history[-1] if history else None)
    kept = st.session_state.get(_KEPT)
    now = utc_now()
    if kept is not None and kept[0] == state and (now - kept[1]).total_seconds() < _KEPT_SECONDS:
        health: Health = kept[2]
        return health
    with read_scope() as session:
        health = load_health(session, actor, pipeline.id)
    st.session_state[_KEPT] = (state, now, health)
    return health


def _draw_score(pipeline: PipelineInfo, health: Health, history: list[PastScore]) -> None:
    scores = [one.score for one in history]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.metric(
            _("Score of 100"),
            health.score,
            delta=health.score - scores[0] if scores and health.score != scores[0] else None,
            delta_description=_("since {day}", day=day(history[0].at.date())) if scores else None,
            chart_data=[*scores, health.score] if len(scores) > 1 else None,
            chart_type="line",
            border=True,
            width=230,
        )
        with st.container():
            count = len(health.to_mend)
            verdict = next(text for least, text in _VERDICTS if health.score >= least)
            things = ngettext("{n} thing to mend", "{n} things to mend", count) if count else _("nothing to mend")
            st.markdown(f"#### {_(verdict)}: {things}")
            with st.container(horizontal=True, vertical_alignment="center"):
                if st.button(_("Look again"), key="lint_again", icon=":material/refresh:", type="tertiary"):
                    act.run(lint_pipeline, pipeline_id=pipeline.id, occasion=LintOccasion.DEMAND).told(_("Looked over"))
                    st.rerun()
                if st.button(
                    _("Check another pipeline"),
                    key="lint_check",
                    icon=":material/content_paste_search:",
                    type="tertiary",
                    help=_("Paste its stages; nothing is changed."),
                ):
                    open_foreign_check()
                if st.button(_("Where findings begin"), key="lint_limits", icon=":material/tune:", type="tertiary"):
                    ask_limits(pipeline)
                with st.popover(_("How it is counted"), type="tertiary", icon=":material/help:"):
                    _draw_rules(history)


def _draw_rules(history: list[PastScore]) -> None:
    st.markdown(
        _(
            "From 100 each finding takes {error} (mend first), {warning} (worth mending) or {hint} (hint); "
            "of one kind the worst {most} count. Accepted findings take nothing.",
            error=WEIGHTS[Severity.ERROR],
            warning=WEIGHTS[Severity.WARNING],
            hint=WEIGHTS[Severity.HINT],
            most=COUNTED_PER_CODE,
        )
    )
    for one in reversed(history[-10:]):
        st.caption(f"{day(one.at.date())} · {one.score} · {label(one.occasion)}")


def _draw_findings(actor: Actor, pipeline: PipelineInfo, others: dict[int, str], findings: list[Finding]) -> None:
    """Draw findings of one code together: why they hurt is said once."""
    for (code, severity), group in groupby(findings, key=lambda one: (one.code, one.severity)):
        with st.container(border=True, key=f"lint_{code}_{severity.value}", gap="xsmall"):
            st.markdown(f"{SEVERITY_SIGNS[severity]} :small[:gray[{_(SEVERITY_WORDS[severity])} · {md(why(code))}]]")
            for finding in group:
                _draw_finding(actor, pipeline, others, finding)


def _draw_finding(actor: Actor, pipeline: PipelineInfo, others: dict[int, str], finding: Finding) -> None:
    key = f"{finding.code}_{finding.subject.replace(':', '_')}"
    says, mends = st.columns([2, 3], gap="small", vertical_alignment="center")
    says.markdown(md(sentence_of(finding)))
    side: Literal["left", "right"] = "left" if is_phone() else "right"
    with mends, st.container(horizontal=True, horizontal_alignment=side, vertical_alignment="center", gap="small"):
        for number, door in enumerate(finding.doors):
            _draw_door(door, f"door_{key}_{number}")
        if finding.fixes:
            _draw_fix(actor, pipeline, others, finding.fixes[0], f"fix_{key}_0")
        _draw_other_fixes(actor, pipeline, others, finding.fixes[1:], f"more_{key}")
        with st.popover(_("Accept"), type="tertiary"):
            _draw_accept(pipeline, finding, key)
    _draw_open_door(actor, finding, key)


def _draw_fix(actor: Actor, pipeline: PipelineInfo, others: dict[int, str], fix: Fix, key: str) -> None:
    if st.button(md(fix_label(fix, pipeline, others)), key=key, icon=":material/build:"):
        ask_fix(actor, pipeline, others, fix)


def _draw_other_fixes(
    actor: Actor, pipeline: PipelineInfo, others: dict[int, str], fixes: tuple[Fix, ...], key: str
) -> None:
    if not fixes:
        return
    # A menu and not a popover, which would stay open over the dialog.
    chosen = st.menu_button(
        _("Other ways"), range(len(fixes)), format_func=lambda one: md(fix_label(fixes[one], pipeline, others)),
        key=key, type="tertiary",
    )  # fmt: skip
    if chosen is not None:
        ask_fix(actor, pipeline, others, fixes[chosen])


def _draw_door(door: Door, key: str) -> None:
    is_open = st.session_state.get("lint_door") == key
    icon = ":material/expand_less:" if is_open else ":material/expand_more:"
    if st.button(md(door_label(door)), key=key, icon=icon, type="tertiary"):
        st.session_state["lint_door"] = None if is_open else key
        st.rerun()


def _draw_open_door(actor: Actor, finding: Finding, key: str) -> None:
    doors = {f"door_{key}_{number}": door for number, door in enumerate(finding.doors)}
    door = doors.get(st.session_state.get("lint_door") or "")
    if door is None:
        return
    with read_scope() as session:
        deals = deals_behind(session, actor, door, limit=SHOWN_DEALS)
    now = utc_now()
    for deal in deals:
        parts = [deal.company, deal.owner, money(deal.amount_minor, deal.currency) if deal.amount_minor else None]
        parts += [deal.stage, duration(max(60, int((now - deal.stage_entered_at).total_seconds())))]
        page_link("deal", f"#{deal.id} {md(deal.title)} · {md(' · '.join(one for one in parts if one))}", deal=deal.id)
    if door.count > len(deals):
        st.caption(_("The {shown} longest there of {count}.", shown=len(deals), count=door.count))


def _draw_accept(pipeline: PipelineInfo, finding: Finding, key: str) -> None:
    reason = st.text_area(
        _("Why is it right as it is?"), key=f"accept_why_{key}", max_chars=1000, height=90,
        help=_("It stays in sight with your name and no longer lowers the score."),
    )  # fmt: skip
    if st.button(_("Accept"), key=f"accept_{key}"):
        outcome = act.run(
            accept_finding, pipeline_id=pipeline.id, code=finding.code, subject=finding.subject, reason=reason or ""
        )
        if outcome.ok:
            outcome.told(_("Accepted"))
            st.rerun()
        field_error(outcome.full_message)


def _draw_accepted(pipeline: PipelineInfo, told: Told) -> None:
    finding, acceptance = told.finding, told.acceptance
    if acceptance is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True):
        who = f"{acceptance.author or _('system')}, {day(acceptance.at.date())}"
        st.markdown(f"{md(sentence_of(finding))}  \n“{md(acceptance.reason)}” :gray[· {md(who)}]", width="stretch")
        if st.button(_("Take back"), key=f"revoke_{finding.code}_{finding.subject.replace(':', '_')}", type="tertiary"):
            act.run(revoke_acceptance, pipeline_id=pipeline.id, code=finding.code, subject=finding.subject).told(
                _("It counts again")
            )
            st.rerun()
