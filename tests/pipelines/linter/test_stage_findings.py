"""Findings about the stages themselves: how many, what they are called, what they lack."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from crm.models import Stage, StageRequirement, VisitOutcome
from crm.pipelines.linter.values import (
    CloseWithReason,
    FillStage,
    MoveSourceToField,
    RenameStage,
    RetireStage,
    Severity,
    TurnIntoObjections,
)
from tests.conftest import Cast
from tests.pipelines.linter.funnels import (
    BAD_STAGES,
    GOOD_STAGES,
    add_good_pipeline,
    found_in,
    travel,
    travel_many,
)

NAMES = (
    *GOOD_STAGES, "Contract signed", "Deposit paid", "Goods ordered", "Goods shipped", "Documents collected",
    "Act signed",
)  # fmt: skip


def test_good_pipeline_is_clean(session: Session) -> None:
    assert found_in(session, add_good_pipeline(session).id) == []


@pytest.mark.parametrize(
    ("count", "severity", "variant"),
    [
        (4, Severity.WARNING, "few"), (5, None, ""), (8, None, ""), (9, Severity.WARNING, "many"),
        (10, Severity.WARNING, "many"), (11, Severity.ERROR, "many"),
    ],
)  # fmt: skip
def test_stage_count_is_five_to_eight(session: Session, count: int, severity: Severity | None, variant: str) -> None:
    found = found_in(session, add_good_pipeline(session, stages=NAMES[:count]).id, "L01")
    if severity is None:
        assert found == []
    else:
        assert [(one.severity, one.variants, one.params["count"]) for one in found] == [(severity, (variant,), count)]


def test_neighbours_that_nearly_every_deal_passes_are_offered_for_merging(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=NAMES[:9])
    travel_many(session, cast.anna, rows, (0, 1), 20)  # all pass the first stage, none the second
    travel_many(session, cast.anna, rows, (3, 4), 19)  # too few to say anything
    (found,) = found_in(session, rows.id, "L01")
    assert found.fixes == (RetireStage(rows.stages[0], rows.stages[1]),)


def test_stages_left_within_an_hour_are_offered_for_merging(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=NAMES[:9])
    travel_many(session, cast.anna, rows, (2,), 11, end=VisitOutcome.LOST, stay=timedelta(minutes=59))
    travel_many(session, cast.anna, rows, (2,), 10, end=VisitOutcome.LOST, stay=timedelta(minutes=61))
    (found,) = found_in(session, rows.id, "L01")
    assert found.fixes == (RetireStage(rows.stages[2], rows.stages[3]),)


def test_each_bad_name_is_told_by_its_worst_fault(session: Session) -> None:
    rows = add_good_pipeline(session, stages=BAD_STAGES)
    codes = {
        one.params["stage"]: one.code for one in found_in(session, rows.id) if one.code in {"L02", "L03", "L04", "L05",
                                                                                            "L06", "L07"}
    }  # fmt: skip
    assert codes == {
        "Новый лид": "L02",
        "Лид из ВК": "L05",
        "В работе": "L03",
        "Жду звонка": "L03",
        "На рассмотрении": "L03",
        "Переговоры": "L02",
        "Возражения": "L04",
        "Сделка отложена": "L03",
        "Мусор": "L06",
        "Долгий ящик": "L06",
    }


def test_unfinished_name_is_offered_better_ones_that_nobody_has(session: Session) -> None:
    rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "Согласование договора"))
    (found,) = found_in(session, rows.id, "L02")
    assert (found.severity, found.subject) == (Severity.WARNING, f"stage:{rows.stages[5]}")
    assert found.fixes[0] == RenameStage(rows.stages[5], "Договор согласован")
    session.execute(update(Stage).where(Stage.id == rows.stages[0]).values(name="договор согласован"))
    (again,) = found_in(session, rows.id, "L02")
    assert RenameStage(rows.stages[5], "Договор согласован") not in again.fixes


def test_swamp_opens_the_door_to_its_deals_and_sends_them_to_a_healthy_stage(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=("Contact made", "Мусор", "В работе", "Offer sent", "Need found"))
    travel_many(session, cast.anna, rows, (2,), 3)
    (found,) = found_in(session, rows.id, "L03")
    assert found.severity is Severity.ERROR
    assert [door.count for door in found.doors] == [3]
    assert found.fixes[-1] == RetireStage(rows.stages[2], rows.stages[0])


def test_objections_become_records_and_trash_is_closed_for_a_reason_that_asks_why(session: Session) -> None:
    rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "Возражения", "Мусор"))
    (objections,) = found_in(session, rows.id, "L04")
    assert objections.fixes == (TurnIntoObjections(rows.stages[5], rows.stages[4]),)
    (trash,) = found_in(session, rows.id, "L06")
    assert trash.fixes == (
        CloseWithReason(rows.stages[6], rows.reasons[1], "Stood on “Мусор”"),
        RetireStage(rows.stages[6], rows.stages[0]),  # who was thrown away begins anew
    )


def test_source_in_a_name_becomes_the_field(session: Session) -> None:
    rows = add_good_pipeline(session, stages=("Лид из ВК", *GOOD_STAGES))
    (found,) = found_in(session, rows.id, "L05")
    assert found.fixes == (MoveSourceToField(rows.stages[0], rows.stages[1], "ВК"),)


def test_stage_where_one_source_begins_while_others_begin_apart(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    travel_many(session, cast.anna, rows, (0, 1), 4, source="Fair")
    travel_many(session, cast.anna, rows, (0,), 16, source="Fair")
    travel_many(session, cast.anna, rows, (1,), 19, source="Site")
    (found,) = found_in(session, rows.id, "L05")
    assert (found.variants, found.subject) == (("behaviour",), f"stage:{rows.stages[1]}")
    assert {key: found.params[key] for key in ("source", "count", "of", "percent")} == {
        "source": "Site", "count": 19, "of": 23, "percent": 83,
    }  # fmt: skip
    travel(session, cast.anna, rows, (0, 1), source="Fair")  # 19 of 24: under 80 %
    assert found_in(session, rows.id, "L05") == []


def test_only_source_of_a_company_is_no_source_stage(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    travel_many(session, cast.anna, rows, (0, 1), 25, source="Site")
    assert found_in(session, rows.id, "L05") == []


def test_person_and_team_are_no_stages(session: Session) -> None:
    rows = add_good_pipeline(session, stages=("Anna", *GOOD_STAGES, " team  1"))
    assert [one.params["stage"] for one in found_in(session, rows.id, "L07")] == ["Anna", " team  1"]


def test_empty_settings_are_filled_by_place(session: Session) -> None:
    rows = add_good_pipeline(session)
    session.execute(update(Stage).where(Stage.id == rows.stages[0]).values(norm_seconds=None, exit_criterion=None))
    session.execute(update(Stage).where(Stage.id == rows.stages[2]).values(norm_seconds=None))
    first, third = found_in(session, rows.id, "L13")
    assert (first.variants, third.variants) == (("both",), ("norm",))
    assert first.severity is Severity.HINT
    criterion = "“Contact made”: the client confirms it, and the next step has a date"
    assert first.fixes == (FillStage(rows.stages[0], criterion, 86400),)
    assert third.fixes == (FillStage(rows.stages[2], "The client says so", 3 * 86400),)


def test_pipeline_that_asks_for_no_field_is_told_once(session: Session) -> None:
    rows = add_good_pipeline(session)
    session.execute(delete(StageRequirement))
    (found,) = found_in(session, rows.id, "L13")
    assert (found.variants, found.subject) == (("fields",), "")
    assert found.fixes == (FillStage(rows.stages[-1], "The client says so", 86400, ("contact", "amount")),)
