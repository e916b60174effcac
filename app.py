"""Launcher: Streamlit over pages/_shell.py, behind our guard, beside our routes."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit import config

from crm.api.server import lifespan, middleware, routes
from crm.auth.secret_key import signing_key
from crm.ui.farewell import go_to

ROOT = Path(__file__).resolve().parent
INDEX_HTML = Path(st.__file__).parent / "static" / "index.html"

# Open tabs go on uploading after a restart, and beside a second process.
config.set_option("server.cookieSecret", signing_key("streamlit cookies").hex())

app = st.App(
    ROOT / "pages" / "_shell.py",
    lifespan=lifespan,
    routes=routes(),
    middleware=middleware(index_html=INDEX_HTML, farewell=go_to),
)
