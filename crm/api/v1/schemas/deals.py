"""Bodies of deals: their values, moves, and what is told about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import ConfigDict, Field

from crm.api.v1.schemas.next_steps import NextStepOut, NextStepPlan, StepEnd
from crm.api.v1.schemas.points import PointOut
from crm.api.v1.values import (
    AmountMinor,
    Currency,
    CustomIn,
    CustomKey,
    Day,
    Id,
    Input,
    Output,
    PriorityName,
    StatusName,
    Text100,
    Text200,
    Text300,
    Text5000,
    Version,
    optional,
)
from crm.deals.fields import MAX_CONTACTS
from crm.deals.listing import DealRecord
from crm.deals.reads import DealCard, PartCard
from crm.deals.values import DealChanges, DealPart, LossAnswer, StepPlan
from crm.i18n import N_
from crm.models import Channel, Priority
from crm.pipelines.values import CUSTOM_PREFIX, custom_key

CUSTOM_AT_MOST = 500

_CUSTOM_HELP = N_("Values of custom fields by key, such as field:12; null empties a field, those left out stay")
_STEP: dict[str, Any] = {"kind": "call", "due_at": "2027-03-01T09:00:00Z", "text": "Agree on the volume"}
_VERSION_HELP = N_("The version you have seen; or send it as If-Match")


class ContactPart(Input):
    """A contact taking part in a deal."""

    contact_id: Id
    role: Text100 = ""


class DealValues(Input):
    """Values of a deal; those left out stay as they are, null empties a value."""

    title: Text300 = optional()
    amount_minor: AmountMinor | None = Field(
        default=None, description=N_("Hundredths of the currency"), json_schema_extra={"minimum": 0}
    )
    currency: Currency = optional()
    priority: PriorityName = optional()
    company_id: Id | None = None
    contacts: list[ContactPart] = Field(
        default_factory=list, max_length=MAX_CONTACTS, description=N_("All of them, the main contact first")
    )
    source: Text100 | None = None
    utm_source: Text200 | None = None
    utm_medium: Text200 | None = None
    utm_campaign: Text200 | None = None
    utm_content: Text200 | None = None
    utm_term: Text200 | None = None
    expected_close_on: Day | None = None
    custom: dict[CustomKey, CustomIn] = Field(default_factory=dict, max_length=CUSTOM_AT_MOST, description=_CUSTOM_HELP)

    def changes(self) -> DealChanges:
        """Return the given values as the commands take them."""
        names = {field.name for field in dataclasses.fields(DealChanges)} & self.model_fields_set
        given: dict[str, Any] = {name: getattr(self, name) for name in names}
        if "priority" in given:
            given["priority"] = Priority[self.priority.upper()]
        if "contacts" in given:
            given["contacts"] = tuple(DealPart(part.contact_id, part.role) for part in self.contacts)
        if "custom" in given:
            given["custom"] = {int(key.removeprefix(CUSTOM_PREFIX)): value for key, value in self.custom.items()}
        return DealChanges(**given)


class DealNew(DealValues):
    """A deal to be created; it starts on its pipeline's first stage, for the key's owner unless another is named."""

    # The command says what is missing, all at once and in its own words.
    model_config = ConfigDict(
        json_schema_extra={
            "required": ["pipeline_id", "title", "next_step"],
            "examples": [
                {
                    "pipeline_id": 1,
                    "title": "Sheet steel, 20 t",
                    "amount_minor": 125000000,
                    "currency": "RUB",
                    "priority": "hot",
                    "company_id": 7,
                    "source": "Site",
                    "next_step": _STEP,
                }
            ],
        }
    )

    pipeline_id: Id
    stage_id: Id | None = None
    owner_id: Id | None = None
    next_step: NextStepPlan | None = None


class DealEdit(DealValues):
    """Values to be saved on a deal, and a next step planned in the same act."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"expected_version": 3, "amount_minor": 98000000, "custom": {"field:12": True}}]
        }
    )

    expected_version: Version | None = Field(default=None, description=_VERSION_HELP)
    next_step: NextStepPlan | None = None


class _Act(Input):
    expected_version: Version | None = Field(default=None, description=_VERSION_HELP)


