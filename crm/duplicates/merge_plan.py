"""What a merge would do, before it is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.permissions import Action, require
from crm.auth.visibility import deal_in_use, deal_visible
from crm.duplicates.merge_fields import FieldState, choice_violations, field_states, fullness, is_empty
from crm.duplicates.merge_values import Choices, EqualField, MergeField, MergePlan
from crm.duplicates.merging import record_name
from crm.duplicates.moving import counts, refusals
from crm.duplicates.row_values import MODELS, Record
from crm.duplicates.taking import VISIBLE
from crm.errors import ChangedMeanwhile, Violation
from crm.models import (
    Company,
    Contact,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    LinkRun,
    LinkRunStatus,
    MatchPair,
    PairState,
    User,
)

_ENDED = (DealStatus.WON, DealStatus.LOST)


def plan_merge(
    session: Session,
    actor: Actor,
    *,
    entity_type: EntityType,
    survivor_id: int,
    merged_id: int,
    survivor_version: int | None = None,
    merged_version: int | None = None,
    choices: Choices | None = None,
) -> MergePlan:
    """Return fields that differ with a default each, counts of what would move, warnings and refusals.

    Where choices are given, what is wrong with them is among the refusals.
    Errors: Forbidden; NotFound where one of the two is not visible; ChangedMeanwhile where a given version is old.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    survivor = _load(session, actor, entity_type, survivor_id)
    merged = _load(session, actor, entity_type, merged_id)
    for row, version in ((survivor, survivor_version), (merged, merged_version)):
        if version is not None and row.version != version:
            raise ChangedMeanwhile(entity=entity_type, id=row.id, version=row.version)
    states = field_states(session, entity_type, survivor, merged)
    wrong = [] if choices is None else choice_violations(states, choices)
    names = _names(session, states)
    moves, united, stays = counts(session, entity_type, survivor_id, merged_id)
    same = [Violation("merge_same_record")] if survivor_id == merged_id else []
    return MergePlan(
        entity_type=entity_type,
        survivor_id=survivor_id,
        merged_id=merged_id,
        survivor_version=survivor.version,
        merged_version=merged.version,
        survivor_name=record_name(survivor),
        merged_name=record_name(merged),
        differing=tuple(_differing(state, names) for state in states if state.differs),
        equal=tuple(_equal(state, names) for state in states if not state.differs),
        moves=moves,
        united=united,
        stays=stays,
        warnings=(
            *_warnings(session, entity_type, survivor, merged),
            *_hidden_deals(session, actor, entity_type, (survivor_id, merged_id)),
        ),
        refusals=tuple(same + wrong + refusals(session, entity_type, merged_id)),
        currency=survivor.currency if isinstance(survivor, Deal) else None,
    )


def better_survivor(session: Session, actor: Actor, entity_type: EntityType, ids: tuple[int, int]) -> int:
    """Return which of two should remain: the one with more open deals, then the fuller, then the older.

    Of deals the one that goes on: open before won before lost, then the fuller, then the older.
    Errors: Forbidden; NotFound.
    """
    require(actor, Action.REVIEW_DUPLICATES)
    rows = [_load(session, actor, entity_type, one) for one in ids]
    return max(rows, key=survivor_rank(session, entity_type, rows)).id


def survivor_rank(session: Session, entity_type: EntityType, rows: Iterable[Record]) -> Any:
    """Return the key by which the greatest of some records is the one to remain."""
    rows = list(rows)
    deals = _open_deals(session, entity_type, [row.id for row in rows])

    def rank(row: Record) -> tuple[int, int, int]:
        first = -int(row.status) if isinstance(row, Deal) else deals.get(row.id, 0)
        return first, fullness(row, entity_type), -row.id

    return rank


def _load(session: Session, actor: Actor, entity_type: EntityType, record_id: int) -> Record:
    model: Any = MODELS[entity_type]
    query = select(model).where(model.id == record_id, VISIBLE[entity_type](actor))
    row: Record | None = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if row is None:
        raise not_found(session, actor, entity_type, record_id)
    return row


def _open_deals(session: Session, entity_type: EntityType, ids: list[int]) -> dict[int, int]:
    if entity_type is EntityType.DEAL:
        return {}
    if entity_type is EntityType.COMPANY:
        query = select(Deal.company_id, func.count()).where(Deal.company_id.in_(ids), Deal.status == DealStatus.OPEN)
        return {key: count for key, count in session.execute(query.group_by(Deal.company_id)) if key is not None}
    parts = select(DealContact.contact_id, func.count()).join(Deal, Deal.id == DealContact.deal_id)
    parts = parts.where(DealContact.contact_id.in_(ids), Deal.status == DealStatus.OPEN)
    return dict(session.execute(parts.group_by(DealContact.contact_id)).all())


