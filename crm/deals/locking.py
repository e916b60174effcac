"""Taking a deal for a change: seen by the actor, and still as the actor saw it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.merged import not_found
from crm.auth.visibility import deal_visible
from crm.errors import DealMovedMeanwhile
from crm.models import Deal, Pipeline
from crm.pipelines.links import pipelines_reached


def hold_pipeline(session: Session, pipeline_id: int) -> None:
    """Keep a pipeline's design as it is until the transaction ends; many may hold it, who redesigns it waits.

    It is taken before any deal, as `retire_stage` takes them: so neither waits for the other in a ring.
    """
    query = select(Pipeline.id).where(Pipeline.id == pipeline_id)
    session.execute(query.with_for_update(read=True, key_share=True))


def hold_linked_pipelines(session: Session, deal_id: int) -> None:
    """Hold the pipelines where a move of the deal may create others, with its own, before it is taken.

    In the order of their ids, as who designs links takes them: so neither waits for the other in a ring.
    """
    own = session.scalar(select(Deal.pipeline_id).where(Deal.id == deal_id))
    reached = pipelines_reached(session, own) if own is not None else set()
    if own is not None and reached - {own}:
        _hold_in_order(session, {own, *reached})


def hold_reached_pipelines(session: Session, pipeline_id: int) -> None:
    """Hold a pipeline with those where links may create deals of its deals."""
    _hold_in_order(session, {pipeline_id, *pipelines_reached(session, pipeline_id)})


def lock_deal(session: Session, actor: Actor, deal_id: int) -> Deal:
    """Return the deal's row, locked until the transaction ends; its version stays.

    PostgreSQL locks the row; on SQLite the write transaction already holds the whole file.
    Errors: NotFound.
    """
    query = select(Deal).where(Deal.id == deal_id, deal_visible(actor))
    deal = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if deal is None:
        raise not_found(session, actor, "deal", deal_id)
    return deal


def take_deal(session: Session, actor: Actor, deal_id: int, expected_version: int | None) -> Deal:
    """Return the deal's row, locked, with its version raised; its pipeline's design is held.

    Errors: NotFound; DealMovedMeanwhile when an expected version is given and is not the present one.
    """
    held = select(Pipeline.id).join(Deal, Deal.pipeline_id == Pipeline.id)
    held = held.where(Deal.id == deal_id, deal_visible(actor))
    if session.scalar(held.with_for_update(read=True, key_share=True, of=Pipeline)) is None:
        raise not_found(session, actor, "deal", deal_id)
    deal = lock_deal(session, actor, deal_id)
    if expected_version is not None and deal.version != expected_version:
        raise DealMovedMeanwhile(deal_id=deal_id, version=deal.version)
    deal.version += 1
    return deal


def _hold_in_order(session: Session, pipeline_ids: set[int]) -> None:
    query = select(Pipeline.id).where(Pipeline.id.in_(pipeline_ids)).order_by(Pipeline.id)
    session.execute(query.with_for_update(read=True, key_share=True))
