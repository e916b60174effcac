"""What the room tells about pipelines: frozen values, ordered as users see them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from crm.models.codes import FieldType, Role, StageKind, StepKind

# Fields of a deal that a stage may require besides custom ones.
BUILTIN_FIELDS = ("amount", "company", "contact", "source", "expected_close_on")
CUSTOM_PREFIX = "field:"
# Colours a stage may have, by the names of Streamlit's palette.
COLORS = ("blue", "green", "orange", "red", "violet", "yellow", "gray")


def custom_key(field_id: int) -> str:
    """Return the key of a custom field among a deal's fields: "field:12"."""
    return f"{CUSTOM_PREFIX}{field_id}"


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a choice field; a retired one is only shown on deals that have it."""

    code: str
    name: str
    is_retired: bool = False


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """A custom field on deals."""

    id: int
    name: str
    type: FieldType
    options: tuple[Option, ...]
    hint: str | None
    is_active: bool

    @property
    def key(self) -> str:
        """Return the field's key among a deal's fields."""
        return custom_key(self.id)

    def offered(self) -> tuple[Option, ...]:
        """Return the values to choose from."""
        return tuple(option for option in self.options if not option.is_retired)

    def option_name(self, code: str) -> str:
        """Return the name of a value; the code itself for one that never was."""
        return next((option.name for option in self.options if option.code == code), code)


@dataclass(frozen=True, slots=True)
class StageInfo:
    """A stage; `required` are keys of fields needed to enter it, `required_exit` of those needed to go on from it.

    `step_kinds` are the kinds of next steps that count here, any when empty; deals may begin here by hand where
    `accepts_new` says so, and always on the first stage; `color` is one of COLORS. Of a hundred deals on it
    `win_percent` are won, as the head sees it.
    """

    id: int
    pipeline_id: int
    name: str
    kind: StageKind
    position: int
    exit_criterion: str | None
    norm_seconds: int | None
    required: tuple[str, ...]
    is_retired: bool
    required_exit: tuple[str, ...] = ()
    step_kinds: tuple[StepKind, ...] = ()
    color: str | None = None
    accepts_new: bool = False
    win_percent: int | None = None


@dataclass(frozen=True, slots=True)
class LossReasonInfo:
    """A reason of loss; one without a pipeline serves all."""

    id: int
    pipeline_id: int | None
    name: str
    note_required: bool
    counts_as_loss: bool
    is_active: bool


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """A pipeline whole: stages in order with retired ones last, its reasons of loss, all custom fields by key.

    `transitions` are exceptions to the two switches: (role, id of the stage from, id of the stage to) -> allowed.
    One that `stands_alone` has ends that lead nowhere on purpose.
    """

    id: int
    name: str
    is_archived: bool
    version: int
    stages: tuple[StageInfo, ...]
    loss_reasons: tuple[LossReasonInfo, ...]
    fields: Mapping[str, FieldInfo]
    forward_only: bool = True
    no_skipping: bool = True
    creation_roles: frozenset[Role] = frozenset(Role)
    transitions: Mapping[tuple[Role, int, int], bool] = dataclasses.field(default_factory=dict)
    stands_alone: bool = False

    @property
    def open_stages(self) -> tuple[StageInfo, ...]:
        """Return the working stages in order."""
        return tuple(stage for stage in self.stages if stage.kind is StageKind.OPEN and not stage.is_retired)

    @property
    def starting_stages(self) -> tuple[StageInfo, ...]:
        """Return the stages where deals may begin by hand: the first one, and those that say so."""
        return tuple(stage for number, stage in enumerate(self.open_stages) if number == 0 or stage.accepts_new)

    @property
    def won_stage(self) -> StageInfo:
        """Return the stage of won deals."""
        return next(stage for stage in self.stages if stage.kind is StageKind.WON)

    @property
    def lost_stage(self) -> StageInfo:
        """Return the stage of lost deals."""
        return next(stage for stage in self.stages if stage.kind is StageKind.LOST)

    def stage(self, stage_id: int) -> StageInfo | None:
        """Return a stage of this pipeline, None for a foreign one."""
        return next((stage for stage in self.stages if stage.id == stage_id), None)

    def next_stage(self, stage: StageInfo) -> StageInfo:
        """Return where a deal goes forward from an open stage: the following one, at the end the won stage."""
        later = [candidate for candidate in self.open_stages if candidate.position > stage.position]
        return later[0] if later else self.won_stage

    def asks_for(self, key: str) -> bool:
        """Tell whether a required field can be filled at all: a switched-off custom one can't."""
        field = self.fields.get(key)
        return field is None or field.is_active

    def active_reasons(self) -> tuple[LossReasonInfo, ...]:
        """Return the reasons offered at closing as lost."""
        return tuple(reason for reason in self.loss_reasons if reason.is_active)


@dataclass(frozen=True, slots=True)
class PipelineSummary:
    """A pipeline in a list."""

    id: int
    name: str
    is_archived: bool
    open_stage_count: int
    creation_roles: frozenset[Role] = frozenset(Role)
