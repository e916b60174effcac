"""Reading a request: its cookies, the client's address, the reader's language, the fields of a form."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection, Request

from crm.auth.sessions import cookie_name
from crm.errors import InvalidInput, Violation
from crm.i18n import LANGUAGES
from crm.settings import get_settings

LANGUAGE_COOKIE = "voronka-language"
MAX_FIELDS = 60


def session_token(connection: HTTPConnection) -> str:
    """Return the token of the session cookie, "" without one."""
    return connection.cookies.get(cookie_name(), "")


def client_address(connection: HTTPConnection) -> str:
    """Return the address the client connected from; forwarded headers count only from trusted proxies."""
    peer = _peer(connection)
    trusted = {_plain(name.strip()) for name in get_settings().trusted_proxies.split(",") if name.strip()}
    if peer not in trusted:
        return peer
    forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
    for hop in reversed([_plain(hop.strip()) for hop in forwarded.split(",") if hop.strip()]):
        if hop not in trusted:
            return hop if _is_address(hop) else peer
    return peer


def language_of(request: Request, fallback: str) -> str:
    """Return the language of a page shown before sign-in: asked for, chosen before, or the browser's."""
    for wanted in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    return accepted_language(request.headers.get("accept-language", "")) or fallback


def accepted_language(header: str) -> str | None:
    """Return the known language an Accept-Language header likes best, None where it names none."""
    weighted: list[tuple[float, str]] = []
    for part in header.split(",")[:20]:
        name, _mark, weight = part.strip().partition(";q=")
        try:
            weighted.append((float(weight or 1), name.split("-")[0].lower()))
        except ValueError:
            continue
    known = [pair for pair in weighted if pair[1] in LANGUAGES and pair[0] > 0]
    return max(known, key=lambda pair: pair[0])[1] if known else None


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form sent as application/x-www-form-urlencoded.

    Errors: InvalidInput for another type, too many fields or a field that comes twice.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidInput([Violation("form_unreadable")])
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise InvalidInput([Violation("form_unreadable")]) from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidInput([Violation("form_unreadable")])
    return fields


def _peer(connection: HTTPConnection) -> str:
    client = connection.client
    if client is None:
        return ""
    # Uvicorn believes what loopback peers forward, whoever they are; port 0 is how it marks what it put in.
    return _plain(client.host) if client.port else "127.0.0.1"


def _plain(address: str) -> str:
    """Return an IPv4 address in its own form where a socket for both kinds tells it as an IPv6 one."""
    return address.removeprefix("::ffff:") if "." in address else address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
