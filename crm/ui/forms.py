"""Fields that several pages ask for: money, when a step is due, priority, owner; errors stand beside their field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from crm.clock import utc_now
from crm.i18n import N_, _, current_reader
from crm.i18n.formats import decimal_mark, number, parse_amount
from crm.i18n.labels import label as code_label
from crm.i18n.texts import sentence
from crm.models import Priority
from crm.ui.markdown import md

MORNING = time(10)
PRIORITY_ICONS = {
    Priority.HOT: ":material/local_fire_department:",
    Priority.WARM: ":material/wb_sunny:",
    Priority.COLD: ":material/ac_unit:",
}
QUICK_DAYS = {
    "today": N_("Today"),
    "tomorrow": N_("Tomorrow"),
    "in_three_days": N_("In 3 days"),
    "monday": N_("Monday"),
}


@dataclass(frozen=True, slots=True)
class TypedAmount:
    """What was typed into a money field: minor units, None for an empty one; a sentence where it is no amount."""

    minor: int | None
    error: str | None = None


def field_error(text: str | None) -> None:
    """Draw the sentence about a field under it; nothing for None: `field_error(outcome.field_error("title"))`."""
    if text:
        # Not a caption: those are faded, too faint for red.
        st.markdown(f":small[:red[:material/error: {md(text)}]]")


def money_input(
    label: str,
    *,
    key: str,
    currency: str,
    value_minor: int | None = None,
    error: str | None = None,
    disabled: bool = False,
) -> TypedAmount:
    """Draw a text field for money and return what was typed, as `parse_amount` reads it; also inside st.form.

    A text that is no amount has its error drawn here; don't save while `.error` is set.
    """
    text = st.text_input(
        f"{label}, {currency}",
        value=typed_form(value_minor),
        key=key,
        max_chars=40,
        disabled=disabled,
        autocomplete="off",
    )
    typed = read_amount(text or "")
    field_error(typed.error or error)
    return typed


def due_input(label: str, *, key: str, value: datetime | None = None, error: str | None = None) -> datetime | None:
    """Draw quick choices, a date and a time in the reader's zone; return the instant in UTC, None without a date.

    Not inside st.form: a quick choice sets the date at once. `value` is UTC; without it nothing is chosen yet.
    """
    zone = current_reader().zone
    now = utc_now().astimezone(zone)
    start = value.astimezone(zone) if value else None
    st.session_state.setdefault(f"{key}_day", start.date() if start else None)
    st.session_state.setdefault(f"{key}_time", start.time().replace(second=0) if start else MORNING)
    with st.container(gap="xsmall"):
        st.pills(
            label,
            list(QUICK_DAYS),
            format_func=lambda code: _(QUICK_DAYS[code]),
            key=f"{key}_quick",
            on_change=_take_quick_day,
            args=(key, now),
        )
        with st.container(horizontal=True, gap="small"):
            day = st.date_input(
                _("Date"),
                key=f"{key}_day",
                format="DD.MM.YYYY",
                label_visibility="collapsed",
                width=150,
                on_change=_drop_quick_day,
                args=(key,),
            )
            clock = st.time_input(_("Time"), key=f"{key}_time", label_visibility="collapsed", width=110)
        field_error(error)
    return due_at(day, clock or MORNING, zone) if isinstance(day, date) else None


def priority_input(label: str, *, key: str, value: Priority = Priority.WARM) -> Priority:
    """Draw the three priorities as words; also inside st.form."""
    st.session_state.setdefault(key, value)
    chosen = st.pills(label, list(Priority), format_func=code_label, key=key, required=True)
    return value if chosen is None else chosen


def priority_text(priority: Priority) -> str:
    """Return the priority as an icon and a word, in markdown."""
    return f"{PRIORITY_ICONS[priority]} {code_label(priority)}"


def owner_input(
    label: str, *, key: str, names: Mapping[int, str], value: int | None = None, error: str | None = None
) -> int | None:
    """Draw a choice of people by id in the order of `names`; None while nobody is chosen; also inside st.form."""
    ids = list(names)
    chosen = st.selectbox(
        label,
        ids,
        index=ids.index(value) if value in ids else None,
        format_func=lambda user_id: names[user_id],
        key=key,
        placeholder=_("Choose a person"),
    )
    field_error(error)
    return chosen


def read_amount(text: str) -> TypedAmount:
    """Return what a typed amount means, or the sentence that refuses it."""
    try:
        return TypedAmount(parse_amount(text))
    except ValueError:
        return TypedAmount(None, sentence("amount_invalid", {}))


def typed_form(value_minor: int | None) -> str:
    """Return minor units as the reader would type them: "1 250 000,50"; nothing for None."""
    if value_minor is None:
        return ""
    whole, rest = divmod(value_minor, 100)
    return number(whole) if not rest else f"{number(whole)}{decimal_mark()}{rest:02}"


def due_at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return the instant in UTC of a day and a time on a wall clock of the zone."""
    return datetime.combine(day, clock.replace(second=0, microsecond=0), zone).astimezone(UTC)


def quick_day(code: str, now: datetime) -> tuple[date, time]:
    """Return the day and the usual time behind a quick choice; Monday is always a coming one.

    Today's is the next full hour but one, so that it still lies ahead when the form is saved.
    """
    today = now.date()
    if code == "today":
        soon = (now + timedelta(hours=2)).replace(minute=0, second=0)
        return soon.date(), soon.time()
    days = {"tomorrow": 1, "in_three_days": 3, "monday": 7 - today.weekday()}
    return today + timedelta(days=days[code]), MORNING


def _take_quick_day(key: str, now: datetime) -> None:
    code = st.session_state[f"{key}_quick"]
    if code in QUICK_DAYS:
        st.session_state[f"{key}_day"], st.session_state[f"{key}_time"] = quick_day(code, now)


def _drop_quick_day(key: str) -> None:
    st.session_state[f"{key}_quick"] = None
