"""The first step of an import: choosing files and seeing that they can be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.db import read_scope
from crm.errors import CrmError
from crm.i18n import _
from crm.i18n.formats import number
from crm.i18n.texts import error_sentence
from crm.imports.background import FileLook, look_at
from crm.imports.formats import SUFFIXES, FileRefused, ReadOptions
from crm.imports.mapping import ImportMapping
from crm.imports.mapping_text import mapping_tree
from crm.imports.memory import fitted_mapping, guess_mapping, recall_mapping
from crm.imports.sources import keep_upload
from crm.settings import get_settings
from crm.ui.import_draft import DraftFile, DraftStep, ImportDraft, begin_draft, settled
from crm.ui.markdown import md

MOST_FILES = 10


def draw_files(actor: Actor, draft: ImportDraft) -> None:
    """Draw the upload; once every file has been read, guess or recall the mapping and go on."""
    if draft.files:
        _draw_reading(actor, draft)
        return
    settings = get_settings()
    uploads = st.file_uploader(
        _("Files with deals, companies, contacts or people"),
        type=[suffix.removeprefix(".") for suffix in SUFFIXES],
        accept_multiple_files=True,
        key=draft.key("upload"),
    )
    st.caption(
        _(
            "CSV or XLSX, up to {mb} MB and {rows} rows each; the first row names the columns. "
            "Nothing is written before you have seen what would happen.",
            mb=settings.import_max_mb,
            rows=number(settings.import_max_rows),
        )
    )
    st.caption(
        _(
            "A history comes in too: a file whose rows say which deal came to which stage, when, and whose it was, "
            "such as the events of another CRM or a process log."
        )
    )
    if uploads and st.button(_("Read the files"), type="primary", key=draft.key("read")):
        _keep(draft, uploads)
        st.rerun()


def _keep(draft: ImportDraft, uploads: list[Any]) -> None:
    if len(uploads) > MOST_FILES:
        st.error(_("{limit} files at most in one import.", limit=MOST_FILES))
        st.stop()
    try:
        sources = [keep_upload(upload.name, upload.getvalue()) for upload in uploads]
    except FileRefused as error:
        st.error(error_sentence(error), icon=":material/error:")
        st.stop()
    draft.files = [DraftFile(source, ReadOptions(), look_at(source, ReadOptions())) for source in sources]


def _draw_reading(actor: Actor, draft: ImportDraft) -> None:
    refused = False
    for file in draft.files:
        answer = settled(file.look)
        error = answer.error() if answer else None
        if answer is None:
            st.markdown(f":material/hourglass_top: {md(file.source.name)}")
        elif error is not None:
            refused = True
            st.error(f"**{md(file.source.name)}** {error_sentence(error)}", icon=":material/error:")
        else:
            st.markdown(f":material/check: {md(file.source.name)}")
    if all(file.look.done() for file in draft.files):
        if not refused:
            _go_on(actor, draft)
        st.button(_("Choose other files"), key=draft.key("again"), on_click=begin_draft)


def _go_on(actor: Actor, draft: ImportDraft) -> None:
    headers = {look.source.name: look.header for look in seen_files(draft)}
    with read_scope() as session:
        known = recall_mapping(session, actor, headers=list(headers.values()))
    fitted = fitted_mapping(known, headers) if known else None
    draft.is_remembered = fitted is not None
    draft.mapping = mapping_tree(_in_order(fitted or guess_mapping(headers), list(headers)))
    draft.step = DraftStep.COLUMNS
    st.rerun()


def seen_files(draft: ImportDraft) -> list[FileLook]:
    """Return what was seen of the files that could be read, in their order."""
    answers = (settled(file.look) for file in draft.files)
    return [answer.value for answer in answers if answer is not None and answer.value is not None]


def _in_order(mapping: ImportMapping, names: list[str]) -> ImportMapping:
    parts = [mapping.part_for(name) for name in names]
    if any(part is None for part in parts):
        raise CrmError("mapping_file_unknown", file=names[0])
    return replace(mapping, files=tuple(part for part in parts if part is not None))
