"""The REST API's application, mounted at /api: what it answers with, where its description lies."""

from __future__ import annotations

from fastapi import FastAPI

api = FastAPI(title="Voronka CRM", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
