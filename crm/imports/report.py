"""The figures of an import or of its dry run: verdicts, records, deals won and lost, by owner and by currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.imports.clients_known import in_turn
from crm.imports.judged import Judged
from crm.imports.progress import Counts
from crm.imports.reads import load_import
from crm.models import Deal, DealStatus, ImportRow, User
from crm.models.codes import RowVerdict, StageKind

STATUS = {StageKind.OPEN: DealStatus.OPEN, StageKind.WON: DealStatus.WON, StageKind.LOST: DealStatus.LOST}


@dataclass(frozen=True, slots=True)
class DealFigures:
    """Deals by outcome, and the value of the won ones by currency in minor units."""

    won: int = 0
    lost: int = 0
    open: int = 0
    value_won_minor: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Return how many deals there are."""
        return self.won + self.lost + self.open

    def plus(self, status: DealStatus, count: int, currency: str, amount_minor: int) -> DealFigures:
        """Return the figures with deals of one status added."""
        value = dict(self.value_won_minor)
        if status is DealStatus.WON:
            value[currency] = value.get(currency, 0) + amount_minor
        return DealFigures(
            won=self.won + (count if status is DealStatus.WON else 0),
            lost=self.lost + (count if status is DealStatus.LOST else 0),
            open=self.open + (count if status is DealStatus.OPEN else 0),
            value_won_minor=value,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What became of an import; `import_id` is None for a dry run. Figures count the deals its rows stand for."""

    import_id: int | None
    counts: Counts
    deals: DealFigures
    owners: Mapping[str, DealFigures]


def load_report(session: Session, actor: Actor, import_id: int) -> Report:
    """Return the figures of an import as its deals are now.

    Errors: Forbidden; NotFound.
    """
    summary = load_import(session, actor, import_id)
    mine = select(ImportRow.entity_id).where(
        ImportRow.import_id == import_id, ImportRow.entity == "deal", ImportRow.line > 0
    )
    query = (
        select(User.name, Deal.status, Deal.currency, func.count(), func.coalesce(func.sum(Deal.amount_minor), 0))
        .join(User, User.id == Deal.owner_id)
        .where(Deal.id.in_(mine))
        .group_by(User.id, User.name, Deal.status, Deal.currency)
        .order_by(User.name)
    )
    figures = DealFigures()
    owners: dict[str, DealFigures] = {}
    for name, status, currency, count, amount in session.execute(query):
        figures = figures.plus(status, count, currency, int(amount or 0))
        owners[name] = owners.get(name, DealFigures()).plus(status, count, currency, int(amount or 0))
    return Report(import_id, summary.counts, figures, owners)


def tallied(session: Session, report: Report, judged: Iterable[Judged[Any]], names: Mapping[int, str]) -> Report:
    """Return a dry run's report with a batch of deals added; present deals count as they would be."""
    drafts = [one.draft for one in judged if one.draft is not None]
    present = _present(session, [draft.id for draft in drafts if draft.id > 0])
    figures, owners = report.deals, dict(report.owners)
    for draft in drafts:
        now = {**present.get(draft.id, {}), **draft.columns}
        if draft.move is not None:
            now["status"] = STATUS[draft.move.stage_kind]
        facts = (now["status"], 1, now["currency"], now["amount_minor"] or 0)
        figures = figures.plus(*facts)
        name = names.get(now["owner_id"], "")
        owners[name] = owners.get(name, DealFigures()).plus(*facts)
    return Report(report.import_id, report.counts, figures, owners)


def report_tree(report: Report) -> dict[str, Any]:
    """Return a report as JSON holds it; sums are decimal text in whole units of their currency."""
    verdicts = {verdict.value: report.counts.of(verdict.value) for verdict in RowVerdict}
    return {
        "import_id": report.import_id,
        "dry_run": report.import_id is None,
        "rows": {"total": report.counts.done, **verdicts},
        "files": {file: dict(counts) for file, counts in report.counts.rows.items()},
        "deals": _figures_tree(report.deals),
        "owners": {name: _figures_tree(figures) for name, figures in sorted(report.owners.items())},
    }


def _figures_tree(figures: DealFigures) -> dict[str, Any]:
    return {
        "total": figures.total,
        "won": figures.won,
        "lost": figures.lost,
        "open": figures.open,
        "value_won": {code: _plain_sum(amount) for code, amount in sorted(figures.value_won_minor.items())},
    }


def _plain_sum(amount_minor: int) -> str:
    return format(Decimal(amount_minor) / 100, ".2f")


def _present(session: Session, ids: list[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    columns = (Deal.id, Deal.status, Deal.currency, Deal.amount_minor, Deal.owner_id)
    for some in in_turn(ids):
        for row in session.execute(select(*columns).where(Deal.id.in_(some))):
            found[row.id] = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return found
