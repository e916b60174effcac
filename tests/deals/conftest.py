"""A pipeline to work in, and a clock that can be stopped."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from tests.factories import PipelineRows, add_pipeline
from tests.stopped_clock import stop_clock

__all__ = ["stop_clock"]


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    """Insert "First sales" with four open stages."""
    return add_pipeline(session)
