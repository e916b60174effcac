"""Engines, the two session scopes, column types and migrations."""

from crm.db.engine import Database, get_database, read_scope, session_scope, use_database

__all__ = ["Database", "get_database", "read_scope", "session_scope", "use_database"]
