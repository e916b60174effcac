"""The guard in front of everything: no session, no answer.

It decides on `scope["path"]`, which is what routes are found by, for HTTP and for each WebSocket message.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.api.incoming import client_address, session_token
from crm.api.problems import RETRY_AFTER_SECONDS, early_problem
from crm.api.threads import Pool, run_in
from crm.auth.api_keys import FoundKey, find_key, is_use_due, note_use
from crm.auth.sessions import FoundSession, find_session, is_seen_due, note_seen
from crm.clock import utc_now
from crm.db import read_scope, session_scope
from crm.errors import DatabaseUnavailable
from crm.settings import get_settings

# All that answers without a session. An entry that ends with "/" stands for exactly one more segment.
PUBLIC_PATHS = (
    "/healthz",
    "/account/sign-in",
    "/account/setup/",
    "/account/invite/",
    "/account/reset/",
    "/account/oidc/start",
    "/account/oidc/callback",
    "/account/assets/",
)
# Streamlit's own sign-in, which nothing here uses.
CLOSED_PATHS = ("/auth/login", "/auth/logout", "/oauth2callback")
KEY_PATHS = "/api/v1/"  # by key only: a browser's cookie opens nothing here
KEY_OR_SESSION_PATHS = ("/api/docs", "/api/openapi.json")
SIGN_IN = "/account/sign-in"
RECHECK_SECONDS = 1.0
CLOSED_FOR_SESSION = 4401
CLOSED_FOR_NOW = 1013  # "try again later"
PUBLIC_METHODS = frozenset({"GET", "HEAD", "POST"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

log = logging.getLogger(__name__)


class Guard:
    """Let through what a living session or key allows; refuse everything else.

    `farewell` makes the WebSocket message that sends an open tab to an address when its session has ended.
    """

    def __init__(self, app: ASGIApp, *, farewell: Callable[[str], bytes] | None = None) -> None:
        self.app = app
        self.farewell = farewell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request or one WebSocket connection."""
        if scope["type"] == "http":
            await self._guard_http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._guard_websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _guard_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            refusal = await _http_refusal(scope)
        except DatabaseUnavailable:
            refusal = early_problem(scope, 503, "database_unavailable", {"Retry-After": str(RETRY_AFTER_SECONDS)})
        await (refusal or self.app)(scope, receive, send)

    async def _guard_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = session_token(HTTPConnection(scope))
        try:
            fits = is_known_host(scope) and is_own_origin(scope, required=True) and await _living_session(token)
            code = CLOSED_FOR_SESSION
        except DatabaseUnavailable:
            fits, code = None, CLOSED_FOR_NOW
        if not fits:
            await receive()
            # Closed before it is accepted: the client sees 403.
            await send({"type": "websocket.close", "code": code})
            return
        connection = _Connection(token, receive, send, self.farewell)
        await self.app(scope, connection.receive, connection.send)


class _Connection:
    """A WebSocket whose session is looked up again when a message comes, at most once a second."""

    def __init__(self, token: str, receive: Receive, send: Send, farewell: Callable[[str], bytes] | None) -> None:
        self._token = token
        self._receive = receive
        self._send = send
        self._farewell = farewell
        self._checked_at = monotonic()
        self._cut = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        try:
            if await self._is_living():
                return message
        except DatabaseUnavailable:
            return await self._cut_off(CLOSED_FOR_NOW)
        if self._farewell is not None and not self._cut:
            await self._send({"type": "websocket.send", "bytes": self._farewell(SIGN_IN)})
        return await self._cut_off(CLOSED_FOR_SESSION)

    async def send(self, message: Message) -> None:
        if not self._cut:
            await self._send(message)

    async def _cut_off(self, code: int) -> Message:
        if not self._cut:
            self._cut = True
            await self._send({"type": "websocket.close", "code": code})
        return {"type": "websocket.disconnect", "code": code}

    async def _is_living(self) -> bool:
        if self._cut:
            return False
        if monotonic() - self._checked_at < RECHECK_SECONDS:
            return True
        if not await _living_session(self._token):
            return False
        self._checked_at = monotonic()
        return True


