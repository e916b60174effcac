"""Places for errors inside a form: kept free beside each field, filled when saving was refused."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from crm.ui.act import Outcome
from crm.ui.forms import field_error
from crm.ui.markdown import md


class ErrorPlaces:
    """The places of one form, by field; `""` is the summary above it."""

    def __init__(self) -> None:
        self._places: dict[str, DeltaGenerator] = {}

    def keep(self, field: str = "") -> None:
        """Keep a place here for what may be wrong with a field."""
        self._places[field] = st.empty()

    def tell(self, outcome: Outcome[Any]) -> None:
        """Draw a refusal: each sentence beside its field, the rest above the form."""
        told = {field: outcome.field_error(field) for field in self._places if field}
        for field, text in told.items():
            with self._places[field]:
                field_error(text)
        elsewhere = [item.field for item in outcome.violations if item.field is not None and item.field not in told]
        rest = [*outcome.other_errors, *(outcome.field_error(field) or "" for field in elsewhere)]
        if not any(told.values()):
            rest = rest or [outcome.message]
        if rest:
            self._places[""].error(" ".join(md(text) for text in dict.fromkeys(rest)), icon=":material/error:")
