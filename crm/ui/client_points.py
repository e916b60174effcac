"""Contact points as links: a phone is called, a message is written, a site is opened."""

from __future__ import annotations

from crm.contacts.reads import PointLine
from crm.models import PointKind
from crm.ui.markdown import md

POINT_ICONS = {
    PointKind.PHONE: ":material/call:",
    PointKind.EMAIL: ":material/mail:",
    PointKind.TELEGRAM: ":material/send:",
    PointKind.WEBSITE: ":material/language:",
}
# Characters that would end a link's address in markdown.
_LINK_ENDS = set("()[]<> \n")


def point_link(point: PointLine) -> str:
    """Return a point as markdown: a link where its address can be one."""
    if point.kind is PointKind.WEBSITE:
        return web_link(point.normalised)
    if _LINK_ENDS & set(point.normalised):
        return md(point.value)
    if point.kind is PointKind.TELEGRAM:
        return f"[@{md(point.normalised)}](https://t.me/{point.normalised})"
    scheme = "tel" if point.kind is PointKind.PHONE else "mailto"
    return f"[{md(point.value)}]({scheme}:{point.normalised})"


def web_link(address: str) -> str:
    """Return a web address as markdown, shown without its scheme."""
    shown = md(address.removeprefix("https://").removeprefix("http://"))
    # In angle brackets markdown takes any address that has none itself.
    return shown if set("<>\n") & set(address) else f"[{shown}](<{address}>)"
