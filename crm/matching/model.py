"""The weights and thresholds the scorer goes by: plain values, to and from JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from crm.matching.weights import CALIBRATION, THRESHOLDS, WEIGHTS
from crm.models.codes import EntityType

MODEL_VERSION = 1


@dataclass(frozen=True, slots=True)
class MatchModel:
    """Weights in log2 odds; a pair at `auto_at` may be merged alone, at `review_at` people are asked."""

    entity_type: EntityType
    weights: Mapping[str, float]
    prior: float  # log2 of how many true pairs one record has, before it is divided by the records there are
    auto_at: float
    review_at: float
    cluster_at: float  # pairs from here on are joined where a file is clustered without people
    calibration: tuple[float, float]  # p = 1 / (1 + exp(a - b * weight))
    version: int = MODEL_VERSION

    def probability(self, weight: float) -> float:
        """Return the calibrated probability that a pair of this weight is one."""
        shift, slope = self.calibration
        return 1.0 / (1.0 + math.exp(min(max(shift - slope * weight, -700.0), 700.0)))

    def to_json(self) -> dict[str, Any]:
        """Return the model as plain values for JSON."""
        return {
            "entity_type": self.entity_type.value,
            "weights": dict(self.weights),
            "prior": self.prior,
            "auto_at": self.auto_at,
            "review_at": self.review_at,
            "cluster_at": self.cluster_at,
            "calibration": list(self.calibration),
            "version": self.version,
        }


def model_from_json(stored: Mapping[str, Any]) -> MatchModel:
    """Return the model that `MatchModel.to_json` wrote; weights it lacks come from the default model."""
    entity_type = EntityType(stored["entity_type"])
    shift, slope = stored["calibration"]
    return MatchModel(
        entity_type=entity_type,
        weights=MappingProxyType({**WEIGHTS[entity_type], **stored["weights"]}),
        prior=float(stored["prior"]),
        auto_at=float(stored["auto_at"]),
        review_at=float(stored["review_at"]),
        cluster_at=float(stored["cluster_at"]),
        calibration=(float(shift), float(slope)),
        version=int(stored["version"]),
    )


def default_model(entity_type: EntityType) -> MatchModel:
    """Return the model a base starts with."""
    review_at, cluster_at, auto_at = THRESHOLDS[entity_type]
    return MatchModel(
        entity_type=entity_type,
        weights=WEIGHTS[entity_type],
        prior=1.0,
        auto_at=auto_at,
        review_at=review_at,
        cluster_at=cluster_at,
        calibration=CALIBRATION[entity_type],
    )
