"""Putting the demo in as one import and taking it out again, down to the last row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, exists, insert, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.permissions import Action, require
from crm.auth.setup import ensure_workspace
from crm.clock import utc_now
from crm.contacts.normalise import check_point
from crm.contacts.search_index import index_records
from crm.deals.paths import retrace_deals
from crm.errors import CrmError
from crm.events import record
from crm.imports.demo.chains import LONGEST_CHAIN, Written, fire_demo_links
from crm.imports.demo.deals import Client, DemoDeal, invent_deal
from crm.imports.demo.script import Script, load_script
from crm.imports.demo.twins import add_twins, twin_deals
from crm.imports.journal import Journal
from crm.imports.reads import DEMO_SYSTEM
from crm.imports.removal import ORDER, remove_records
from crm.imports.run import imports_actor
from crm.models import (
    Activity,
    Company,
    Contact,
    ContactPoint,
    Deal,
    DealContact,
    FieldDefinition,
    Import,
    ImportRow,
    ImportStatus,
    LinkRun,
    LossReason,
    NextStep,
    Pipeline,
    PipelineLink,
    PointKind,
    Role,
    StageKind,
    StageVisit,
    Team,
    User,
    Workspace,
)
from crm.pipelines.links import list_links
from crm.pipelines.reads import list_pipelines, load_pipeline
from crm.pipelines.templates import create_from_template
from crm.pipelines.values import PipelineInfo

DEALS = 150
TEMPLATE = "trade"
_OUTCOMES = (StageKind.OPEN, StageKind.OPEN, StageKind.WON, StageKind.WON, StageKind.LOST)
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
    owners = _people(session, script, journal)
    clients = _clients(session, script, journal, owners)
    deals = _deals(script, pipelines, owners, clients, actor)
    twins = add_twins(session, script, journal, owners, clients)
    deals += twin_deals(script, pipelines[0], owners, twins, deals)
    count = _write_chains(session, imports_actor(actor), journal, script, pipelines, deals)
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
    removed = {}
    for entity in ORDER:
        query = select(ImportRow.entity_id).where(ImportRow.import_id == row.id, ImportRow.entity == entity)
        made = [one for one in session.scalars(query) if one is not None]
        removed[entity] = len(remove_records(session, entity, made))
    import_id = row.id
    session.execute(delete(ImportRow).where(ImportRow.import_id == import_id))
    session.execute(delete(Import).where(Import.id == import_id))
    record(session, imports_actor(actor), "demo.cleared", "import", import_id, removed=removed)
    return {entity: count for entity, count in removed.items() if count}


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
    return [user.id for user in users if user.role is Role.MANAGER]


def _clients(session: Session, script: Script, journal: Journal, owners: Sequence[int]) -> list[Client]:
    words = script.words["clients"]
    names = [script.pick(words["forms"]).format(name) for name in words["names"]]
    clients = [
        _client(session, script, name, [_person_name(script) for _one in range(script.chance.randint(1, 2))],
                owners[at % len(owners)], at)
        for at, name in enumerate(names)
    ]  # fmt: skip
    nasty = script.words["nasty"]
    clients.append(_client(session, script, nasty["company"], [nasty["contact"]], owners[0], len(names)))
    companies = [client.company_id for client in clients if client.company_id is not None]
    for company_id in companies:
        journal.made("company", company_id)
    for client in clients:
        for contact_id in client.contact_ids:
            journal.made("contact", contact_id)
    index_records(session, "company", companies)
    index_records(session, "contact", [one for client in clients for one in client.contact_ids])
    return clients


def _client(session: Session, script: Script, name: str, people: Sequence[str], owner_id: int, number: int) -> Client:
    words = script.words["clients"]
    company = Company(
        name=name,
        industry=script.pick(words["industries"]),
        address=script.pick(words["addresses"]),
        website=f"https://client{number}.example",
        owner_id=owner_id,
        created_at=script.now,
    )
    session.add(company)
    session.flush()
    contacts = [
        Contact(
            name=person, position=script.pick(words["positions"]), company_id=company.id, owner_id=owner_id,
            created_at=script.now,
        )
        for person in people
    ]  # fmt: skip
    session.add_all(contacts)
    session.flush()
    for at, contact in enumerate(contacts):
        phone = words["phone"].format(number, at, 2 * number + at)
        _add_points(session, contact.id, phone, f"person{number}-{at}@client.example")
    return Client(company.id, tuple(contact.id for contact in contacts))


def _add_points(session: Session, contact_id: int, phone: str, email: str) -> None:
    typed = ((PointKind.PHONE, phone), (PointKind.EMAIL, email))
    points = [check_point(kind, text, "RU", kind.value, []) for kind, text in typed]
    session.add_all(
        ContactPoint(
            contact_id=contact_id, kind=point.kind, value=point.value, normalised=point.normalised, position=position
        )
        for position, point in enumerate(point for point in points if point is not None)
    )


def _person_name(script: Script) -> str:
    words = script.words["clients"]
    first = script.pick(words["first_names"])
    last = words["last_names_female"] if first in words["female"] else words["last_names_male"]
    return f"{first} {script.pick(last)}"


def _deals(
    script: Script, pipelines: Sequence[PipelineInfo], owners: Sequence[int], clients: Sequence[Client], actor: Actor
) -> list[tuple[Client, DemoDeal]]:
    deals = []
    beginning = _beginning(pipelines)
    for number in range(DEALS - 2):
        pipeline = script.pick(beginning)
        own = actor.user_id if number % _OWN_SHARE == 0 and actor.user_id is not None else None
        title = script.pick(script.words["deals"]["titles"]).format(n=script.pick((2, 3, 5, 8, 10, 12, 16, 20, 30)))
        amount = int(script.chance.lognormvariate(12.6, 0.9)) // 100 * 100_00
        kind = _OUTCOMES[script.chance.randrange(len(_OUTCOMES))]
        client = clients[number % (len(clients) - 1)]
        owner_id = own or owners[number % len(owners)]
        deals.append((client, invent_deal(script, pipeline, owner_id, client, kind, title, max(amount, 500_000))))
    words = script.words
    for title, amount, client in (
        (words["nasty"]["deal"], 4_500_000, clients[-1]),
        (words["deals"]["long_title"], 764_320_050, clients[0]),
    ):
        owner_id = actor.user_id or owners[0]
        deals.append((client, invent_deal(script, pipelines[0], owner_id, client, StageKind.OPEN, title, amount)))
    return deals


def _beginning(pipelines: Sequence[PipelineInfo]) -> list[PipelineInfo]:
    """Return the pipelines where deals begin, each as often as its share: the first one mostly, refunds seldom."""
    begun = [one for one in pipelines if Role.MANAGER in one.creation_roles] or list(pipelines)
    shares = [6, *(1 if one.stands_alone else 2 for one in begun[1:])]
    return [one for one, share in zip(begun, shares, strict=True) for _time in range(share)]


def _write_chains(
    session: Session,
    actor: Actor,
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
    written = _write_deals(session, actor, journal, deals, [{} for _deal in deals])
    count = len(written)
    for _generation in range(LONGEST_CHAIN):
        firings = fire_demo_links(script, by_id, links, written)
        made = [(firing, firing.deal) for firing in firings if firing.deal is not None]
        written = _write_deals(
            session, actor, journal, [(firing.source.client, deal) for firing, deal in made],
            [firing.source.rounds for firing, _deal in made],
        )  # fmt: skip
        children = iter(written)
        runs = (firing.row(next(children).id if firing.deal is not None else None) for firing in firings)
        _insert(session, LinkRun, list(runs))
        count += len(written)
    return count


def _write_deals(
    session: Session,
    actor: Actor,
    journal: Journal,
    pairs_of_client: Sequence[tuple[Client, DemoDeal]],
    rounds_before: Sequence[Mapping[int, int]],
) -> list[Written]:
    if not pairs_of_client:
        return []
    deals = [deal for _client, deal in pairs_of_client]
    common = {"created_by": actor.user_id, "created_channel": actor.channel}
    rows = [{**deal.columns, **common} for deal in deals]
    ids = session.scalars(insert(Deal).returning(Deal.id, sort_by_parameter_order=True), rows).all()
    pairs = list(zip(ids, deals, strict=True))
    channel = {"channel": actor.channel}
    _insert(session, StageVisit, ({"deal_id": one, **row, **channel} for one, deal in pairs for row in deal.visits))
    _insert(session, NextStep, ({"deal_id": one, **row} for one, deal in pairs for row in deal.steps))
    _insert(session, Activity, ({"deal_id": one, **row} for one, deal in pairs for row in deal.activities))
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
    query = select(StageVisit.deal_id, StageVisit.stage_id, StageVisit.id).where(StageVisit.deal_id.in_(ids))
    for deal_id, stage_id, visit_id in session.execute(query):
        visits[deal_id][stage_id] = visit_id
    return [
        Written(deal_id, deal, client, visits[deal_id],
                {**before, deal.columns["pipeline_id"]: deal.columns.get("round", 1)})
        for deal_id, (client, deal), before in zip(ids, pairs_of_client, rounds_before, strict=True)
    ]  # fmt: skip


def _insert(session: Session, model: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    listed = list(rows)
    if listed:
        session.execute(insert(model), listed)
