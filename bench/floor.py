"""The floor: the same data by hand-written SQL through the bare driver, without session, objects, rules or texts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg

from crm.actor import Actor
from crm.db import Database
from crm.deals.board import end_of_day

_CARD = "d.id, d.version, d.stage_id, d.title, d.company_id, d.owner_id, d.amount_minor, d.currency, d.priority"
_PERSON = """(SELECT p.name FROM deal_contacts dc JOIN contacts p ON p.id = dc.contact_id
              WHERE dc.deal_id = d.id AND dc.position = 0 LIMIT 1)"""
_DUE = "d.next_due_at ASC NULLS FIRST"


class Bare:
    """One open connection of the driver itself."""

    def __init__(self, database: Database) -> None:
        self.is_sqlite = database.is_sqlite
        if self.is_sqlite:
            self._fairy = database.read_engine.raw_connection()
            self._cursor: Any = self._fairy.cursor()
        else:
            url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(url, autocommit=True)
            self._cursor = self._connection.cursor()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query whose marks are question marks."""
        self._cursor.execute(sql if self.is_sqlite else sql.replace("%", "%%").replace("?", "%s"), values)
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.close()
        (self._fairy if self.is_sqlite else self._connection).close()


def board(bare: Bare, actor: Actor, pipeline_id: int, stages: Sequence[int], *, hot_first: bool) -> int:
    """Read counts and sums, 50 cards a column with names, and the month's closed deals; return how many cards."""
    whose = _whose(actor)
    order = f"d.priority, {_DUE}, d.id" if hot_first else f"{_DUE}, d.id"
    bare.rows(
        f"""SELECT d.stage_id, d.currency, count(*), sum(d.amount_minor) FROM deals d
            WHERE d.pipeline_id = ? AND d.status = 0{whose} GROUP BY d.stage_id, d.currency""",
        pipeline_id,
    )
    bare.rows(
        f"""SELECT d.status, d.currency, count(*), sum(d.amount_minor) FROM deals d
            WHERE d.pipeline_id = ? AND d.status IN (1, 2) AND d.closed_at >= ?{whose} GROUP BY d.status, d.currency""",
        pipeline_id,
        int(datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0).timestamp()),
    )
    bare.rows("SELECT id, name, kind, position FROM stages WHERE pipeline_id = ?", pipeline_id)
    columns = " UNION ALL ".join(
        f"""SELECT * FROM (SELECT {_CARD}, d.next_due_at, d.stage_entered_at, u.name, coalesce(c.name, {_PERSON})
            FROM deals d JOIN users u ON u.id = d.owner_id LEFT JOIN companies c ON c.id = d.company_id
            WHERE d.pipeline_id = {pipeline_id} AND d.stage_id = {stage} AND d.status = 0{whose}
            ORDER BY {order} LIMIT 50) AS part{stage}"""
        for stage in stages
    )
    return len(bare.rows(columns))


def deal_page(bare: Bare, deal_id: int) -> int:
    """Read all that the page of a deal shows; return the length of its timeline."""
    ((company_id, pipeline_id, *_),) = bare.rows(
        """SELECT d.company_id, d.pipeline_id, d.*, u.name, c.name FROM deals d JOIN users u ON u.id = d.owner_id
           LEFT JOIN companies c ON c.id = d.company_id WHERE d.id = ?""",
        deal_id,
    )
    bare.rows("SELECT id, name, kind, position FROM stages WHERE pipeline_id = ?", pipeline_id)
    people = bare.rows(
        """SELECT dc.contact_id, c.name, p.kind, p.value, p.normalised FROM deal_contacts dc
           JOIN contacts c ON c.id = dc.contact_id LEFT JOIN contact_points p ON p.contact_id = c.id
           WHERE dc.deal_id = ? ORDER BY dc.position, p.position""",
        deal_id,
    )
    bare.rows("SELECT * FROM next_steps WHERE deal_id = ? AND done_at IS NULL ORDER BY due_at", deal_id)
    bare.rows(
        "SELECT stage_id, sum(coalesce(left_at, 0) - entered_at) FROM stage_visits WHERE deal_id = ? GROUP BY stage_id",
        deal_id,
    )
    _other_deals(bare, company_id, [row[0] for row in people])
    found = bare.rows("SELECT * FROM activities WHERE deal_id = ? ORDER BY at DESC LIMIT 30", deal_id)
    return len(found + bare.rows("SELECT * FROM events WHERE deal_id = ? ORDER BY id DESC LIMIT 30", deal_id))


