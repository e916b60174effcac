"""Fixes of the linter: each does what its preview says, keeps every stay, and leaves a whole base."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.db import Database
from crm.deals.invariants import broken_invariants
from crm.deals.lint_fixes import FixDone, apply_fix
from crm.deals.lint_previews import preview_fix
from crm.deals.moves import Move, win_deal
from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.models import (
    Channel,
    Deal,
    DealStatus,
    Event,
    LinkRun,
    LinkRunStatus,
    LossReason,
    NextStep,
    Objection,
    ObjectionOutcome,
    Pipeline,
    PipelineLink,
    Role,
    Stage,
    StageTransition,
    StageVisit,
    StepResult,
    VisitOutcome,
)
from crm.models.codes import LinkTrigger, ObjectionKind
from crm.pipelines.link_values import LinkPlan
from crm.pipelines.links import create_link
from crm.pipelines.linter.values import (
    AddLink,
    AddReasons,
    AllowSkip,
    CloseWithReason,
    CopyInsteadOfMove,
    FillStage,
    Fix,
    ForwardOnly,
    MoveSourceToField,
    RenameStage,
    RetireStage,
    SetLoopLimit,
    SplitPipeline,
    StandAlone,
    SwitchOffReasons,
    TurnIntoObjections,
)
from crm.pipelines.reads import load_pipeline
from tests.conftest import Cast, UnchangedFactory
from tests.deals.interleaving import Job, interleaved
from tests.deals.linking import add_link as make_link
from tests.factories import PipelineRows, add_deal, add_pipeline
from tests.pipelines.linter.funnels import (
    BAD_STAGES,
    GOOD_STAGES,
    add_good_pipeline,
    add_link,
    found_in,
    stage_names,
    travel,
    travel_many,
)


def fix_it(session: Session, cast: Cast, rows: PipelineRows, fix: Fix) -> FixDone:
    """Apply a fix as the admin who sees the present version; the base must be whole afterwards."""
    version = session.scalars(select(Pipeline.version).where(Pipeline.id == rows.id)).one()
    done = apply_fix(session, cast.vera, pipeline_id=rows.id, expected_version=version, fix=fix)
    session.flush()
    assert broken_invariants(session, system_actor(Channel.SYSTEM)) == []
    return done


def visits_of(session: Session, deal_id: int) -> list[tuple[int, VisitOutcome]]:
    query = select(StageVisit.stage_id, StageVisit.outcome).where(StageVisit.deal_id == deal_id)
    return [
        (stage, outcome) for stage, outcome in session.execute(query.order_by(StageVisit.entered_at, StageVisit.id))
    ]


def test_rename_keeps_everything_else_of_the_stage(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    preview = preview_fix(session, cast.vera, pipeline_id=rows.id, fix=RenameStage(rows.stages[4], "Paid in full"))
    assert preview.stages_after == (*GOOD_STAGES[:4], "Paid in full")
    fix_it(session, cast, rows, RenameStage(rows.stages[4], "Paid in full"))
    stage = load_pipeline(session, rows.id).open_stages[4]
    assert (stage.name, stage.exit_criterion, stage.norm_seconds, stage.required) == (
        "Paid in full", "The client says so", 86400, ("amount",),
    )  # fmt: skip


def test_retiring_sends_deals_on_as_previewed(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    deal = travel(session, cast.anna, rows, (0, 1, 2))
    fix = RetireStage(rows.stages[2], rows.stages[1])
    preview = preview_fix(session, cast.vera, pipeline_id=rows.id, fix=fix)
    assert (preview.open_deals, preview.target) == (1, "Need confirmed")
    assert fix_it(session, cast, rows, fix) == FixDone(1)
    assert tuple(stage_names(session, rows.id)) == preview.stages_after
    assert visits_of(session, deal)[-2:] == [
        (rows.stages[2], VisitOutcome.BACK), (rows.stages[1], VisitOutcome.OPEN),
    ]  # fmt: skip


def test_objections_are_remembered_on_the_stage_before(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "Возражения"))
    came = travel(session, cast.anna, rows, (0, 1, 5))
    began = travel(session, cast.anna, rows, (5,))
    told = travel(session, cast.anna, rows, (2, 5))
    session.add(
        Objection(deal_id=told, stage_id=rows.stages[2], kind=ObjectionKind.REAL, text="Too dear",
                  at=session.get_one(Deal, told).created_at)
    )  # fmt: skip
    session.flush()
    fix = TurnIntoObjections(rows.stages[5], rows.stages[4])
    preview = preview_fix(session, cast.vera, pipeline_id=rows.id, fix=fix)
    assert (preview.open_deals, preview.marked_deals) == (3, 2)
    assert fix_it(session, cast, rows, fix) == FixDone(3, 2)
    rows_told = session.execute(select(Objection.deal_id, Objection.stage_id, Objection.text).order_by(Objection.id))
    assert [tuple(row) for row in rows_told] == [
        (told, rows.stages[2], "Too dear"),
        (came, rows.stages[1], "Возражения"),
        (began, rows.stages[4], "Возражения"),
    ]
    events = select(Event.deal_id).where(Event.kind == "objection.recorded").order_by(Event.deal_id)
    assert session.scalars(events).all() == sorted([came, began])


def test_source_goes_into_the_field_of_every_deal_that_was_there(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=("Лид из ВК", *GOOD_STAGES))
    here = travel(session, cast.anna, rows, (0,))
    gone = travel(session, cast.anna, rows, (0, 1, 2))
    won = travel(session, cast.anna, rows, (0, 1), end=VisitOutcome.WON)
    known = travel(session, cast.anna, rows, (0,), source="Fair")
    never = travel(session, cast.anna, rows, (1,))
    fix = MoveSourceToField(rows.stages[0], rows.stages[1], "ВК")
    preview = preview_fix(session, cast.vera, pipeline_id=rows.id, fix=fix)
    assert (preview.open_deals, preview.marked_deals) == (2, 3)
    assert fix_it(session, cast, rows, fix) == FixDone(2, 3)
    sources = dict(session.execute(select(Deal.id, Deal.source)).all())
    assert sources == {here: "ВК", gone: "ВК", won: "ВК", known: "Fair", never: None}
    edited = session.scalars(select(Event).where(Event.kind == "deal.edited", Event.deal_id == won)).one()
    assert edited.details == {"changes": {"source": [None, "ВК"]}}


def test_trash_is_closed_for_a_reason_as_one_deal_would_be(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "Мусор"))
    refusals = add_good_pipeline(session, "Refusals")
    add_link(session, rows.id, refusals.id, "lost", delay_seconds=86400)
    add_link(session, rows.id, refusals.id, "won")
    deal = travel(session, cast.anna, rows, (0, 5))
    other = travel(session, cast.anna, rows, (0,))
    session.add(
        Objection(deal_id=deal, stage_id=rows.stages[0], kind=ObjectionKind.REAL, text="Too dear",
                  at=session.get_one(Deal, deal).created_at)
    )  # fmt: skip
    session.flush()
    fix = CloseWithReason(rows.stages[5], rows.reasons[1], "Lay in the trash")
    preview = preview_fix(session, cast.vera, pipeline_id=rows.id, fix=fix)
    assert (preview.open_deals, preview.target, preview.links) == (1, "Lost", ("Refusals",))
    assert fix_it(session, cast, rows, fix) == FixDone(1)
    closed = session.get_one(Deal, deal)
    assert (closed.status, closed.stage_id, closed.loss_reason_id, closed.loss_note, closed.loss_stage_id) == (
        DealStatus.LOST, rows.lost, rows.reasons[1], "Lay in the trash", rows.stages[5],
    )  # fmt: skip
    assert (closed.next_due_at, closed.version) == (None, 2)
    assert visits_of(session, deal)[-1] == (rows.stages[5], VisitOutcome.LOST)
    assert session.scalars(select(NextStep.result).where(NextStep.deal_id == deal)).all() == [StepResult.CANCELLED]
    assert session.scalars(select(Objection.outcome)).all() == [ObjectionOutcome.NOT_OVERCOME]
    run = session.scalars(select(LinkRun)).one()
    assert (run.deal_id, run.status) == (deal, LinkRunStatus.WAITING)
    assert run.due_at - run.created_at == timedelta(days=1)
    kinds = set(session.scalars(select(Event.kind).where(Event.deal_id == deal)))
    assert {"deal.lost", "next_step.done", "objection.settled"} <= kinds
    assert session.get_one(Deal, other).status is DealStatus.OPEN
    assert stage_names(session, rows.id) == list(GOOD_STAGES)


def test_only_deals_that_a_link_asks_for_wait_for_it(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "Мусор"))
    refusals = add_good_pipeline(session, "Refusals")
    dear = [{"field": "source", "op": "is_one_of", "value": ["Site"]}]
    add_link(session, rows.id, refusals.id, "lost", conditions=dear, cooldown_seconds=3 * 86400)
    wanted = travel(session, cast.anna, rows, (5,), source="Site")
    travel(session, cast.anna, rows, (5,), source="Fair")
    fix_it(session, cast, rows, CloseWithReason(rows.stages[5], rows.reasons[0], ""))
    run = session.scalars(select(LinkRun)).one()
    assert run.deal_id == wanted
    assert run.due_at - run.created_at == timedelta(days=3)


def test_closing_needs_the_note_its_reason_asks_for(session: Session, cast: Cast, unchanged: UnchangedFactory) -> None:
    rows = add_good_pipeline(session, stages=(*GOOD_STAGES, "Мусор"))
    travel(session, cast.anna, rows, (5,))
    for reason, code in ((rows.reasons[1], "loss_note_missing"), (999, "loss_reason_unknown")):
        fix = CloseWithReason(rows.stages[5], reason, " ")
        with unchanged(session), pytest.raises(InvalidInput) as refused:
            apply_fix(session, cast.vera, pipeline_id=rows.id, expected_version=1, fix=fix)
        assert [one.code for one in refused.value.violations] == [code]


def test_stage_may_be_skipped_by_every_role(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    fix_it(session, cast, rows, AllowSkip(rows.stages[2]))
    exceptions = load_pipeline(session, rows.id).transitions
    assert {(start, end) for _role, start, end in exceptions} == {(rows.stages[1], rows.stages[3])}
    assert len(exceptions) == 3
    fix_it(session, cast, rows, AllowSkip(rows.stages[4]))  # the last: straight to won; the other exception stays
    assert len(load_pipeline(session, rows.id).transitions) == 6


def test_ban_of_a_role_outlives_the_way_past_a_stage_and_is_told(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    way = (rows.stages[1], rows.stages[3])
    session.add(StageTransition(role=Role.MANAGER, from_stage_id=way[0], to_stage_id=way[1], is_allowed=False))
    session.flush()
    fix = AllowSkip(rows.stages[2])
    assert preview_fix(session, cast.vera, pipeline_id=rows.id, fix=fix).banned == (Role.MANAGER,)
    fix_it(session, cast, rows, fix)
    assert load_pipeline(session, rows.id).transitions == {
        (Role.MANAGER, *way): False, (Role.HEAD, *way): True, (Role.ADMIN, *way): True,
    }  # fmt: skip
    for place in (0, 3):
        assert preview_fix(session, cast.vera, pipeline_id=rows.id, fix=AllowSkip(rows.stages[place])).banned == ()


@pytest.mark.parametrize("rival", ["win", "link"])
@pytest.mark.parametrize("fixed", ["add", "limit", "split"])
def test_fix_of_links_never_waits_in_a_ring(database: Database, cast: Cast, fixed: str, rival: str) -> None:
    # A fix holds its pipelines from its first statements on; on SQLite writers stand in one queue anyway.
    for pause_at in range(1, 25, 8 if database.is_sqlite else 1):
        with database.session_scope() as session:  # the target is older than the source
            base, sales = add_pipeline(session, f"Base {pause_at}"), add_pipeline(session, f"Sales {pause_at}")
            link_id = make_link(session, sales, base)
            deal_id = add_deal(session, cast.anna, sales, 3)
        fixes: dict[str, Fix] = {
            "add": AddLink(LinkTrigger.LOST, base.id),
            "limit": SetLoopLimit(link_id, 86400, 3),
            "split": SplitPipeline(tuple(sales.stages[2:]), f"Delivery {pause_at}"),
        }
        jobs: dict[str, Job] = {
            "fix": lambda session, sales=sales, fix=fixes[fixed]: apply_fix(
                session, cast.vera, pipeline_id=sales.id, expected_version=1, fix=fix
            ),
            "win": lambda session, deal_id=deal_id: win_deal(session, cast.boris, deal_id=deal_id, move=Move(0)),
            "link": lambda session, sales=sales, base=base: create_link(
                session,
                cast.vera,
                plan=LinkPlan(sales.id, LinkTrigger.STAGE, base.id, from_stage_id=sales.stages[0]),
            ),
        }
        outcome = interleaved(database, jobs["fix"], jobs[rival], pause_at)
        if outcome is None:
            break
        assert outcome[0] == "done"
        # A split gives the deal another end than the one that was meant.
        assert outcome[1] in ({"done", "StageRulesBroken"} if fixed == "split" else {"done"})


def test_split_takes_stages_out_with_their_deals_and_history(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    inside = travel(session, cast.dina, rows, (3, 4))
    across = travel(session, cast.anna, rows, (0, 3))
    outside = travel(session, cast.anna, rows, (0, 1))
    won = travel(session, cast.dina, rows, (3, 4), end=VisitOutcome.WON)
    other = add_good_pipeline(session, "Other")
    link = add_link(session, other.id, rows.id, "won", to_stage_id=rows.stages[3])
    before = session.execute(
        select(StageVisit.id, StageVisit.stage_id, StageVisit.entered_at, StageVisit.left_at).order_by(StageVisit.id)
    ).all()
    fix = SplitPipeline((rows.stages[3], rows.stages[4]), "Delivery")
    preview = preview_fix(session, cast.vera, pipeline_id=rows.id, fix=fix)
    assert (preview.open_deals, preview.stages_after) == (2, GOOD_STAGES[:3])
    assert fix_it(session, cast, rows, fix) == FixDone(2)
    made = session.scalars(select(Pipeline).where(Pipeline.name == "Delivery")).one()
    assert stage_names(session, made.id) == list(GOOD_STAGES[3:])
    assert stage_names(session, rows.id) == list(GOOD_STAGES[:3])
    pipelines = dict(session.execute(select(Deal.id, Deal.pipeline_id)).all())
    assert pipelines == {inside: made.id, across: made.id, outside: rows.id, won: rows.id}
    after = session.execute(
        select(StageVisit.id, StageVisit.stage_id, StageVisit.entered_at, StageVisit.left_at).order_by(StageVisit.id)
    ).all()
    assert after == before
    assert session.get_one(PipelineLink, link).to_pipeline_id == made.id
    reasons = set(session.scalars(select(LossReason.name).where(LossReason.pipeline_id == made.id)))
    assert {"Price", "Too far"} <= reasons


def test_settings_are_filled_switched_and_linked(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session, stands_alone=False)
    other = add_good_pipeline(session, "Other")
    session.get_one(Pipeline, rows.id).forward_only = False
    session.flush()
    fix_it(session, cast, rows, FillStage(rows.stages[0], "Agreed", 3600, ("contact",)))
    fix_it(session, cast, rows, ForwardOnly())
    fix_it(session, cast, rows, AddLink(LinkTrigger.WON, other.id))
    fix_it(session, cast, rows, AddReasons(("Bought elsewhere", "No need")))
    fix_it(session, cast, rows, SwitchOffReasons((rows.reasons[0],)))
    pipeline = load_pipeline(session, rows.id)
    first = pipeline.open_stages[0]
    assert (first.exit_criterion, first.norm_seconds, first.required) == ("Agreed", 3600, ("contact",))
    assert pipeline.forward_only
    assert [one.subject for one in found_in(session, rows.id, "L11")] == ["lost"]
    names = {one.name for one in pipeline.active_reasons()}
    assert {"Bought elsewhere", "No need"} <= names
    assert "Price" not in names
    fix_it(session, cast, rows, StandAlone())
    assert found_in(session, rows.id) == []


def test_link_that_would_close_a_loop_gets_a_brake(session: Session, cast: Cast) -> None:
    rows, other = add_good_pipeline(session), add_good_pipeline(session, "Other")
    back = add_link(session, other.id, rows.id, "lost")
    fix_it(session, cast, rows, AddLink(LinkTrigger.LOST, other.id))
    made = session.scalars(select(PipelineLink).where(PipelineLink.id != back)).one()
    assert (made.cooldown_seconds, made.max_rounds) == (30 * 86400, 3)
    assert found_in(session, rows.id, "L14") == []


def test_loop_gets_its_limit(session: Session, cast: Cast) -> None:
    rows = add_good_pipeline(session)
    link = add_link(session, rows.id, rows.id, "lost")
    (found,) = found_in(session, rows.id, "L14")
    assert found.fixes == (SetLoopLimit(link, 30 * 86400, 3),)
    fix_it(session, cast, rows, found.fixes[0])
    assert found_in(session, rows.id, "L14") == []


def test_fix_is_refused_to_others_late_ones_and_for_foreign_things(
    session: Session, cast: Cast, unchanged: UnchangedFactory
) -> None:
    rows, other = add_good_pipeline(session), add_good_pipeline(session, "Other")
    fix = RetireStage(rows.stages[0], rows.stages[1])
    for actor, version, wrong, error in (
        (cast.anna, 1, fix, Forbidden),
        (cast.boris, 1, fix, Forbidden),
        (cast.vera, 7, fix, ChangedMeanwhile),
        (cast.vera, 1, TurnIntoObjections(other.stages[0], rows.stages[1]), NotFound),
        (cast.vera, 1, CopyInsteadOfMove(1), InvalidInput),
        (cast.vera, 1, AddReasons(()), InvalidInput),
        (cast.vera, 1, RenameStage(rows.stages[0], ""), InvalidInput),
        (cast.vera, 1, MoveSourceToField(rows.stages[0], rows.stages[1], " "), InvalidInput),
    ):
        with unchanged(session), pytest.raises(error):
            apply_fix(session, actor, pipeline_id=rows.id, expected_version=version, fix=wrong)


def test_bad_funnel_becomes_a_clean_one_by_the_fixes_offered(session: Session, cast: Cast) -> None:
    """The story: ten of the worst stages with deals on each; fix after fix, until nothing is left to mend."""
    rows = add_good_pipeline(session, "Продажи", BAD_STAGES)
    for place in range(len(BAD_STAGES)):
        travel_many(session, cast.anna, rows, tuple(range(place + 1)), 4)
    deals = session.scalar(select(func.count()).select_from(Deal))
    visits = dict(session.execute(select(StageVisit.id, StageVisit.stage_id)).all())
    names = iter(["Потребность выявлена", "Предложение отправлено", "Условия согласованы", "Договор подписан"])
    for _turn in range(60):
        found = [one for one in found_in(session, rows.id) if one.fixes]
        if not found:
            break
        fix = next((one for one in found[0].fixes if not isinstance(one, RenameStage) or one.name), None)
        if fix is None:  # no suggestion: the admin types a name
            fix = RenameStage(found[0].fixes[0].stage_id, next(names))  # type: ignore[union-attr]
        fix_it(session, cast, rows, fix)
    left = found_in(session, rows.id)
    assert [(one.code, one.variants) for one in left if one.code != "L01"] == []
    assert session.scalar(select(func.count()).select_from(Deal)) == deals
    kept = dict(session.execute(select(StageVisit.id, StageVisit.stage_id).where(StageVisit.id.in_(visits))).all())
    assert kept == visits
    retired = select(Stage.id).where(Stage.retired_at.is_not(None))
    assert (
        session.scalars(select(Deal.id).where(Deal.status == DealStatus.OPEN, Deal.stage_id.in_(retired))).all() == []
    )
    lost = session.scalar(select(func.count()).select_from(Deal).where(Deal.status == DealStatus.LOST))
    assert lost == 8  # who lay in the trash and in the drawer
