"""A small base in which everything happens that a figure must get right."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm.models import Deal, FieldDefinition, FieldType, Objection, ObjectionKind, ObjectionOutcome, Priority
from tests.analytics.histories import Came, add_history, day
from tests.conftest import Cast
from tests.factories import PipelineRows, add_company, add_pipeline


@dataclass(frozen=True, slots=True)
class Sample:
    """The pipelines of the base; its deals by what happened to them."""

    sales: PipelineRows
    care: PipelineRows
    deals: dict[str, int]


def add_sample(session: Session, cast: Cast) -> Sample:
    """Insert two pipelines and deals that were won, lost, moved back, handed over, born late, taken up again.

    Days count from Monday, 5 January 2026; amounts are in roubles times 100.
    """
    anna, boris = cast.anna, cast.boris
    sales = add_pipeline(session)
    care = add_pipeline(session, name="Care", stages=("Asked", "Answered"))
    mir = add_company(session, anna)
    field = FieldDefinition(
        name="Industry", type=FieldType.CHOICE, position=0, options=[{"code": one, "name": one} for one in ("a", "b")]
    )
    session.add(field)
    session.flush()
    industry = {"custom": {str(field.id): "a"}}

    def sold(name: str, came: list[tuple[int, float]], owner: object = anna, **columns: object) -> int:
        return add_history(session, sales, [Came(stage, at, owner) for stage, at in came], title=name, **columns)  # type: ignore[arg-type]

    deals = {
        "won": sold(
            "won", [(0, 0), (1, 2), (2, 5), (3, 9)], won=20, source="site", company_id=mir, amount_minor=500_000
        ),
        "lost": sold("lost", [(0, 1), (1, 4)], lost=10, source="site", amount_minor=300_000, priority=Priority.HOT),
        "lost for another": sold(
            "other", [(0, 3), (1, 33), (2, 40)], boris, lost=60, reason=1, source="call", **industry
        ),
        "invalid": sold("invalid", [(0, 2)], lost=3, reason=2, source="site"),
        "back": sold("back", [(0, 4), (1, 6), (2, 8), (1, 12), (2, 15)], boris, source="call"),
        "skipped": sold("skipped", [(0, 5), (3, 7)], won=35, amount_minor=700_000),
        "born late": sold("late", [(2, 6)], boris, lost=36, reason=0, amount_minor=None),
        "open": sold("open", [(0, 34)], source="site", priority=Priority.COLD),
        "no amount": sold("none", [(0, 35), (1, 50)], boris, amount_minor=None),
        "another currency": sold("dollars", [(0, 8), (1, 9)], lost=45, currency="USD", amount_minor=9_900),
    }
    handed = [Came(0, 10, anna), Came(1, 12, anna), Came(1, 20, boris), Came(2, 22, boris)]
    deals["handed over"] = add_history(session, sales, handed, won=50, title="handed", source="call")
    deals["care"] = add_history(session, care, [Came(0, 21, boris), Came(1, 25, boris)], won=30, company_id=mir)
    deals["care open"] = add_history(session, care, [Came(0, 52, boris)])
    add_objections(session, sales, deals)
    session.get_one(Deal, deals["care open"]).return_source = "Refusals"
    session.get_one(Deal, deals["won"]).utm_campaign = "spring"
    return Sample(sales, care, deals)


def add_objections(session: Session, sales: PipelineRows, deals: dict[str, int]) -> None:
    """Insert what clients objected: a deal twice on a stage, one on two stages, an invalid one, one handed over."""
    said = (
        ("won", 2, 6, ObjectionKind.REAL, ObjectionOutcome.OVERCOME),
        ("won", 2, 7, ObjectionKind.PRETENDED, ObjectionOutcome.OVERCOME),
        ("lost", 1, 8, ObjectionKind.REAL, ObjectionOutcome.NOT_OVERCOME),
        ("lost for another", 1, 35, ObjectionKind.UNKNOWN, ObjectionOutcome.OVERCOME),
        ("lost for another", 2, 45, ObjectionKind.REAL, ObjectionOutcome.NOT_OVERCOME),
        ("invalid", 0, 2.5, ObjectionKind.UNKNOWN, ObjectionOutcome.NOT_OVERCOME),
        ("no amount", 1, 55, ObjectionKind.UNKNOWN, ObjectionOutcome.OPEN),
        ("handed over", 1, 15, ObjectionKind.REAL, ObjectionOutcome.OVERCOME),  # before the hand-over: Anna's
    )
    for name, stage, at, kind, outcome in said:
        session.add(
            Objection(
                deal_id=deals[name], stage_id=sales.stages[stage], kind=kind, text="Too dear", outcome=outcome,
                at=day(at), resolved_at=None if outcome is ObjectionOutcome.OPEN else day(at + 1),
            )
        )  # fmt: skip
    session.flush()
