"""A limit on what a request may send, counted on the bytes that really come."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm.api.problems import early_problem
from crm.settings import get_settings

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE
FORM_LIMIT = 64 * KILOBYTE
API_LIMIT = 1 * MEGABYTE
UPLOAD_PREFIX = "/_stcore/upload_file/"
API_PREFIX = "/api/"


class BodyTooLarge(Exception):
    """The request went on past its limit; the answer is 413."""


class BodyLimit:
    """Answer 413 to a body that is, or says it is, larger than its path allows."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on while its body keeps the limit."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = limit_of(scope["path"])
        if _announced(scope) > limit:
            await _refuse(scope, receive, send)
            return
        count, exceeded, started = 0, False, False

        async def counted_receive() -> Message:
            nonlocal count, exceeded
            message = await receive()
            count += len(message.get("body", b""))
            if count > limit:
                exceeded = True
                raise BodyTooLarge
            return message

        async def watched_send(message: Message) -> None:
            nonlocal started
            # A framework may turn our exception into an answer of its own: 413 is the right one.
            if exceeded and not started:
                raise BodyTooLarge
            started = True
            await send(message)

        try:
            await self.app(scope, counted_receive, watched_send)
        except Exception:
            if not exceeded or started:
                raise
        if exceeded and not started:
            await _refuse(scope, receive, send)


def limit_of(path: str) -> int:
    """Return how many bytes a request to this path may send."""
    if path.startswith(UPLOAD_PREFIX):
        return (get_settings().import_max_mb + 1) * MEGABYTE
    return API_LIMIT if path.startswith(API_PREFIX) else FORM_LIMIT


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    answer = early_problem(scope, 413, "body_too_large", {"Connection": "close"})
    await answer(scope, receive, send)
