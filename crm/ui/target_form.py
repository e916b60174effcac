"""The dialog in which heads set plans: of the company or a person, a pipeline, each month of a year."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import streamlit as st

from crm.actor import Actor
from crm.analytics.choices import ScopeChoices
from crm.analytics.scope import Scope
from crm.analytics.targets import load_targets, set_targets
from crm.clock import utc_now
from crm.db import read_scope
from crm.i18n import _, current_reader
from crm.i18n.analytics_formats import month_text
from crm.i18n.analytics_texts import word
from crm.i18n.formats import parse_amount, short_money
from crm.i18n.texts import sentence
from crm.models import TargetMetric
from crm.ui import act
from crm.ui.dashboard.loaders import choices
from crm.ui.forms import field_error, typed_form
from crm.ui.page import page_dialog, redraw, signed_in_actor

METRICS = {TargetMetric.WON_SUM: "plan_sum", TargetMetric.WON_DEALS: "plan_won", TargetMetric.NEW_DEALS: "plan_new"}
_KEY = "target_form_{name}"
_OUTCOME = _KEY.format(name="outcome")
_COLUMNS, _NARROWEST = 3, 140  # pixels
_MOST_DEALS = 6  # digits


@dataclass(frozen=True, slots=True)
class _Whose:
    """Whose plan of what is on the form."""

    metric: TargetMetric
    year: int
    user_id: int | None
    pipeline_id: int | None

    @property
    def months(self) -> list[date]:
        """Return the months of the year."""
        return [date(self.year, month, 1) for month in range(1, 13)]

    def key(self, month: date) -> str:
        """Return the key of a month's input."""
        return _KEY.format(name=f"{self.metric}_{month:%Y%m}_{self.user_id}_{self.pipeline_id}")


def ask_targets(scope: Scope) -> None:
    """Open the dialog of plans; it begins with whom and what the page shows."""
    for key in [name for name in st.session_state if str(name).startswith(_KEY.format(name=""))]:
        del st.session_state[key]

    @page_dialog(_("Plans by month"), width="large")
    def ask() -> None:
        actor = signed_in_actor()
        if actor is None:
            return
        whose = _draw_whose(actor, choices(actor), scope)
        _draw_refusal()
        typed = _draw_months(actor, whose, scope.currency)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            if st.button(_("Save the plans"), key=_KEY.format(name="save"), type="primary"):
                _save(whose, typed)
        st.caption(_("Leave a month empty where there is no plan. The company's plan counts for everybody together; "
                     "without one, the sum of people's plans does."))  # fmt: skip

    ask()


def _draw_whose(actor: Actor, known: ScopeChoices, scope: Scope) -> _Whose:
    # Whoever sees everybody plans for the company; heads of a team for people in their sight.
    people: list[int | None] = [*([None] if actor.visible_owner_ids is None else []), *known.owners]
    pipelines: list[int | None] = [None, *known.pipelines]
    person = scope.owner_ids[0] if len(scope.owner_ids) == 1 else people[0]
    only = scope.pipeline_ids[0] if len(scope.pipeline_ids) == 1 and len(known.pipelines) > 1 else None
    this_year = utc_now().astimezone(current_reader().zone).year
    with st.container(horizontal=True):
        metric = st.selectbox(
            _("What is planned"), list(METRICS), format_func=lambda one: word(METRICS[one]),
            key=_KEY.format(name="metric"), width=200,
        )  # fmt: skip
        user_id = st.selectbox(
            _("Whose plan"), people, index=people.index(person) if person in people else 0,
            format_func=lambda one: known.owners[one] if one else _("The company"), key=_KEY.format(name="user"),
            width=220,
        )  # fmt: skip
        pipeline_id = st.selectbox(
            _("Pipeline"), pipelines, index=pipelines.index(only),
            format_func=lambda one: known.pipelines[one] if one else _("All pipelines"),
            key=_KEY.format(name="pipeline"), width=220,
        )  # fmt: skip
        year = st.selectbox(
            _("Year"), [this_year - 1, this_year, this_year + 1], index=1, key=_KEY.format(name="year"), width=110
        )
    return _Whose(metric, year, user_id, pipeline_id)


