"""Where boxes and arrows of the map stand: columns from left to right along the links. Pure geometry, in pixels.

Arrows go at right angles: out of a row into the gap beside its column, and under the boxes between when they go far.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crm.models import LinkKind
from crm.pipelines.flow_map import MapArrow, MapPicture, MapPipeline

BOX_WIDTH, HEAD_HEIGHT, ROW_HEIGHT = 188, 34, 23
MARGIN, BOX_GAP = 10, 26
COLUMNS_ALONE = 4  # where nothing is linked
LABEL_SPACE, TIP_SPACE = 28, 14  # beside the row an arrow leaves, and before the one it comes to
CHANNEL = 7  # between two arrows side by side
FAN = 5  # between two arrows that end on one row

Point = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """A pipeline's place; `row_ys` are the middles of its rows by key of the stage."""

    pipeline: MapPipeline
    column: int
    x: int
    y: int
    height: int
    row_ys: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Route:
    """An arrow's corners from its row to the one it comes to; `out` is 1 when it leaves to the right, else -1."""

    arrow: MapArrow
    points: tuple[Point, ...]
    out: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole drawing."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """An arrow before its place is known: its columns, and its channels in the gaps right of columns."""

    arrow: MapArrow
    start: int
    end: int
    first: tuple[int, int]  # gap, channel
    last: tuple[int, int]
    lane: int | None


def lay_out(picture: MapPicture) -> Layout:
    """Return where everything stands; pipelines without links stand below the others, where there is room first."""
    home = {stage.key: one.key for one in picture.pipelines for stage in one.stages}
    arrows = [one for one in picture.arrows if one.from_stage in home and one.to_stage in home]
    columns = _columns(picture.pipelines, arrows, home)
    ways = _ways(arrows, columns, home)
    lefts = _lefts(max(columns.values(), default=-1) + 1, ways)
    boxes = _linked_boxes(picture.pipelines, columns, lefts)
    routes = _routes(ways, boxes, lefts)
    boxes += _boxes_alone([one for one in picture.pipelines if one.key not in columns], boxes, routes, lefts)
    rights = [box.x + BOX_WIDTH for box in boxes] + [x for one in routes for x, _y in one.points]
    bottoms = [box.y + box.height for box in boxes] + [y for one in routes for _x, y in one.points]
    return Layout(max(rights, default=0) + MARGIN, max(bottoms, default=0) + MARGIN, tuple(boxes), tuple(routes))


def _columns(pipelines: Sequence[MapPipeline], arrows: Sequence[MapArrow], home: Mapping[str, str]) -> dict[str, int]:
    """Return the column of each linked pipeline: one after all it comes from. Returns and rings lead back."""
    targets: dict[str, list[str]] = defaultdict(list)
    for arrow in arrows:
        if arrow.kind is not LinkKind.RETURN:
            targets[home[arrow.from_stage]].append(home[arrow.to_stage])
    ends = {end for start, following in targets.items() for end in following if start != end}
    touched = {home[key] for arrow in arrows for key in (arrow.from_stage, arrow.to_stage)}
    linked = [one.key for one in pipelines if one.key in touched]
    columns: dict[str, int] = {}
    # Those that nothing leads to come first; a ring begins with its first pipeline.
    for key in sorted(linked, key=lambda one: one in ends):
        if key not in columns:
            _push(key, 0, targets, columns, ())
    return columns


def _push(
    key: str, column: int, targets: Mapping[str, list[str]], columns: dict[str, int], way: tuple[str, ...]
) -> None:
    if columns.get(key, -1) >= column:
        return
    columns[key] = column
    for following in targets.get(key, ()):
        if following != key and following not in way:
            _push(following, column + 1, targets, columns, (*way, key))


def _ways(arrows: Sequence[MapArrow], columns: Mapping[str, int], home: Mapping[str, str]) -> list[_Way]:
    channels: dict[int, int] = defaultdict(int)
    lanes = 0
    ways = []
    for arrow in arrows:
        start, end = columns[home[arrow.from_stage]], columns[home[arrow.to_stage]]
        first_gap, last_gap = (start, end - 1) if start < end else (start - (start > end), end)
        first = (first_gap, channels[first_gap])
        channels[first_gap] += 1
        last, lane = first, None
        if first_gap != last_gap:
            last, lane = (last_gap, channels[last_gap]), lanes
            channels[last_gap] += 1
            lanes += 1
        ways.append(_Way(arrow, start, end, first, last, lane))
    return ways


def _lefts(count: int, ways: Sequence[_Way]) -> list[int]:
    """Return the left edge of each column, and of what would come after the last one."""
    used: dict[int, int] = defaultdict(int)
    for way in ways:
        for gap, channel in (way.first, way.last):
            used[gap] = max(used[gap], channel + 1)
    lefts = [MARGIN]
    for column in range(count):
        gap = LABEL_SPACE + CHANNEL * used[column] + TIP_SPACE if used[column] else BOX_GAP
        lefts.append(lefts[-1] + BOX_WIDTH + gap)
    return lefts


def _linked_boxes(pipelines: Sequence[MapPipeline], columns: Mapping[str, int], lefts: Sequence[int]) -> list[Box]:
    bottoms: dict[int, int] = defaultdict(lambda: MARGIN)
    boxes = []
    for pipeline in pipelines:
        column = columns.get(pipeline.key)
        if column is not None:
            boxes.append(_box(pipeline, column, lefts[column], bottoms[column]))
            bottoms[column] += boxes[-1].height + BOX_GAP
    return boxes


def _boxes_alone(
    pipelines: Sequence[MapPipeline], linked: Sequence[Box], routes: Sequence[Route], lefts: Sequence[int]
) -> list[Box]:
    edges = lefts[:-1] if linked else [MARGIN + number * (BOX_WIDTH + BOX_GAP) for number in range(COLUMNS_ALONE)]
    lanes = max((y + BOX_GAP for one in routes for _x, y in one.points[2:-2]), default=MARGIN)
    bottoms = [
        max([lanes, *(box.y + box.height + BOX_GAP for box in linked if box.column == column)])
        for column in range(len(edges))
    ]
    boxes = []
    for pipeline in pipelines:
        column = bottoms.index(min(bottoms))
        boxes.append(_box(pipeline, column, edges[column], bottoms[column]))
        bottoms[column] += boxes[-1].height + BOX_GAP
    return boxes


def _box(pipeline: MapPipeline, column: int, x: int, y: int) -> Box:
    middles = {
        stage.key: y + HEAD_HEIGHT + ROW_HEIGHT * number + ROW_HEIGHT // 2
        for number, stage in enumerate(pipeline.stages)
    }
    return Box(pipeline, column, x, y, HEAD_HEIGHT + ROW_HEIGHT * len(pipeline.stages) + 6, middles)


def _routes(ways: Sequence[_Way], boxes: Sequence[Box], lefts: Sequence[int]) -> list[Route]:
    by_stage = {key: box for box in boxes for key in box.row_ys}
    landed: dict[tuple[str, bool], int] = defaultdict(int)
    routes = []
    for way in ways:
        source, target = by_stage[way.arrow.from_stage], by_stage[way.arrow.to_stage]
        forward = way.start < way.end
        number = landed[way.arrow.to_stage, forward]
        landed[way.arrow.to_stage, forward] += 1
        y1 = source.row_ys[way.arrow.from_stage]
        y2 = target.row_ys[way.arrow.to_stage] + FAN * ((number + 1) // 2) * (-1 if number % 2 else 1)
        out = -1 if way.start > way.end else 1
        start = (source.x + (BOX_WIDTH if out > 0 else 0), y1)
        end = (target.x + (0 if forward else BOX_WIDTH), y2)
        first, last = _channel_x(way.first, lefts), _channel_x(way.last, lefts)
        corners = [(first, y1), (first, y2)]
        if way.lane is not None:
            lane_y = _lane_y(way, boxes)
            corners = [(first, y1), (first, lane_y), (last, lane_y), (last, y2)]
        routes.append(Route(way.arrow, (start, *corners, end), out))
    return routes


def _channel_x(place: tuple[int, int], lefts: Sequence[int]) -> int:
    gap, channel = place
    return lefts[gap] + BOX_WIDTH + LABEL_SPACE + CHANNEL * channel


def _lane_y(way: _Way, boxes: Sequence[Box]) -> int:
    between = range(min(way.start, way.end) + 1, max(way.start, way.end))
    bottom = max((box.y + box.height for box in boxes if box.column in between), default=MARGIN)
    return bottom + 12 + CHANNEL * (way.lane or 0)
