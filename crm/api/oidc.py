"""Signing in through the OpenID provider: out with a visit bound to the browser, back with a code."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import astuple

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm.api.account_pages import cookie_for, render, safe_next, set_cookie, signed_in_redirect
from crm.api.form_page import Form, form_route, shown_route, status_of
from crm.api.incoming import client_address
from crm.api.oidc_provider import ProviderFailed, Visit, authorization_url, identity_for_code
from crm.api.sign_in import open_session, show_sign_in
from crm.api.threads import Pool
from crm.auth.actors import system_actor
from crm.auth.identities import user_of_identity
from crm.auth.secret_key import signing_key
from crm.db import session_scope
from crm.errors import CrmError, NotFound, SignInRefused
from crm.events import record
from crm.models import Channel
from crm.settings import get_settings

VISIT_SECONDS = 600
VISIT_COOKIE = "voronka-visit"


def routes() -> list[Route]:
    """Return the routes of both ways."""
    return [
        form_route("/account/oidc/start", show_sign_in, start_visit, pool=Pool.PROVIDER),
        shown_route("/account/oidc/callback", end_visit, pool=Pool.PROVIDER),
    ]


def start_visit(request: Request, form: Form) -> Response:
    """Send the browser to the provider; a cookie binds what comes back to this browser.

    Errors: NotFound where no provider is set up; ProviderFailed.
    """
    if not get_settings().oidc_issuer:
        raise NotFound(entity="provider")
    visit = Visit(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        next=safe_next(form.get("next", "")),
    )
    # A page that leads on, not a redirect: `form-action 'self'` forbids a form's answer to lead elsewhere.
    answer = render(request, "leave.html", address=authorization_url(visit), provider=get_settings().oidc_label)
    sealed = str(_sealer().dumps(astuple(visit)))
    set_cookie(answer, cookie_for(VISIT_COOKIE), sealed, same_site="lax", max_age=VISIT_SECONDS)
    return answer


def end_visit(request: Request) -> Response:
    """Open a session for the identity that the provider sent back, or show the sign-in page with the refusal."""
    try:
        answer = _signed_in(request)
    except (SignInRefused, ProviderFailed) as error:
        answer = show_sign_in(request, {}, CrmError(_code_shown(error)), status_of(error))
    answer.delete_cookie(cookie_for(VISIT_COOKIE), path="/", secure=get_settings().secure_cookies, httponly=True)
    return answer


def _signed_in(request: Request) -> Response:
    visit = _visit_of(request)
    identity = identity_for_code(request.query_params.get("code", ""), visit)
    with session_scope() as session:
        user_id = user_of_identity(session, identity)
        if user_id is None:
            actor = system_actor(Channel.UI)
            record(session, actor, "auth.refused", "user", None, method="oidc", address=client_address(request))
        else:
            signed_in = open_session(request, session, user_id, method="oidc")
    if user_id is None:
        raise SignInRefused
    return signed_in_redirect(signed_in, safe_next(visit.next))


def _visit_of(request: Request) -> Visit:
    """Return the visit this browser began.

    Errors: ProviderFailed without one, with another state, or when the provider reports a failure.
    """
    if not get_settings().oidc_issuer:
        raise NotFound(entity="provider")
    try:
        visit = Visit(*_sealer().loads(request.cookies.get(cookie_for(VISIT_COOKIE), ""), max_age=VISIT_SECONDS))
    except (BadData, TypeError) as error:
        raise ProviderFailed from error
    returned = request.query_params.get("state", "")
    if not hmac.compare_digest(visit.state.encode(), returned.encode()) or not request.query_params.get("code"):
        raise ProviderFailed
    return visit


def _code_shown(error: CrmError) -> str:
    return "identity_refused" if isinstance(error, SignInRefused) else error.code


def _sealer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(signing_key("oidc visit"), signer_kwargs={"digest_method": hashlib.sha256})