def _draw_months(actor: Actor, whose: _Whose, currency: str) -> Mapping[date, int | None] | None:
    """Draw an input for each month; return what is typed, None where something is no number."""
    with read_scope() as session:
        rows = load_targets(session, actor, whose.months, whose.metric)
    present = {
        one.month: one.value
        for one in rows
        if one.user_id == whose.user_id and one.pipeline_id == whose.pipeline_id
    }  # fmt: skip
    is_money = whose.metric is TargetMetric.WON_SUM
    _draw_same(whose, is_money=is_money, currency=currency)
    typed: dict[date, int | None] = {}
    is_wrong = False
    outcome: act.Outcome[None] | None = st.session_state.get(_OUTCOME)
    grid = st.grid(_COLUMNS, gap="small", min_column_width=_NARROWEST)
    for month in whose.months:
        with grid.container(gap="xxsmall"):
            key = whose.key(month)
            st.session_state.setdefault(key, _shown(present.get(month), is_money=is_money))
            text = st.text_input(month_text(month), key=key, max_chars=40, autocomplete="off")
            try:
                typed[month] = _read(text or "", is_money=is_money)
            except ValueError:
                is_wrong = True
                field_error(sentence("amount_invalid", {}) if is_money else _("A whole number of deals, such as 12."))
            else:
                field_error(outcome.field_error(f"{month:%Y-%m}") if outcome else None)
    whole = sum(value or 0 for value in typed.values())
    if whole and not is_wrong:
        st.caption(_("In the year: {sum}", sum=short_money(whole, currency) if is_money else whole))
    return None if is_wrong else typed


def _draw_same(whose: _Whose, *, is_money: bool, currency: str) -> None:
    """Draw the way to give every month the same plan."""
    key, wrong = _KEY.format(name=f"same_{whose.metric}"), _KEY.format(name="same_wrong")

    def spread() -> None:
        text = st.session_state[key]
        try:
            value = _read(text, is_money=is_money)
        except ValueError:
            st.session_state[wrong] = True
            return
        st.session_state[wrong] = False
        for month in whose.months:
            st.session_state[whose.key(month)] = _shown(value, is_money=is_money)

    with st.container(horizontal=True, vertical_alignment="bottom"):
        unit = f", {currency}" if is_money else ""
        st.text_input(_("The same in every month") + unit, key=key, max_chars=40, autocomplete="off", width=260)
        st.button(_("Put into all months"), key=_KEY.format(name="spread"), on_click=spread, type="tertiary")
    if st.session_state.get(wrong):
        field_error(sentence("amount_invalid", {}) if is_money else _("A whole number of deals, such as 12."))


def _draw_refusal() -> None:
    outcome: act.Outcome[None] | None = st.session_state.get(_OUTCOME)
    if outcome is not None and not outcome.ok:
        st.error(outcome.message, icon=":material/error:")


def _save(whose: _Whose, typed: Mapping[date, int | None] | None) -> None:
    if typed is None:
        st.warning(_("Some months hold no number; nothing is saved yet."), icon=":material/edit:")
        return
    saved = act.run(
        set_targets, values=typed, metric=whose.metric, user_id=whose.user_id, pipeline_id=whose.pipeline_id
    )
    if saved.ok:
        saved.told(_("The plans are saved"))
        st.rerun()
    st.session_state[_OUTCOME] = saved
    redraw()


def _read(text: str, *, is_money: bool) -> int | None:
    if is_money:
        return parse_amount(text)
    cleaned = "".join(text.split())
    if not cleaned:
        return None
    if not cleaned.isascii() or not cleaned.isdigit() or len(cleaned) > _MOST_DEALS:
        raise ValueError(text)
    return int(cleaned)


def _shown(value: int | None, *, is_money: bool) -> str:
    return typed_form(value) if is_money else "" if value is None else str(value)
