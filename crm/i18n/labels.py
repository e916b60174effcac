"""Words for the codes of `crm.models.codes`."""

from __future__ import annotations

from enum import Enum

from crm.i18n import N_, _
from crm.models.codes import (
    ActivityKind,
    Channel,
    DealStatus,
    Direction,
    FieldType,
    LintOccasion,
    ObjectionKind,
    ObjectionOutcome,
    PointKind,
    Priority,
    Role,
    Scope,
    StageKind,
    StepKind,
    StepResult,
)

# Pairs and not a dict of members: members of different enums with equal values are equal keys.
_PAIRS: tuple[tuple[Enum, str], ...] = (
    (ActivityKind.NOTE, N_("Note")),
    (ActivityKind.CALL, N_("Call")),
    (ActivityKind.MESSAGE, N_("Message")),
    (ActivityKind.MEETING, N_("Meeting")),
    (Channel.UI, N_("by hand")),
    (Channel.API, N_("API")),
    (Channel.IMPORT, N_("import")),
    (Channel.CLI, N_("command line")),
    (Channel.SYSTEM, N_("system")),
    (DealStatus.OPEN, N_("Open")),
    (DealStatus.WON, N_("Won")),
    (DealStatus.LOST, N_("Lost")),
    (DealStatus.REMOVED, N_("Removed")),
    (Direction.IN, N_("Incoming")),
    (Direction.OUT, N_("Outgoing")),
    (FieldType.TEXT, N_("Text")),
    (FieldType.NUMBER, N_("Number")),
    (FieldType.MONEY, N_("Money")),
    (FieldType.DATE, N_("Date")),
    (FieldType.CHOICE, N_("Choice")),
    (FieldType.MULTI_CHOICE, N_("Several choices")),
    (FieldType.YES_NO, N_("Yes or no")),
    (ObjectionKind.REAL, N_("Real")),
    (ObjectionKind.PRETENDED, N_("Pretended")),
    (ObjectionKind.UNKNOWN, N_("Not clear yet")),
    (ObjectionOutcome.OPEN, N_("Not settled")),
    (ObjectionOutcome.OVERCOME, N_("Overcome")),
    (ObjectionOutcome.NOT_OVERCOME, N_("Not overcome")),
    (LintOccasion.SAVE, N_("after a change")),
    (LintOccasion.DEMAND, N_("on demand")),
    (LintOccasion.SCHEDULE, N_("weekly")),
    (PointKind.PHONE, N_("Phone")),
    (PointKind.EMAIL, N_("E-mail")),
    (PointKind.TELEGRAM, N_("Telegram")),
    (PointKind.WEBSITE, N_("Website")),
    (Priority.HOT, N_("Hot")),
    (Priority.WARM, N_("Warm")),
    (Priority.COLD, N_("Cold")),
    (Role.MANAGER, N_("Manager")),
    (Role.HEAD, N_("Head of sales")),
    (Role.ADMIN, N_("Administrator")),
    (Scope.OWN, N_("Own records")),
    (Scope.TEAM, N_("The team's records")),
    (Scope.ALL, N_("Everybody's records")),
    (StageKind.OPEN, N_("Open")),
    (StageKind.WON, N_("Won")),
    (StageKind.LOST, N_("Lost")),
    (StepKind.CALL, N_("Call")),
    (StepKind.MEETING, N_("Meeting")),
    (StepKind.EMAIL, N_("E-mail")),
    (StepKind.OFFER, N_("Send an offer")),
    (StepKind.REVIEW, N_("Review")),
    (StepKind.OTHER, N_("Other")),
    (StepResult.REACHED, N_("Reached the client")),
    (StepResult.NO_ANSWER, N_("No answer")),
    (StepResult.DONE, N_("Done")),
    (StepResult.CANCELLED, N_("No longer needed")),
)
LABELS: dict[tuple[type[Enum], str], str] = {(type(code), code.name): text for code, text in _PAIRS}


def label(code: Enum) -> str:
    """Return the reader's word for a code."""
    return _(LABELS[type(code), code.name])
