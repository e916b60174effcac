"""How the API refuses: the documented shapes, and the handlers that turn every error into one of them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from crm.api.description import allowed_methods
from crm.api.problems import UNPROCESSABLE, problem, problem_of
from crm.api.v1.idempotency import HEADER
from crm.api.v1.values import MAX_NAME, Output, shown
from crm.auth.api_keys import FoundKey
from crm.errors import CrmError, Param, Violation
from crm.i18n import N_, reader
from crm.i18n.texts import TEXTS

MAX_VIOLATIONS = 50

log = logging.getLogger(__name__)


class ViolationOut(Output):
    """One broken rule."""

    code: str
    field: str | None = Field(description=N_("What it is about, null for the request as a whole"))
    message: str
    params: dict[str, str | int | float | None] = Field(description=N_("The values of the message"))


class Problem(Output):
    """A refusal; nothing was changed."""

    code: str
    message: str = Field(description=N_("For people, in the language of Accept-Language or of the key's owner"))
    violations: list[ViolationOut]


class Conflict(Problem):
    """Somebody else saved the record first."""

    current_version: int | None = Field(description=N_("The version to look at and try again with"))


class Missing(Problem):
    """No such record to be seen."""

    merged_into: int | None = Field(
        default=None,
        description=N_("Where the record lives on that was merged as a duplicate; it may come back by an undo"),
    )


_RETRY_AFTER = {"Retry-After": {"description": N_("Seconds to wait"), "schema": {"type": "integer", "minimum": 1}}}

READ_REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": N_("No living key was sent")},
    403: {"model": Problem, "description": N_("The key's scopes or its owner's role do not allow this")},
    422: {"model": Problem, "description": N_("Values or rules of the business are broken; all of them are listed")},
    429: {"model": Problem, "description": N_("Too many requests with this key"), "headers": _RETRY_AFTER},
    503: {"model": Problem, "description": N_("The database is busy or away"), "headers": _RETRY_AFTER},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": Missing, "description": N_("There is no such record, or it is not the key owner's to see")}
}
WRITE_REFUSALS: dict[int | str, dict[str, Any]] = {
    **NOT_FOUND,
    409: {"model": Conflict, "description": N_("Somebody saved the record after it was read")},
    413: {"model": Problem, "description": N_("The body is larger than 1 MB")},
}

# What pydantic calls it -> what we call it. Our own codes pass as they are.
_CODES = {
    "missing": "value_required",
    "string_too_long": "text_too_long",
    "too_long": "too_many_items",
    "literal_error": "choice_unknown",
    "greater_than_equal": "number_out_of_range",
    "less_than_equal": "number_out_of_range",
    "json_invalid": "body_unreadable",
}
_HEADER_CODES = {HEADER.lower(): "idempotency_key_invalid", "if-match": "version_unreadable"}


def install(app: FastAPI) -> None:
    """Make the application answer errors in our shape."""
    app.add_exception_handler(CrmError, _crm_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _broken)


def violations_of(errors: Sequence[Mapping[str, Any]]) -> list[Violation]:
    """Return pydantic's errors as violations, at most 50."""
    told = [_violation(error) for error in errors[:MAX_VIOLATIONS]]
    return list({(one.code, one.field): one for one in told}.values())


async def _crm_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, CrmError)  # noqa: S101 - the handler's key says so
    return problem_of(error)


async def _invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler's key says so
    violations = violations_of(error.errors())
    return problem(UNPROCESSABLE, "invalid_input", violations=violations)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler's key says so
    match error.status_code:
        case 400:  # the framework's word for a body that is no JSON
            return problem(UNPROCESSABLE, "invalid_input", violations=[Violation("body_unreadable")])
        case 404:
            return problem(404, "not_found")
        case 405:
            return problem(405, "method_not_allowed", headers={"Allow": allowed_methods(request)})
    return problem(error.status_code, "bad_request", headers=error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    number = secrets.token_hex(4)
    log.error("request %s broke: %s %s", number, request.method, request.scope["path"], exc_info=error)
    key = request.scope.get("state", {}).get("api_key")
    with reader(key.language if isinstance(key, FoundKey) else "en"):
        return problem(500, "broken", params={"number": number})


def _violation(error: Mapping[str, Any]) -> Violation:
    place, *path = error["loc"]
    code = _code(error, str(place), path)
    # The body as a whole has no name; a name that came from outside may hold anything.
    field = ".".join(shown(part) for part in path)[:MAX_NAME] if code != "body_unreadable" else ""
    return Violation(code, field or None, _params(code, error))


def _code(error: Mapping[str, Any], place: str, path: list[Any]) -> str:
    kind = str(error["type"])
    if place == "header":
        return _HEADER_CODES.get(str(path[0]).lower(), "type_wrong")
    if kind == "extra_forbidden":
        return "parameter_unknown" if place == "query" else "field_unknown"
    if not path and place == "body":
        return "body_unreadable"
    return _CODES.get(kind) or (kind if kind in TEXTS else "type_wrong")


def _params(code: str, error: Mapping[str, Any]) -> dict[str, Param]:
    context = error.get("ctx", {})
    match code:
        case "text_too_long":
            return {
                "length": context.get("length") or len(str(error.get("input", ""))),
                "limit": context.get("limit") or context.get("max_length"),
            }
        case "too_many_items":
            return {"limit": context.get("max_length")}
        case "number_out_of_range":
            return {"limit": context.get("ge", context.get("le"))}
    return {}
