"""The second step of an import: what the rows are and which column fills which field."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from typing import Any

import streamlit as st

from crm.actor import Actor
from crm.auth.people import list_owners
from crm.auth.permissions import Action, may
from crm.auth.workspace import USUAL_CURRENCIES
from crm.db import read_scope
from crm.errors import InvalidInput
from crm.i18n import _
from crm.i18n.texts import violation_sentence
from crm.imports.background import FileLook, look_at, plan_uploads
from crm.imports.fields import CUSTOM, FIELDS, RecordKind, import_field_name, kind_name
from crm.imports.formats import ReadOptions
from crm.imports.formats.csv_text import DELIMITERS, ENCODINGS
from crm.imports.mapping_text import MAX_STEP_DAYS, mapping_from
from crm.imports.memory import GUESSED_SYSTEM, guess_columns
from crm.models import Workspace
from crm.pipelines.reads import list_pipelines, load_fields, load_pipeline
from crm.pipelines.values import FieldInfo
from crm.ui.import_draft import DraftStep, ImportDraft, begin_draft
from crm.ui.import_files import seen_files
from crm.ui.import_pipeline import draw_pipeline, stage_names
from crm.ui.markdown import md

_JOINED = frozenset({"title", "note", "team"})  # fields that several columns may fill together
_DELIMITER_NAMES = {";": ";", ",": ",", "\t": "Tab", "|": "|"}
_COLUMNS_ON_PAGE = 3


def draw_columns(actor: Actor, draft: ImportDraft) -> None:
    """Draw a box for each file, then what concerns all of them, then the way on."""
    if draft.is_remembered:
        st.info(_("Columns are set as they were for such files last time."), icon=":material/history:")
    with read_scope() as session:
        fields = [field for field in load_fields(session) if field.is_active]
        pipelines = [load_pipeline(session, one.id) for one in list_pipelines(session)]
    looks = seen_files(draft)
    draw_common(actor, draft)
    if any(part["kind"] in {RecordKind.DEALS, RecordKind.VISITS} for part in draft.mapping["files"]):
        draw_pipeline(actor, draft, pipelines, looks)
    stages, _all_stages = stage_names(draft, pipelines)
    for at, look in enumerate(looks):
        with st.container(border=True):
            draw_file(draft, at, look, fields, stages)
    with st.container(horizontal=True):
        if st.button(_("Check the rows"), type="primary", key=draft.key("check")):
            _check(actor, draft)
        st.button(_("Choose other files"), key=draft.key("restart"), on_click=begin_draft, type="tertiary")


def draw_common(actor: Actor, draft: ImportDraft) -> None:
    """Draw the choices that concern the import as a whole."""
    tree = draft.mapping
    with read_scope() as session:
        owners = {actor.name: "", **{name: name for name in list_owners(session, actor).values()}}
        workspace = session.get(Workspace, 1)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        currency = tree["currency"] or (workspace.currency if workspace else "RUB")
        choices = list(dict.fromkeys([currency, *USUAL_CURRENCIES]))
        tree["currency"] = st.selectbox(_("Currency"), choices, index=0, key=draft.key("currency"), width=110)
        chosen = st.selectbox(_("Owner where none is named"), list(owners), index=0, key=draft.key("owner"), width=230)
        tree["owners"] = {**tree["owners"], "default": owners.get(chosen or "", "")}
        tree["next_step"] = {
            **tree["next_step"],
            "in_days": st.number_input(
                _("Review open deals in, days"), 1, MAX_STEP_DAYS, tree["next_step"]["in_days"],
                key=draft.key("days"), width=190,
                help=_("An open deal that comes without a next step gets one: to be looked at on that day."),
            ),
        }  # fmt: skip
    with st.expander(_("More about this import")):
        tree["system"] = st.text_input(
            _("Name of the system the files come from"), tree["system"] or GUESSED_SYSTEM, max_chars=50,
            key=draft.key("system"),
            help=_("Ids of records are kept under this name, so that the next import updates them."),
        )  # fmt: skip
        if may(actor, Action.MANAGE_USERS):
            create = st.toggle(
                _("Add people who are not here yet; they can't sign in until you invite them"),
                tree["owners"].get("create", False),
                key=draft.key("people"),
            )
            tree["owners"] = {**tree["owners"], "create": create}


def draw_file(draft: ImportDraft, at: int, look: FileLook, fields: list[FieldInfo], stages: Sequence[str]) -> None:
    """Draw one file: what its rows are, its first rows, its columns."""
    part: dict[str, Any] = draft.mapping["files"][at]
    part["file"] = glob.escape(look.source.name)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**{md(look.source.name)}** :gray[{_('{n} rows', n=look.row_count)} · {md(_how_read(look))}]")
        kinds: list[RecordKind] = [kind for kind in RecordKind if kind is not RecordKind.OPTIONS]
        kind = st.selectbox(
            _("Rows are"), kinds, index=kinds.index(RecordKind(part["kind"])) if part["kind"] in kinds else 0,
            format_func=kind_name, key=draft.key(at, "kind"), width=200,
        )  # fmt: skip
    if kind is not None and kind.value != part["kind"]:
        part.update(kind=kind.value, columns=_as_lists(guess_columns(kind, look.header)), entered={})
    draw_reading(draft, at, look)
    st.dataframe(
        {name: [row[position] for row in look.sample] for position, name in enumerate(look.header)}, hide_index=True
    )
    draw_fields(draft, at, look, RecordKind(part["kind"]), fields)
    if part["kind"] == RecordKind.DEALS and stages:
        draw_stage_dates(draft, at, look, stages)


def draw_reading(draft: ImportDraft, at: int, look: FileLook) -> None:
    """Draw how the file was read, to be mended where letters or columns look wrong."""
    part = draft.mapping["files"][at]
    with st.expander(_("Letters or columns look wrong?")), st.container(horizontal=True, vertical_alignment="bottom"):
        if look.sheets:
            sheet = st.selectbox(
                _("Sheet"), look.sheets, index=look.sheets.index(look.sheet), key=draft.key(at, "sheet")
            )
            wanted = ReadOptions(sheet=sheet or "")
        else:
            encodings = list(dict.fromkeys([look.encoding, *ENCODINGS]))
            encoding = st.selectbox(_("Encoding"), encodings, index=0, key=draft.key(at, "encoding"))
            delimiters = list(dict.fromkeys([look.delimiter, *DELIMITERS]))
            delimiter = st.selectbox(
                _("Columns are divided by"), delimiters, index=0, key=draft.key(at, "delimiter"),
                format_func=lambda one: _DELIMITER_NAMES.get(one, one),
            )  # fmt: skip
            wanted = ReadOptions(encoding=encoding or "", delimiter=delimiter or "")
        present = ReadOptions(sheet=look.sheet) if look.sheets else ReadOptions(look.encoding, look.delimiter)
        if st.button(_("Read anew"), key=draft.key(at, "reread"), disabled=wanted == present):
            part.update(encoding=wanted.encoding, delimiter=wanted.delimiter, sheet=wanted.sheet)
            draft.files[at].options = wanted
            draft.files[at].look = look_at(look.source, wanted)
            draft.step = DraftStep.FILES
            st.rerun()


def draw_fields(draft: ImportDraft, at: int, look: FileLook, kind: RecordKind, fields: list[FieldInfo]) -> None:
    """Draw a choice of columns for each field; those guessed and needed first, the others folded."""
    part = draft.mapping["files"][at]
    known = [field.code for field in FIELDS[kind]]
    if kind is RecordKind.DEALS:
        known += [CUSTOM + field.name for field in fields]
    needed = {field.code for field in FIELDS[kind] if field.is_required}
    first = [code for code in known if code in needed or part["columns"].get(code)]
    # The order is kept while the reader chooses: a field must not jump away from under the hand.
    shown = st.session_state.setdefault(draft.key(at, kind.value, "shown"), first)
    columns = {code: _column_choice(draft, at, look, kind, code, place) for code, place in _placed(shown)}
    with st.expander(_("More fields")):
        rest = [code for code in known if code not in shown]
        columns |= {code: _column_choice(draft, at, look, kind, code, place) for code, place in _placed(rest)}
    part["columns"] = {code: chosen for code, chosen in columns.items() if chosen}


def draw_stage_dates(draft: ImportDraft, at: int, look: FileLook, stages: Sequence[str]) -> None:
    """Draw a choice of the column that says when a deal entered a stage, for each open stage."""
    part = draft.mapping["files"][at]
    entered: dict[str, str] = {}
    with st.expander(_("Dates of stages")):
        st.caption(_("Columns with the day a deal came to a stage give its history: conversion and time on stages."))
        for stage, place in _placed(stages):
            present = part["entered"].get(stage)
            with place:
                chosen = st.selectbox(
                    md(stage), list(look.header), index=_index(look, present), placeholder=_("Not in the file"),
                    key=draft.key(at, "entered", stage),
                )  # fmt: skip
            if chosen:
                entered[stage] = chosen
    part["entered"] = entered


def _column_choice(draft: ImportDraft, at: int, look: FileLook, kind: RecordKind, code: str, place: Any) -> list[str]:
    chosen: list[str] = [one for one in draft.mapping["files"][at]["columns"].get(code, []) if one in look.header]
    label = md(import_field_name(kind, code))
    key = draft.key(at, kind.value, code)
    with place:
        if code in _JOINED:
            return list(st.multiselect(label, list(look.header), chosen, placeholder=_("Not in the file"), key=key))
        one = st.selectbox(
            label, list(look.header), index=_index(look, chosen[0] if chosen else None),
            placeholder=_("Not in the file"), key=key,
        )  # fmt: skip
    return [one] if one else []


def _placed(codes: Sequence[str]) -> list[tuple[str, Any]]:
    places: list[Any] = []
    for at in range(0, len(codes), _COLUMNS_ON_PAGE):
        places += st.columns(_COLUMNS_ON_PAGE)[: len(codes) - at]
    return list(zip(codes, places, strict=True))


def _index(look: FileLook, column: str | None) -> int | None:
    return look.header.index(column) if column in look.header else None


def _how_read(look: FileLook) -> str:
    if look.sheets:
        return f"XLSX, {look.sheet}"
    return f"CSV, {look.encoding.upper()}, {_DELIMITER_NAMES.get(look.delimiter, look.delimiter)}"


def _as_lists(columns: dict[str, tuple[str, ...]]) -> dict[str, list[str]]:
    return {code: list(names) for code, names in columns.items()}


def _check(actor: Actor, draft: ImportDraft) -> None:
    try:
        mapping_from(draft.mapping)
    except InvalidInput as error:
        for violation in error.violations:
            st.error(violation_sentence(violation), icon=":material/error:")
        return
    draft.plan = plan_uploads(actor, [file.source for file in draft.files], draft.mapping)
    draft.step = DraftStep.CHECK
    st.rerun()
