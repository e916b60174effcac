"""The route class of the API: JSON without tricks, and no parameter that an endpoint does not know."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from crm.api.v1.idempotency import HEADER
from crm.api.v1.values import shown
from crm.errors import InvalidInput, Violation

SINGLE_HEADERS = (HEADER, "If-Match", "Authorization", "Content-Type")


class StrictRequest(Request):
    """A request whose JSON is UTF-8, knows no NaN and names each member once."""

    async def json(self) -> Any:
        """Return the parsed body; anything else raises ValueError, which FastAPI tells as a 400."""
        if not hasattr(self, "_json"):
            text = (await self.body()).decode()
            self._json = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
        return self._json


class StrictRoute(APIRoute):
    """Refuse repeated and unknown parameters before the endpoint is asked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler behind the checks."""
        handle = super().get_route_handler()
        takes_query = bool(self.dependant.query_params)

        async def handle_strictly(request: Request) -> Response:
            _check(request, takes_query=takes_query)
            return await handle(StrictRequest(request.scope, request.receive))

        return handle_strictly


def _check(request: Request, *, takes_query: bool) -> None:
    names = Counter(name for name, _value in request.query_params.multi_items())
    headers = [name for name in SINGLE_HEADERS if len(request.headers.getlist(name)) > 1]
    repeated = headers + [name for name, count in names.items() if count > 1]
    if repeated:
        raise InvalidInput([Violation("parameter_repeated", shown(repeated[0]))])
    if names and not takes_query:
        raise InvalidInput([Violation("parameter_unknown", shown(next(iter(names))))])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member is named twice")
    return made


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
