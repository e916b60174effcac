"""Where boxes and arrows of the map stand: columns from left to right along the links. Pure geometry, in pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crm.pipelines.flow_map import MapArrow, MapPicture, MapPipeline

BOX_WIDTH, HEAD_HEIGHT, ROW_HEIGHT = 208, 34, 23
COLUMN_GAP, ROW_GAP, MARGIN = 92, 30, 14
BULGE = 46  # how far an arrow to the own column swings out
FAN = 5  # between two arrows that end on one row


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
class Curve:
    """An arrow's way: from (x1, y1) to (x2, y2), leaving to the side `out` and coming from the side `into`.

    Sides are 1 for the right and -1 for the left; `reach` is how far the curve goes straight at both ends.
    """

    arrow: MapArrow
    x1: int
    y1: int
    x2: int
    y2: int
    out: int
    into: int
    reach: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole drawing."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]


def lay_out(picture: MapPicture) -> Layout:
    """Return where everything stands; pipelines without links fill the shortest columns."""
    home = {stage.key: one.key for one in picture.pipelines for stage in one.stages}
    arrows = [one for one in picture.arrows if one.from_stage in home and one.to_stage in home]
    pairs = [(home[one.from_stage], home[one.to_stage]) for one in arrows]
    columns = _columns([one.key for one in picture.pipelines], pairs)
    boxes = _boxes(picture.pipelines, columns)
    by_stage = {key: box for box in boxes for key in box.row_ys}
    curves = _curves(arrows, by_stage)
    right = max((box.x + BOX_WIDTH for box in boxes), default=0)
    swing = BULGE if any(curve.out == -curve.into == 1 for curve in curves) else 0
    bottom = max((box.y + box.height for box in boxes), default=0)
    return Layout(right + swing + MARGIN, bottom + MARGIN, tuple(boxes), tuple(curves))


def _columns(keys: Sequence[str], pairs: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the column of each linked pipeline: one after all it comes from, ways back left aside."""
    targets: dict[str, list[str]] = defaultdict(list)
    for start, end in pairs:
        targets[start].append(end)
    ends = {end for start, end in pairs if start != end}
    linked = [key for key in keys if targets[key] or key in ends]
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


def _boxes(pipelines: Sequence[MapPipeline], columns: Mapping[str, int]) -> list[Box]:
    count = max(columns.values(), default=min(len(pipelines), 3) - 1) + 1
    bottoms = [MARGIN] * max(count, 1)
    boxes = []
    for pipeline in sorted(pipelines, key=lambda one: one.key not in columns):
        column = columns.get(pipeline.key, bottoms.index(min(bottoms)))
        height = HEAD_HEIGHT + ROW_HEIGHT * len(pipeline.stages) + 6
        y = bottoms[column]
        middles = {
            stage.key: y + HEAD_HEIGHT + ROW_HEIGHT * number + ROW_HEIGHT // 2
            for number, stage in enumerate(pipeline.stages)
        }
        boxes.append(Box(pipeline, column, MARGIN + column * (BOX_WIDTH + COLUMN_GAP), y, height, middles))
        bottoms[column] = y + height + ROW_GAP
    return boxes


def _curves(arrows: Sequence[MapArrow], by_stage: Mapping[str, Box]) -> list[Curve]:
    curves = []
    landed: dict[tuple[str, int], int] = defaultdict(int)
    for arrow in arrows:
        source, target = by_stage[arrow.from_stage], by_stage[arrow.to_stage]
        out, into = _sides(source.column, target.column)
        number = landed[arrow.to_stage, into]
        landed[arrow.to_stage, into] += 1
        y2 = target.row_ys[arrow.to_stage] + FAN * ((number + 1) // 2) * (-1 if number % 2 else 1)
        x1 = source.x + (BOX_WIDTH if out > 0 else 0)
        x2 = target.x + (0 if into > 0 else BOX_WIDTH)
        reach = BULGE if source.column == target.column else max(COLUMN_GAP // 2, abs(x2 - x1) // 3)
        curves.append(Curve(arrow, x1, source.row_ys[arrow.from_stage], x2, y2, out, into, reach))
    return curves


def _sides(start: int, end: int) -> tuple[int, int]:
    if start == end:
        return 1, -1  # out to the right and back from there
    return (1, 1) if start < end else (-1, -1)
