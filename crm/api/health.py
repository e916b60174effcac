"""GET /healthz: whether the process is up and its database answers."""

from __future__ import annotations

from anyio import to_thread
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crm.db import read_scope
from crm.errors import DatabaseUnavailable


def routes() -> list[Route]:
    """Return the route of the health check."""
    return [Route("/healthz", get_health, methods=["GET"])]


async def get_health(request: Request) -> Response:
    """Answer 200 when the database can be read, 503 when it can't; nothing else is told."""
    reachable = await to_thread.run_sync(_database_answers)
    return JSONResponse({"status": "ok" if reachable else "database unavailable"}, 200 if reachable else 503)


def _database_answers() -> bool:
    try:
        with read_scope() as session:
            session.execute(text("SELECT 1"))
    except DatabaseUnavailable:
        return False
    return True
