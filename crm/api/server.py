"""What the launcher puts around Streamlit: routes, middleware, and the start of the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from crm.api import files, health, links, oidc, setup, sign_in
from crm.api.account_pages import serve_asset
from crm.api.app import api
from crm.api.body_limit import BodyLimit
from crm.api.headers import SecurityHeaders
from crm.api.html_lang import HtmlLang
from crm.api.security import Guard
from crm.api.start import start
from crm.db import get_database


def routes() -> list[BaseRoute]:
    """Return every route of ours; Streamlit's own come after them."""
    return [
        *health.routes(),
        *sign_in.routes(),
        *setup.routes(),
        *links.routes(),
        *oidc.routes(),
        *files.routes(),
        Route("/today", _to_start, methods=["GET"]),
        Route("/account/assets/{name}", serve_asset, methods=["GET"]),
        Mount("/account", app=PlainTextResponse("Not found", 404)),  # nothing under here is Streamlit's
        Mount("/api", app=api),
    ]


async def _to_start(_request: Request) -> Response:
    # The first page stands at "/"; its name works as an address too.
    return RedirectResponse("/", 303)


def middleware(*, index_html: Path | None, farewell: Callable[[str], bytes] | None) -> list[Middleware]:
    """Return the wrappers, the outermost first."""
    return [
        Middleware(SecurityHeaders, index_html=index_html),
        Middleware(BodyLimit),
        Middleware(Guard, farewell=farewell),
        Middleware(HtmlLang),
    ]


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    """Open the database, refuse an old schema, print the way in; give the connections back at the end."""
    await to_thread.run_sync(start)
    try:
        yield {}
    finally:
        get_database().close()
