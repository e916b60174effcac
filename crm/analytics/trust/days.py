"""What findings named at the end of each day: written by the night's job, for the trend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.scope import whole_scope
from crm.analytics.trust.facts import load_facts
from crm.analytics.trust.findings import FINDINGS
from crm.analytics.trust.subjects import count_findings
from crm.auth.permissions import Action, require
from crm.clock import utc_now
from crm.db import Database
from crm.jobs import JobRun
from crm.models import Deal, TrustDay

OF_NOW = tuple(one for one in FINDINGS if one.is_of_now)
NIGHT_HOUR = 1
_HALF_A_DAY = timedelta(hours=12)


def write_trust_day(database: Database, actor: Actor, run: JobRun, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write down what findings name now as that of the day that has just ended; again for the same day replaces it.

    Errors: Forbidden.
    """
    del run, arguments
    with database.session_scope() as session:
        rows = keep_day(session, actor)
    return {"rows": rows}


def keep_day(session: Session, actor: Actor) -> int:
    """Write the day's counts by pipeline and owner; return how many rows there are.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    scope = whole_scope(session)
    day = ended_day(utc_now(), scope.zone)
    facts = load_facts(session, scope)
    keys = {"pipeline_id": Deal.pipeline_id, "owner_id": Deal.owner_id}
    counted = count_findings(session, actor, scope, facts, OF_NOW, keys=keys)
    rows = [
        {
            "day": day, "finding": code, "pipeline_id": pipeline_id, "owner_id": owner_id,
            "found": count.found, "looked_at": count.looked_at,
        }
        for (pipeline_id, owner_id), counts in counted.items()
        for code, count in counts.items()
        if count.looked_at
    ]  # fmt: skip
    session.execute(delete(TrustDay).where(TrustDay.day == day))
    if rows:
        session.execute(insert(TrustDay), rows)
    return len(rows)


def ended_day(now: datetime, zone: str) -> date:
    """Return the day whose end is nearest: a night's run that comes late, at noon, still tells of yesterday."""
    return (now.astimezone(ZoneInfo(zone)) - _HALF_A_DAY).date()
