"""Words of fixes: what a button says, what a preview tells."""

from __future__ import annotations

import typing

import pytest

from crm.deals.lint_previews import FixPreview
from crm.models.codes import LinkTrigger, Role, StageKind
from crm.pipelines.linter import values
from crm.pipelines.linter.values import (
    AddLink,
    AllowSkip,
    Behind,
    CloseWithReason,
    Door,
    Fix,
    MoveSourceToField,
    RenameStage,
    RetireStage,
    SplitPipeline,
    TurnIntoObjections,
)
from crm.pipelines.values import PipelineInfo, StageInfo
from crm.ui.lint_words import door_label, fix_label, preview_lines

STAGE = StageInfo(2, 1, "Offer sent", StageKind.OPEN, 1, None, None, (), False)
PIPELINE = PipelineInfo(1, "Sales", False, 1, (STAGE,), (), {})
SAMPLES: dict[str, tuple[object, ...]] = {
    "RenameStage": (1, "Need found"), "RetireStage": (1, 2), "FillStage": (1, "x", 1), "TurnIntoObjections": (1, 2),
    "MoveSourceToField": (1, 2, "VK"), "CloseWithReason": (1, 1, ""), "AllowSkip": (1,), "ForwardOnly": (),
    "SplitPipeline": ((1,), "x"), "AddLink": (LinkTrigger.WON, 5), "StandAlone": (), "AddReasons": (("x",),),
    "SwitchOffReasons": ((1,),), "SetLoopLimit": (1, 1, 1), "CopyInsteadOfMove": (1,),
}  # fmt: skip


def preview(deals: int = 0, marked: int = 0, links: tuple[str, ...] = ()) -> FixPreview:
    return FixPreview(PIPELINE, ("A", "B"), ("A",), deals, "Offer sent", marked, links)


def test_every_fix_has_its_words() -> None:
    kinds = {kind.__name__ for kind in typing.get_args(Fix)}
    assert kinds == set(SAMPLES)
    labels = [fix_label(getattr(values, kind)(*given), PIPELINE, {5: "Refusals"}) for kind, given in SAMPLES.items()]
    assert all(labels)
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(
    ("fix", "label"),
    [
        (RenameStage(1), "Give it another name"),
        (RenameStage(1, "Need found"), "Rename to “Need found”"),
        (RetireStage(1, 2), "Retire it, deals to “Offer sent”"),
        (AddLink(LinkTrigger.WON, 5), "Lead on to “Refusals”"),
    ],
)
def test_label_names_what_it_is_about(fix: Fix, label: str) -> None:
    assert fix_label(fix, PIPELINE, {5: "Refusals"}) == label


KEPT = "Past stays keep their stage: history and reports stay whole."


@pytest.mark.parametrize(
    ("fix", "shown", "lines"),
    [
        (RetireStage(1, 2), preview(), ["No open deal stands here.", KEPT]),
        (RetireStage(1, 2), preview(3), ["3 open deals go to “Offer sent”.", KEPT]),
        (
            TurnIntoObjections(1, 2), preview(1, 1),
            ["1 open deal goes to “Offer sent”.", "1 deal gets an objection, on the stage it came from.", KEPT],
        ),
        (
            MoveSourceToField(1, 2, "VK"), preview(2, 7),
            ["7 deals get the source.", "2 open deals go to “Offer sent”.", KEPT],
        ),
        (
            CloseWithReason(1, 1, ""), preview(2, 0, ("Refusals",)),
            ["2 open deals are closed as “Offer sent”.", "By its links they come back in: Refusals.", KEPT],
        ),
        (
            CloseWithReason(1, 1, ""), preview(1),
            [
                "1 open deal is closed as “Offer sent”.",
                "No link leads on from here: nobody will be reminded of these clients.", KEPT,
            ],
        ),
        (SplitPipeline((1,), "x"), preview(2), ["2 open deals go along with their stages.", KEPT]),
    ],
)  # fmt: skip
def test_preview_tells_what_becomes_of_deals(fix: Fix, shown: FixPreview, lines: list[str]) -> None:
    assert preview_lines(fix, shown) == lines


def test_preview_names_roles_that_stay_barred() -> None:
    shown = FixPreview(PIPELINE, ("A",), ("A",), banned=(Role.MANAGER, Role.HEAD))
    assert preview_lines(AllowSkip(1), shown) == [
        "What an exception forbids stays forbidden, to: Manager, Head of sales."
    ]
    assert preview_lines(AllowSkip(1), FixPreview(PIPELINE, ("A",), ("A",))) == []


def test_door_says_what_its_number_counts() -> None:
    assert door_label(Door(Behind.OPEN_HERE, 1, 1)) == "1 deal"
    assert door_label(Door(Behind.NO_TASK_HERE, 4, 1)) == "4 deals without a task"
    assert door_label(Door(Behind.WENT_BACK, 2, 1)) == "2 deals that went back"
    assert door_label(Door(Behind.WON_PAST, 9, 1)) == "9 closed deals"
