"""One page with one form: shown, submitted, and shown again with the refusal in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm.api.account_pages import choose_language, csrf_fits, render
from crm.api.incoming import read_form
from crm.api.threads import Pool, run_in
from crm.errors import (
    ChangedMeanwhile,
    CrmError,
    DatabaseUnavailable,
    NotFound,
    Refused,
    SignInRefused,
    TooManyAttempts,
)
from crm.i18n import reader

Form = Mapping[str, str]
Show = Callable[[Request, Form, CrmError | None, int], Response]
Submit = Callable[[Request, Form], Response]

STATUSES: tuple[tuple[type[CrmError], int], ...] = (
    (SignInRefused, 401),
    (NotFound, 404),
    (ChangedMeanwhile, 409),
    (Refused, 422),
    (TooManyAttempts, 429),
    (DatabaseUnavailable, 503),
)


def form_route(path: str, show: Show, submit: Submit, *, pool: Pool = Pool.FORMS) -> Route:
    """Return the route of a form: GET and refused POST call `show`, POST with the right token calls `submit`.

    Both run in a thread, with the page's language set; `show` may raise NotFound for a dead link.
    """

    async def endpoint(request: Request) -> Response:
        if request.method == "POST":
            try:
                form = await read_form(request)
            except Refused as error:
                return await run_in(pool, _told, request, error)
            return await run_in(pool, _submitted, request, form, show, submit)
        return await run_in(pool, _shown, request, show)

    return Route(path, endpoint, methods=["GET", "POST"])


def shown_route(path: str, show: Callable[[Request], Response], *, pool: Pool = Pool.FORMS) -> Route:
    """Return the route of a page without a form, shown in a thread with the page's language set."""

    def show_it(request: Request, _form: Form, _error: CrmError | None, _status: int) -> Response:
        return show(request)

    async def endpoint(request: Request) -> Response:
        return await run_in(pool, _shown, request, show_it)

    return Route(path, endpoint, methods=["GET"])


def status_of(error: CrmError) -> int:
    """Return the HTTP status of an error."""
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 400)


def _shown(request: Request, show: Show) -> Response:
    with reader(choose_language(request)):
        try:
            return show(request, {}, None, 200)
        except CrmError as error:
            return tell(request, error)


def _submitted(request: Request, form: Form, show: Show, submit: Submit) -> Response:
    with reader(choose_language(request)):
        try:
            if not csrf_fits(request, form):
                return show(request, form, CrmError("form_expired"), 403)
            return submit(request, form)
        except NotFound as error:
            return tell(request, error)
        except CrmError as error:
            return _shown_again(request, form, show, error)


def _shown_again(request: Request, form: Form, show: Show, error: CrmError) -> Response:
    try:
        answer = show(request, form, error, status_of(error))
    except CrmError as second:
        return tell(request, second)
    if isinstance(error, TooManyAttempts):
        answer.headers["Retry-After"] = str(error.params["retry_after_seconds"])
    return answer


def _told(request: Request, error: CrmError) -> Response:
    with reader(choose_language(request)):
        return tell(request, error)


def tell(request: Request, error: CrmError) -> Response:
    """Return a page that only says what is wrong and leads to the sign-in page."""
    return render(request, "message.html", status=status_of(error), error=error, dead_link=isinstance(error, NotFound))
