"""Files on their way in: fingerprints, and uploads kept under their own hash outside every served folder."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from crm.imports.formats import FileRefused
from crm.imports.run import FileSource
from crm.settings import get_settings
from crm.typed_text import clean_line

_CHUNK_BYTES = 1024 * 1024
_KEPT_SECONDS = 86_400
_SHA256 = re.compile(r"[0-9a-f]{64}")


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Errors: FileRefused where it can't be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise FileRefused("file_missing", name=path.name) from error
    return digest.hexdigest()


def sources_of(paths: Iterable[Path]) -> list[FileSource]:
    """Return names and fingerprints of files."""
    return [FileSource(path.name, fingerprint(path)) for path in paths]


def keep_upload(name: str, content: bytes) -> FileSource:
    """Store an upload under its hash for a day, time enough for its import; the name stays a name.

    Errors: FileRefused where it is too large.
    """
    forget_old_uploads()
    limit_mb = get_settings().import_max_mb
    if len(content) > limit_mb * 1024 * 1024:
        raise FileRefused("file_too_large", limit_mb=limit_mb)
    sha256 = hashlib.sha256(content).hexdigest()
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / sha256
    if path.exists():
        path.touch()
    else:
        partial = path.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(path)
    return FileSource(plain_name(name), sha256)


def kept_path(source: FileSource) -> Path:
    """Return where an upload lies.

    Errors: FileRefused where it is gone.
    """
    path = _folder() / source.sha256
    if not _SHA256.fullmatch(source.sha256) or not path.is_file():
        raise FileRefused("file_missing", name=source.name)
    return path


def forget_old_uploads() -> None:
    """Remove uploads of more than a day ago; younger ones may serve several imports of the same file."""
    for path in _folder().glob("*"):
        with suppress(FileNotFoundError):  # another process was faster
            if path.stat().st_mtime < time.time() - _KEPT_SECONDS:
                path.unlink()


def plain_name(name: str) -> str:
    """Return the last part of a file's name, whatever system it came from, fit to show and to store."""
    last = re.split(r"[\\/]", clean_line(name))[-1].strip(" .")
    stem, dot, suffix = last.rpartition(".")
    return f"{stem[:200]}{dot}{suffix[:20]}" or "file"


def _folder() -> Path:
    return get_settings().data_dir / "uploads" / "imports"
