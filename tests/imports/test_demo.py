from __future__ import annotations

import random
from datetime import timedelta
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
    Pipeline,
    Role,
    Stage,
    StageKind,
    StageVisit,
    StepKind,
    Team,
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
    assert len([deal for deal in deals if deal.origin_link_id is None]) == 155
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
            assert (before.outcome, before.next_stage_id) == (VisitOutcome.FORWARD, after.stage_id)
            assert stages[before.stage_id].position < stages[after.stage_id].position
        last = stays[-1]
        assert (last.left_at, last.outcome is VisitOutcome.OPEN) == (deal.closed_at, deal.status is DealStatus.OPEN)
        assert stages[deal.stage_id].kind is {0: StageKind.OPEN, 1: StageKind.WON, 2: StageKind.LOST}[deal.status]
        assert deal.stage_entered_at == (deal.closed_at or last.entered_at)


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
    with database.session_scope() as session:
        clear_demo(session, cast.vera)
        assert not demo_is_there(session)
    assert content(database) == before


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
        assert session.scalar(select(func.count()).where(Deal.origin_link_id.is_(None))) == 155
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