def is_public(path: str) -> bool:
    """Tell whether a path answers without a session."""
    for entry in PUBLIC_PATHS:
        rest = path.removeprefix(entry)
        if path == entry or (entry.endswith("/") and rest != path and rest.strip(".") and "/" not in rest):
            return not path.endswith("/")
    return False


def is_known_host(scope: Scope) -> bool:
    """Tell whether the Host header names this installation: the public address or the machine itself."""
    name = _host_name(Headers(scope=scope).get("host", ""))
    return name in LOOPBACK_HOSTS or name == _host_name(urlsplit(get_settings().public_url).netloc)


def is_own_origin(scope: Scope, *, required: bool = False) -> bool:
    """Tell whether a browser says the request comes from our own pages; without the header only if not required."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None:
        return not required
    split = urlsplit(origin)
    if split.scheme not in {"http", "https"}:
        return False
    return origin == get_settings().public_url.rstrip("/") or split.netloc == headers.get("host")


async def _http_refusal(scope: Scope) -> Response | None:
    """Return the answer to a request that may not pass, None for one that may."""
    path = scope["path"]
    refusal = None if path == "/healthz" else _misplaced(scope)
    if refusal is not None or (is_public(path) and scope["method"] in PUBLIC_METHODS):
        return refusal
    if path.startswith(KEY_PATHS):
        return None if await _living_key(scope) else _unauthenticated(scope)
    session = await _living_session(session_token(HTTPConnection(scope)))
    if session is None and not (path in KEY_OR_SESSION_PATHS and await _living_key(scope)):
        return _unauthenticated(scope)
    scope.setdefault("state", {})["session"] = session
    return None


def _misplaced(scope: Scope) -> Response | None:
    """Refuse what no session would make right: a foreign host, a foreign page's form, a door that is walled up."""
    path, method = scope["path"], scope["method"]
    if not is_known_host(scope):
        return PlainTextResponse("This address is not set up: CRM_PUBLIC_URL says which one is.", 400)
    if path in CLOSED_PATHS:
        return early_problem(scope, 404, "not_found")
    if method not in SAFE_METHODS and not path.startswith(KEY_PATHS) and not is_own_origin(scope):
        log.warning("foreign origin refused: %s %s from %s", method, path, client_address(HTTPConnection(scope)))
        return early_problem(scope, 403, "foreign_origin")
    return None


def _unauthenticated(scope: Scope) -> Response:
    headers = Headers(scope=scope)
    wants_page = "text/html" in headers.get("accept", "") and not scope["path"].startswith("/api/")
    if not wants_page:
        return early_problem(scope, 401, "unauthenticated", {"WWW-Authenticate": "Bearer"})
    if scope["method"] not in SAFE_METHODS or scope["path"] == "/":
        return RedirectResponse(SIGN_IN, 303)
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='')}", 303)


async def _living_session(token: str) -> FoundSession | None:
    """Return the session of a token and note that it was seen."""
    return await run_in(Pool.GUARD, _look_up_session, token) if token else None


async def _living_key(scope: Scope) -> FoundKey | None:
    """Return the key of the Authorization header, note its use and leave it in the request's state."""
    kind, _blank, token = Headers(scope=scope).get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return None
    found = await run_in(Pool.GUARD, _look_up_key, token.strip())
    scope.setdefault("state", {})["api_key"] = found
    return found


def _look_up_session(token: str) -> FoundSession | None:
    with read_scope() as session:
        found = find_session(session, token)
    now = utc_now()
    if found is not None and is_seen_due(found, now):
        try:
            with session_scope() as session:
                note_seen(session, found, now)
        except DatabaseUnavailable:  # a database that can't be written can still be read
            log.warning("last sight of session %s was not written", found.id)
    return found


def _look_up_key(token: str) -> FoundKey | None:
    with read_scope() as session:
        found = find_key(session, token)
    now = utc_now()
    if found is not None and is_use_due(found, now):
        try:
            with session_scope() as session:
                note_use(session, found, now)
        except DatabaseUnavailable:
            log.warning("last use of API key %s was not written", found.id)
    return found


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
