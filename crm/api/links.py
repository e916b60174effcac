"""The pages of one-time links: an invitation and a password reset. GET shows the form, only POST spends the link."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm.api.account_pages import HOME, render, signed_in_redirect
from crm.api.form_page import Form, form_route
from crm.api.sign_in import open_session
from crm.auth.account import set_password_by_link
from crm.auth.one_time_links import link_owner
from crm.auth.passwords import MIN_LENGTH
from crm.clock import utc_now
from crm.db import read_scope, session_scope
from crm.errors import CrmError, InvalidInput, Violation
from crm.models import TokenKind


def routes() -> list[Route]:
    """Return the routes of both kinds of link."""
    return [
        form_route(
            f"/account/{kind.value}/{{token}}", partial(show_password_form, kind), partial(submit_password, kind)
        )
        for kind in (TokenKind.INVITE, TokenKind.RESET)
    ]


def show_password_form(kind: TokenKind, request: Request, form: Form, error: CrmError | None, status: int) -> Response:
    """Draw the form for a new password.

    Errors: NotFound for a dead link.
    """
    with read_scope() as session:
        owner = link_owner(session, kind, request.path_params["token"], utc_now())
    invited = kind is TokenKind.INVITE
    return render(
        request, "password.html", status=status, error=error, owner=owner, invited=invited, min_length=MIN_LENGTH
    )


def submit_password(kind: TokenKind, request: Request, form: Form) -> Response:
    """Set the password, spend the link and sign in, in one transaction."""
    password = form.get("password", "")
    if password != form.get("password_again", ""):
        raise InvalidInput([Violation("password_differs", "password_again")])
    with session_scope() as session:
        user_id = set_password_by_link(
            session, kind=kind, token=request.path_params["token"], password=password, now=utc_now()
        )
        signed_in = open_session(request, session, user_id, method=kind.value)
    return signed_in_redirect(signed_in, HOME)
