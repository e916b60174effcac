"""Parents of companies that are merged: no company becomes its own forebear."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.contacts.fields import GENERATIONS_AT_MOST
from crm.duplicates.row_values import Record
from crm.models import Company


def without_loop(session: Session, columns: dict[str, Any], survivor: Record, merged: Record) -> dict[str, Any]:
    """Return the survivor's new columns with a parent that neither of the two is a forebear of, or none."""
    if not isinstance(survivor, Company) or not isinstance(merged, Company):
        return columns
    wanted = columns.get("parent_id", survivor.parent_id)
    for parent_id in (wanted, survivor.parent_id, merged.parent_id, None):
        # The two will be one: whoever stems from either stems from the survivor.
        if not goes_round(session, parent_id, {survivor.id, merged.id}):
            rest = {name: value for name, value in columns.items() if name != "parent_id"}
            return rest if parent_id == survivor.parent_id else rest | {"parent_id": parent_id}
    return columns


def goes_round(session: Session, parent_id: int | None, company_ids: set[int]) -> bool:
    """Tell whether a parent is one of some companies or stems from them."""
    for _generation in range(GENERATIONS_AT_MOST):
        if parent_id is None:
            return False
        if parent_id in company_ids:
            return True
        parent_id = session.scalar(select(Company.parent_id).where(Company.id == parent_id))
    return True
