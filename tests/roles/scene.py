"""Six people who each own one of everything: what the matrix of roles is tried on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import load_actor, system_actor
from crm.auth.passwords import hash_password
from crm.clock import utc_now
from crm.contacts.search_index import rebuild_search
from crm.events import record
from crm.jobs import request_job
from crm.models import (
    ApiKey,
    Channel,
    ContactPoint,
    EntityType,
    FieldDefinition,
    FieldType,
    JobKind,
    LinkRun,
    LinkRunStatus,
    LinkTrigger,
    MatchPair,
    NextStep,
    Objection,
    ObjectionKind,
    PairSource,
    PairState,
    Role,
    SavedView,
    StageVisit,
    Team,
    User,
    UserSession,
    WrongField,
)
from crm.pipelines.link_values import ConditionOp, LinkCondition, LinkPlan
from crm.pipelines.links import create_link
from tests.conftest import Cast
from tests.factories import PipelineRows, add_company, add_contact, add_deal, add_pipeline

PASSWORD = "three wet boats"
NOWHERE = 999_999
CAST = ("anna", "anton", "boris", "dina", "vera")


@dataclass(frozen=True, slots=True)
class Belongings:
    """What one person owns; the ids of somebody who owns nothing lead nowhere."""

    user: int = NOWHERE
    deal: int = NOWHERE
    step: int = NOWHERE
    company: int = NOWHERE
    contact: int = NOWHERE
    seller: int = NOWHERE
    point: int = NOWHERE
    link_run: int = NOWHERE
    key: int = NOWHERE
    session: int = NOWHERE
    objection: int = NOWHERE
    pair: int = NOWHERE
    wrong_field: int = NOWHERE
    job: int = NOWHERE
    view: int = NOWHERE
    phone: str = "+79160000000"


@dataclass(frozen=True, slots=True)
class Scene:
    """The cast with Egor, a manager of Dina's; what each owns; a user and a team nobody needs."""

    actors: dict[str, Actor]
    belongings: dict[str, Belongings]
    teams: dict[str, int | None]
    pipeline: PipelineRows
    field: int
    spare_user: int
    spare_team: int
    link: int
    spare_link: int

    def relation(self, actor: str, owner: str) -> str:
        """Return whose the owner's things are to the actor: own, a team-mate's or other."""
        if actor == owner:
            return "own"
        team = self.teams[actor]
        return "mate" if team is not None and team == self.teams[owner] else "other"

    def one_of_each(self, actor: str) -> dict[str, str]:
        """Return an owner for each relation the actor has to anybody."""
        return {self.relation(actor, owner): owner for owner in self.belongings}


def set_scene(session: Session, cast: Cast) -> Scene:
    """Insert what everybody owns and return it."""
    pipeline = add_pipeline(session)
    egor = _user("Egor", cast.dina.team_id)
    spare, team = _user("Spare", None), Team(name="Team 3")
    field = FieldDefinition(name="Volume", type=FieldType.NUMBER, position=0, options=[])
    session.add_all([egor, spare, team, field])
    session.flush()
    ids = {name: getattr(cast, name).user_id for name in CAST}
    actors = {name: load_actor(session, user_id, Channel.UI) for name, user_id in ids.items()}
    ids["egor"] = egor.id
    link, spare_link = _links(session, pipeline)
    belongings = {name: _belongings(session, name, user_id, pipeline, link) for name, user_id in ids.items()}
    for user in session.scalars(select(User).where(User.id.in_(ids.values()))):
        user.password_hash = _password_hash()
    rebuild_search(session)
    session.flush()
    teams = {name: actor.team_id for name, actor in actors.items()} | {"egor": egor.team_id}
    return Scene(actors, belongings, teams, pipeline, field.id, spare.id, team.id, link, spare_link)


def _links(session: Session, pipeline: PipelineRows) -> tuple[int, int]:
    """Link the pipeline to another one twice; return the link that deals will use and one that none will."""
    refusals = add_pipeline(session, "Refusals", ["Reason checked"])
    plan = LinkPlan(pipeline.id, LinkTrigger.LOST, refusals.id, delay_seconds=86400)
    used = create_link(session, system_actor(), plan=plan)
    unused = create_link(
        session, system_actor(), plan=replace(plan, conditions=(LinkCondition("company", ConditionOp.FILLED),))
    )
    return used, unused


def _belongings(session: Session, name: str, user_id: int, pipeline: PipelineRows, link: int) -> Belongings:
    author = _as_actor(name, user_id)
    now, phone = utc_now(), f"+7916000{user_id:04}"
    company = add_company(session, author, f"{name} LLC")
    contact = add_contact(session, author, f"Buyer of {name}", phone=phone)
    deal = add_deal(session, author, pipeline, source=name)
    key = ApiKey(
        user_id=user_id, name="Phone", prefix="vk_", key_hash=f"{user_id:064}", scopes=["read"], created_at=now
    )
    browser = UserSession(
        token_hash=f"{user_id:064}", user_id=user_id, created_at=now, last_seen_at=now, address="", user_agent=""
    )
    objection = Objection(deal_id=deal, stage_id=pipeline.stages[0], kind=ObjectionKind.REAL, text="Dear", at=now)
    view = SavedView(owner_id=user_id, page="conversion", name="Mine", query={}, created_at=now)
    session.add_all([key, browser, objection, view])
    visit = session.scalars(select(StageVisit.id).where(StageVisit.deal_id == deal)).one()
    due_at = now + timedelta(days=1)
    run = LinkRun(
        link_id=link, deal_id=deal, visit_id=visit, status=LinkRunStatus.WAITING, due_at=due_at, created_at=now
    )
    session.add(run)
    seller = add_contact(session, author, f"Seller of {name} 8 926 204-{user_id:02}-53")
    pair = MatchPair(
        entity_type=EntityType.CONTACT, left_id=contact, right_id=seller, weight=5.0, probability=0.9, lines=[],
        guards=[], is_automatic=False, rank=0.9, state=PairState.OPEN, source=PairSource.INTAKE, found_at=now,
    )  # fmt: skip
    session.add(pair)
    record(session, author, "activity.added", "activity", None, deal_id=deal)
    session.flush()
    return Belongings(
        user=user_id,
        deal=deal,
        step=session.scalars(select(NextStep.id).where(NextStep.deal_id == deal)).one(),
        company=company,
        contact=contact,
        seller=seller,
        point=session.scalars(select(ContactPoint.id).where(ContactPoint.contact_id == contact)).one(),
        link_run=run.id,
        key=key.id,
        session=browser.id,
        objection=objection.id,
        pair=pair.id,
        wrong_field=session.scalars(select(WrongField.id).where(WrongField.entity_id == seller)).one(),
        job=request_job(session, author, JobKind.TIDY),
        view=view.id,
        phone=phone,
    )


def _as_actor(name: str, user_id: int) -> Actor:
    return Actor(user_id, name, Role.MANAGER, None, None, "en", "UTC", Channel.UI)


def _user(name: str, team_id: int | None) -> User:
    return User(
        email=f"{name.lower()}@example.com", name=name, role=Role.MANAGER, team_id=team_id, created_at=utc_now()
    )


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)
