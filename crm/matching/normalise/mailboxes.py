"""Mailboxes in any field: one spelling each, and whose they are: a person's, a role's, nobody's."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from rapidfuzz.distance import OSA

from crm.matching.normalise.skeleton import skeleton
from crm.matching.normalise.words import word_lists, words

PERSONAL, ROLE = "personal", "role"
_ADDRESS = re.compile(r"[\w.+\-']+@[\w\-]+(?:\.[\w\-]+)+", re.UNICODE)
_SPACED = re.compile(r"\s*(@|\(at\)|\[at\])\s*", re.IGNORECASE)
_LOOK_ALIKES = str.maketrans("асеорхуікмтнв", "aceopxyikmthb")
_DIGITS_AT_END = re.compile(r"[\d._\-]+$")
_CORRECTED_FROM = (
    "gmail.com",
    "yandex.ru",
    "rambler.ru",
    "hotmail.com",
    "outlook.com",
    "icloud.com",
    "inbox.ru",
    "yahoo.com",
)


class Mailbox(NamedTuple):
    """A mailbox; the domain is empty where it is a public service's."""

    value: str
    kind: str
    domain: str
    is_placeholder: bool


def mailboxes_in(text: str) -> list[tuple[Mailbox, tuple[int, int]]]:
    """Return the mailboxes of a text, each with its place."""
    if "@" not in text:
        return []
    found = []
    for match in _ADDRESS.finditer(text):
        box = _mailbox(match.group())
        if box is not None:
            found.append((box, match.span()))
    return found


@lru_cache(maxsize=20_000)
def mailboxes_of_field(typed: str) -> tuple[Mailbox, ...]:
    """Return the mailboxes of a field that is meant for them: blanks and commas of a slip are mended."""
    text = _SPACED.sub("@", typed)
    found = mailboxes_in(text)
    if not found and "@" in text:
        found = mailboxes_in(text.replace(",", ".").replace(" ", ""))
    return tuple(dict.fromkeys(box for box, _ in found))


def without_top(domain: str) -> str:
    """Return the domain without its last part: stalprok of stalprok.ru."""
    return domain.rpartition(".")[0]


@lru_cache(maxsize=50_000)
def domain_stems(domain: str) -> tuple[str, ...]:
    """Return what a company's domain may be called after: sever-yug-52.ru after severyug52 and severyug."""
    stem = skeleton(without_top(domain).replace("-", ""))
    bare = stem.rstrip("0123456789")
    return (stem,) if bare == stem or len(bare) < 4 else (stem, bare)


@lru_cache(maxsize=50_000)
def _domain(typed: str) -> str:
    domain = typed.translate(_LOOK_ALIKES).strip(".-").removeprefix("www.")
    domain = re.sub(r"\.(?:ry|ri|tu|ur)$", ".ru", domain)
    domain = re.sub(r"\.(?:con|cim|vom|comm|cmo|ocm)$", ".com", domain)
    mended = word_lists()["email_typos"].get(domain)
    if mended is not None:
        return str(mended)
    if domain not in public_domains():
        for known in _CORRECTED_FROM:
            if abs(len(known) - len(domain)) <= 1 and OSA.distance(domain, known, score_cutoff=1) <= 1:
                return known
    return domain


@cache
def public_domains() -> frozenset[str]:
    """Return the domains of public mail services."""
    return words("public_domains")


def _mailbox(typed: str) -> Mailbox | None:
    local, _, domain = typed.lower().strip(".'-").rpartition("@")
    local = local.translate(_LOOK_ALIKES).strip(".'-").removeprefix("mailto:")
    domain = _domain(domain)
    if not local or "." not in domain:
        return None
    local = local.partition("+")[0] or local
    if domain == "gmail.com":
        local = local.replace(".", "")
    elif domain == "yandex.ru":
        local = local.replace("-", ".")
    is_public = domain in public_domains()
    is_placeholder = domain in words("placeholder_domains") or (
        (local in words("placeholder_mailboxes") and is_public)
        or (local == without_top(domain) and local in words("placeholder_mailboxes"))
    )
    bare = _DIGITS_AT_END.sub("", local)
    is_role = local in words("role_mailboxes") or (not is_public and (bare in words("role_mailboxes") or len(bare) < 2))
    return Mailbox(f"{local}@{domain}", ROLE if is_role else PERSONAL, "" if is_public else domain, is_placeholder)
