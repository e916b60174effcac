"""Talking to the OpenID provider: its description, the code for tokens, the signed identity."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from ipaddress import ip_address
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from crm.auth.identities import Identity
from crm.errors import CrmError
from crm.settings import Settings, get_settings

TIMEOUT_SECONDS = 5.0
DESCRIPTION_KEPT_SECONDS = 3600.0
LEEWAY_SECONDS = 60
# Signatures by the provider's own key; a shared secret or none proves nothing.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# What talking to a provider, and reading what it says, can end in.
UNBELIEVABLE = (httpx2.HTTPError, OAuthError, AuthlibBaseError, JoseError, ValueError, KeyError)

log = logging.getLogger(__name__)


class ProviderFailed(CrmError):
    """The provider does not answer, or answers with something that proves nobody's identity."""

    code = "provider_failed"


@dataclass(frozen=True, slots=True)
class Visit:
    """What binds a sign-in at the provider to the browser that began it."""

    state: str
    nonce: str
    verifier: str
    next: str


@dataclass(frozen=True, slots=True)
class _Description:
    metadata: dict[str, Any]
    read_at: float


_descriptions: dict[str, _Description] = {}


def authorization_url(visit: Visit) -> str:
    """Return the provider's address for signing in.

    Errors: ProviderFailed.
    """
    metadata = _metadata()
    with _client() as client:
        url, _state = client.create_authorization_url(
            metadata["authorization_endpoint"], state=visit.state, nonce=visit.nonce, code_verifier=visit.verifier
        )
    return str(url)


def identity_for_code(code: str, visit: Visit) -> Identity:
    """Exchange the code and return the identity in the signed token.

    Errors: ProviderFailed for anything that does not fit: signature, issuer, audience, time, nonce.
    """
    metadata = _metadata()
    try:
        with _client() as client:
            token = client.fetch_token(
                metadata["token_endpoint"],
                code=code,
                grant_type="authorization_code",
                code_verifier=visit.verifier,
            )
            keys = client.request("GET", metadata["jwks_uri"], withhold_token=True).raise_for_status().json()
        if not isinstance(token, dict) or not isinstance(keys, dict):
            raise ProviderFailed
        claims = _checked_claims(token, keys, metadata, visit.nonce)
    except UNBELIEVABLE as error:
        log.warning("provider's answer refused: %s", type(error).__name__)
        raise ProviderFailed from error
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        email=str(claims.get("email") or ""),
        is_email_verified=claims.get("email_verified") is True,
    )


def redirect_uri() -> str:
    """Return the address to register at the provider."""
    return f"{get_settings().public_url.rstrip('/')}/account/oidc/callback"


def _checked_claims(token: dict[str, Any], keys: Any, metadata: dict[str, Any], nonce: str) -> CodeIDToken:
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    registry = JWSRegistry(algorithms=[name for name in ALGORITHMS if name in offered], strict_check_header=False)
    decoded = jwt.decode(token["id_token"], KeySet.import_key_set(keys), registry=registry)
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": get_settings().oidc_client_id},
            "sub": {"essential": True},
            "nonce": {"essential": True, "value": nonce},
        },
        {"nonce": nonce, "client_id": get_settings().oidc_client_id, "access_token": token.get("access_token")},
    )
    claims.validate(leeway=LEEWAY_SECONDS)
    return claims


def _metadata() -> dict[str, Any]:
    """Return the provider's own description, read at most once an hour.

    Errors: ProviderFailed.
    """
    issuer = get_settings().oidc_issuer.rstrip("/")
    known = _descriptions.get(issuer)
    if known is not None and monotonic() - known.read_at < DESCRIPTION_KEPT_SECONDS:
        return known.metadata
    try:
        address = f"{_protected(issuer)}/.well-known/openid-configuration"
        metadata = httpx2.get(address, timeout=TIMEOUT_SECONDS).raise_for_status().json()
        if not isinstance(metadata, dict) or str(metadata["issuer"]).rstrip("/") != issuer:
            raise ValueError("the description names another issuer")
        for name in ENDPOINTS:
            _protected(str(metadata[name]))
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError) as error:
        log.warning("provider's description is unusable: %s", error)
        raise ProviderFailed from error
    _descriptions[issuer] = _Description(metadata, monotonic())
    return dict(metadata)


def _client() -> OAuth2Client:
    settings: Settings = get_settings()
    return OAuth2Client(
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret.get_secret_value(),
        scope="openid email profile",
        redirect_uri=redirect_uri(),
        code_challenge_method="S256",
        timeout=TIMEOUT_SECONDS,
        follow_redirects=False,
    )


def _protected(address: str) -> str:
    """Return an https address, or one on this machine; secrets go nowhere else."""
    split = urlsplit(address)
    if split.scheme == "https" or (split.scheme == "http" and _is_loopback(split.hostname or "")):
        return address
    raise ValueError(f"{address} is not protected by TLS")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
