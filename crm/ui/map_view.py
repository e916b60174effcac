"""The map of pipelines, drawn from what is there or from what a template would create."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.clock import utc_now
from crm.db import read_scope
from crm.i18n import N_, _, ngettext
from crm.i18n.labels import label
from crm.models import LinkKind
from crm.pipelines.flow_map import MapArrow, MapPicture, load_map
from crm.ui.component import browser_script
from crm.ui.map_layout import BOX_WIDTH, Box, Route, lay_out

PERIODS: dict[str, tuple[str, int | None]] = {
    "month": (N_("30 days"), 30),
    "quarter": (N_("90 days"), 90),
    "year": (N_("A year"), 365),
    "all": (N_("All time"), None),
}
NAME_LIMIT, STAGE_LIMIT = 60, 60  # the browser cuts what is still too wide


def draw_map_tab(actor: Actor) -> None:
    """Draw the map of all pipelines in use with the choice of a period."""
    st.caption(
        _(
            "On stages: open deals now. On the ends and the arrows: deals won, lost and passed on in the period; "
            "with a plus: deals still to come."
        )
    )
    chosen = st.segmented_control(
        _("Period"),
        list(PERIODS),
        format_func=lambda one: _(PERIODS[one][0]),
        default="month",
        required=True,
        key="map_period",
        label_visibility="collapsed",
    )
    days = PERIODS[chosen or "month"][1]
    with read_scope() as session:
        picture = load_map(session, actor, since=utc_now() - timedelta(days=days) if days else None)
    if not picture.arrows and len(picture.pipelines) > 1:
        st.info(
            _("The pipelines are not linked yet: a won or lost deal leads nowhere. Add links on the tab “Links”."),
            icon=":material/link:",
        )
    draw_map(picture, key="map")


def draw_map(picture: MapPicture, *, key: str) -> None:
    """Draw a map; names stand in it as they are, whatever characters they have."""
    layout = lay_out(picture)
    names = {stage.key: (one.name, stage.name) for one in picture.pipelines for stage in one.stages}
    sentences = [
        _sentence(arrow, names) for arrow in picture.arrows if {arrow.from_stage, arrow.to_stage} <= set(names)
    ]
    content = {
        "width": layout.width,
        "height": layout.height,
        "box_width": BOX_WIDTH,
        "alt": "; ".join([*(one.name for one in picture.pipelines), *sentences]),
        "boxes": [_box(box) for box in layout.boxes],
        "arrows": [_route(route, names) for route in layout.routes],
    }
    browser_script("flow_map")(key=key, data=content, height="content")


def _box(box: Box) -> dict[str, Any]:
    rows = [
        {
            "name": _cut(stage.name, STAGE_LIMIT),
            "title": stage.name,
            "kind": stage.kind.value,
            "count": None if stage.count is None else str(stage.count),
            "y": box.row_ys[stage.key],
        }
        for stage in box.pipeline.stages
    ]
    name = box.pipeline.name
    return {"x": box.x, "y": box.y, "height": box.height, "name": _cut(name, NAME_LIMIT), "title": name, "rows": rows}


def _route(route: Route, names: dict[str, tuple[str, str]]) -> dict[str, Any]:
    arrow = route.arrow
    label_parts = [str(arrow.flow)] if arrow.flow else []
    label_parts += [f"+{arrow.waiting}"] if arrow.waiting else []
    return {
        "points": [list(point) for point in route.points],
        "out": route.out,
        "kind": "back" if arrow.kind is LinkKind.RETURN else arrow.trigger.value,
        "off": not arrow.is_active,
        "label": " ".join(label_parts),
        "title": _sentence(arrow, names),
    }


def _sentence(arrow: MapArrow, names: dict[str, tuple[str, str]]) -> str:
    (from_pipeline, from_stage), (to_pipeline, to_stage) = names[arrow.from_stage], names[arrow.to_stage]
    parts = [f"{from_pipeline}, {from_stage} → {to_pipeline}, {to_stage}", label(arrow.kind)]
    parts += [ngettext("{n} deal", "{n} deals", arrow.flow)] if arrow.flow is not None else []
    parts += [ngettext("{n} deal is to come", "{n} deals are to come", arrow.waiting)] if arrow.waiting else []
    parts += [] if arrow.is_active else [_("switched off")]
    return " · ".join(parts)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
