"""Where boxes and arrows of the map stand."""

from __future__ import annotations

from itertools import combinations, pairwise

from crm.models import LinkKind, LinkTrigger, StageKind
from crm.pipelines.flow_map import MapArrow, MapPicture, MapPipeline, MapStage
from crm.ui.map_layout import BOX_WIDTH, Box, Layout, lay_out


def pipeline(key: str, stages: int = 3) -> MapPipeline:
    rows = [MapStage(f"{key}{number}", f"Stage {number}", StageKind.OPEN) for number in range(stages)]
    ends = [MapStage(f"{key}w", "Won", StageKind.WON), MapStage(f"{key}l", "Lost", StageKind.LOST)]
    return MapPipeline(key, f"Pipeline {key}", (*rows, *ends))


def arrow(start: str, end: str, kind: LinkKind = LinkKind.CONTINUATION) -> MapArrow:
    return MapArrow(start, end, LinkTrigger.WON, kind)


TRADE = MapPicture(
    tuple(map(pipeline, "abcdef")),
    (
        arrow("aw", "b0"), arrow("al", "d0"), arrow("b1", "c0"), arrow("bw", "b0"), arrow("bl", "d0"),
        arrow("cw", "b0"), arrow("cl", "d0"), arrow("dw", "a0", LinkKind.RETURN), arrow("dl", "d0"),
        arrow("ew", "b0"), arrow("el", "d0"),
    ),
)  # fmt: skip


def columns(layout: Layout) -> dict[str, int]:
    return {box.pipeline.key: box.column for box in layout.boxes}


def overlap(one: Box, other: Box) -> bool:
    apart = one.x + BOX_WIDTH <= other.x or other.x + BOX_WIDTH <= one.x
    return not (apart or one.y + one.height <= other.y or other.y + other.height <= one.y)


def crosses(first: tuple[int, int], second: tuple[int, int], box: Box) -> bool:
    """Tell whether a straight piece of an arrow runs through the inside of a box."""
    left, right = sorted((first[0], second[0]))
    top, bottom = sorted((first[1], second[1]))
    inside_x = right > box.x and left < box.x + BOX_WIDTH
    return inside_x and bottom > box.y and top < box.y + box.height


def test_nothing_to_draw_has_a_size() -> None:
    layout = lay_out(MapPicture(()))
    assert (layout.boxes, layout.routes) == ((), ())
    assert layout.width > 0
    assert layout.height > 0


def test_columns_follow_the_links_and_returns_lead_back() -> None:
    found = columns(lay_out(TRADE))
    assert found == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 0, "f": found["f"]}


def test_boxes_never_overlap_and_stand_inside_the_drawing() -> None:
    layout = lay_out(TRADE)
    assert not [pair for pair in combinations(layout.boxes, 2) if overlap(*pair)]
    assert all(box.x + BOX_WIDTH <= layout.width and box.y + box.height <= layout.height for box in layout.boxes)
    assert all(0 < x < layout.width and 0 < y < layout.height for one in layout.routes for x, y in one.points)


def test_arrows_run_past_every_box() -> None:
    layout = lay_out(TRADE)
    assert len(layout.routes) == len(TRADE.arrows)
    through = [
        (route.arrow, box.pipeline.key)
        for route in layout.routes
        for first, second in pairwise(route.points)
        for box in layout.boxes
        if crosses(first, second, box)
    ]
    assert through == []


def test_arrows_begin_and_end_at_their_rows_and_none_hides_another() -> None:
    layout = lay_out(TRADE)
    ys = {key: y for box in layout.boxes for key, y in box.row_ys.items()}
    for route in layout.routes:
        assert route.points[0][1] == ys[route.arrow.from_stage]
        assert abs(route.points[-1][1] - ys[route.arrow.to_stage]) < 23
        assert all(first[0] == second[0] or first[1] == second[1] for first, second in pairwise(route.points))
    uprights = [
        (first[0], *sorted((first[1], second[1])))
        for route in layout.routes
        for first, second in pairwise(route.points)
        if first[0] == second[0] and first[1] != second[1]
    ]
    assert not [
        (one, other)
        for one, other in combinations(uprights, 2)
        if one[0] == other[0] and one[1] < other[2] and other[1] < one[2]
    ]


def test_a_ring_begins_with_its_first_pipeline() -> None:
    picture = MapPicture((pipeline("a"), pipeline("b")), (arrow("aw", "b0"), arrow("bw", "a0")))
    assert columns(lay_out(picture)) == {"a": 0, "b": 1}


def test_pipelines_without_links_stand_side_by_side() -> None:
    layout = lay_out(MapPicture(tuple(map(pipeline, "abcdef"))))
    assert not [pair for pair in combinations(layout.boxes, 2) if overlap(*pair)]
    assert {box.y for box in layout.boxes[:4]} == {layout.boxes[0].y}


def test_an_arrow_to_a_stage_that_is_not_drawn_is_left_out() -> None:
    assert lay_out(MapPicture((pipeline("a"),), (arrow("aw", "zz"),))).routes == ()
