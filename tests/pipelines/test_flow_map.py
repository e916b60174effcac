"""The map of pipelines: boxes, arrows, and the counts on them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.models import Deal, LinkKind, LinkTrigger, Pipeline, Stage, StageKind, VisitOutcome
from crm.pipelines.flow_map import MapArrow, MapPicture, MapPipeline, MapStage, load_map
from tests.conftest import Cast
from tests.deals.linking import DAY_SECONDS, add_link, lose, win
from tests.factories import PipelineRows, add_closed_deal, add_deal, add_pipeline


@pytest.fixture
def sales(session: Session) -> PipelineRows:
    return add_pipeline(session, "First sales", ["Asked", "Agreed"])


@pytest.fixture
def base(session: Session) -> PipelineRows:
    return add_pipeline(session, "Active base", ["Checked", "Renewed"])


def box(pipeline: PipelineRows, name: str, stages: list[str], counts: list[int]) -> MapPipeline:
    names = [*stages, "Paid", "Lost"]
    kinds = [*[StageKind.OPEN] * len(stages), StageKind.WON, StageKind.LOST]
    keys = [*pipeline.stages, pipeline.won, pipeline.lost]
    rows = zip(keys, names, kinds, counts, strict=True)
    return MapPipeline(str(pipeline.id), name, tuple(MapStage(str(key), *rest) for key, *rest in rows))


def test_the_map_of_nothing_is_empty(session: Session, cast: Cast) -> None:
    assert load_map(session, cast.vera) == MapPicture(())


def test_the_map_counts_what_stands_what_ended_and_what_went_along(
    session: Session, cast: Cast, sales: PipelineRows, base: PipelineRows
) -> None:
    add_link(session, sales, base)
    add_link(session, sales, base, trigger=LinkTrigger.LOST, kind=LinkKind.REFUSAL_WORK, to_stage_id=base.stages[1],
             delay_seconds=DAY_SECONDS)  # fmt: skip
    won, lost = add_deal(session, cast.anna, sales, 1), add_deal(session, cast.anna, sales)
    add_deal(session, cast.dina, sales)
    win(session, cast.anna, won)
    lose(session, cast.anna, lost, sales)
    picture = load_map(session, cast.vera, since=utc_now() - timedelta(days=30))
    assert picture.pipelines == (
        box(sales, "First sales", ["Asked", "Agreed"], [1, 0, 1, 1]),
        box(base, "Active base", ["Checked", "Renewed"], [1, 0, 0, 0]),
    )
    assert picture.arrows == (
        MapArrow(str(sales.won), str(base.stages[0]), LinkTrigger.WON, LinkKind.CONTINUATION, True, 1, 0),
        MapArrow(str(sales.lost), str(base.stages[1]), LinkTrigger.LOST, LinkKind.REFUSAL_WORK, True, 0, 1),
    )


def test_the_map_leaves_out_what_the_reader_does_not_see_and_what_lies_before_the_period(
    session: Session, cast: Cast, sales: PipelineRows
) -> None:
    old = add_closed_deal(session, cast.anna, sales, VisitOutcome.WON)
    session.get_one(Deal, old).closed_at = utc_now() - timedelta(days=40)
    add_closed_deal(session, cast.anna, sales, VisitOutcome.LOST)
    add_deal(session, cast.dina, sales)
    session.flush()
    seen = load_map(session, cast.anna, since=utc_now() - timedelta(days=30)).pipelines[0]
    assert [stage.count for stage in seen.stages] == [0, 0, 0, 1]
    assert [stage.count for stage in load_map(session, cast.vera).pipelines[0].stages] == [1, 0, 1, 1]


def test_the_map_draws_no_arrow_into_the_archive_and_none_from_a_retired_stage(
    session: Session, cast: Cast, sales: PipelineRows, base: PipelineRows
) -> None:
    old = add_pipeline(session, "Old")
    add_link(session, sales, old)
    add_link(session, sales, base, trigger=LinkTrigger.STAGE, from_stage_id=sales.stages[1])
    session.get_one(Pipeline, old.id).is_archived = True
    session.get_one(Stage, sales.stages[1]).retired_at = utc_now()
    session.flush()
    picture = load_map(session, cast.vera)
    assert [one.name for one in picture.pipelines] == ["First sales", "Active base"]
    assert [stage.name for stage in picture.pipelines[0].stages] == ["Asked", "Paid", "Lost"]
    assert picture.arrows == ()
