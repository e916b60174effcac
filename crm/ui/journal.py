"""The journal in words: sentences, records and values as a reader understands them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from crm.auth.audit import JournalRow
from crm.clock import utc_now
from crm.i18n import N_, _, current_reader
from crm.i18n.event_texts import EVENT_TEXTS, changed_name, event_sentence
from crm.i18n.formats import moment, number
from crm.i18n.labels import label
from crm.i18n.texts import field_name
from crm.models import ObjectionKind, ObjectionOutcome, Priority, Role, StepKind
from crm.pipelines.values import BUILTIN_FIELDS

GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "deals": (N_("Deals"), ("deal.", "next_step.", "activity.", "objection.")),
    "clients": (N_("Clients"), ("company.", "contact.", "pair.")),
    "setup": (
        N_("Pipelines and company"),
        ("pipeline.", "stage.", "field.", "loss_reason.", "link.", "lint.", "workspace."),
    ),
    "imports": (N_("Imports"), ("import.", "demo.")),
    "access": (N_("People and access"), ("user.", "team.", "auth.", "api_key.")),
    "duplicates": (N_("Duplicates"), ("merge_batch.",)),
    "analytics": (N_("Analytics"), ("target.", "view.", "records.")),
}
ENTITIES: dict[str, str] = {
    "deal": N_("Deal"),
    "company": N_("Company"),
    "contact": N_("Contact"),
    "pair": N_("Pair of records"),
    "user": N_("User"),
    "target": N_("Plan"),
    "team": N_("Team"),
    "view": N_("Saved view"),
    "pipeline": N_("Pipeline"),
    "stage": N_("Stage"),
    "field": N_("Field"),
    "link": N_("Link"),
    "loss_reason": N_("Reason of loss"),
    "objection": N_("Objection"),
    "import": N_("Import"),
    "merge_batch": N_("Bulk merge"),
    "workspace": N_("Workspace"),
}
PERIODS = {"today": N_("Today"), "week": N_("7 days"), "month": N_("30 days"), "all": N_("All time")}
_DAYS_BACK = {"today": 0, "week": 6, "month": 29}


def since_of(period: str) -> datetime | None:
    """Return the first instant of a period that ends today, days being the reader's; None for all time."""
    if period not in _DAYS_BACK:
        return None
    zone = current_reader().zone
    first = utc_now().astimezone(zone).date() - timedelta(days=_DAYS_BACK[period])
    return datetime.combine(first, time(), zone)


def kinds_of(group: str | None) -> frozenset[str] | None:
    """Return the kinds of events in a group of the filter; None for none chosen."""
    if group not in GROUPS:
        return None
    return frozenset(kind for kind in EVENT_TEXTS if kind.startswith(GROUPS[group][1]))


def row_sentence(row: JournalRow, field_names: Mapping[str, str]) -> str:
    """Return what happened; the bare kind for one this program has no sentence for."""
    return event_sentence(row.kind, row.details, field_names) if row.kind in EVENT_TEXTS else row.kind


def row_record(row: JournalRow) -> str:
    """Return the record the event is about: "Deal 1042"; the company itself has no number."""
    if row.deal_id is not None:
        return f"{_(ENTITIES['deal'])} {row.deal_id}"
    name = _(ENTITIES[row.entity]) if row.entity in ENTITIES else row.entity
    return name if row.entity_id is None or row.entity == "workspace" else f"{name} {row.entity_id}"


def row_changes(
    row: JournalRow, field_names: Mapping[str, str], people: Mapping[int, str]
) -> list[tuple[str, str, str]]:
    """Return field, old and new value of each change, in words."""
    return [
        (changed_name(field, field_names, row.kind), shown_value(field, old, people), shown_value(field, new, people))
        for field, (old, new) in row.changes.items()
    ]


def shown_value(field: str, value: Any, people: Mapping[int, str]) -> str:
    """Return a stored value as a reader understands it; a dash for none."""
    if value is None or value in ("", [], {}):
        return "—"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(shown_value(field, item, people) for item in value)
    return _known_value(field, value, people) or str(value)


_CODES: Mapping[str, type[Enum]] = {
    "creation_roles": Role,
    "meant": ObjectionKind,
    "outcome": ObjectionOutcome,
    "role": Role,
    "step_kinds": StepKind,
}


def _known_value(field: str, value: Any, people: Mapping[int, str]) -> str | None:
    codes = _CODES.get(field)
    if codes is not None and value in {code.value for code in codes}:
        return label(codes(value))
    if field in {"required", "required_exit"} and value in BUILTIN_FIELDS:
        return field_name(value)
    return _known_number(field, value, people) if isinstance(value, int) else None


def _known_number(field: str, value: int, people: Mapping[int, str]) -> str | None:
    if field in {"owner", "owner_id"}:
        return people.get(value)
    if field == "priority" and value in set(Priority):
        return label(Priority(value))
    if field.endswith("_at"):
        return moment(datetime.fromtimestamp(value, UTC))
    return number(Decimal(value) / 100) if field.endswith("_minor") else None
