from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.cli.run import main
from crm.clock import utc_now
from crm.db import Database
from crm.deals.activities import add_activity
from crm.deals.commands import NewDeal, create_deal
from crm.deals.overrides import REASON_AT_LEAST
from crm.deals.retracing import stale_paths
from crm.deals.values import DealChanges, StepPlan
from crm.duplicates.intake import match_saved
from crm.errors import Forbidden, InvalidInput
from crm.i18n import LANGUAGES
from crm.imports.demo import clear_demo, demo_is_there, fill_demo
from crm.imports.demo.filling import DemoIsMissing, DemoIsThere
from crm.models import (
    Activity,
    ActivityKind,
    Channel,
    Company,
    Contact,
    Deal,
    DealStatus,
    EntityType,
    LinkRun,
    LinkRunStatus,
    LinkTrigger,
    LintOccasion,
    LossReason,
    MatchPair,
    NextStep,
    Objection,
    ObjectionOutcome,
    Pipeline,
    Role,
    RuleOverride,
    SavedView,
    Stage,
    StageKind,
    StageVisit,
    StepKind,
    Target,
    TargetMetric,
    Team,
    TrustDay,
    User,
    VisitOutcome,
    Workspace,
)
from crm.pipelines.links import list_links
from crm.pipelines.linter.acceptance import accept_finding
from crm.pipelines.linter.runs import lint_pipeline
from crm.pipelines.reads import list_pipelines
from tests.conftest import Cast
from tests.factories import add_pipeline
from tests.imports.importing import assert_whole
from tests.imports.test_undo import content

MAY = date(2026, 5, 1)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_demo_is_a_department_at_work(database: Database, cast: Cast, language: str) -> None:
    now = utc_now()
    with database.session_scope() as session:
        fill_demo(session, cast.vera, language=language)
    assert_whole(database)
    with database.read_scope() as session:
        people = session.scalars(select(User).where(User.email.endswith("@demo.example"))).all()
        statuses = {row[0]: row[1] for row in session.execute(select(Deal.status, func.count()).group_by(Deal.status))}
        deals = session.scalars(select(Deal)).all()
        steps = session.scalars(select(NextStep)).all()
        kinds = set(session.scalars(select(Activity.kind)))
        assert len(session.scalars(select(Team.id)).all()) == 4
    assert len(people) == 6
    assert [person.role for person in people].count(Role.HEAD) == 2
    assert not any(person.password_hash or person.oidc_subject for person in people)
    assert len([deal for deal in deals if deal.origin_link_id is None]) == 151
    assert all(statuses[status] > 20 for status in (DealStatus.OPEN, DealStatus.WON, DealStatus.LOST))
    assert kinds == set(ActivityKind)
    opened = [deal for deal in deals if deal.status is DealStatus.OPEN]
    assert all(deal.next_due_at is not None for deal in opened)
    assert min(deal.created_at for deal in deals) < now - timedelta(days=90)
    planned = [step.due_at for step in steps if step.done_at is None]
    assert len(planned) == len(opened)
    assert any(due < now for due in planned)
    assert any(now < due < now + timedelta(days=1) for due in planned)
    assert any(due > now + timedelta(days=3) for due in planned)
    assert {deal.loss_reason_id is not None for deal in deals if deal.status is DealStatus.LOST} == {True}
    assert any(deal.owner_id == cast.vera.user_id for deal in opened)
    assert any(len(deal.title) > 60 and (deal.amount_minor or 0) > 100_000_000 for deal in deals)


