"""The company this installation serves: its name, language, currency, time zone and who sees what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from babel import Locale
from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import DEFAULT_VISIBILITY
from crm.auth.fields import MAX_NAME, language_violations, timezone_violations
from crm.auth.permissions import Action, require
from crm.errors import ChangedMeanwhile, InvalidInput, NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Role, Scope, Workspace
from crm.typed_text import clean_line, line_violations

# The currencies offered first; any other of ISO 4217 is accepted.
USUAL_CURRENCIES = ("RUB", "USD", "EUR", "KZT", "BYN", "UZS", "KGS", "AMD", "GEL", "AED", "CNY", "TRY", "GBP")


@dataclass(frozen=True, slots=True)
class WorkspaceValues:
    """What people choose about their company."""

    name: str
    language: str
    currency: str
    timezone: str
    phone_region: str


@dataclass(frozen=True, slots=True)
class WorkspaceSettings:
    """The company as the settings page shows it."""

    values: WorkspaceValues
    visibility: Mapping[Role, Scope]
    version: int


def load_workspace(session: Session, actor: Actor) -> WorkspaceSettings:
    """Return the company's settings, which everybody may see.

    Errors: NotFound before the set-up.
    """
    row = session.get(Workspace, 1)
    if row is None:
        raise NotFound(entity="workspace")
    values = WorkspaceValues(row.name, row.language, row.currency, row.timezone, row.phone_region)
    visibility = {role: Scope(row.visibility.get(role, DEFAULT_VISIBILITY[role])) for role in Role}
    return WorkspaceSettings(values, visibility, row.version)


def create_workspace(session: Session, actor: Actor, *, values: WorkspaceValues, now: datetime) -> None:
    """Add the company, at the set-up.

    Errors: Forbidden, InvalidInput.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    refuse_if_any(workspace_violations(values))
    cleaned = _clean(values)
    session.add(
        Workspace(
            id=1,
            name=cleaned.name,
            language=cleaned.language,
            currency=cleaned.currency,
            timezone=cleaned.timezone,
            phone_region=cleaned.phone_region,
            visibility={role.value: scope.value for role, scope in DEFAULT_VISIBILITY.items()},
            created_at=now,
        )
    )
    session.flush()
    record(session, actor, "workspace.created", "workspace", 1, name=cleaned.name)


def edit_workspace(
    session: Session,
    actor: Actor,
    *,
    expected_version: int,
    values: WorkspaceValues,
    visibility: Mapping[Role, Scope],
) -> None:
    """Change the company's settings and what each role sees; administrators always see everything.

    Errors: Forbidden, InvalidInput, ChangedMeanwhile.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    refuse_if_any([*workspace_violations(values), *_visibility_violations(visibility)])
    cleaned = _clean(values)
    before = load_workspace(session, actor)
    changed = session.execute(
        update(Workspace)
        .where(Workspace.id == 1, Workspace.version == expected_version)
        .values(
            name=cleaned.name,
            language=cleaned.language,
            currency=cleaned.currency,
            timezone=cleaned.timezone,
            phone_region=cleaned.phone_region,
            visibility={role.value: visibility[role].value for role in Role},
            version=Workspace.version + 1,
        )
        .returning(Workspace.id)
    ).one_or_none()
    if changed is None:
        raise ChangedMeanwhile
    record(session, actor, "workspace.edited", "workspace", 1, changes=_changes(before, cleaned, visibility))


def workspace_violations(values: WorkspaceValues) -> list[Violation]:
    """Return all that is wrong with the values; fields are named as in the value."""
    broken = [*line_violations(values.name, "name", MAX_NAME, required=True), *language_violations(values.language)]
    if values.currency.upper() not in known_currencies():
        broken.append(Violation("choice_unknown", "currency"))
    broken += timezone_violations(values.timezone)
    if values.phone_region.upper() not in SUPPORTED_REGIONS:
        broken.append(Violation("choice_unknown", "phone_region"))
    return broken


@cache
def known_currencies() -> frozenset[str]:
    """Return the codes of all currencies."""
    return frozenset(Locale("en").currencies)


def _clean(values: WorkspaceValues) -> WorkspaceValues:
    return WorkspaceValues(
        clean_line(values.name), values.language, values.currency.upper(), values.timezone, values.phone_region.upper()
    )


def _visibility_violations(visibility: Mapping[Role, Scope]) -> list[Violation]:
    if set(visibility) != set(Role):
        raise InvalidInput([Violation("value_required", "visibility")])
    return [] if visibility[Role.ADMIN] is Scope.ALL else [Violation("admin_sees_all", "visibility")]


def _changes(
    before: WorkspaceSettings, values: WorkspaceValues, visibility: Mapping[Role, Scope]
) -> dict[str, list[str]]:
    pairs: dict[str, tuple[str, str]] = {
        field: (getattr(before.values, field), getattr(values, field))
        for field in ("name", "language", "currency", "timezone", "phone_region")
    }
    pairs |= {f"visibility_{role.value}": (before.visibility[role].value, visibility[role].value) for role in Role}
    return {field: list(pair) for field, pair in pairs.items() if pair[0] != pair[1]}
