"""Telling a phone from a computer."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from crm.ui import device

PHONES = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Android 15; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0",
]
OTHERS = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; SM-X910) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36",
    "",
]


def script() -> None:
    import streamlit as st

    from crm.ui.device import is_phone

    st.text(is_phone())


@pytest.mark.parametrize(("agent", "phone"), [(agent, True) for agent in PHONES] + [(agent, False) for agent in OTHERS])
def test_name_of_the_browser_decides_at_first(agent: str, phone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "user_agent", lambda: agent)
    assert AppTest.from_function(script).run().text[0].value == str(phone)


@pytest.mark.parametrize("narrow", [True, False])
def test_width_the_browser_told_counts_more(narrow: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "user_agent", lambda: PHONES[0])
    at = AppTest.from_function(script)
    at.session_state["_page_keys"] = {"narrow": narrow}
    assert at.run().text[0].value == str(narrow)
