"""What all figures of a dashboard are about, as the page's address and a saved view hold it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.analytics.segments import readable
from crm.models import FieldDefinition, FieldType, Priority, Workspace
from crm.pipelines.values import custom_key

# Between the values of one parameter; within a value it is quoted, as is the sign of quoting.
_JOINT = "~"
_QUOTED = {_JOINT: "%7E", "%": "%25"}
# The first day that bases know of, and one that none will: an open end of a period.
FIRST_DAY, LAST_DAY = date(1971, 1, 1), date(2099, 12, 31)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the period: its first day and the instants between which it lies, without the end."""

    day: date
    start_at: datetime
    end_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which deals and which time; an empty tuple does not narrow.

    Days are those of `zone`, both ends included. A source of "" is none. Segments are pairs of a field's key and a
    value as `crm.analytics.segments` reads it by the field's type; one of a field that is not among `field_types`
    does not narrow. Values of one field are alternatives, fields narrow together.
    """

    zone: str
    currency: str
    since: date = FIRST_DAY
    until: date = LAST_DAY
    pipeline_ids: tuple[int, ...] = ()
    owner_ids: tuple[int, ...] = ()
    team_ids: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    priorities: tuple[Priority, ...] = ()
    segments: tuple[tuple[str, str], ...] = ()
    field_types: tuple[tuple[str, FieldType], ...] = ()

    @property
    def start_at(self) -> datetime:
        """Return the instant the period begins."""
        return _midnight(self.since, self.zone)

    @property
    def end_at(self) -> datetime:
        """Return the instant the period is over."""
        return _midnight(self.until + timedelta(days=1), self.zone)

    def previous(self) -> Scope:
        """Return the scope of the period before: as many whole months where it is whole months, else as many days."""
        after = self.until + timedelta(days=1)
        if self.since.day == 1 and after.day == 1:
            months = (after.year - self.since.year) * 12 + after.month - self.since.month
            since = _months_later(self.since, -months)
        else:
            since = self.since - (after - self.since)
        return replace(self, since=max(since, FIRST_DAY), until=self.since - timedelta(days=1))

    def months(self) -> list[Span]:
        """Return the months that the period touches, cut to it."""
        return self._spans(self.since.replace(day=1), lambda day: _months_later(day, 1))

    def weeks(self) -> list[Span]:
        """Return the weeks, from Mondays on, that the period touches, cut to it."""
        return self._spans(self.since - timedelta(days=self.since.weekday()), lambda day: day + timedelta(days=7))

    def _spans(self, first: date, following: Callable[[date], date]) -> list[Span]:
        found, day = [], first
        while day <= self.until:
            end = following(day)
            start_at, end_at = _midnight(day, self.zone), _midnight(end, self.zone)
            found.append(Span(day, max(start_at, self.start_at), min(end_at, self.end_at)))
            day = end
        return found


def whole_scope(session: Session) -> Scope:
    """Return the scope of everything, in the workspace's zone and currency."""
    row = session.execute(select(Workspace.timezone, Workspace.currency)).one()
    fields = session.execute(select(FieldDefinition.id, FieldDefinition.type).order_by(FieldDefinition.id))
    types = tuple((custom_key(one.id), one.type) for one in fields)
    return Scope(zone=row.timezone, currency=row.currency, field_types=types)


def from_address(base: Scope, query: Mapping[str, str]) -> Scope:
    """Return the scope that an address asks for; what can't be read there narrows nothing."""
    since, until = _day(query.get("since"), base.since), _day(query.get("until"), base.until)
    sources = ("",) if query.get("source") == _JOINT else tuple(_parts(query, "source", keep_empty=True))
    asked = (one.partition("=") for one in _parts(query, "segment"))
    return replace(
        base,
        since=min(since, until),
        until=max(since, until),
        pipeline_ids=_ids(query, "pipeline") or base.pipeline_ids,
        owner_ids=_ids(query, "owner"),
        team_ids=_ids(query, "team"),
        priorities=tuple(one for one in Priority if one.name.lower() in _parts(query, "priority")),
        sources=sources,
        segments=readable([(key, value) for key, _mark, value in asked], dict(base.field_types)),
    )


def joined(values: Iterable[object]) -> str:
    """Return values as one parameter of an address, which `from_address` takes apart."""
    written = [re.sub("[~%]", lambda found: _QUOTED[found[0]], str(one)) for one in values]
    return _JOINT if written == [""] else _JOINT.join(written)


def _parts(query: Mapping[str, str], name: str, *, keep_empty: bool = False) -> Sequence[str]:
    text = query.get(name, "")
    return [_unquoted(one) for one in text.split(_JOINT) if one or keep_empty] if text else []


def _unquoted(text: str) -> str:
    # These two alone: an address of before holds a source such as "50%" as it is.
    return re.sub("%7E|%25", lambda found: _JOINT if found[0] == "%7E" else "%", text)


def _ids(query: Mapping[str, str], name: str) -> tuple[int, ...]:
    return tuple(int(one) for one in _parts(query, name) if one.isascii() and one.isdigit() and len(one) <= 18)


def _day(text: str | None, otherwise: date) -> date:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return otherwise
    return min(max(day, FIRST_DAY), LAST_DAY)


def _midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _months_later(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
