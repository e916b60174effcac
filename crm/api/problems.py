"""Refusals of the HTTP edge as JSON: one shape for every status, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from crm.api.incoming import accepted_language
from crm.errors import (
    ChangedMeanwhile,
    CrmError,
    DatabaseUnavailable,
    Forbidden,
    NotFound,
    Param,
    Refused,
    SignInRefused,
    TooManyAttempts,
    Violation,
)
from crm.i18n import reader
from crm.i18n.texts import sentence, violation_sentence

RETRY_AFTER_SECONDS = 5  # where the database is busy or away
UNPROCESSABLE = 422

_STATUSES: tuple[tuple[type[CrmError], int], ...] = (
    (SignInRefused, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (ChangedMeanwhile, 409),
    (Refused, UNPROCESSABLE),
    (TooManyAttempts, 429),
    (DatabaseUnavailable, 503),
)


def problem(
    status: int,
    code: str,
    *,
    params: Mapping[str, Param] | None = None,
    violations: Sequence[Violation] = (),
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """Return a refusal: its code, its sentence and every violation; `more` adds members of its own."""
    body = {
        "code": code,
        "message": sentence(code, params or {}),
        "violations": [_told(violation) for violation in violations],
        **more,
    }
    return JSONResponse(body, status, headers=headers)


def problem_of(error: CrmError) -> Response:
    """Return the answer to an error of a room."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 400)
    headers: dict[str, str] = {}
    more: dict[str, Any] = {}
    if isinstance(error, DatabaseUnavailable):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, TooManyAttempts):
        headers["Retry-After"] = str(error.params["retry_after_seconds"])
    if isinstance(error, ChangedMeanwhile):
        more["current_version"] = error.params.get("version")
    if isinstance(error, NotFound):
        survivor_id = error.params.get("merged_into", error.params.get("living_id"))
        more |= {} if survivor_id is None else {"merged_into": survivor_id}
    violations = error.violations if isinstance(error, Refused) else ()
    return problem(status, error.code, params=error.params, violations=violations, headers=headers, **more)


def early_problem(scope: Scope, status: int, code: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal made before anybody is known: in the language the request asks for."""
    with reader(accepted_language(Headers(scope=scope).get("accept-language", "")) or "en"):
        return problem(status, code, headers=headers)


def _told(violation: Violation) -> dict[str, Any]:
    return {
        "code": violation.code,
        "field": violation.field,
        "message": violation_sentence(violation),
        "params": dict(violation.params),
    }
