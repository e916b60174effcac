"""Launcher: Streamlit over pages/_shell.py, behind our guard, beside our routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit import config

from crm.api.server import lifespan, middleware, routes
from crm.auth.secret_key import signing_key
from crm.ui.farewell import go_to
from crm.worker.beside import worker_inside

ROOT = Path(__file__).resolve().parent
INDEX_HTML = Path(st.__file__).parent / "static" / "index.html"

# Open tabs go on uploading after a restart, and beside a second process.
config.set_option("server.cookieSecret", signing_key("streamlit cookies").hex())


@asynccontextmanager
async def life(app: Any) -> AsyncIterator[dict[str, Any]]:
    """Let background work begin once the server is fit, and end before the server gives its database back."""
    async with lifespan(app) as state, worker_inside():
        yield state


app = st.App(
    ROOT / "pages" / "_shell.py",
    lifespan=life,
    routes=routes(),
    middleware=middleware(index_html=INDEX_HTML, farewell=go_to),
)