def my_day(bare: Bare, actor: Actor) -> int:
    """Read the counts and the first 50 items of each group of one's own day; return how many items."""
    now = datetime.now(UTC)
    moment, ends = int(now.timestamp()), int(end_of_day(now, actor.timezone).timestamp())
    owner = actor.user_id
    bare.rows(
        f"""SELECT CASE WHEN s.due_at < {moment} THEN 0 WHEN s.due_at < {ends} THEN 1 ELSE 2 END AS part, count(*)
            FROM next_steps s WHERE s.owner_id = ? AND s.done_at IS NULL GROUP BY part""",
        owner,
    )
    columns = f"d.id, d.title, coalesce(c.name, {_PERSON}), st.name, d.amount_minor, d.currency, d.priority"
    joins = "JOIN stages st ON st.id = d.stage_id LEFT JOIN companies c ON c.id = d.company_id"
    found = [
        bare.rows(
            f"""SELECT {columns}, s.id, s.kind, s.text, s.due_at FROM next_steps s
                JOIN deals d ON d.id = s.deal_id {joins}
                WHERE s.owner_id = ? AND s.done_at IS NULL AND s.due_at >= ? AND s.due_at < ?
                ORDER BY d.priority, s.due_at LIMIT 50""",
            owner,
            *bounds,
        )
        for bounds in ((0, moment), (moment, ends))
    ]
    without = f"FROM deals d {joins} WHERE d.owner_id = ? AND d.status = 0 AND d.next_due_at IS NULL"
    found.append(bare.rows(f"SELECT {columns} {without} ORDER BY d.priority, d.id LIMIT 50", owner))
    bare.rows(f"SELECT count(*) {without}", owner)
    return sum(map(len, found))


def search(bare: Bare, expression: str, *, is_common: bool) -> int:
    """Read the 20 newest entries that match an index expression, with their names; return how many.

    PostgreSQL is told its better plan: back from the newest for common words, from the index for the others.
    """
    if bare.is_sqlite:
        matches = "search_entries e JOIN search_fts f ON f.rowid = e.id WHERE f.search_fts MATCH ?"
        order = "f.rowid"
    else:
        matches = "search_entries e WHERE array_to_tsvector(string_to_array(e.words, ' ')) @@ ?::tsquery"
        order = "e.id" if is_common else "(e.id + 0)"
    return len(
        bare.rows(
            f"""SELECT e.kind, e.record_id, coalesce(d.title, p.name, c.name)
                FROM (SELECT e.id, e.kind, e.record_id FROM {matches} ORDER BY {order} DESC LIMIT 20) e
                LEFT JOIN deals d ON e.kind = 'deal' AND d.id = e.record_id
                LEFT JOIN contacts p ON e.kind = 'contact' AND p.id = e.record_id
                LEFT JOIN companies c ON e.kind = 'company' AND c.id = e.record_id ORDER BY e.id DESC""",
            expression,
        )
    )


def numbered_deal(bare: Bare, deal_id: int) -> int:
    """Read a deal's title and client by its number; return how many there are."""
    names = "SELECT d.title, c.name FROM deals d LEFT JOIN companies c ON c.id = d.company_id WHERE d.id = ?"
    return len(bare.rows(names, deal_id))


def _other_deals(bare: Bare, company_id: int | None, contact_ids: Sequence[int]) -> None:
    rest = "JOIN stages s ON s.id = d.stage_id WHERE {} ORDER BY d.status, d.id DESC LIMIT 20"
    start = "SELECT d.id, d.title, s.name, d.status, d.amount_minor, d.currency FROM deals d "
    if company_id is not None:
        bare.rows(start + rest.format("d.company_id = ?"), company_id)
    marks = ", ".join("?" * len(contact_ids))
    of_people = f"d.id IN (SELECT deal_id FROM deal_contacts WHERE contact_id IN ({marks}))"
    bare.rows(start + rest.format(of_people), *contact_ids)


def _whose(actor: Actor) -> str:
    if actor.visible_owner_ids is None:
        return ""
    return f" AND d.owner_id IN ({', '.join(map(str, sorted(actor.visible_owner_ids)))})"
