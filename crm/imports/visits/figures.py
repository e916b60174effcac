"""A dry run's figures with a batch of visits added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from crm.imports.judged import Judged
from crm.imports.report import DealFigures, Report, tallied
from crm.imports.visits.judge import HistoryDraft


def tallied_visits(
    session: Session, report: Report, judged: Sequence[Judged[HistoryDraft]], names: Mapping[int, str]
) -> Report:
    """Return the report as it would be; deals of a file of deals were counted with it and are counted anew."""
    figures, owners = report.deals, dict(report.owners)
    whole = []
    for one in judged:
        draft = one.draft
        if draft is not None and draft.known is not None and draft.known.is_bare:
            facts = draft.known.facts
            counted = (facts["status"], -1, facts["currency"], -(facts["amount_minor"] or 0))
            figures = figures.plus(*counted)
            name = names.get(facts["owner_id"], "")
            owners[name] = owners.get(name, DealFigures()).plus(*counted)
            draft = replace(draft, columns={**facts, **draft.columns})
        whole.append(replace(one, draft=draft))
    return tallied(session, Report(report.import_id, report.counts, figures, owners), whole, names)
