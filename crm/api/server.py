"""What the launcher puts around Streamlit: routes, middleware, and the start of the process."""

from __future__ import annotations

import gc
import sys
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
from crm.auth.passwords import warm_up
from crm.auth.setup import prepare_first_start
from crm.clock import utc_now
from crm.db import get_database, session_scope
from crm.db.migrate import is_current
from crm.settings import get_settings

WRONG_SCHEMA = 3


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
    await to_thread.run_sync(_start)
    try:
        yield {}
    finally:
        get_database().close()


def _start() -> None:
    database = get_database()
    if not is_current(database):
        _say("The database is not at this version's schema. Run `make migrate`, then start again.")
        sys.exit(WRONG_SCHEMA)
    with session_scope() as session:
        link = prepare_first_start(session, utc_now())
    warm_up()
    _say(f"Voronka CRM: {get_settings().public_url}")
    if link:
        _say(f"First start. Make the first administrator here, within 24 hours:\n  {link}")
    # Streamlit collects garbage after every run of a page; what lives for ever need not be looked at.
    gc.collect()
    gc.freeze()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the console is where the first link belongs
