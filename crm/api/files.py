"""Fetching a file that a page has made: once, within minutes, by the same person in the same session."""

from __future__ import annotations

from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from crm.api.problems import early_problem
from crm.auth.downloads import Download, take_download
from crm.auth.sessions import FoundSession


def routes() -> list[BaseRoute]:
    """Return the route of files."""
    return [Route("/files/{token:path}", serve_file, methods=["GET"])]


async def serve_file(request: Request) -> Response:
    """Answer with the file as an attachment; anything wrong with the token is the same 404."""
    session: FoundSession | None = request.scope.get("state", {}).get("session")
    download = await to_thread.run_sync(_take, request.path_params["token"], session) if session else None
    if download is None:
        return early_problem(request.scope, 404, "not_found")
    return Response(
        download.content,
        media_type=download.media_type,
        headers={
            "Content-Disposition": content_disposition(download.name),
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def content_disposition(name: str) -> str:
    """Return the header that saves a file under its name, whatever letters it has (RFC 6266)."""
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "._- ") else "_" for char in name)
    return f"attachment; filename=\"{plain or 'file'}\"; filename*=UTF-8''{quote(name, safe='')}"


def _take(token: str, session: FoundSession) -> Download | None:
    return take_download(token, user_id=session.user_id, session_id=session.id)
