"""A page that shows each of TYPED through `md`; test_escaping.py runs and reads it."""

import streamlit as st

from crm.ui.markdown import md

TYPED = [
    ":red[x]", ":blue-background[x]", ":small[x]", ":badge[x]", "::foo[bar]", "::: x", ":material/home:",
    ":material_home:", ":streamlit:", ":smile:", ":+1:", ":100:", "a :shortcode: b", "11:00:30", "a:b",
    "$x^2$", "$$a$$ b", "$5 and $6", "**b** _i_ ~~s~~ `c`", "***", "snake_case_name", "2*3*4 = 24",
    "[l](http://e.example)", "![i](http://e.example/x.png)", "[^1]", "[ ] task", "<http://e.example>",
    "http://e.example/a", "HTTP://E.example", "www.e.example", "ftp://x.example",
    "<b>h</b><script>alert(1)</script>", "x<!-- c -->y", "&amp; &lt;", "# head", "- item", "+ item", "1. one",
    "1) one", "2026. Plan", "> quote", "| a | b |", "---", "===", "~~~", "```x", "`", "a\nb\n\nc", "    code",
    "\tTab", "\\", "\\\\", "\\*x", "{x}", "!important", "OOO «Мир» & Ко", "100% #1 (a) [b] {c}", "12.5",
]  # fmt: skip

if __name__ == "__main__":
    for number, typed in enumerate(TYPED):
        with st.container(key=f"markdown_{number}"):
            st.markdown(md(typed))
        with st.container(key=f"label_{number}"):
            st.button(md(typed), key=f"button_{number}")
        with st.container(key=f"caption_{number}"):
            st.caption(f"before\n{md(typed)}")
    st.text("drawn")
