"""What stands before every endpoint of the API: a key, its scope, its rate, its owner's language."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from crm.api.incoming import accepted_language
from crm.api.problems import problem
from crm.api.v1.rate_limit import RateLimit
from crm.auth.api_keys import FoundKey
from crm.i18n import reader
from crm.settings import get_settings

PREFIX = "/api/v1/"
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class KeyGate:
    """Refuse what the key found by the guard may not do; answer in the language asked for, else the owner's."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.rate_limit = RateLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        key = scope.get("state", {}).get("api_key")
        language = accepted_language(Headers(scope=scope).get("accept-language", ""))
        if not isinstance(key, FoundKey):
            with reader(language or "en"):
                refusal = problem(401, "unauthenticated", headers={"WWW-Authenticate": "Bearer"})
            await refusal(scope, receive, send)
            return
        with reader(language or key.language):
            await (self._refusal(scope, key) or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope, key: FoundKey) -> ASGIApp | None:
        limit = get_settings().api_requests_per_minute
        wait = self.rate_limit.take(key.id, limit)
        if wait:
            params = {"limit": limit, "retry_after_seconds": wait}
            return problem(429, "too_many_requests", params=params, headers={"Retry-After": str(wait)})
        needed = "read" if scope["method"] in READING_METHODS else "write"
        if needed not in key.scopes:
            return problem(403, "scope_missing", params={"scope": needed})
        return None
