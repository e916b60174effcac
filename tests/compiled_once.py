"""Statements compiled once for all the short-lived bases of a run: SQLAlchemy keeps them by engine and dialect."""

from __future__ import annotations

from sqlalchemy import Engine

from crm.db import Database

_first: dict[str, Engine] = {}


def compile_once(database: Database) -> Database:
    """Let the engines of a database use the dialect, and what it has compiled, of the first of their kind."""
    for engine in (database.write_engine, database.read_engine):
        first = _first.get(engine.name)
        if first is None:
            with engine.connect():  # a dialect learns at its first connection what its server can do
                first = _first[engine.name] = engine
        engine.dialect = first.dialect
        engine._compiled_cache = first._compiled_cache
    return database
