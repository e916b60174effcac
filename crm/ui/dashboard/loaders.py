"""What dashboards read, kept while nothing has happened: by chart, question, sight, newest event."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import pandas as pd
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.choices import ScopeChoices, load_choices, load_sources
from crm.analytics.values import Ask, Chart
from crm.clock import utc_now
from crm.db import Database, get_database, read_scope
from crm.events import events_mark
from crm.i18n import current_reader

T = TypeVar("T")
MOST_KEPT = 400  # frames, specs and choices of all readers together; the oldest used goes first
FRESH_SECONDS = 300  # what grows by the clock alone, such as the age of open deals, and what a worker works out

_kept: WeakKeyDictionary[Database, OrderedDict[Hashable, Any]] = WeakKeyDictionary()
_lock = threading.Lock()


def load_frame(actor: Actor, chart: Chart, ask: Ask) -> pd.DataFrame:
    """Return the chart's frame; many readers share it, so it must not be changed."""

    def load(session: Session) -> pd.DataFrame:
        frame = chart.frame(session, actor, ask)
        return frame.loc[:, ~frame.columns.duplicated()]  # by pipeline its name is there twice

    # Not by its name: two drawings of the same figures load them once.
    return kept_while_nothing_happens(actor, ("frame", chart.frame, ask), load)


def load_figure(
    actor: Actor, chart: Chart, ask: Ask, draw: Callable[[pd.DataFrame], dict[str, Any]], *, variant: Hashable
) -> dict[str, Any]:
    """Return the chart's drawing as a specification in the reader's language; it must not be changed either.

    `variant` tells drawings for different screens apart.
    """
    frame = load_frame(actor, chart, ask)
    name = ("figure", chart.name, ask, current_reader(), variant)
    return kept_while_nothing_happens(actor, name, lambda session: draw(frame))


def choices(actor: Actor) -> ScopeChoices:
    """Return what the scope can be narrowed to."""
    return kept_while_nothing_happens(actor, ("choices",), lambda session: load_choices(session, actor))


def sources(actor: Actor) -> tuple[str, ...]:
    """Return the sources that the scope can be narrowed to."""
    return kept_while_nothing_happens(actor, ("sources",), lambda session: load_sources(session, actor))


def kept_while_nothing_happens(actor: Actor, name: Hashable, load: Callable[[Session], T]) -> T:
    """Return what `load` gives, or gave to somebody of the same sight since the newest event.

    The newest event is asked for each time: who has just written sees it.
    """
    with read_scope() as session:
        mark = events_mark(session)
        clock = int(utc_now().timestamp()) // FRESH_SECONDS
        key = (name, actor.role, actor.visible_owner_ids, mark, clock)
        with _lock:
            kept = _kept.setdefault(get_database(), OrderedDict())
            if key in kept:
                kept.move_to_end(key)
                return kept[key]  # type: ignore[no-any-return]
        value = load(session)
    with _lock:
        kept[key] = value
        while len(kept) > MOST_KEPT:
            kept.popitem(last=False)
    return value
