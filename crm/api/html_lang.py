"""Streamlit's page says lang="en" and "Streamlit": say the reader's language and our name instead."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.auth.sessions import FoundSession

TITLE = "Voronka"
# A cached or packed copy could not be changed; the page is 2 KB.
_DROPPED = frozenset({b"accept-encoding", b"if-none-match", b"if-modified-since", b"range"})


class HtmlLang:
    """Rewrite the page that Streamlit serves to a signed-in reader."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; hold an HTML answer back until it is whole."""
        session = scope.get("state", {}).get("session") if scope["type"] == "http" else None
        if not isinstance(session, FoundSession) or "text/html" not in Headers(scope=scope).get("accept", ""):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def rewriting_send(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_html(message):
                start = message
                return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                await _send_rewritten(start, body, session.language, send)

        headers = [(name, value) for name, value in scope["headers"] if name not in _DROPPED]
        await self.app({**scope, "headers": headers}, receive, rewriting_send)


def rewrite_page(page: bytes, language: str) -> bytes:
    """Return the page in the reader's language and under our name."""
    named = page.replace(b"<title>Streamlit</title>", f"<title>{TITLE}</title>".encode(), 1)
    return named.replace(b'<html lang="en"', f'<html lang="{language}"'.encode(), 1)


def _is_html(message: Message) -> bool:
    headers = Headers(raw=message["headers"])
    return headers.get("content-type", "").startswith("text/html") and "content-encoding" not in headers


async def _send_rewritten(start: Message, body: bytes, language: str, send: Send) -> None:
    page = rewrite_page(body, language)
    headers = MutableHeaders(scope=start)
    for name in ("etag", "last-modified"):
        if name in headers:
            del headers[name]
    if page or "content-length" in headers:
        headers["content-length"] = str(len(page)) if page else headers["content-length"]
    await send(start)
    await send({"type": "http.response.body", "body": page})
