"""What the linter tells: findings with their numbers, the deals behind a number, fixes as plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from crm.errors import Param
from crm.models.codes import LinkTrigger


class Severity(StrEnum):
    """How much a finding hurts; `crm.pipelines.linter.score` holds what each costs."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


class Behind(StrEnum):
    """Which deals stand behind a number."""

    OPEN_HERE = "open_here"
    NO_TASK_HERE = "no_task_here"  # open on the stage with no step that lies ahead
    WON_PAST = "won_past"  # won since `since` without a stay on the stage
    WENT_BACK = "went_back"  # left the stage backwards since `since`
    CAME_IN = "came_in"  # came to the stage since `since`
    INTAKE_HERE = "intake_here"  # began on the stage with the source `source`
    LOST_FOR = "lost_for"  # lost since `since` for the reason `reason_id`


@dataclass(frozen=True, slots=True)
class Door:
    """The deals behind a number of a finding: `count` of them, and how to list them."""

    behind: Behind
    count: int
    pipeline_id: int
    stage_id: int | None = None
    reason_id: int | None = None
    source: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RenameStage:
    """Give a stage another name; an empty one is asked for."""

    stage_id: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class RetireStage:
    """Take a stage out of use; its open deals go to the target."""

    stage_id: int
    target_stage_id: int


@dataclass(frozen=True, slots=True)
class FillStage:
    """Give a stage what it lacks: a criterion, a norm; `required` are the fields needed to enter it, all of them."""

    stage_id: int
    exit_criterion: str
    norm_seconds: int
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnIntoObjections:
    """Retire a stage; each open deal on it gets an objection, remembered on the stage it came from."""

    stage_id: int
    target_stage_id: int


@dataclass(frozen=True, slots=True)
class MoveSourceToField:
    """Retire a stage named after a source; deals that were on it and tell no source get this one."""

    stage_id: int
    target_stage_id: int
    source: str


@dataclass(frozen=True, slots=True)
class CloseWithReason:
    """Close every open deal of a stage as lost, then retire it."""

    stage_id: int
    reason_id: int
    note: str


@dataclass(frozen=True, slots=True)
class AllowSkip:
    """Let deals pass a stage by: from the one before it straight to the one after it."""

    stage_id: int


@dataclass(frozen=True, slots=True)
class ForwardOnly:
    """Let deals of the pipeline go forward only."""


@dataclass(frozen=True, slots=True)
class SplitPipeline:
    """Take stages out into a pipeline of their own, with the deals and the history on them."""

    stage_ids: tuple[int, ...]
    name: str


@dataclass(frozen=True, slots=True)
class AddLink:
    """Copy deals that end here into another pipeline."""

    trigger: LinkTrigger
    to_pipeline_id: int


@dataclass(frozen=True, slots=True)
class StandAlone:
    """Say that the pipeline leads nowhere on purpose."""


@dataclass(frozen=True, slots=True)
class AddReasons:
    """Add reasons of loss."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SwitchOffReasons:
    """Offer reasons of loss no more; deals lost for them keep them."""

    reason_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetLoopLimit:
    """Give a link a brake: the least time between two rounds of a client, and how many rounds there are."""

    link_id: int
    cooldown_seconds: int
    max_rounds: int


@dataclass(frozen=True, slots=True)
class CopyInsteadOfMove:
    """Copy deals into the other pipeline and leave the old one with its history; only for a foreign description."""

    link_id: int


Fix = (
    RenameStage
    | RetireStage
    | FillStage
    | TurnIntoObjections
    | MoveSourceToField
    | CloseWithReason
    | AllowSkip
    | ForwardOnly
    | SplitPipeline
    | AddLink
    | StandAlone
    | AddReasons
    | SwitchOffReasons
    | SetLoopLimit
    | CopyInsteadOfMove
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: `crm.i18n.lint_texts` has a sentence for the code with each of its variants.

    `subject` is what it is about: "stage:12", "link:5", "reason:7", "won", "lost", or "" for the whole pipeline.
    `params` are the numbers and names of the sentences, the evidence.
    """

    code: str
    severity: Severity
    variants: tuple[str, ...]
    subject: str = ""
    params: Mapping[str, Param] = field(default_factory=dict)
    doors: tuple[Door, ...] = ()
    fixes: tuple[Fix, ...] = ()


def stage_subject(stage_id: int) -> str:
    """Return the subject of a finding about a stage."""
    return f"stage:{stage_id}"
