"""The installation's secret: one random file, from which a key for each purpose is derived."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path

from crm.settings import get_settings

KEY_BYTES = 32


def signing_key(purpose: str) -> bytes:
    """Return the key of one purpose; keys of different purposes tell nothing about each other."""
    secret = _secret(get_settings().effective_secret_file)
    return hmac.new(secret, purpose.encode(), hashlib.sha256).digest()


def token_hash(token: str) -> str:
    """Return what the database keeps of a random token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@cache
def _secret(path: Path) -> bytes:
    _create_if_missing(path)
    secret = path.read_bytes()
    if len(secret) < KEY_BYTES:
        raise ValueError(f"{path} is shorter than {KEY_BYTES} bytes: it is not a key file of Voronka")
    return secret


def _create_if_missing(path: Path) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and linked, so that of two processes starting at once both read one whole key.
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