class _Closing(_Act):
    changes: DealValues = Field(default_factory=DealValues, description=N_("Values saved in the same act"))


class DealMove(_Closing):
    """Where a deal goes, and what is saved in the same act."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"stage_id": 2, "expected_version": 3, "changes": {"amount_minor": 98000000}, "next_step": _STEP}
            ]
        }
    )

    stage_id: Id
    next_step: NextStepPlan | None = None
    due_done: StepEnd | None = Field(
        default=None, description=N_("How the steps ended that were due by now; without it they stay open")
    )
    override_reason: Text5000 | None = Field(
        default=None,
        description=N_(
            "Why rules are passed, or a closed deal is taken up again; counts from heads and administrators"
        ),
    )


class DealWin(_Closing):
    """A deal that is won."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expected_version": 5}]})


class DealLoss(_Closing):
    """A deal that is lost, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "required": ["loss_reason_id"],
            "examples": [{"loss_reason_id": 4, "loss_note": "Bought elsewhere", "expected_version": 5}],
        }
    )

    loss_reason_id: Id | None = None
    loss_note: Text5000 = ""

    def answer(self) -> LossAnswer:
        """Return the reason as the command takes it."""
        return LossAnswer(self.loss_reason_id, self.loss_note)


class Handover(_Act):
    """The new owner of a record."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"owner_id": 8, "expected_version": 5}]})

    owner_id: Id


class DealOut(Output):
    """A deal's own values; what it refers to stands as ids."""

    id: int
    version: int
    pipeline_id: int
    stage_id: int
    status: StatusName
    owner_id: int
    company_id: int | None
    title: str
    amount_minor: int | None = Field(description=N_("Hundredths of the currency"))
    currency: str
    priority: PriorityName
    source: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    utm_content: str | None
    utm_term: str | None
    expected_close_on: date | None
    custom: dict[str, Any] = Field(description=N_("Values of custom fields by key, such as field:12"))
    origin_deal_id: int | None = Field(description=N_("The deal that this one came of"))
    origin_link_id: int | None = Field(description=N_("The link between pipelines that created it"))
    round: int = Field(description=N_("How often the chain of deals has come to this pipeline"))
    return_source: str | None = Field(description=N_("The pipeline that brought the client back; beside source"))
    loss_reason_id: int | None
    loss_note: str | None
    next_due_at: datetime | None = Field(description=N_("When the nearest next step is due"))
    stage_entered_at: datetime
    created_at: datetime
    created_channel: Channel
    updated_at: datetime
    closed_at: datetime | None

    @classmethod
    def of(cls, record: DealRecord) -> DealOut:
        """Return the record as it is told."""
        return cls(**_told(record))


class PartOut(Output):
    """A contact taking part in a deal."""

    contact_id: int
    name: str
    role: str | None
    points: list[PointOut]

    @classmethod
    def of(cls, part: PartCard) -> PartOut:
        """Return the part as it is told."""
        points = [PointOut.of(point) for point in part.points]
        return cls(contact_id=part.contact_id, name=part.name, role=part.role, points=points)


class DealDetail(DealOut):
    """A deal with names, contacts and open next steps."""

    pipeline_name: str
    stage_name: str
    owner_name: str
    company_name: str | None
    contacts: list[PartOut]
    next_steps: list[NextStepOut]

    @classmethod
    def whole(cls, record: DealRecord, card: DealCard, steps: list[NextStepOut]) -> DealDetail:
        """Return the deal with everything around it."""
        return cls(
            **_told(record),
            pipeline_name=card.pipeline.name,
            stage_name=card.stage.name,
            owner_name=card.owner_name,
            company_name=card.company_name,
            contacts=[PartOut.of(part) for part in card.contacts],
            next_steps=steps,
        )


def plan_of(step: NextStepPlan | None) -> StepPlan | None:
    """Return a planned step as the commands take it."""
    return None if step is None else step.plan()


def _told(record: DealRecord) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    custom: Mapping[str, Any] = record.custom
    return values | {
        "status": record.status.name.lower(),
        "priority": record.priority.name.lower(),
        "custom": {custom_key(int(key)): value for key, value in custom.items()},
    }
