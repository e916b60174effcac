"""The sign-in page and sign-out."""

from __future__ import annotations

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from crm.api.account_pages import DEVICE_COOKIE, cookie_for, forget_session, render, safe_next, signed_in_redirect
from crm.api.form_page import Form, form_route
from crm.api.incoming import client_address, session_token
from crm.api.threads import Pool, run_in
from crm.auth.sessions import sign_out
from crm.auth.setup import needs_setup
from crm.auth.sign_in import (
    SignedIn,
    check_password,
    forgive_attempt,
    record_refusal,
    renew_password_hash,
    sign_in,
    take_attempt,
)
from crm.clock import utc_now
from crm.db import read_scope, session_scope
from crm.errors import CrmError, SignInRefused
from crm.settings import get_settings

SIGN_IN_PATH = "/account/sign-in"


def routes() -> list[Route]:
    """Return the routes of this page."""
    return [
        form_route(SIGN_IN_PATH, show_sign_in, submit_sign_in),
        Route("/account/sign-out", sign_out_here, methods=["POST"]),
    ]


def show_sign_in(request: Request, form: Form, error: CrmError | None, status: int) -> Response:
    """Draw the form; who is signed in already goes on."""
    wanted = safe_next(form.get("next") or request.query_params.get("next", ""))
    with read_scope() as session:
        waiting = needs_setup(session)
    return render(
        request,
        "sign_in.html",
        status=status,
        error=error,
        typed=form,
        next=wanted,
        needs_setup=waiting,
        provider=get_settings().oidc_label if get_settings().oidc_issuer else "",
    )


def submit_sign_in(request: Request, form: Form) -> Response:
    """Sign in by password: count the attempt, check it outside any writing transaction, then open the session."""
    email, password, now = form.get("email", ""), form.get("password", ""), utc_now()
    device = request.cookies.get(cookie_for(DEVICE_COOKIE), "")
    with session_scope() as session:
        attempt = take_attempt(session, email=email, address=client_address(request), device=device, now=now)
    with read_scope() as session:
        user_id = check_password(session, attempt, password)
    if user_id is None:
        with session_scope() as session:
            record_refusal(session, attempt, method="password")
        raise SignInRefused
    with session_scope() as session:
        forgive_attempt(session, attempt, now)
        renew_password_hash(session, user_id, password)
        signed_in = open_session(request, session, user_id, method="password")
    return signed_in_redirect(signed_in, safe_next(form.get("next", "")))


def open_session(request: Request, session: Session, user_id: int, *, method: str) -> SignedIn:
    """Open the session of this browser inside the caller's transaction."""
    return sign_in(
        session,
        user_id,
        method=method,
        old_token=session_token(request),
        address=client_address(request),
        user_agent=request.headers.get("user-agent", ""),
        now=utc_now(),
    )


async def sign_out_here(request: Request) -> Response:
    """End this browser's session; the guard has checked where the request comes from."""
    await run_in(Pool.FORMS, _end_session, session_token(request))
    answer = RedirectResponse(SIGN_IN_PATH, 303)
    forget_session(answer)
    return answer


def _end_session(token: str) -> None:
    with session_scope() as session:
        sign_out(session, token)
