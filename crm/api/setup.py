"""The set-up page of the first start: the administrator, the company, a pipeline, something to begin with."""

from __future__ import annotations

from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm.actor import Actor
from crm.analytics.example import fill_example
from crm.api.account_pages import HOME, page_language, render, signed_in_redirect
from crm.api.form_page import Form, form_route
from crm.api.sign_in import open_session
from crm.auth.actors import load_actor
from crm.auth.fields import known_timezones
from crm.auth.passwords import MIN_LENGTH
from crm.auth.setup import FirstAdmin, set_up, setup_is_open, setup_violations
from crm.auth.workspace import USUAL_CURRENCIES, WorkspaceValues
from crm.clock import utc_now
from crm.db import read_scope, session_scope
from crm.errors import CrmError, NotFound, Violation, refuse_if_any
from crm.i18n import LANGUAGES, ngettext
from crm.i18n.places import country_choices, currency_label, timezone_choices
from crm.models import Channel
from crm.pipelines.templates import Template, available_templates, create_from_template

# How to begin: with examples, with one's own files, or with nothing.
STARTS = ("demo", "import", "empty")
IMPORT_PAGE = "/imports"


def routes() -> list[Route]:
    """Return the route of the set-up."""
    return [form_route("/account/setup/{token}", show_setup, submit_setup)]


def show_setup(request: Request, form: Form, error: CrmError | None, status: int) -> Response:
    """Draw the form.

    Errors: NotFound once any user exists, or for a dead link.
    """
    with read_scope() as session:
        if not setup_is_open(session, request.path_params["token"], utc_now()):
            raise NotFound(entity="link")
    return render(
        request,
        "setup.html",
        status=status,
        error=error,
        typed={**_starting_values(page_language(request)), **form},
        currencies=[(code, currency_label(code)) for code in USUAL_CURRENCIES],
        timezones=timezone_choices(known_timezones()),
        countries=country_choices(SUPPORTED_REGIONS),
        templates=[(one, _count(one)) for one in available_templates(page_language(request))],
        starts=STARTS,
        min_length=MIN_LENGTH,
    )


def submit_setup(request: Request, form: Form) -> Response:
    """Make everything in one transaction and sign the administrator in."""
    admin = FirstAdmin(form.get("name", ""), form.get("email", ""), form.get("password", ""))
    company = WorkspaceValues(
        name=form.get("company_name", ""),
        language=form.get("company_language", ""),
        currency=form.get("company_currency", ""),
        timezone=form.get("company_timezone", ""),
        phone_region=form.get("company_phone_region", ""),
    )
    refuse_if_any([*setup_violations(admin, company), *_choice_violations(form)])
    now = utc_now()
    with session_scope() as session:
        user_id = set_up(session, token=request.path_params["token"], admin=admin, company=company, now=now)
        actor = load_actor(session, user_id, Channel.UI)
        _begin_with(session, actor, form, company.language)
        signed_in = open_session(request, session, user_id, method="setup")
    return signed_in_redirect(signed_in, IMPORT_PAGE if form["start"] == "import" else HOME)


def _begin_with(session: Session, actor: Actor, form: Form, language: str) -> None:
    create_from_template(session, actor, template=form["template"], language=language)
    if form["start"] == "demo":
        fill_example(session, actor, language=language)


def _choice_violations(form: Form) -> list[Violation]:
    broken = []
    if form.get("start") not in STARTS:
        broken.append(Violation("choice_unknown", "start"))
    if form.get("template") not in {template.key for template in available_templates("en")}:
        broken.append(Violation("choice_unknown", "template"))
    return broken


def _count(template: Template) -> str:
    return ngettext("{n} pipeline", "{n} pipelines", len(template.pipelines))


def _starting_values(language: str) -> dict[str, str]:
    russian = language == "ru"
    return {
        "company_language": language if language in LANGUAGES else "en",
        "company_currency": "RUB" if russian else "USD",
        "company_timezone": "Europe/Moscow" if russian else "UTC",
        "company_phone_region": "RU" if russian else "US",
        "template": available_templates(language)[0].key,
        "start": STARTS[0],
    }