def _differing(state: FieldState, names: dict[tuple[str, int], str]) -> MergeField:
    rule = state.rule
    first, second = _shown(state, state.survivor, names), _shown(state, state.merged, names)
    return MergeField(rule.name, rule.label, rule.kind, first, second, state.default, state.offered, state.why)


def _equal(state: FieldState, names: dict[tuple[str, int], str]) -> EqualField:
    return EqualField(state.rule.name, state.rule.label, state.rule.kind, _shown(state, state.survivor, names))


def _shown(state: FieldState, values: tuple[Any, ...], names: dict[tuple[str, int], str]) -> Any:
    value, rule = values[0], state.rule
    if is_empty(value):
        return None
    if rule.kind == "reference":
        return names.get((rule.columns[0], value))
    if rule.kind == "choice" and rule.info is not None:
        return ", ".join(map(rule.info.option_name, value if isinstance(value, list) else [value]))
    return value


def _names(session: Session, states: list[FieldState]) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    for state in states:
        if state.rule.kind != "reference":
            continue
        column = state.rule.columns[0]
        table: Any = User if column == "owner_id" else Company
        ids = [value for value in (state.survivor[0], state.merged[0]) if value is not None]
        for row_id, name in session.execute(select(table.id, table.name).where(table.id.in_(ids))) if ids else ():
            found[column, row_id] = name
    return found


def _warnings(session: Session, entity_type: EntityType, survivor: Record, merged: Record) -> list[Violation]:
    found = []
    if survivor.owner_id != merged.owner_id:
        owners = dict(
            session.execute(select(User.id, User.name).where(User.id.in_([survivor.owner_id, merged.owner_id]))).all()
        )
        names = {"survivor": owners[survivor.owner_id], "merged": owners[merged.owner_id]}
        found.append(Violation("merge_different_owners", None, names))
    if isinstance(survivor, Contact) and isinstance(merged, Contact):
        ids = {survivor.company_id, merged.company_id}
        if None not in ids and len(ids) > 1:
            found.append(Violation("merge_different_companies"))
    if isinstance(survivor, Deal) and isinstance(merged, Deal):
        found += _deal_warnings(session, survivor, merged)
    left, right = sorted((survivor.id, merged.id))
    pair = select(MatchPair.state).filter_by(entity_type=entity_type, left_id=left, right_id=right)
    if session.scalar(pair) is PairState.NOT_DUPLICATE:
        found.append(Violation("merge_said_different"))
    return found


def _hidden_deals(session: Session, actor: Actor, entity_type: EntityType, ids: tuple[int, int]) -> list[Violation]:
    """Say how many deals of two clients are out of the actor's view; they move with the others."""
    if entity_type is EntityType.DEAL or actor.visible_owner_ids is None:
        return []
    of_clients: ColumnElement[bool] = Deal.company_id.in_(ids)
    if entity_type is EntityType.CONTACT:
        of_clients = Deal.id.in_(select(DealContact.deal_id).where(DealContact.contact_id.in_(ids)))
    hidden = select(func.count(Deal.id)).where(of_clients, deal_in_use(), ~deal_visible(actor))
    count = session.scalar(hidden) or 0
    return [Violation("merge_deals_hidden", None, {"count": count})] if count else []


def _deal_warnings(session: Session, survivor: Deal, merged: Deal) -> list[Violation]:
    found = []
    if survivor.pipeline_id != merged.pipeline_id:
        found.append(Violation("merge_different_pipelines"))
    if survivor.currency != merged.currency:
        found.append(Violation("merge_different_currencies"))
    if survivor.status in _ENDED and merged.status is DealStatus.OPEN:
        found.append(Violation("merge_open_into_closed"))
    elif survivor.status is DealStatus.OPEN and merged.status in _ENDED:
        found.append(Violation("merge_closed_into_open"))
    elif survivor.status is DealStatus.WON and merged.status is DealStatus.WON:
        found.append(Violation("merge_both_won"))
    waits = (LinkRun.deal_id == merged.id, LinkRun.status == LinkRunStatus.WAITING)
    waiting = session.scalar(select(func.count()).select_from(LinkRun).where(*waits)) or 0
    if waiting:
        found.append(Violation("merge_links_rest", None, {"count": waiting}))
    return found
