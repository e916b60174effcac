"""The imports there have been: how they go, their failed rows, and taking one back."""

from __future__ import annotations

import streamlit as st

from crm.actor import Actor
from crm.auth.downloads import Download, offer_download
from crm.auth.permissions import Action, may
from crm.clock import utc_now
from crm.db import read_scope
from crm.i18n import _, ngettext
from crm.i18n.formats import moment
from crm.imports.background import run_uploads
from crm.imports.reads import ImportSummary, failed_rows_file, list_imports
from crm.imports.undo import Undone, undo_import
from crm.models import ImportStatus, RowVerdict
from crm.ui import act
from crm.ui.account_view import present_session
from crm.ui.download_link import draw_download_link
from crm.ui.import_words import counts_sentence, status_name
from crm.ui.markdown import md
from crm.ui.notices import NoticeKind, flash

SHOWN = 20
# Without a batch for this long nobody runs the import any more.
SILENT_SECONDS = 90
_ICONS = {
    ImportStatus.RUNNING: ":material/sync:",
    ImportStatus.DONE: ":material/check_circle:",
    ImportStatus.FAILED: ":material/error:",
    ImportStatus.UNDONE: ":material/undo:",
}


def draw_imports(actor: Actor) -> None:
    """Draw the newest imports."""
    with read_scope() as session:
        imports = list_imports(session, actor, limit=SHOWN)
    if not imports:
        st.caption(_("Imports you have made will be listed here, each with its failed rows and a way to take it back."))
        return
    st.markdown(f"#### {_('Imports so far')}")
    for one in imports:
        with st.container(border=True, key=f"import_{one.id}"):
            _draw_import(actor, one)


def is_any_running(actor: Actor) -> bool:
    """Tell whether one of the newest imports is being run now."""
    with read_scope() as session:
        imports = list_imports(session, actor, limit=SHOWN)
    return any(one.status is ImportStatus.RUNNING and not _is_silent(one) for one in imports)


def _draw_import(actor: Actor, one: ImportSummary) -> None:
    about = [moment(one.created_at), *([one.actor] if one.actor else []), status_name(one.status)]
    st.markdown(f"{_ICONS[one.status]} **{md(one.name)}** :gray[{md(' · '.join(about))}]")
    if one.status is ImportStatus.RUNNING:
        done = min(one.counts.done / one.counts.total, 1.0) if one.counts.total else 0.0
        st.progress(done, text=_("{done} of {total} rows", done=one.counts.done, total=one.counts.total))
    if one.counts.done:
        st.caption(counts_sentence(one))
    with st.container(horizontal=True):
        if one.status is ImportStatus.RUNNING and _is_silent(one):
            st.caption(_("Nobody runs this import any more; what it has done is kept."))
            if st.button(_("Go on"), key=f"import_go_on_{one.id}", icon=":material/play_arrow:"):
                run_uploads(actor, one.id)
                st.rerun()
        if one.status is not ImportStatus.UNDONE:
            _draw_failed(actor, one)
            if may(actor, Action.UNDO_IMPORTS):
                _draw_undo(one)


def _draw_failed(actor: Actor, one: ImportSummary) -> None:
    for name, verdicts in one.counts.rows.items():
        count = verdicts.get(RowVerdict.FAILED.value, 0)
        label = ngettext("{n} failed row of {file}", "{n} failed rows of {file}", count, file=md(name))
        if count and st.button(label, key=f"import_failed_{one.id}_{name}", icon=":material/download:"):
            session_row = present_session()
            if session_row is None:
                continue
            with read_scope() as session:
                failed = failed_rows_file(session, actor, one.id, name)
            download = Download(failed.name, failed.media_type, failed.content)
            path = offer_download(download, user_id=session_row.user_id, session_id=session_row.id)
            draw_download_link(path, download.name)


def _draw_undo(one: ImportSummary) -> None:
    with st.popover(_("Take back"), icon=":material/undo:", type="tertiary"):
        st.markdown(
            _(
                "Everything this import created is removed, everything it changed gets its former values. "
                "Records that somebody has worked on since stay as they are."
            )
        )
        if st.button(_("Take the import back"), key=f"import_undo_{one.id}", type="primary"):
            with st.spinner(_("Taking back")):
                outcome = act.run(undo_import, import_id=one.id)
            if outcome.value is not None:
                _tell_undone(outcome.value)
            else:
                outcome.told()
            st.rerun()


def _tell_undone(undone: Undone) -> None:
    removed, restored = sum(undone.removed.values()), sum(undone.restored.values())
    text = _("The import is taken back: {removed} records removed, {restored} restored.",
             removed=removed, restored=restored)  # fmt: skip
    if undone.kept:
        stay = ngettext("{n} record stays", "{n} records stay", len(undone.kept))
        text = f"{text} {stay}: {_('changed since, or used by others.')}"
    flash(text, kind=NoticeKind.INFO if undone.kept else NoticeKind.DONE)


def _is_silent(one: ImportSummary) -> bool:
    return utc_now().timestamp() - max(one.counts.at, one.created_at.timestamp()) > SILENT_SECONDS
