"""Traces of work on a deal: what was written of a contact, and steps that were done."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, exists, or_, type_coerce

from crm.analytics.population import Column
from crm.models import Activity, NextStep, StepResult


def worked_by(deal_id: Column, moment: Column) -> ColumnElement[bool]:
    """Say that something was written or done on the deal by then; a step cancelled is nothing done."""
    return _traces(deal_id, _seconds(moment), None)


def worked_within(deal_id: Column, moment: Column, seconds: int) -> ColumnElement[bool]:
    """Say that something was written or done on the deal so shortly before."""
    return _traces(deal_id, _seconds(moment), _seconds(moment) - seconds)


def _traces(deal_id: Column, end: ColumnElement[int], start: ColumnElement[int] | None) -> ColumnElement[bool]:
    found = []
    written: tuple[Any, ...] = (Activity.deal_id == deal_id,)
    done: tuple[Any, ...] = (NextStep.deal_id == deal_id, NextStep.result != StepResult.CANCELLED)
    for column, conditions in ((Activity.at, written), (NextStep.done_at, done)):
        at = _seconds(column)
        since = () if start is None else (at >= start,)
        found.append(exists().where(*conditions, at <= end, *since))
    return or_(*found)


def _seconds(column: Column) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)
