"""The floor of a move: the same rows written by hand-made SQL through the bare driver; nothing is judged."""

from __future__ import annotations

import json
from typing import Any

import psycopg

from crm.clock import utc_now
from crm.db import Database
from crm.deals.moves import Move


class BareMover:
    """One writing connection of the driver itself."""

    def __init__(self, database: Database) -> None:
        self.is_sqlite = database.is_sqlite
        if self.is_sqlite:
            self._connection: Any = database.write_engine.raw_connection()
        else:
            url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(url)
        self._cursor: Any = self._connection.cursor()

    def move(self, deal_id: int, from_stage_id: int, move: Move) -> bool:
        """Move a deal, plan its step, record three events; tell whether the deal still was where it was expected."""
        self._run("BEGIN IMMEDIATE" if self.is_sqlite else "SELECT 1")
        now = int(utc_now().timestamp())
        lock = "" if self.is_sqlite else " FOR UPDATE"
        self._run(f"SELECT owner_id, pipeline_id, version, custom FROM deals WHERE id = ?{lock}", deal_id)
        owner_id, pipeline_id, version, custom = self._cursor.fetchone()
        plan = move.next_step
        due = int(plan.due_at.timestamp()) if plan else now
        self._write_history(deal_id, owner_id, pipeline_id, (from_stage_id, move.to_stage_id), now, due)
        moved = self._run(
            """UPDATE deals SET stage_id = ?, stage_entered_at = ?, updated_at = ?, amount_minor = ?, custom = ?,
               next_due_at = (SELECT min(due_at) FROM next_steps WHERE deal_id = deals.id AND done_at IS NULL),
               version = version + 1 WHERE id = ? AND version = ?""",
            *(move.to_stage_id, now, now, move.changes.amount_minor),
            *(custom if self.is_sqlite else json.dumps(custom), deal_id, version),
        )
        if self.is_sqlite:
            self._run("COMMIT")
        else:
            self._connection.commit()
        return moved == 1

    def close(self) -> None:
        """Give the connection back."""
        self._cursor.close()
        self._connection.close()

    def _write_history(
        self, deal_id: int, owner_id: int, pipeline_id: int, stages: tuple[int, int], now: int, due: int
    ) -> None:
        from_stage_id, to_stage_id = stages
        self._run(
            """UPDATE stage_visits SET left_at = ?, outcome = 'forward', next_stage_id = ?
               WHERE deal_id = ? AND left_at IS NULL""",
            *(now, to_stage_id, deal_id),
        )
        self._run(
            """INSERT INTO stage_visits
               (deal_id, pipeline_id, stage_id, owner_id, owner_known, entered_at, stay_entered_at, outcome, is_first,
                channel, actor_id)
               VALUES (?, ?, ?, ?, ?, ?, ?, 'open', ?, 'ui', ?)""",
            *(deal_id, pipeline_id, to_stage_id, owner_id, True, now, now, True, owner_id),
        )
        self._run(
            """INSERT INTO next_steps (deal_id, kind, text, due_at, owner_id, created_at, created_by, version)
               VALUES (?, 'call', ?, ?, ?, ?, ?, 1)""",
            *(deal_id, "Позвонить и уточнить объём", due, owner_id, now, owner_id),
        )
        details = json.dumps({"from_stage_id": from_stage_id, "to_stage_id": to_stage_id})
        self._run(
            """UPDATE stage_reaches SET outcome = 1, decided_at = ?, credited_to = ?
               WHERE deal_id = ? AND stage_id = ?""",
            *(now, owner_id, deal_id, from_stage_id),
        )
        self._run(
            """INSERT INTO stage_reaches (deal_id, stage_id, pipeline_id, began_at, reached_at, entered_at, owner_id,
               outcome, credited_to, in_order) SELECT deal_id, ?, pipeline_id, began_at, ?, ?, ?, 0, ?, in_order
               FROM stage_reaches WHERE deal_id = ? AND stage_id = ?""",
            *(to_stage_id, now, now, owner_id, owner_id, deal_id, from_stage_id),
        )
        for kind, entity in (("deal.edited", "deal"), ("next_step.planned", "next_step"), ("deal.moved", "deal")):
            self._run(
                """INSERT INTO events (at, kind, entity, entity_id, deal_id, actor_id, channel, details)
                   VALUES (?, ?, ?, ?, ?, ?, 'ui', ?)""",
                *(now, kind, entity, deal_id, deal_id, owner_id, details),
            )

    def _run(self, sql: str, *values: object) -> int:
        self._cursor.execute(sql if self.is_sqlite else sql.replace("?", "%s"), values)
        return int(self._cursor.rowcount)
