"""The outermost wrapper: security headers on every answer, and a plain answer where the program broke."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.settings import get_settings

HSTS_SECONDS = 2 * 365 * 24 * 3600
# Files whose names hold their content's hash: Streamlit's own rule for them stands.
_CACHED_PREFIXES = ("/static/", "/component/", "/account/assets/", "/_stcore/bidi-components/")

log = logging.getLogger(__name__)


class SecurityHeaders:
    """Add the headers of docs/admin.md to each HTTP answer, errors and redirects included."""

    def __init__(self, app: ASGIApp, *, index_html: Path | None = None) -> None:
        self.app = app
        self.policy = content_security_policy(index_html.read_text(encoding="utf-8") if index_html else "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and dress the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def dressed_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._dress(MutableHeaders(scope=message), scope["path"])
            await send(message)

        try:
            await self.app(scope, receive, dressed_send)
        except Exception:
            number = secrets.token_hex(4)
            log.exception("request %s broke: %s %s", number, scope["method"], scope["path"])
            if started:
                raise
            answer = PlainTextResponse(f"Something broke on our side. Number of the incident: {number}", 500)
            await answer(scope, receive, dressed_send)

    def _dress(self, headers: MutableHeaders, path: str) -> None:
        headers.setdefault("Content-Security-Policy", self.policy)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Frame-Options"] = "SAMEORIGIN"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        if get_settings().secure_cookies:
            headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
        if not path.startswith(_CACHED_PREFIXES) or "Cache-Control" not in headers:
            headers["Cache-Control"] = "no-store"


def content_security_policy(index_html: str) -> str:
    """Return the policy: everything from here, no inline script but the ones of Streamlit's own page."""
    scripts = " ".join(["'self'", *_hashes_of_inline_scripts(index_html)])
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "frame-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    )


def _hashes_of_inline_scripts(html: str) -> list[str]:
    inline = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digests = [hashlib.sha256(script.encode()).digest() for script in inline]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
