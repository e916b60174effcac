"""Notices after an action: kept over a rerun, shown once, with a way back."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def script() -> None:
    import streamlit as st

    from crm.ui.notices import NoticeKind, flash, show_flash

    def take_back() -> None:
        st.session_state["deal"] = "before"
        flash("Taken back")

    st.session_state.setdefault("deal", "before")
    if st.button("Move", key="move"):
        st.session_state["deal"] = "after"
        flash("Moved", undo=take_back)
        st.rerun()
    if st.button("Fail", key="fail"):
        flash("No way", kind=NoticeKind.REFUSED)
    show_flash()
    st.text(st.session_state["deal"])


def test_notice_offers_the_way_back() -> None:
    at = AppTest.from_function(script).run()
    at.button(key="move").click().run()
    assert at.text[0].value == "after"
    assert at.markdown[0].value == ":material/check_circle: Moved"
    undo = next(button for button in at.button if button.label == "Undo")
    undo.click().run()
    assert at.text[0].value == "before"
    assert [toast.value for toast in at.toast] == ["Taken back"]
    assert not at.markdown


def test_notice_is_shown_once() -> None:
    at = AppTest.from_function(script).run()
    at.button(key="move").click().run()
    at.run()
    assert not at.markdown


def test_refusal_stays_until_closed_or_the_next_action() -> None:
    at = AppTest.from_function(script).run()
    at.button(key="fail").click().run()
    assert at.markdown[0].value == ":material/error: No way"
    assert not at.toast
    assert "Undo" not in [button.label for button in at.button]
