"""The client's address: what the connection says, unless a proxy of ours says more."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from crm.api.incoming import client_address
from crm.settings import get_settings

PROXIES = "10.0.0.1, 10.0.0.2"


def connection(peer: str, *forwarded: str) -> HTTPConnection:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return HTTPConnection({"type": "http", "client": (peer, 1234), "headers": headers})


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),  # not our proxy: its word counts nothing
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),  # the leftmost is the sender's own claim
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.1"),
        ("10.0.0.1", ["rubbish"], "10.0.0.1"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("::ffff:203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
    ],
)
def test_address_behind_proxies(peer: str, forwarded: list[str], address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TRUSTED_PROXIES", PROXIES)
    get_settings.cache_clear()
    assert client_address(connection(peer, *forwarded)) == address


def test_no_proxy_is_trusted_by_default() -> None:
    assert client_address(connection("127.0.0.1", "198.51.100.1")) == "127.0.0.1"


def test_what_the_server_believed_by_itself_counts_only_from_a_named_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uvicorn puts a forwarded address in for every loopback peer, with port 0."""
    headers = [(b"x-forwarded-for", b"198.51.100.1")]
    rewritten = HTTPConnection({"type": "http", "client": ("198.51.100.1", 0), "headers": headers})
    assert client_address(rewritten) == "127.0.0.1"
    monkeypatch.setenv("CRM_TRUSTED_PROXIES", "127.0.0.1")
    get_settings.cache_clear()
    assert client_address(rewritten) == "198.51.100.1"
