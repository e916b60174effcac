"""Values of a description: pipelines as they are written in a file, before anything of them is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from crm.models.codes import FieldType, LinkKind, LinkOwner, LinkTrigger, Role, StageKind, StepKind
from crm.pipelines.link_values import DAY_SECONDS, DEFAULT_COPIED, ConditionOp

ANY_LANGUAGE = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a description by language; under ANY_LANGUAGE one that is the same in all."""

    by_language: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def spoken(self, language: str) -> str:
        """Return the text in a language, else in any that there is; empty where nothing was written."""
        own = self.by_language.get(language) or self.by_language.get(ANY_LANGUAGE)
        return own or next(iter(self.by_language.values()), "")

    def __bool__(self) -> bool:
        """Tell whether anything was written."""
        return any(self.by_language.values())


@dataclass(frozen=True, slots=True)
class DescribedField:
    """A field of deals; stages name it by `key`."""

    key: str
    type: FieldType
    name: Text
    hint: Text = Text()
    options: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class DescribedReason:
    """A reason of loss."""

    name: Text
    note_required: bool = False
    counts_as_loss: bool = True


@dataclass(frozen=True, slots=True)
class DescribedStage:
    """A working stage; `required` and `required_exit` hold built-in fields and keys of described ones."""

    key: str
    name: Text
    exit_criterion: Text = Text()
    norm_seconds: int | None = None
    required: tuple[str, ...] = ()
    required_exit: tuple[str, ...] = ()
    step_kinds: tuple[StepKind, ...] = ()
    color: str | None = None
    accepts_new: bool = False
    win_percent: int | None = None


@dataclass(frozen=True, slots=True)
class DescribedException:
    """An exception for one role to the pipeline's switches, from a working stage to another one or to "won"."""

    role: Role
    from_stage: str
    to_stage: str
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class DescribedPipeline:
    """A pipeline; the names of its two ends may be left out. One that stands alone is not expected to lead anywhere."""

    key: str
    name: Text
    stages: tuple[DescribedStage, ...]
    won: DescribedStage = DescribedStage(StageKind.WON.value, Text())
    lost: DescribedStage = DescribedStage(StageKind.LOST.value, Text())
    forward_only: bool = True
    no_skipping: bool = True
    creation_roles: frozenset[Role] = frozenset(Role)
    exceptions: tuple[DescribedException, ...] = ()
    loss_reasons: tuple[DescribedReason, ...] = ()
    stands_alone: bool = False

    def stage(self, key: str) -> DescribedStage:
        """Return a working stage by its key."""
        return next(one for one in self.stages if one.key == key)

    def all_stages(self) -> tuple[tuple[DescribedStage, StageKind], ...]:
        """Return the working stages in order and the two ends behind them, each with its kind."""
        working = tuple((stage, StageKind.OPEN) for stage in self.stages)
        return (*working, (self.won, StageKind.WON), (self.lost, StageKind.LOST))


@dataclass(frozen=True, slots=True)
class DescribedCondition:
    """What must hold for a link to go off: `minor` for a sum, `values` for names of choices, teams or reasons."""

    field: str
    op: ConditionOp
    minor: int | None = None
    values: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class DescribedLink:
    """A link between two described pipelines, named by their keys.

    A foreign description may say that it moves deals instead of copying them; such a link is never created.
    """

    from_pipeline: str
    trigger: LinkTrigger
    to_pipeline: str
    from_stage: str | None = None
    to_stage: str | None = None
    kind: LinkKind = LinkKind.CONTINUATION
    copied: tuple[str, ...] = DEFAULT_COPIED
    owner: LinkOwner = LinkOwner.SAME
    owner_email: str = ""
    delay_seconds: int = 0
    conditions: tuple[DescribedCondition, ...] = ()
    cooldown_seconds: int = 0
    max_rounds: int | None = None
    skip_if_open: bool = False
    step_kind: StepKind = StepKind.CALL
    step_text: Text = Text()
    step_due_seconds: int = DAY_SECONDS
    is_active: bool = True
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """One or more pipelines with all they need; every key it uses is one it has."""

    pipelines: tuple[DescribedPipeline, ...]
    links: tuple[DescribedLink, ...] = ()
    fields: tuple[DescribedField, ...] = ()
    name: Text = Text()
    purpose: Text = Text()
    position: int = 0

    def pipeline(self, key: str) -> DescribedPipeline:
        """Return a pipeline by its key."""
        return next(one for one in self.pipelines if one.key == key)
