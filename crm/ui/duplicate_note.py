"""Quiet notes about duplicates on cards: possibly the same as another one; this one was put into another."""

from __future__ import annotations

from crm.actor import Actor
from crm.db import read_scope
from crm.duplicates.twins import likely_twins
from crm.errors import NotFound
from crm.i18n import _
from crm.models import EntityType
from crm.ui.duplicate_fields import LINK_OF, record_link
from crm.ui.duplicate_words import chance
from crm.ui.markdown import md
from crm.ui.nav import go_to, page_link
from crm.ui.notices import NoticeKind, flash


def draw_twins(actor: Actor, entity_type: EntityType, record_id: int) -> None:
    """Draw whom a record is possibly the same as; a reviewer's link leads to the pair, others' to the record."""
    with read_scope() as session:
        twins = likely_twins(session, actor, entity_type, record_id)
    for twin in twins:
        label = f":gray[{_('Possibly the same as')}] {md(twin.name)} :gray[· {chance(twin.probability)}]"
        if twin.pair_id is not None:
            page_link("duplicates", label, icon=":material/join_inner:", pair=twin.pair_id)
        else:
            record_link(entity_type, twin.record_id, label, ":material/join_inner:")


def follow_merged(error: NotFound) -> None:
    """Open the record that the asked one was merged into, and say so; nothing for one that is simply not there."""
    survivor_id, entity = error.params.get("merged_into"), error.params.get("entity")
    if survivor_id is None or entity is None:
        return
    page, param = LINK_OF[EntityType(str(entity))]
    flash(_("The old link leads to a record that was merged into this one"), kind=NoticeKind.INFO)
    go_to(page, **{param: int(survivor_id)})
