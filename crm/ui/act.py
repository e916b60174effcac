"""Running commands from pages: one call, one transaction, a refusal in words."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.db import read_scope, session_scope
from crm.duplicates.intake import match_changed_records
from crm.errors import CrmError, Refused, Violation
from crm.i18n.texts import error_sentence, violation_sentence
from crm.models import LintOccasion
from crm.pipelines.linter.runs import keep_health, load_health, redesigned_pipelines
from crm.ui.markdown import md
from crm.ui.notices import NoticeKind, flash
from crm.ui.page import signed_in_actor

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


class SignedOut(CrmError):
    """The session ended between drawing the page and the click."""

    code = "signed_out"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What became of a command: its value, or the error that refused it."""

    value: T | None = None
    error: CrmError | None = None

    @property
    def ok(self) -> bool:
        """Tell whether the command was done."""
        return self.error is None

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Return every broken rule, empty where the refusal has another reason."""
        return self.error.violations if isinstance(self.error, Refused) else ()

    @property
    def message(self) -> str:
        """Return the reader's sentence for the refusal, empty when done: the summary line above the form."""
        return "" if self.error is None else error_sentence(self.error)

    def field_error(self, field: str) -> str | None:
        """Return the sentences about one field, for `forms.field_error` beside it."""
        return " ".join(violation_sentence(item) for item in self.violations if item.field == field) or None

    @property
    def other_errors(self) -> tuple[str, ...]:
        """Return the sentences of violations that are about no field."""
        return tuple(violation_sentence(item) for item in self.violations if item.field is None)

    @property
    def full_message(self) -> str:
        """Return the summary line and the sentence of every violation, empty when done."""
        return " ".join((self.message, *dict.fromkeys(violation_sentence(item) for item in self.violations))).strip()

    def told(self, success: str | None = None, *, undo: Callable[[], object] | None = None) -> Outcome[T]:
        """Keep a notice for after the rerun: `success` when done, else the refusal in full; return itself.

        `success` is markdown: put data through `md`.
        """
        if self.error is not None:
            flash(md(self.full_message), kind=NoticeKind.REFUSED)
        elif success is not None:
            flash(success, undo=undo)
        return self


def run(command: Callable[Concatenate[Session, Actor, P], T], *args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
    """Call `command(session, actor, *args, **kwargs)` in its own transaction as whoever is signed in now.

    User, role and language are read anew, so it serves callbacks too. A refusal comes back as an Outcome; chain
    `.told(_("Saved"))` to keep a notice: `run(move_deal, deal_id=1, to_stage_id=2).told(_("Moved"))`.
    Records it changed are compared with the base; a pipeline that was redesigned is then looked over by the linter.
    """
    try:
        actor = signed_in_actor()
        if actor is None:
            raise SignedOut
        with session_scope() as session:
            value = command(session, actor, *args, **kwargs)
            match_changed_records(session)
            redesigned = redesigned_pipelines(session, actor)
    except CrmError as error:
        return Outcome(error=error)
    for pipeline_id in sorted(redesigned):
        _look_over(actor, pipeline_id)
    return Outcome(value=value)


def _look_over(actor: Actor, pipeline_id: int) -> None:
    """Lint outside the command's transaction: on a large base it takes a second, and others write meanwhile."""
    try:
        with read_scope() as session:
            health = load_health(session, actor, pipeline_id)
        with session_scope() as session:
            keep_health(session, actor, health=health, occasion=LintOccasion.SAVE)
    except CrmError as error:
        # The save stands; the next one, or "check again", looks the pipeline over.
        log.warning("pipeline %s was saved and not looked over: %s", pipeline_id, error.code)
