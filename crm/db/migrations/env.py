"""Alembic's entry: runs migrations on the connection it is handed, or on the configured database."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection

from crm.db.engine import get_database
from crm.db.migrate import MADE_BY_HAND
from crm.db.types import Code, Id, Json, UtcDateTime
from crm.models import Base


def _include(obj: Any, name: str | None, type_: str, reflected: bool, compare_to: Any) -> bool:
    # Written by hand in migrations, in words that differ by engine: see `MADE_BY_HAND`.
    return not (name or "").startswith(MADE_BY_HAND)


def _render(type_: str, obj: Any, autogen: Any) -> str | Literal[False]:
    # Our decorators stand in migrations as the plain column types beneath them.
    if type_ == "type" and isinstance(obj, Code):
        return "sa.SmallInteger()" if issubclass(obj.enum, int) else "sa.String(length=20)"
    if type_ == "type" and isinstance(obj, UtcDateTime):
        return "sa.BigInteger()"
    if type_ == "type" and obj is Json:
        return "types.Json"
    if type_ == "type" and obj is Id:
        return "types.Id"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        include_object=_include,
        compare_type=True,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with get_database().write_engine.connect() as own:
        _run(own)
        own.commit()
