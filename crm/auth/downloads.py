"""Files made for one person to fetch once: kept under the hash of their token, bound to user and session."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from crm.settings import get_settings

LIFETIME_SECONDS = 300
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be fetched."""

    name: str
    media_type: str
    content: bytes


def offer_download(download: Download, *, user_id: int, session_id: int) -> str:
    """Keep a file for one fetch by this user in this session; return the path of its address."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    _forget_old(folder)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    about = {"name": download.name, "media_type": download.media_type, "user": user_id, "session": session_id}
    path = folder / _hash(token)
    path.touch(mode=0o600)
    path.write_bytes(json.dumps(about).encode() + b"\n" + download.content)
    return f"/files/{token}"


def take_download(token: str, *, user_id: int, session_id: int) -> Download | None:
    """Return the file of a token, the only time; None for a spent, old or foreign one."""
    path = _folder() / _hash(token)
    try:
        if path.stat().st_mtime < time.time() - LIFETIME_SECONDS:
            return None
        with path.open("rb") as stream:
            about = json.loads(stream.readline())
        if (about["user"], about["session"]) != (user_id, session_id):
            return None
        taken = path.with_suffix(".taken")
        path.rename(taken)  # of two requests at once only one finds it
    except FileNotFoundError:
        return None
    content = taken.read_bytes().partition(b"\n")[2]
    taken.unlink()
    return Download(about["name"], about["media_type"], content)


def _forget_old(folder: Path) -> None:
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime < time.time() - LIFETIME_SECONDS:
                path.unlink()
        except FileNotFoundError:  # another process was faster
            continue


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _folder() -> Path:
    return get_settings().data_dir / "uploads" / "downloads"
