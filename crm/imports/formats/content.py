"""Telling by its first bytes what a file really is, whatever it is called."""

from __future__ import annotations

import re

HEAD_BYTES = 4096

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"MZ", "binary"),
    (b"\x7fELF", "binary"),
    (b"%PDF", "binary"),
    (b"\x89PNG", "binary"),
    (b"\xff\xd8\xff", "binary"),
    (b"GIF8", "binary"),
    (b"\x1f\x8b", "binary"),
    (b"Rar!", "binary"),
    (b"7z\xbc\xaf", "binary"),
    (b"SQLite format 3", "binary"),
)
_MARKUP = re.compile(rb"\s*<(!doctype|html|head|body|table|script|svg|\?xml|!--)", re.IGNORECASE)
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def content_kind(head: bytes) -> str:
    """Return "zip", "ole" (old Office and encrypted files), "binary", "markup", "empty" or "text"."""
    if not head:
        return "empty"
    for signature, kind in _SIGNATURES:
        if head.startswith(signature) and not (signature == b"MZ" and _is_text(head)):
            return kind
    if _MARKUP.match(_without_bom(head)):
        return "markup"
    return "text"


def _without_bom(head: bytes) -> bytes:
    for bom in _BOMS:
        head = head.removeprefix(bom)
    return head.replace(b"\0", b"")


def _is_text(head: bytes) -> bool:
    # "MZ" may well begin a table ("MZ;name"); programs have NUL bytes right behind it.
    return b"\0" not in head
