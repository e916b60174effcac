"""One writer per kind of record: each carries out a batch of verdicts in bulk and notes everything in the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from crm.imports.fields import RecordKind
from crm.imports.journal import Journal
from crm.imports.judged import Judged
from crm.imports.world import World
from crm.imports.writers.clients import link_parents, write_companies, write_contacts
from crm.imports.writers.deals import write_deals
from crm.imports.writers.users import insert_people, write_users

Writer = Callable[[Session, World, Journal, str, Sequence[Judged[Any]]], None]

WRITERS: Mapping[RecordKind, Writer] = {
    RecordKind.USERS: write_users,
    RecordKind.COMPANIES: write_companies,
    RecordKind.CONTACTS: write_contacts,
    RecordKind.DEALS: write_deals,
}

__all__ = ["WRITERS", "Writer", "insert_people", "link_parents"]
