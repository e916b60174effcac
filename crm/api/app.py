"""The REST API's application, mounted at /api: its routes, its gate, its description."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from crm.api.description import DescribedApi, operation_name
from crm.api.docs import docs_route
from crm.api.v1 import (
    companies,
    contacts,
    deal_acts,
    deals,
    duplicates,
    links,
    merges,
    next_steps,
    objections,
    pipelines,
    refusals,
    users,
)
from crm.api.v1.gate import KeyGate
from crm.i18n import N_

DESCRIPTION = N_("Everything the pages do with deals and clients, by the same rules.")


def make_api() -> FastAPI:
    """Return the application."""
    app = DescribedApi(
        title="Voronka CRM",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        servers=[{"url": "/api"}],
        root_path_in_servers=False,
        redirect_slashes=False,
        generate_unique_id_function=operation_name,
    )
    version_1 = APIRouter(prefix="/v1")
    modules = (
        pipelines, links, deals, deal_acts, objections, companies, contacts, duplicates, merges, next_steps, users,
    )  # fmt: skip
    for module in modules:
        version_1.include_router(module.router)
    app.include_router(version_1)
    app.router.routes.append(docs_route(app))
    app.add_middleware(KeyGate)
    refusals.install(app)
    return app


api = make_api()
