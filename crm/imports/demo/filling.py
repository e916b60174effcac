"""Putting the demo in as one import and taking it out again, down to the last row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import cycle
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, exists, insert, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.setup import ensure_workspace
from crm.clock import utc_now
from crm.contacts.search_index import index_records
from crm.deals.paths import retrace_deals
from crm.errors import CrmError
from crm.events import record
from crm.imports.demo.chains import LONGEST_CHAIN, Written, fire_demo_links
from crm.imports.demo.clients import Client, add_clients
from crm.imports.demo.courses import decided_course, open_course
from crm.imports.demo.deals import DemoDeal, invent_deal
from crm.imports.demo.manners import MANNERS, losses_of
from crm.imports.demo.script import Script, load_script
from crm.imports.demo.twins import add_twins, twin_deals
from crm.imports.journal import Journal
from crm.imports.reads import DEMO_SYSTEM
from crm.imports.removal import ORDER, remove_records
from crm.imports.run import imports_actor
from crm.models import (
    Activity,
    Deal,
    DealContact,
    FieldDefinition,
    Import,
    ImportRow,
    ImportStatus,
    LinkRun,
    LossReason,
    NextStep,
    Objection,
    Pipeline,
    PipelineLink,
    Role,
    RuleOverride,
    SavedView,
    StageKind,
    StageVisit,
    Target,
    Team,
    User,
    Workspace,
)
from crm.pipelines.links import list_links
from crm.pipelines.reads import list_pipelines, load_pipeline
from crm.pipelines.templates import create_from_template
from crm.pipelines.values import PipelineInfo

DEALS = 146
TEMPLATE = "trade"
_FIRST_SHARE, _OTHER_SHARE, _ALONE_SHARE = 16, 1.3, 0.6  # where deals begin: in the first pipeline mostly
_OPEN_PERCENT, _OPEN_PERCENT_ELSEWHERE = 14, 40  # how many of them are open now
_STRIDE = 7  # from buyer to buyer among the clients
_OWN_SHARE = 10  # each tenth deal is the own one of who fills, so that Today is not empty


class DemoIsThere(CrmError):
    """The demo is in the base already."""

    code = "demo_is_there"


class DemoIsMissing(CrmError):
    """There is no demo to be taken out."""

    code = "demo_is_missing"


def demo_is_there(session: Session) -> bool:
    """Tell whether the base holds the demo."""
    return bool(session.scalar(select(exists().where(Import.system == DEMO_SYSTEM))))


def fill_demo(session: Session, actor: Actor, *, language: str) -> int:
    """Add a fictional sales department with clients and deals over the last months; return the import's id.

    Its people have no password and can't sign in. It uses the pipelines there are, else the trade template's.
    Errors: Forbidden; DemoIsThere; InvalidInput for a language it doesn't speak.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    if demo_is_there(session):
        raise DemoIsThere
    now = utc_now()
    ensure_workspace(session, actor, now)
    workspace = session.get_one(Workspace, 1)
    script = load_script(language, now, ZoneInfo(workspace.timezone), workspace.currency)
    row = Import(
        name=DEMO_SYSTEM, system=DEMO_SYSTEM, status=ImportStatus.DONE, mapping={}, counts={}, actor_id=actor.user_id,
        created_at=now, finished_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    journal = Journal(row.id)
    pipelines = _pipelines(session, actor, journal, language)
    script.department.losses.update(losses_of(pipelines, list_links(session)))
    owners = _people(session, script, journal)
    clients = add_clients(session, script, journal, owners)
    deals = _deals(script, pipelines, owners, clients, actor)
    twins = add_twins(session, script, journal, owners, clients)
    deals += twin_deals(script, pipelines[0], owners, twins, deals)
    count = _write_chains(session, journal, script, pipelines, deals)
    journal.write(session)
    record(session, imports_actor(actor), "demo.filled", "import", row.id, language=language, deals=count)
    return row.id


def clear_demo(session: Session, actor: Actor) -> dict[str, int]:
    """Remove all that the demo brought, whatever was done to it since; return how many records of each kind went.

    What records of people's own use (a client, a pipeline) stays with them.
    Errors: Forbidden; DemoIsMissing.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    row = session.scalars(select(Import).where(Import.system == DEMO_SYSTEM).with_for_update()).first()
    if row is None:
        raise DemoIsMissing
    import_id, removed = row.id, {}
    made: dict[str, list[int]] = {entity: [] for entity in ORDER}
    rows = select(ImportRow.entity, ImportRow.entity_id).where(ImportRow.import_id == import_id)
    for entity, entity_id in session.execute(rows.order_by(ImportRow.id)):
        if entity is not None and entity_id is not None:
            made[entity].append(entity_id)
    _forget_plans(session, made["user"], made["pipeline"])
    for entity in ORDER:
        removed[entity] = len(remove_records(session, entity, made[entity]))
    session.execute(delete(ImportRow).where(ImportRow.import_id == import_id))
    session.execute(delete(Import).where(Import.id == import_id))
    record(session, imports_actor(actor), "demo.cleared", "import", import_id, removed=removed)
    return {entity: count for entity, count in removed.items() if count}


def _forget_plans(session: Session, user_ids: Sequence[int], pipeline_ids: Sequence[int]) -> None:
    """Remove the plans and saved views that stand on the demo's people and pipelines alone."""
    session.execute(delete(Target).where(Target.user_id.in_(user_ids) | Target.pipeline_id.in_(pipeline_ids)))
    session.execute(delete(SavedView).where(SavedView.owner_id.in_(user_ids)))


def _pipelines(session: Session, actor: Actor, journal: Journal, language: str) -> list[PipelineInfo]:
    if not list_pipelines(session):
        _create_pipelines(session, actor, journal, language)
    found = [load_pipeline(session, one.id) for one in list_pipelines(session)]
    return [pipeline for pipeline in found if pipeline.open_stages and pipeline.active_reasons()]


def _create_pipelines(session: Session, actor: Actor, journal: Journal, language: str) -> None:
    before = {entity: set(session.scalars(select(model.id))) for entity, model in _STRUCTURE.items()}
    create_from_template(session, actor, template=TEMPLATE, language=language)
    for entity, model in _STRUCTURE.items():
        for one in sorted(set(session.scalars(select(model.id))) - before[entity]):
            journal.made(entity, one)


_STRUCTURE: Mapping[str, Any] = {
    "pipeline": Pipeline, "field": FieldDefinition, "loss_reason": LossReason, "link": PipelineLink,
}  # fmt: skip


def _people(session: Session, script: Script, journal: Journal) -> list[int]:
    """Add teams and people; return the ids of the managers, who own clients and deals."""
    teams = [Team(name=name) for name in script.words["teams"]]
    session.add_all(teams)
    session.flush()
    users = [
        User(
            email=person["email"],
            name=person["name"],
            role=Role(person["role"]),
            team_id=teams[person["team"]].id,
            created_at=script.now,
        )
        for person in script.words["people"]
    ]
    session.add_all(users)
    session.flush()
    for team in teams:
        journal.made("team", team.id)
    for user in users:
        journal.made("user", user.id)
    managers = [user for user in users if user.role is Role.MANAGER]
    heads = {user.team_id: user.id for user in users if user.role is Role.HEAD}
    script.department.manners.update({user.id: manner for user, manner in zip(managers, MANNERS, strict=True)})
    script.department.heads.update({user.id: heads[user.team_id] for user in managers})
    return [user.id for user in managers]


def _deals(
    script: Script, pipelines: Sequence[PipelineInfo], owners: Sequence[int], clients: Sequence[Client], actor: Actor
) -> list[tuple[Client, DemoDeal]]:
    deals, usual, bought, turns = [], clients[:-1], 0, cycle(owners)
    begun = [one for one in pipelines if Role.MANAGER in one.creation_roles] or list(pipelines)
    shares = [_FIRST_SHARE, *(_ALONE_SHARE if one.stands_alone else _OTHER_SHARE for one in begun[1:])]
    for number in range(DEALS - 2):
        pipeline = script.plot.choices(begun, shares)[0]
        own = actor.user_id if number % _OWN_SHARE == 0 else None
        owner_id = own or next(turns)
        title = script.pick(script.words["deals"]["titles"]).format(n=script.pick((2, 3, 5, 8, 10, 12, 16, 20, 30)))
        amount = max(int(script.plot.lognormvariate(12.7, 0.6)) // 100 * 100_00, 500_000)
        share = _OPEN_PERCENT if pipeline is begun[0] else _OPEN_PERCENT_ELSEWHERE
        if script.happens(("open", pipeline.id), share):
            course = open_course(script, pipeline, owner_id)
        else:
            course = decided_course(script, pipeline, owner_id, part=(number + script.plot.random()) / DEALS)
        client = usual[number % len(usual)]
        if pipeline is begun[0] and course.kind is StageKind.WON:  # who buys for the first time, each once
            bought += 1
            client = usual[bought * _STRIDE % len(usual)]
        deals.append((client, invent_deal(script, pipeline, owner_id, client, course, title, amount)))
    words = script.words
    for title, amount, client in (
        (words["nasty"]["deal"], 4_500_000, clients[-1]),
        (words["deals"]["long_title"], 276_432_050, clients[0]),
    ):
        owner_id = actor.user_id or owners[0]
        course = open_course(script, pipelines[0], owner_id)
        deals.append((client, invent_deal(script, pipelines[0], owner_id, client, course, title, amount)))
    return deals


def _write_chains(
    session: Session,
    journal: Journal,
    script: Script,
    pipelines: Sequence[PipelineInfo],
    deals: Sequence[tuple[Client, DemoDeal]],
) -> int:
    """Write the deals, then what their links made of them, and so on; return how many there are."""
    by_id = {pipeline.id: pipeline for pipeline in pipelines}
    links = [
        link
        for link in list_links(session)
        if link.plan.is_active and {link.plan.from_pipeline_id, link.plan.to_pipeline_id} <= set(by_id)
    ]
    written = _write_deals(session, journal, deals, [{} for _deal in deals])
    count = len(written)
    for _generation in range(LONGEST_CHAIN):
        firings = fire_demo_links(script, by_id, links, written)
        made = [(firing, firing.deal) for firing in firings if firing.deal is not None]
        written = _write_deals(
            session, journal, [(firing.source.client, deal) for firing, deal in made],
            [firing.source.rounds for firing, _deal in made],
        )  # fmt: skip
        children = iter(written)
        runs = (firing.row(next(children).id if firing.deal is not None else None) for firing in firings)
        _insert(session, LinkRun, list(runs))
        count += len(written)
    return count


def _write_deals(
    session: Session,
    journal: Journal,
    pairs_of_client: Sequence[tuple[Client, DemoDeal]],
    rounds_before: Sequence[Mapping[int, int]],
) -> list[Written]:
    if not pairs_of_client:
        return []
    deals = [deal for _client, deal in pairs_of_client]
    rows = [deal.columns for deal in deals]
    ids = session.scalars(insert(Deal).returning(Deal.id, sort_by_parameter_order=True), rows).all()
    pairs = list(zip(ids, deals, strict=True))
    _insert(session, StageVisit, ({"deal_id": one, **row} for one, deal in pairs for row in deal.visits))
    _insert(session, NextStep, ({"deal_id": one, **row} for one, deal in pairs for row in deal.steps))
    _insert(session, Activity, ({"deal_id": one, **row} for one, deal in pairs for row in deal.activities))
    _insert(session, Objection, ({"deal_id": one, **row} for one, deal in pairs for row in deal.objections))
    _insert(
        session,
        DealContact,
        ({"deal_id": one, "contact_id": deal.contact_id, "role": None, "position": 0} for one, deal in pairs),
    )
    retrace_deals(session, ids)
    index_records(session, "deal", ids)
    for deal_id in ids:
        journal.made("deal", deal_id)
    visits: dict[int, dict[int, int]] = {deal_id: {} for deal_id in ids}
    ended: dict[tuple[int, datetime | None], int] = {}
    query = select(StageVisit.deal_id, StageVisit.stage_id, StageVisit.id, StageVisit.left_at)
    for deal_id, stage_id, visit_id, left_at in session.execute(query.where(StageVisit.deal_id.in_(ids))):
        visits[deal_id].setdefault(stage_id, visit_id)
        ended[deal_id, left_at] = visit_id
    passed = (
        {"deal_id": one, "visit_id": ended[one, row["at"]], **row} for one, deal in pairs for row in deal.overrides
    )
    _insert(session, RuleOverride, passed)
    return [
        Written(deal_id, deal, client, visits[deal_id],
                {**before, deal.columns["pipeline_id"]: deal.columns.get("round", 1)})
        for deal_id, (client, deal), before in zip(ids, pairs_of_client, rounds_before, strict=True)
    ]  # fmt: skip


def _insert(session: Session, model: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    listed = list(rows)
    if listed:
        session.execute(insert(model), listed)
