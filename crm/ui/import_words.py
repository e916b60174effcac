"""Words for what imports say."""

from __future__ import annotations

from crm.i18n import N_, _
from crm.imports.reads import ImportSummary
from crm.models import ImportStatus, RowVerdict

_VERDICTS = {
    RowVerdict.CREATED: N_("New"),
    RowVerdict.UPDATED: N_("Updated"),
    RowVerdict.UNCHANGED: N_("Unchanged"),
    RowVerdict.FAILED: N_("Failed"),
}
_STATUSES = {
    ImportStatus.RUNNING: N_("running"),
    ImportStatus.DONE: N_("done"),
    ImportStatus.FAILED: N_("stopped"),
    ImportStatus.UNDONE: N_("undone"),
}


def verdict_name(verdict: RowVerdict) -> str:
    """Return the reader's word for a verdict."""
    return _(_VERDICTS[verdict])


def status_name(status: ImportStatus) -> str:
    """Return the reader's word for where an import stands."""
    return _(_STATUSES[status])


def counts_sentence(summary: ImportSummary) -> str:
    """Return how many rows got which verdict, without those of none."""
    named = ((verdict_name(verdict), summary.counts.of(verdict)) for verdict in RowVerdict)
    return " · ".join(f"{name.lower()} {count}" for name, count in named if count)
