"""The HTTP edge over a stand-in for Streamlit, and browsers that are signed in or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from crm.api.server import middleware, routes
from crm.auth.passwords import hash_password
from crm.auth.sessions import cookie_name, create_session
from crm.clock import utc_now
from crm.db import Database
from crm.models import User
from tests.conftest import Cast

ADDRESS = "http://127.0.0.1:8501"
PASSWORD = "three wet boats"
PASSWORD_HASH = hash_password(PASSWORD)
INDEX = '<!DOCTYPE html>\n<html lang="en">\n<head><title>Streamlit</title></head></html>'
HTML = {"accept": "text/html"}


@dataclass
class Pages:
    """What reached the stand-in behind the guard."""

    seen: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    async def page(self, request: Request) -> HTMLResponse | PlainTextResponse:
        self.seen.append(f"{request.method} {request.scope['path']}")
        if request.scope["path"] == "/broken":
            raise RuntimeError("secret inside of the program")
        if request.method == "POST":
            return PlainTextResponse(str(len(await request.body())))
        return HTMLResponse(INDEX, headers={"etag": "x", "cache-control": "no-cache"})

    async def stream(self, socket: WebSocket) -> None:
        self.seen.append(f"WS {socket.scope['path']}")
        await socket.accept()
        try:
            while True:
                self.messages.append(await socket.receive_text())
                await socket.send_text("drawn")
        except WebSocketDisconnect:
            return


@dataclass(frozen=True)
class Site:
    """The whole edge: an application, what lies behind it, and its database."""

    app: Starlette
    pages: Pages
    database: Database

    def browser(self, **options: object) -> TestClient:
        """Return a browser without cookies that follows no redirect."""
        return TestClient(
            self.app,
            base_url=ADDRESS,
            follow_redirects=False,
            raise_server_exceptions=False,
            **options,  # type: ignore[arg-type]
        )

    def token_of(self, user_id: int | None) -> str:
        """Open a session in the database and return its token."""
        with self.database.session_scope() as session:
            return create_session(session, user_id or 0, address="", user_agent="", now=utc_now())

    def signed_in(self, user_id: int | None, **options: object) -> TestClient:
        """Return a browser with the cookie of a new session."""
        browser = self.browser(**options)
        browser.cookies.set(cookie_name(), self.token_of(user_id), domain="127.0.0.1")
        return browser


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def site(database: Database, cast: Cast, pages: Pages) -> Site:
    """Return the edge over the cast's database; Anna and Vera have a password."""
    with database.session_scope() as session:
        for user_id in (cast.anna.user_id, cast.vera.user_id):
            session.get_one(User, user_id).password_hash = PASSWORD_HASH
    return Site(edge_over(pages), pages, database)


@pytest.fixture
def empty_site(database: Database, pages: Pages) -> Site:
    """Return the edge over a database without users."""
    return Site(edge_over(pages), pages, database)


@pytest.fixture
def form_of() -> Callable[..., dict[str, str]]:
    """Return `form_of(browser, path, **fields)`: open the page, then give the fields with its CSRF token."""

    def fill(browser: TestClient, path: str, **fields: str) -> dict[str, str]:
        shown = browser.get(path, headers=HTML)
        assert shown.status_code == 200, shown.text
        return {"csrf": browser.cookies["voronka-form"], **fields}

    return fill


@pytest.fixture(autouse=True)
def fresh_provider_descriptions() -> Iterator[None]:
    """Forget what was read from a provider in another test."""
    from crm.api import oidc_provider

    yield
    oidc_provider._descriptions.clear()


def edge_over(pages: Pages) -> Starlette:
    """Return our routes and wrappers, with the stand-in where Streamlit is."""
    behind = [
        WebSocketRoute("/{path:path}", pages.stream),
        Route("/{path:path}", pages.page, methods=["GET", "POST", "PUT", "DELETE"]),
    ]
    return Starlette(
        routes=[*routes(), *behind], middleware=middleware(index_html=None, farewell=lambda address: address.encode())
    )
