"""The example: what its dashboards tell, and that its plans come and go with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.charts import conversion, kpi, losses, managers, objections, time_on_stage, trust
from crm.analytics.example import fill_example
from crm.analytics.scope import Scope, whole_scope
from crm.analytics.strengths import CLOSES, OPENS, styles
from crm.analytics.targets import set_target
from crm.analytics.values import Ask
from crm.auth.actors import system_actor
from crm.db import Database
from crm.errors import Forbidden
from crm.imports.demo import clear_demo
from crm.imports.demo.filling import DemoIsThere
from crm.models import Channel, Pipeline, Target, TargetMetric, User
from crm.pipelines.reads import load_pipeline
from crm.pipelines.templates import available_templates, create_from_template
from tests.conftest import Cast
from tests.factories import add_pipeline
from tests.imports.test_undo import content

NOW = datetime(2026, 11, 25, 9, 40, tzinfo=UTC)
CLI = system_actor(Channel.CLI)
MONTHS = [date(2026, month, 1) for month in range(7, 12)]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    for module in ("imports.demo.filling", "analytics.example", "analytics.stays", "analytics.trust.facts"):
        monkeypatch.setattr(f"crm.{module}.utc_now", lambda: NOW)
    return NOW


@pytest.fixture
def scope(session: Session, now: datetime) -> Scope:
    """Fill the example in and return what its dashboards open with: the first pipeline, the last 90 days."""
    fill_example(session, CLI, language="en")
    first = session.scalars(select(Pipeline.id).order_by(Pipeline.position)).first() or 0
    return replace(whole_scope(session), pipeline_ids=(first,), since=now.date() - timedelta(days=89), until=now.date())


def frame_of(chart: object, session: Session, scope: Scope, by: str | None = None) -> pd.DataFrame:
    found: Callable[[Session, Actor, Ask], pd.DataFrame] = chart.CHART.frame  # type: ignore[attr-defined]
    return found(session, CLI, Ask(scope, by))


def test_funnel_loses_most_deals_early_and_at_the_price(session: Session, scope: Scope) -> None:
    frame = frame_of(conversion, session, scope)
    came, lost = frame["came"].tolist(), frame["lost"].tolist()
    assert came == sorted(came, reverse=True)
    assert 0.18 < came[-1] / came[0] < 0.26
    early, price, late = sum(lost[:3]), lost[3], sum(lost[4:])
    assert early > price > 2 * late > 0
    reasons = frame_of(losses, session, scope)
    at_price = reasons[(reasons["stage"] == "Offer sent") & reasons["is_loss"]].groupby("reason")["lost"].sum()
    assert at_price.idxmax() == "Price"


def test_managers_differ_so_that_intervals_say_so(session: Session, scope: Scope) -> None:
    frame = frame_of(managers, session, scope)
    stages = {frame["pipeline"][0]: [one.id for one in load_pipeline(session, scope.pipeline_ids[0]).open_stages]}
    told = {(one.owner, one.code) for one in styles(frame, stages)}
    assert told == {("Anna Fictional", OPENS), ("Anton Example", CLOSES)}
    worse = frame[frame["verdict"] == "worse"]
    assert ("Anna Fictional", "Offer sent") in set(zip(worse["owner"], worse["stage"], strict=True))
    slow = frame[frame["owner"] == "Simon Draft"]["time_verdict"].tolist()
    assert slow.count("slower") >= 2


@pytest.mark.parametrize("template", [one.key for one in available_templates("en")])
def test_managers_differ_in_every_template_that_a_set_up_begins_with(
    session: Session, cast: Cast, now: datetime, template: str
) -> None:
    first, *_others = create_from_template(session, cast.vera, template=template, language="en")
    fill_example(session, cast.vera, language="en")
    since, until = now.date() - timedelta(days=89), now.date()
    frame = frame_of(managers, session, replace(whole_scope(session), pipeline_ids=(first,), since=since, until=until))
    stages = {frame["pipeline"][0]: [one.id for one in load_pipeline(session, first).open_stages]}
    told = {(one.owner, one.code) for one in styles(frame, stages)}
    assert told == {("Anna Fictional", OPENS), ("Anton Example", CLOSES)}


def test_deals_keep_to_norms_with_a_handful_too_long(session: Session, scope: Scope) -> None:
    frame = frame_of(time_on_stage, session, scope)
    assert 0.05 < frame["over_norm"].sum() / frame["stays"].sum() < 0.3
    found = frame_of(trust, session, scope).set_index("finding")["found"].to_dict()
    assert 1 <= found["too_long"] <= 8
    assert all(found[one] for one in ("no_step", "late_step", "late_move", "late_close", "skipped", "went_back"))
    assert all(found[one] for one in ("rule_passed", "invalid", "no_source"))
    by_owner = frame_of(trust, session, scope, "owner").drop_duplicates("owner").set_index("owner")["score"]
    assert by_owner.idxmin() == "Simon Draft"


def test_objections_to_the_price_have_outcomes(session: Session, scope: Scope) -> None:
    frame = frame_of(objections, session, scope)
    assert frame["stage"].tolist() == ["Offer sent"]
    assert all(frame[one][0] > 0 for one in ("overcome", "not_overcome", "real", "pretended", "unclear"))


def test_months_have_plans_that_are_near_the_facts(session: Session, scope: Scope) -> None:
    several = replace(scope, since=MONTHS[0], until=NOW.date())
    frame = frame_of(kpi, session, several, "month")
    for column in ("plan_sum", "plan_won", "plan_new"):
        assert frame[column].notna().tolist() == [True] * len(MONTHS)
    total = frame["won_sum"].sum() / frame["plan_sum"].sum()
    assert 0.6 < total < 1.2
    people = frame_of(kpi, session, replace(several, since=MONTHS[-1]), "owner")
    assert people.dropna(subset=["plan_sum"])["owner"].nunique() == 4


def test_stages_have_chances_for_the_forecast(session: Session, scope: Scope) -> None:
    stages = load_pipeline(session, scope.pipeline_ids[0]).open_stages
    chances = [one.win_percent or 0 for one in stages]
    assert chances == sorted(chances)
    assert all(0 < one < 100 for one in chances)


def test_clear_takes_plans_out_and_leaves_those_of_others(database: Database, cast: Cast, now: datetime) -> None:
    with database.session_scope() as session:
        add_pipeline(session)
        set_target(session, cast.vera, month=MONTHS[2], metric=TargetMetric.WON_SUM, value=77)
    before = content(database)
    with database.session_scope() as session:
        fill_example(session, cast.vera, language="en")
        own = select(Target.value).where(Target.whose == "0/0", Target.metric == TargetMetric.WON_SUM)
        values = session.scalars(own.order_by(Target.month)).all()
        assert (len(values), values[2]) == (len(MONTHS), 77)
        managers_of = select(func.count(Target.user_id.distinct())).join(User, User.id == Target.user_id)
        assert session.scalar(managers_of.where(User.email.endswith("@demo.example"))) == 4
    with database.session_scope() as session:
        clear_demo(session, cast.vera)
    assert content(database) == before


def test_example_is_put_in_once_and_only_by_an_admin(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        with pytest.raises(Forbidden):
            fill_example(session, cast.boris, language="ru")
        fill_example(session, cast.vera, language="ru")
        with pytest.raises(DemoIsThere):
            fill_example(session, cast.vera, language="ru")
