"""What is read under the stopwatch: boards, deal pages, days and searches, each with its floor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from bench import floor
from bench.floor import Bare
from crm.actor import Actor
from crm.auth.actors import load_actor
from crm.contacts.search import phone_region, search
from crm.contacts.search_query import fts5_expression, parse_query, tsquery_expression
from crm.db import Database
from crm.deals.board import BoardFilter, BoardSort, load_board
from crm.deals.my_day import load_my_day
from crm.deals.reads import load_deal, other_deals, stage_times
from crm.deals.timeline import load_timeline
from crm.models import Channel, Company, Contact, ContactPoint, Deal, DealStatus, PointKind, Role, SearchEntry, User
from crm.pipelines.reads import load_pipeline

BAR_MS = 50.0
GIANT_COMPANY = 1
DEALS_OPENED = 40
COMMON = 20_000  # from so many matches on, the newest are met sooner by walking back than by reading the index
NAMES_SOUGHT = (
    *("иван", "ив", "иванов", "Кузнецова", "смирнов александр", "пет", "Петров И", "тихомирова светлана"),
    *("металл", "СтальСервис", "ооо альфа", "вектор казань", "гранитмонтаж-уфа", "мег"),
    *("арматура", "швеллер горячекатаный", "насос томск срочно", "годовой договор", "дир", "снаб"),
)


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure; without a bar it is shown for comparison only."""

    name: str
    ours: Callable[[Session], object]
    floor: Callable[[Bare], object] | None
    bar_ms: float | None = BAR_MS
    who: str = ""


@dataclass(frozen=True, slots=True)
class Viewers:
    """Who looks: an admin who sees everything, a head who sees a team of ten, a manager who sees own deals."""

    admin: Actor
    head: Actor
    manager: Actor

    def named(self) -> Iterator[tuple[str, Actor]]:
        """Yield each with a name."""
        yield from (("admin", self.admin), ("head", self.head), ("manager", self.manager))


def load_viewers(database: Database) -> Viewers:
    """Return the admin, the first head and that head's first manager."""
    with database.read_scope() as session:
        first = select(func.min(User.id))
        ids = [session.scalar(first.where(User.role == role)) for role in (Role.ADMIN, Role.HEAD, Role.MANAGER)]
        return Viewers(*(load_actor(session, found or 0, Channel.UI) for found in ids))


def read_cases(database: Database) -> list[Case]:
    """Return boards, deal pages and days."""
    viewers = load_viewers(database)
    with database.read_scope() as session:
        pipeline_id = busiest_pipeline(session)
        stages = [stage.id for stage in load_pipeline(session, pipeline_id).open_stages]
        cases = [*_boards(viewers, pipeline_id, stages), *_filtered_boards(viewers, pipeline_id)]
        return cases + _deal_pages(session, viewers) + _days(viewers)


def busiest_pipeline(session: Session) -> int:
    """Return the pipeline with the most open deals."""
    query = select(Deal.pipeline_id).where(Deal.status == DealStatus.OPEN).group_by(Deal.pipeline_id)
    return session.scalars(query.order_by(func.count().desc()).limit(1)).one()


def search_cases(database: Database) -> list[Case]:
    """Return one case per query and viewer; only an admin's has a floor: it need not look at who may see what."""
    viewers = load_viewers(database)
    with database.read_scope() as session:
        queries = [*NAMES_SOUGHT, *_numbers_sought(session)]
        floors = {query: _search_floor(session, query, is_sqlite=database.is_sqlite) for query in queries}
    return [
        Case(
            f"search, {who}, {query!r}",
            partial(search, actor=actor, text=query),
            floors[query] if actor.visible_owner_ids is None else None,
            bar_ms=None,
            who=who,
        )
        for who, actor in viewers.named()
        for query in queries
    ]


def open_deal_page(session: Session, actor: Actor, deal_id: int) -> None:
    """Read all that the page of a deal shows."""
    card = load_deal(session, actor, deal_id)
    stage_times(session, card)
    other_deals(session, actor, card)
    load_timeline(session, actor, deal_id)


def _boards(viewers: Viewers, pipeline_id: int, stages: Sequence[int]) -> list[Case]:
    return [
        Case(
            f"board, {who}, {name}",
            partial(load_board, actor=actor, wanted=BoardFilter(pipeline_id, sort=sort)),
            partial(floor.board, actor=actor, pipeline_id=pipeline_id, stages=stages, hot_first=hot_first),
        )
        for who, actor in viewers.named()
        for sort, name, hot_first in (
            (BoardSort.NEXT_STEP, "next step first", False),
            (BoardSort.HOT_FIRST, "hot first", True),
        )
    ]


