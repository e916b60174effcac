"""What the pages before sign-in share: templates, the CSRF token, cookies, the language, where to go next."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response

from crm.api.incoming import LANGUAGE_COOKIE, language_of
from crm.auth.sessions import cookie_name
from crm.auth.sign_in import SignedIn
from crm.db import read_scope
from crm.errors import CrmError, Refused
from crm.i18n import LANGUAGES, _
from crm.i18n.texts import error_sentence, violation_sentence
from crm.models import Workspace
from crm.settings import get_settings

HOME = "/"
FOLDER = Path(__file__).parent
ASSETS = {
    "account.css": "text/css",
    "account.js": "text/javascript",
    "api_docs.css": "text/css",
    "mark.svg": "image/svg+xml",
}
DEVICE_COOKIE = "voronka-device"
YEAR_SECONDS = 365 * 24 * 3600
# Pages are flat: one segment and a query. Everything else leads home.
_OWN_PAGE = re.compile(r"/[A-Za-z0-9_-]*(\?[A-Za-z0-9_=&%.,:+~-]*)?")


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    error: CrmError | None = None,
    typed: Mapping[str, str] | None = None,
    **values: Any,
) -> Response:
    """Return a page with a CSRF cookie; `typed` fills the form again after the refusal in `error`."""
    token = request.cookies.get(csrf_cookie_name(), "") or secrets.token_urlsafe(32)
    page = _templates().get_template(template)
    body = page.render(
        asset=asset_address,
        csrf=token,
        field_errors=_field_errors(error),
        summary=_summary(error),
        typed=typed or {},
        language=page_language(request),
        languages=LANGUAGES,
        language_links=_language_links(request),
        **values,
    )
    answer = HTMLResponse(body, status)
    set_cookie(answer, csrf_cookie_name(), token, same_site="strict", max_age=None)
    if request.query_params.get("lang") in LANGUAGES:
        set_cookie(answer, LANGUAGE_COOKIE, request.query_params["lang"], same_site="lax", max_age=YEAR_SECONDS)
    return answer


def page_language(request: Request) -> str:
    """Return the language of this page; where the browser says nothing we know, the company's."""
    language: str = request.state.page_language
    return language


def choose_language(request: Request) -> str:
    """Find the language once per request and keep it; needs the database, so not in the event loop."""
    with read_scope() as session:
        company = session.scalar(select(Workspace.language).where(Workspace.id == 1))
    request.state.page_language = language_of(request, company or "en")
    return page_language(request)


def csrf_fits(request: Request, form: Mapping[str, str]) -> bool:
    """Tell whether the form carries the token of this browser's cookie."""
    expected = request.cookies.get(csrf_cookie_name(), "")
    return bool(expected) and hmac.compare_digest(expected.encode(), form.get("csrf", "").encode())


def csrf_cookie_name() -> str:
    """Return the name of the CSRF cookie."""
    return cookie_for("voronka-form")


def cookie_for(name: str) -> str:
    """Return the name under which a cookie is kept; behind TLS the prefix makes browsers keep it to this host."""
    return f"__Host-{name}" if get_settings().secure_cookies else name


def safe_next(wanted: str) -> str:
    """Return the page to open after sign-in: one of ours, else home."""
    own = len(wanted) <= 1000 and _OWN_PAGE.fullmatch(wanted) and not wanted.startswith(("/account", "/api"))
    return wanted if own else HOME


def signed_in_redirect(signed_in: SignedIn, target: str) -> Response:
    """Return the way into the application, with the session's cookie."""
    answer = RedirectResponse(target, 303)
    settings = get_settings()
    set_cookie(answer, cookie_name(), signed_in.token, same_site="lax", max_age=settings.session_max_days * 24 * 3600)
    set_cookie(answer, cookie_for(DEVICE_COOKIE), signed_in.device, same_site="strict", max_age=YEAR_SECONDS)
    return answer


def set_cookie(answer: Response, name: str, value: str, *, same_site: Any, max_age: int | None) -> None:
    """Set one of our cookies: for the whole host, out of reach of scripts, behind TLS only where there is TLS."""
    secure = get_settings().secure_cookies
    answer.set_cookie(name, value, path="/", httponly=True, secure=secure, samesite=same_site, max_age=max_age)


def forget_session(answer: Response) -> None:
    """Take the session's cookie and everything cached out of the browser."""
    secure = get_settings().secure_cookies
    answer.delete_cookie(cookie_name(), path="/", secure=secure, httponly=True, samesite="lax")
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'


def serve_asset(request: Request) -> Response:
    """Serve the style sheet, the script and the mark of these pages."""
    name = request.path_params["name"]
    if name not in ASSETS:
        return PlainTextResponse("Not found", 404)
    cached = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(FOLDER / "assets" / name, media_type=ASSETS[name], headers=cached)


@cache
def asset_address(name: str) -> str:
    """Return the address of an asset; it changes with the content, so that browsers may keep it for ever."""
    digest = hashlib.sha256((FOLDER / "assets" / name).read_bytes()).hexdigest()[:12]
    return f"/account/assets/{name}?v={digest}"


def _summary(error: CrmError | None) -> str:
    """Return what is said above the form: what belongs to no field, else the error's own sentence."""
    if error is None:
        return ""
    placeless = [item for item in error.violations if item.field is None] if isinstance(error, Refused) else []
    return " ".join(map(violation_sentence, placeless)) or error_sentence(error)


def _field_errors(error: CrmError | None) -> dict[str, str]:
    if not isinstance(error, Refused):
        return {}
    return {violation.field: violation_sentence(violation) for violation in error.violations if violation.field}


def _language_links(request: Request) -> list[tuple[str, str, str]]:
    """Return (code, name, address of this page in it) of the other languages."""
    kept = {name: value for name, value in request.query_params.items() if name == "next"}
    others = [(code, name) for code, name in LANGUAGES.items() if code != page_language(request)]
    return [(code, name, f"?{urlencode({**kept, 'lang': code})}") for code, name in others]


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.globals["_"] = _
    return made
