"""The inputs by which a scope is narrowed to values of fields, each as its type wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

import streamlit as st

from crm.analytics.choices import ScopeChoices
from crm.analytics.scope import Scope, joined
from crm.analytics.segments import AMOUNT, EARLIEST, LATEST, RANGES, End, Range, read_range
from crm.i18n import _
from crm.i18n.texts import field_name
from crm.models import FieldType
from crm.ui.dashboard.address import changed_figures
from crm.ui.dashboard.segment_words import yes_no
from crm.ui.markdown import md

FILTERS = "scope_more"  # the key of the place where filters are chosen
_KEY = "scope_{name}"
_SHOWN: tuple[Literal["visible", "collapsed"], ...] = ("visible", "collapsed")
_MONEY_DIGITS = 2


def changed_filter(name: str, values: Iterable[object]) -> None:
    """Put the values of a filter into the address; the place where filters are chosen stays open. For callbacks."""
    st.session_state[FILTERS] = True  # it counts them, and by another name it would be another place
    changed_figures({name: joined(values)})


def draw_segments(known: ScopeChoices, scope: Scope) -> None:
    """Draw an input for the deals' amount and for each field that is in use or narrows the scope already."""
    _draw_range(scope, AMOUNT, field_name(AMOUNT), FieldType.MONEY)
    narrowed = {key for key, _value in scope.segments}
    for one in known.narrowing:
        if not one.is_active and one.key not in narrowed:
            continue
        if one.type in RANGES:
            _draw_range(scope, one.key, one.name, one.type)
        elif one.type is FieldType.YES_NO:
            _draw_yes_no(scope, one.key, one.name)
        else:
            _draw_codes(scope, one.key, one.name, {option.code: option.name for option in one.options})


def _draw_codes(scope: Scope, field_key: str, field_name: str, names: Mapping[str, str]) -> None:
    key = _KEY.format(name=field_key)
    st.session_state[key] = [one for one in _values(scope, field_key) if one in names]
    st.multiselect(
        md(field_name), list(names), format_func=names.__getitem__, key=key, placeholder=_("Any"),
        on_change=lambda: _choose(scope, field_key, st.session_state[key]),
    )  # fmt: skip


def _draw_yes_no(scope: Scope, field_key: str, field_name: str) -> None:
    key, names = _KEY.format(name=field_key), yes_no()
    st.session_state[key] = _values(scope, field_key)
    st.pills(
        md(field_name), list(names), format_func=names.__getitem__, key=key, selection_mode="multi",
        on_change=lambda: _choose(scope, field_key, st.session_state[key]),
    )  # fmt: skip


def _draw_range(scope: Scope, field_key: str, field_name: str, kind: FieldType) -> None:
    """Draw both ends side by side; one that is put past the other opens that."""
    present = next((read_range(kind, one) for one in _values(scope, field_key)), None) or Range(None, None)
    keys = [f"{_KEY.format(name=field_key)}_{end}" for end in ("least", "most")]

    def choose(typed: int) -> None:
        ends = [_end(kind, st.session_state[key]) for key in keys]
        if Range(*ends).is_crossed:
            ends[1 - typed] = None
        _choose(scope, field_key, [] if ends == [None, None] else [Range(*ends).text])

    name = f"{field_name}, {scope.currency}" if kind is FieldType.MONEY else field_name
    # The second name is for who hears the page.
    labels = (md(name), md(f"{name}, {_('at most')}"))
    draw = _draw_day if kind is FieldType.DATE else _draw_number
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
        for place, value in enumerate((present.least, present.most)):
            draw(kind, labels[place], place, keys[place], value, choose)


def _draw_day(
    _kind: FieldType, label: str, place: int, key: str, value: End | None, choose: Callable[[int], None]
) -> None:
    st.session_state[key] = value
    st.date_input(
        label, None, key=key, min_value=EARLIEST, max_value=LATEST, format="DD.MM.YYYY", on_change=choose,
        args=(place,), label_visibility=_SHOWN[place],
    )  # fmt: skip


def _draw_number(
    kind: FieldType, label: str, place: int, key: str, value: End | None, choose: Callable[[int], None]
) -> None:
    st.session_state[key] = float(value) if isinstance(value, Decimal) else None
    digits = max(-int(value.as_tuple().exponent), 0) if isinstance(value, Decimal) else 0
    st.number_input(
        label, value=None, key=key, min_value=0.0 if kind is FieldType.MONEY else None, step=1.0,
        format=f"%.{digits}f", placeholder=(_("at least"), _("at most"))[place], on_change=choose, args=(place,),
        label_visibility=_SHOWN[place],
    )  # fmt: skip


def _end(kind: FieldType, typed: float | date | None) -> End | None:
    if typed is None or isinstance(typed, date):
        return typed
    value = Decimal(str(typed))
    return round(value, _MONEY_DIGITS) if kind is FieldType.MONEY else value


def _values(scope: Scope, field_key: str) -> list[str]:
    return [value for key, value in scope.segments if key == field_key]


def _choose(scope: Scope, field_key: str, values: Sequence[str]) -> None:
    others = [(key, value) for key, value in scope.segments if key != field_key]
    chosen = [*others, *((field_key, one) for one in values)]
    changed_filter("segment", (f"{key}={value}" for key, value in chosen))