def _filtered_boards(viewers: Viewers, pipeline_id: int) -> list[Case]:
    return [
        Case(
            f"board, {who}, text {text!r}",
            partial(load_board, actor=actor, wanted=BoardFilter(pipeline_id, text=text)),
            None,
        )
        for who, actor in viewers.named()
        for text in ("арматура", "стальсервис казань")
    ]


def _deal_pages(session: Session, viewers: Viewers) -> list[Case]:
    own = Deal.owner_id == viewers.manager.user_id
    kinds = (
        ("deal page, admin, open deal", viewers.admin, Deal.status == DealStatus.OPEN),
        ("deal page, admin, closed deal", viewers.admin, Deal.status != DealStatus.OPEN),
        ("deal page, manager, open deal", viewers.manager, (Deal.status == DealStatus.OPEN) & own),
        ("deal page, admin, client with thousands of deals", viewers.admin, Deal.company_id == GIANT_COMPANY),
    )
    cases: list[Case] = []
    for name, actor, which in kinds:
        # Spread over the table: deals of neighbouring ids would share their pages in memory.
        ids = session.scalars(select(Deal.id).where(which).order_by(Deal.id * 7919 % 10007).limit(DEALS_OPENED)).all()
        cases += [_deal_page(name, actor, ids)] if ids else []  # a small base lacks some kinds
    return cases


def _deal_page(name: str, actor: Actor, ids: Sequence[int]) -> Case:
    ours, bare_ids = cycle(ids), cycle(ids)
    return Case(
        name,
        lambda session: open_deal_page(session, actor, next(ours)),
        lambda bare: floor.deal_page(bare, next(bare_ids)),
    )


def _days(viewers: Viewers) -> list[Case]:
    return [
        Case(
            f"my day, {who}",
            partial(load_my_day, actor=actor, owner_id=actor.user_id or 0),
            partial(floor.my_day, actor=actor),
        )
        for who, actor in (("head", viewers.head), ("manager", viewers.manager))
    ]


def _search_floor(session: Session, query: str, *, is_sqlite: bool) -> Callable[[Bare], object]:
    words = parse_query(query, phone_region(session))
    write = fts5_expression if is_sqlite else tsquery_expression
    expression = write(words, [])
    if not expression:  # a number alone is looked up by key, not in the index
        return partial(floor.numbered_deal, deal_id=words.deal_number or 0)
    if is_sqlite:
        return partial(floor.search, expression=expression, is_common=False)
    lexemes = func.array_to_tsvector(func.string_to_array(SearchEntry.words, " "))
    matches = lexemes.op("@@")(cast(expression, TSQUERY))
    count = session.scalar(select(func.count()).select_from(SearchEntry).where(matches)) or 0
    return partial(floor.search, expression=expression, is_common=count > COMMON)


def _numbers_sought(session: Session) -> list[str]:
    """Return phones in several forms, e-mails, taxpayer numbers and deal numbers that the base holds."""
    phone, other = (_point(session, PointKind.PHONE, share) for share in (0.3, 0.7))
    email = _point(session, PointKind.EMAIL, 0.5)
    inn = session.scalar(select(Company.inn).order_by(Company.id).offset(5).limit(1)) or ""
    name = session.scalar(select(Contact.name).order_by(Contact.id.desc()).limit(1)) or ""
    deal_id = session.scalar(select(func.max(Deal.id))) or 0
    return [
        phone,
        f"8 ({phone[2:5]}) {phone[5:8]}-{phone[8:10]}-{phone[10:]}",
        phone[2:],
        other[5:],
        other[1:7],
        email,
        email.split("@")[0],
        email.split("@")[1],
        inn,
        inn[:6],
        name,
        str(deal_id // 2),
    ]


def _point(session: Session, kind: PointKind, share: float) -> str:
    """Return the normalised point of a kind that stands that far into the table."""
    last = session.scalar(select(func.max(ContactPoint.id))) or 0
    query = select(ContactPoint.normalised).where(ContactPoint.kind == kind, ContactPoint.id >= int(last * share))
    return session.scalar(query.order_by(ContactPoint.id).limit(1)) or ""
