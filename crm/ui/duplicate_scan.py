"""The look through the base: when it was, how many new pairs it found, how it goes, and another one."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.duplicates.scan_status import ScanStatus, load_scan_status, stop_scan
from crm.duplicates.scanning import start_scan
from crm.i18n import _, ngettext
from crm.i18n.formats import moment, number
from crm.models import JobStatus
from crm.ui import act
from crm.ui.device import is_phone
from crm.ui.markdown import md
from crm.ui.page import redraw


def draw_scan(actor: Actor) -> None:
    """Draw the last look or the present one, and the button for another or to stop it."""
    scan = _load(actor)
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="left" if is_phone() else "right", key="scan"
    ):  # fmt: skip
        if scan is not None and scan.is_running:
            _draw_running(scan)
            return
        st.caption(md(_last(scan)), width="content")
        if st.button(_("Scan the base"), key="scan_start", icon=":material/search:"):
            outcome = act.run(start_scan)
            outcome.told()
            st.rerun()  # the whole page: from now on the progress is looked at


def is_scan_running(actor: Actor) -> bool:
    """Tell whether the base is being looked through."""
    scan = _load(actor)
    return scan is not None and scan.is_running


def _load(actor: Actor) -> ScanStatus | None:
    with read_scope() as session:
        return load_scan_status(session, actor)


def _draw_running(scan: ScanStatus) -> None:
    share = min(1.0, scan.done / scan.total) if scan.total else 0.0
    if scan.is_stopping:
        told = _("Stopping")
    elif scan.status is JobStatus.QUEUED:
        told = _("The scan is about to begin")
    elif scan.total:
        told = _("Scanning: {done} of {total}", done=number(scan.done), total=number(scan.total))
    else:
        told = _("Scanning")
    with st.container(width=280):
        st.progress(share, text=told)
    if st.button(_("Stop"), key="scan_stop", icon=":material/stop:", type="tertiary", disabled=scan.is_stopping):
        act.run(stop_scan).told()
        redraw()


def _last(scan: ScanStatus | None) -> str:
    if scan is None:
        return _("The base has not been scanned yet.")
    when = moment(scan.finished_at or scan.created_at)
    if scan.status is JobStatus.FAILED:
        return _("The scan of {when} failed; your administrator finds why in the log.", when=when)
    if scan.status is JobStatus.CANCELLED:
        return _("The scan of {when} was stopped.", when=when)
    found = ngettext("{n} new pair waits", "{n} new pairs wait", scan.new_pairs)
    return f"{_('Scanned {when}', when=when)} · {found if scan.new_pairs else _('nothing new waits')}"
