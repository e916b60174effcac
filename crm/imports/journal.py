"""What an import did, row by row and record by record: the ground of its report, its failed-rows file and its undo."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from crm.imports.judged import Judged, message_of
from crm.models import ImportRow
from crm.models.codes import RowVerdict

ALONG_THE_WAY = 0  # line of records that no row stands for: a deal's company, a pipeline, a person named as owner


class Journal:
    """Collects the import rows of one batch; `write` stores them in the batch's own transaction."""

    def __init__(self, import_id: int) -> None:
        self.import_id = import_id
        self._rows: list[dict[str, Any]] = []

    def row(
        self,
        file: str,
        judged: Judged[Any],
        entity: str | None,
        entity_id: int | None,
        before: dict[str, Any] | None = None,
    ) -> None:
        """Note the verdict on a row, with what it takes to restore a changed record."""
        self._rows.append(
            {
                "import_id": self.import_id,
                "file": file,
                "line": judged.line,
                "verdict": judged.verdict,
                "entity": entity,
                "entity_id": entity_id,
                "before": before,
                "message": message_of(judged),
            }
        )

    def made(self, entity: str, entity_id: int) -> None:
        """Note a record created along the way."""
        self._aside(RowVerdict.CREATED, entity, entity_id, None)

    def changed(self, entity: str, entity_id: int, before: dict[str, Any]) -> None:
        """Note a record changed along the way."""
        self._aside(RowVerdict.UPDATED, entity, entity_id, before)

    def write(self, session: Session) -> None:
        """Store what was collected."""
        if self._rows:
            session.execute(insert(ImportRow), self._rows)
            self._rows = []

    def _aside(self, verdict: RowVerdict, entity: str, entity_id: int, before: dict[str, Any] | None) -> None:
        self._rows.append(
            {
                "import_id": self.import_id,
                "file": "",
                "line": ALONG_THE_WAY,
                "verdict": verdict,
                "entity": entity,
                "entity_id": entity_id,
                "before": before,
                "message": None,
            }
        )
