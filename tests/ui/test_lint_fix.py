"""The dialog of a fix when the pipeline was changed since the finding was shown."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from crm.models.codes import StageKind
from crm.pipelines.values import LossReasonInfo, PipelineInfo, StageInfo


def pipeline() -> PipelineInfo:
    """Return a pipeline where two stages and one reason of loss are in use."""
    stages = tuple(
        StageInfo(number, 7, name, StageKind.OPEN, number, None, None, (), False)
        for number, name in ((1, "Hangs"), (2, "Offer sent"), (3, "Terms agreed"))
    )
    return PipelineInfo(7, "Sales", False, 1, stages, (LossReasonInfo(5, 7, "Price", False, True, True),), {})


def retiring() -> None:
    import streamlit as st

    from crm.pipelines.linter.values import RetireStage
    from crm.ui.lint_fix import _inputs
    from tests.ui.test_lint_fix import pipeline

    st.text(repr(_inputs(pipeline(), {}, RetireStage(1, 99))))


def closing() -> None:
    import streamlit as st

    from crm.pipelines.linter.values import CloseWithReason
    from crm.ui.lint_fix import _inputs
    from tests.ui.test_lint_fix import pipeline

    st.text(repr(_inputs(pipeline(), {}, CloseWithReason(1, 99, ""))))


def closing_without_reasons() -> None:
    from dataclasses import replace

    import streamlit as st

    from crm.pipelines.linter.values import CloseWithReason
    from crm.ui.lint_fix import _inputs
    from tests.ui.test_lint_fix import pipeline

    st.text(repr(_inputs(replace(pipeline(), loss_reasons=()), {}, CloseWithReason(1, 99, ""))))


@pytest.mark.parametrize(
    ("script", "chosen"),
    [
        (retiring, "RetireStage(stage_id=1, target_stage_id=2)"),
        (closing, "CloseWithReason(stage_id=1, reason_id=5, note='')"),
        (closing_without_reasons, "CloseWithReason(stage_id=1, reason_id=None, note='')"),
    ],
)
def test_what_is_out_of_use_is_no_choice(script: object, chosen: str) -> None:
    at = AppTest.from_function(script).run()  # type: ignore[arg-type]
    assert not at.exception
    assert at.text[0].value == chosen
