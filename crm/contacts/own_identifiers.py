"""Our own phones, mailboxes and domains: they stand in clients' records and tell nothing about who is who."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.contacts.normalise import email_or_none, parse_phone
from crm.contacts.search import phone_region
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.jobs import request_job
from crm.matching.normalise.mailboxes import public_domains
from crm.matching.store import mark_all_stale
from crm.models import JobKind, Workspace
from crm.typed_text import clean_line

LISTED_AT_MOST = 500
FIELD = "own_identifiers"
_DOMAIN = re.compile(r"^(?!-)[\w-]{1,63}(?:\.[\w-]{1,63})+$")
_PREFIX = re.compile(r"^[+]?[0-9\s()-]{1,20}[*]$")
PREFIX_DIGITS = 4  # fewer are whole countries


def load_own_identifiers(session: Session, actor: Actor) -> tuple[str, ...]:
    """Return what the company said of itself: E.164 phones, their beginnings with "*", mailboxes, domains."""
    return tuple(session.scalar(select(Workspace.own_identifiers)) or ())


def save_own_identifiers(session: Session, actor: Actor, *, typed: Sequence[str]) -> None:
    """Replace the list; a line is a phone, the beginning of phones with "*", a mailbox or a domain.

    All records are normalised and compared anew beside the pages: their evidence is stale from this moment, so that
    what was saved while an earlier look was under way is not lost.
    Errors: Forbidden; NotFound before the set-up; InvalidInput with every unreadable line.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    found: list[Violation] = []
    region = phone_region(session)
    stored = read_own(typed, region, found)
    refuse_if_any(found)
    workspace = session.get(Workspace, 1, with_for_update=True)
    if workspace is None:
        raise NotFound(entity="workspace")
    before = workspace.own_identifiers or []
    if stored == before:
        return
    workspace.own_identifiers = stored
    record(session, actor, "workspace.edited", "workspace", 1, changes={FIELD: [before, stored]})
    mark_all_stale(session)
    digest = hashlib.sha256("\n".join(stored).encode()).hexdigest()[:16]
    request_job(session, actor, JobKind.SCAN_BASE, unique_key=f"duplicates.scan.own.{digest}")


def read_own(typed: Sequence[str], region: str, found: list[Violation]) -> list[str]:
    """Return what was typed as it is stored; what can't be read is added to `found`."""
    lines = [line for text in typed if (line := clean_line(text))]
    if len(lines) > LISTED_AT_MOST:
        found.append(Violation("too_many_items", FIELD, {"limit": LISTED_AT_MOST}))
    return list(dict.fromkeys(_stored(line, region, found) for line in lines))


def _stored(line: str, region: str, found: list[Violation]) -> str:
    if "@" in line:
        return email_or_none(line, FIELD, found) or ""
    if _PREFIX.match(line):
        return _prefix(line, region, found)
    if phone := parse_phone(line, region):
        return phone.e164
    if (domain := line.lower()) in public_domains():
        found.append(Violation("own_domain_public", FIELD, {"text": line}))
        return ""
    if _DOMAIN.match(domain):
        return domain
    found.append(Violation("own_identifier_unreadable", FIELD, {"text": line[:60]}))
    return ""


def _prefix(line: str, region: str, found: list[Violation]) -> str:
    digits = "".join(char for char in line if char.isdigit())
    if len(digits) < PREFIX_DIGITS:
        found.append(Violation("own_prefix_short", FIELD, {"text": line, "least": PREFIX_DIGITS}))
        return ""
    # Russians write 8 for +7, but +86 is China.
    trunk = digits[0] == "8" and region == "RU" and not line.startswith("+")
    return f"+{'7' + digits[1:] if trunk else digits}*"
