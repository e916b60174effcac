"""Drawings of charts as specifications in the reader's language, fit for a phone where one is held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from crm.actor import Actor
from crm.analytics.theme import BRIEF
from crm.analytics.values import Ask, Chart, Words
from crm.i18n.analytics_texts import word
from crm.i18n.labels import label
from crm.models import Priority
from crm.pipelines.values import FieldInfo
from crm.ui.dashboard.loaders import load_figure
from crm.ui.device import is_phone

_PHONE_LABEL, _PHONE_LONG_LABEL, _PHONE_FONT, _PHONE_PADDING = 104, 260, 10, 4
_PHONE_LETTERS, _PHONE_ROWS = 15, 3  # longer names of a legend stand alone in a line, of at most so many lines
_INK = {"light": "#0e1618", "dark": "#e4eaeb"}  # as the page's text; marks don't get it from Streamlit


def specification(actor: Actor, chart: Chart, ask: Ask, fields: Sequence[FieldInfo]) -> dict[str, Any] | None:
    """Return the Vega-Lite specification of a chart's figure; None where it has nothing to draw."""
    draw = chart.figure
    if draw is None:
        return None

    def made(frame: pd.DataFrame) -> dict[str, Any]:
        return drawn(draw(frame, words_of(ask, fields)))

    return load_figure(actor, chart, ask, made, variant=(is_phone(), _ground()))


def drawn(figure: alt.TopLevelMixin) -> dict[str, Any]:
    """Return the specification of a figure for the reader's screen and ground."""
    spec: dict[str, Any] = figure.to_dict()
    spec.setdefault("config", {})["text"] = {"color": _INK[_ground()]}
    return _for_phone(spec) if is_phone() else spec


def _ground() -> str:
    return st.context.theme.type or "light"


def words_of(ask: Ask, fields: Sequence[FieldInfo]) -> Words:
    """Return what gives codes of columns, parts and values of the split their names."""
    names = {option.code: option.name for one in fields if one.key == ask.by for option in one.options}
    names |= {one.key: one.name for one in fields}
    names |= {one.name: label(one) for one in Priority}
    return lambda code: names.get(code) or word(code)


def _for_phone(spec: Any) -> Any:
    """Return the specification with shorter labels and numbers, slanting ones on top, legends below each other."""
    if isinstance(spec, dict):
        found = {name: _for_phone(value) for name, value in spec.items() if name != "datasets"}
        if found.get("type") == "text":
            found["fontSize"] = _PHONE_FONT
        if found.get("orient") == "top" and "labelAngle" in found:  # names of a map's columns
            found |= {"labelAngle": -50, "labelAlign": "left", "labelPadding": _PHONE_PADDING}
            found.pop("labelExpr", None)
        elif found.get("orient") == "top" and "labelLimit" in found:
            return found | {"columns": 2, "labelLimit": _PHONE_LABEL}
        if "labelLimit" in found:
            found["labelLimit"] = min(found["labelLimit"], _PHONE_LABEL)
        names = found.get("scale", {}).get("domain", []) if found.get("legend") else []
        if names and max(map(len, names)) > _PHONE_LETTERS:
            alone = len(names) <= _PHONE_ROWS
            found["legend"] |= {"columns": 1 if alone else 2, "labelLimit": _PHONE_LONG_LABEL // (1 if alone else 2)}
        if "ink" in str(found.get("color")) and found.get("text", {}).get("field") == "shown":  # numbers of a map
            found["text"] = {**found["text"], "field": BRIEF}
        return found | ({"datasets": spec["datasets"]} if "datasets" in spec else {})
    return [_for_phone(one) for one in spec] if isinstance(spec, list) else spec
