"""Bodies of contact points: phones, e-mails, messengers, web addresses."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from crm.api.v1.values import Input, Output, Text300
from crm.contacts.normalise import Point
from crm.deals.reads import PointCard
from crm.i18n import N_
from crm.models import PointKind

PointKindName: TypeAlias = Literal["phone", "email", "telegram", "website"]


class PointIn(Input):
    """A contact point as people type it."""

    kind: PointKindName
    value: Text300


class PointOut(Output):
    """A contact point."""

    kind: PointKind
    value: str = Field(description=N_("As typed"))
    normalised: str = Field(description=N_("As compared: a phone in E.164, an e-mail in lower case"))

    @classmethod
    def of(cls, point: Point | PointCard) -> PointOut:
        """Return the point as it is told."""
        return cls(kind=point.kind, value=point.value, normalised=point.normalised)


def typed_points(points: list[PointIn]) -> list[tuple[PointKind, str]]:
    """Return points as the commands take them."""
    return [(PointKind(point.kind), point.value) for point in points]
