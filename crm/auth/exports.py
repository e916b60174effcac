"""Word of what people take out of the base as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.events import record


def note_export(
    session: Session, actor: Actor, *, name: str, file_format: str, rows: int, narrowed: Mapping[str, str]
) -> None:
    """Write down that the actor got a file: what of, its format, how many rows, and what narrowed them.

    `narrowed` are the parameters of the page's address. Errors: Forbidden.
    """
    require(actor, Action.EXPORT_RECORDS)
    told: dict[str, Any] = {"name": name, "format": file_format.upper(), "rows": rows, "narrowed": dict(narrowed)}
    record(session, actor, "records.exported", "workspace", None, **told)