def test_past_of_each_deal_is_whole(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
        fill_demo(session, cast.vera, language="ru")
    with database.read_scope() as session:
        assert stale_paths(session, cast.vera) == []
        deals = {deal.id: deal for deal in session.scalars(select(Deal))}
        stages = {stage.id: stage for stage in session.scalars(select(Stage))}
        visits: dict[int, list[StageVisit]] = {deal_id: [] for deal_id in deals}
        for visit in session.scalars(select(StageVisit).order_by(StageVisit.entered_at)):
            visits[visit.deal_id].append(visit)
        assert session.scalars(select(Pipeline.name)).all() == ["First sales"]  # the one there was
    for deal_id, stays in visits.items():
        deal = deals[deal_id]
        assert stays[0].entered_at == deal.created_at <= utc_now()
        for before, after in pairwise(stays):
            assert before.left_at == after.entered_at > before.entered_at
            is_back = stages[before.stage_id].position > stages[after.stage_id].position
            assert before.outcome is (VisitOutcome.BACK if is_back else VisitOutcome.FORWARD)
            assert before.next_stage_id == after.stage_id != before.stage_id
        assert [stay.is_first for stay in stays] == [
            stay.stage_id not in {one.stage_id for one in stays[:number]} for number, stay in enumerate(stays)
        ]
        last = stays[-1]
        assert (last.left_at, last.outcome is VisitOutcome.OPEN) == (deal.closed_at, deal.status is DealStatus.OPEN)
        assert stages[deal.stage_id].kind is {0: StageKind.OPEN, 1: StageKind.WON, 2: StageKind.LOST}[deal.status]
        assert deal.stage_entered_at == (deal.closed_at or last.entered_at)


def test_moves_against_the_rules_have_a_heads_reason(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        fill_demo(session, cast.vera, language="ru")
    with database.read_scope() as session:
        stages = {stage.id: stage.position for stage in session.scalars(select(Stage))}
        users = {user.id: user for user in session.scalars(select(User))}
        visits = {visit.id: visit for visit in session.scalars(select(StageVisit))}
        passed = {one.visit_id: one for one in session.scalars(select(RuleOverride))}
    ways = {
        visit.id: stages[visit.next_stage_id] - stages[visit.stage_id]
        for visit in visits.values()
        if visit.next_stage_id is not None and visit.outcome in (VisitOutcome.FORWARD, VisitOutcome.BACK)
    }
    assert set(passed) == {visit_id for visit_id, way in ways.items() if way != 1}
    assert {way < 0 for way in ways.values() if way != 1} == {True, False}
    for visit_id, override in passed.items():
        visit = visits[visit_id]
        assert (override.deal_id, override.at) == (visit.deal_id, visit.left_at)
        assert (override.from_stage_id, override.to_stage_id) == (visit.stage_id, visit.next_stage_id)
        assert override.rules == ["back_not_allowed" if ways[visit_id] < 0 else "skip_not_allowed"]
        assert len(override.reason) >= REASON_AT_LEAST
        head, owner = users[override.actor_id or 0], users[visit.owner_id]
        assert (head.role, head.team_id) == ((Role.HEAD, owner.team_id) if owner.team_id else (Role.ADMIN, None))


def test_objections_end_as_their_deals_did(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        fill_demo(session, cast.vera, language="ru")
    with database.read_scope() as session:
        deals = {deal.id: deal for deal in session.scalars(select(Deal))}
        objections = session.scalars(select(Objection)).all()
        stays = {(one.deal_id, one.stage_id) for one in session.scalars(select(StageVisit))}
    assert {one.outcome for one in objections} == set(ObjectionOutcome)
    assert len(objections) > 40
    for one in objections:
        deal = deals[one.deal_id]
        assert (one.deal_id, one.stage_id) in stays
        assert (one.resolved_at is None) == (one.outcome is ObjectionOutcome.OPEN)
        assert deal.created_at <= one.at <= (one.resolved_at or utc_now())
        if deal.status is DealStatus.WON:
            assert one.outcome is ObjectionOutcome.OVERCOME
        if one.outcome is ObjectionOutcome.OPEN:
            assert (deal.status, deal.stage_id) == (DealStatus.OPEN, one.stage_id)


def test_links_have_made_deals_of_the_demo_as_they_would(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        fill_demo(session, cast.vera, language="ru")
    assert_whole(database)
    with database.read_scope() as session:
        deals = {deal.id: deal for deal in session.scalars(select(Deal))}
        links = {link.id: link.plan for link in list_links(session)}
        runs = session.scalars(select(LinkRun)).all()
        reasons = {reason.id: reason.counts_as_loss for reason in session.scalars(select(LossReason))}
    children = {one.id: one for one in deals.values() if one.origin_link_id is not None}
    assert len(children) > 50
    assert {run.child_deal_id for run in runs if run.status is LinkRunStatus.CREATED} == set(children)
    assert any(run.status is LinkRunStatus.WAITING and run.due_at > utc_now() for run in runs)
    assert {1, 2} <= {child.round for child in children.values()}
    assert any(child.return_source for child in children.values())
    for child in children.values():
        source, plan = deals[child.origin_deal_id or 0], links[child.origin_link_id or 0]
        assert (source.pipeline_id, child.pipeline_id) == (plan.from_pipeline_id, plan.to_pipeline_id)
        assert (child.company_id, child.owner_id, child.title) == (source.company_id, source.owner_id, source.title)
        if plan.trigger is LinkTrigger.LOST:
            assert reasons[source.loss_reason_id or 0]
        if plan.trigger is not LinkTrigger.STAGE:
            assert source.closed_at is not None
            assert child.created_at >= source.closed_at


def test_nasty_client_is_there_word_for_word(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        fill_demo(session, cast.vera, language="en")
    with database.read_scope() as session:
        company = session.scalars(select(Company).where(Company.name.contains("tracker.invalid"))).one()
        assert all(part in company.name for part in ("<b>", "![picture](", "=HYPERLINK(", ":red[", "`code`", "שלום"))
        deal = session.scalars(select(Deal).where(Deal.company_id == company.id, Deal.title.startswith("@SUM"))).one()
        assert deal.status is DealStatus.OPEN
        assert session.scalars(select(Contact.name).where(Contact.company_id == company.id)).one().startswith("=1+1")


def test_same_moment_gives_the_same_demo(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    now = utc_now()
    monkeypatch.setattr("crm.imports.demo.filling.utc_now", lambda: now)
    titles = []
    for _twice in range(2):
        random.seed(_twice)
        with database.session_scope() as session:
            fill_demo(session, cast.vera, language="ru")
            titles.append(session.scalars(select(Deal.title).order_by(Deal.id)).all())
            clear_demo(session, cast.vera)
    assert titles[0] == titles[1]


def test_same_happens_in_every_language(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    now = utc_now()
    monkeypatch.setattr("crm.imports.demo.filling.utc_now", lambda: now)
    told = []
    for language in sorted(LANGUAGES):
        with database.session_scope() as session:
            fill_demo(session, cast.vera, language=language)
            told.append(_story(session))
            clear_demo(session, cast.vera)
    assert all(story == told[0] for story in told)
    assert len(told) > 1


def _story(session: Session) -> list[tuple[object, ...]]:
    """Return what happened to each deal, and nothing that is said in a language."""
    own = session.scalars(select(User.id).order_by(User.id)).all()
    reasons = dict(session.execute(select(LossReason.id, LossReason.position)).all())
    visits: dict[int, list[tuple[object, ...]]] = {}
    query = select(StageVisit, Stage).join(Stage, Stage.id == StageVisit.stage_id).order_by(StageVisit.id)
    for visit, stage in session.execute(query):
        visits.setdefault(visit.deal_id, []).append((stage.position, visit.entered_at, visit.left_at, visit.outcome))
    return [
        (deal.status, own.index(deal.owner_id), deal.amount_minor, reasons.get(deal.loss_reason_id or 0),
         deal.next_due_at, deal.expected_close_on, *visits[deal.id])
        for deal in session.scalars(select(Deal).order_by(Deal.id))
    ]  # fmt: skip


def test_clear_leaves_no_trace_whatever_was_done_to_it(database: Database, cast: Cast) -> None:
    before = content(database)
    with database.session_scope() as session:
        fill_demo(session, cast.vera, language="ru")
        assert demo_is_there(session)
    with database.session_scope() as session:
        deal_id = session.scalars(select(Deal.id).where(Deal.status == DealStatus.OPEN)).first()
        assert deal_id is not None
        add_activity(session, cast.vera, deal_id=deal_id, kind=ActivityKind.NOTE, text="Tried it out")
        for pipeline in list_pipelines(session):
            health = lint_pipeline(session, cast.vera, pipeline_id=pipeline.id, occasion=LintOccasion.DEMAND)
            for told in health.told:
                subject = {"code": told.finding.code, "subject": told.finding.subject}
                accept_finding(session, cast.vera, pipeline_id=pipeline.id, reason="It is an example", **subject)
            _count_and_plan(session, pipeline.id)
    with database.session_scope() as session:
        clear_demo(session, cast.vera)
        assert not demo_is_there(session)
    assert content(database) == before


def _count_and_plan(session: Session, pipeline_id: int) -> None:
    """Leave what a night and a head leave of people and pipelines: a count of findings, a plan, a view."""
    manager = session.scalars(select(User.id).where(User.email.endswith("@demo.example"))).first() or 0
    session.add_all(
        [
            TrustDay(day=MAY, finding="no_step", pipeline_id=pipeline_id, owner_id=manager, found=1, looked_at=2),
            Target(month=MAY, metric=TargetMetric.WON_DEALS, pipeline_id=pipeline_id, whose=f"{pipeline_id}/0",
                   value=5),
            Target(month=MAY, metric=TargetMetric.WON_DEALS, pipeline_id=pipeline_id, user_id=manager,
                   whose=f"{pipeline_id}/{manager}", value=5),
            SavedView(owner_id=manager, page="kpi", name=f"Mine {pipeline_id}", query={}, created_at=utc_now()),
        ]
    )  # fmt: skip


def test_own_deal_on_a_demo_client_stays_with_the_client(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        pipeline = add_pipeline(session)
        fill_demo(session, cast.vera, language="ru")
        company_id = session.scalars(select(Company.id)).first()
        step = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1), "Call")
        changes = DealChanges(title="Mine", company_id=company_id)
        create_deal(session, cast.vera, NewDeal(pipeline.id, changes, step))
    with database.session_scope() as session:
        clear_demo(session, cast.vera)
        session.flush()
        assert session.scalars(select(Deal.title)).all() == ["Mine"]
        assert session.scalars(select(Company.id)).all() == [company_id]


def test_demo_is_put_in_once_and_only_by_an_admin(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        for actor in (cast.anna, cast.boris):
            with pytest.raises(Forbidden):
                fill_demo(session, actor, language="ru")
        with pytest.raises(DemoIsMissing):
            clear_demo(session, cast.vera)
        with pytest.raises(InvalidInput):
            fill_demo(session, cast.vera, language="../ru")
    with database.session_scope() as session:
        fill_demo(session, cast.vera, language="ru")
        with pytest.raises(DemoIsThere):
            fill_demo(session, cast.vera, language="ru")
        with pytest.raises(Forbidden):
            clear_demo(session, cast.boris)


def test_commands_fill_and_clear_a_base_before_its_set_up(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "fill", "--language", "ru"]) == 0
    with database.read_scope() as session:
        assert session.scalar(select(func.count()).where(Deal.origin_link_id.is_(None))) == 151
        assert system_actor(Channel.CLI).user_id is None
    assert main(["demo", "fill"]) == 1
    assert main(["demo", "clear"]) == 0
    assert main(["demo", "clear"]) == 1
    assert "There is no example to take out." in capsys.readouterr().err


@pytest.mark.parametrize("language", ["en", "ru"])
def test_demo_holds_clients_who_came_twice_and_matching_finds_them(session: Session, cast: Cast, language: str) -> None:
    fill_demo(session, cast.vera, language=language)
    people = session.scalars(select(Contact.id).order_by(Contact.id)).all()
    match_saved(session, EntityType.CONTACT, people)
    pairs = session.scalars(select(MatchPair).where(MatchPair.entity_type == EntityType.CONTACT)).all()
    assert {pair.right_id for pair in pairs} >= set(people[-4:])


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_money_is_in_the_currency_that_figures_add_up(session: Session, cast: Cast, language: str) -> None:
    session.get_one(Workspace, 1).currency = "KZT"
    fill_demo(session, cast.vera, language=language)
    assert set(session.scalars(select(Deal.currency).distinct())) == {"KZT"}
