"""Companies and contacts that rows may mean, by foreign id, INN, phone, e-mail or name; hidden ones are not found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.visibility import company_visible, contact_visible, deal_visible
from crm.contacts.fields import GENERATIONS_AT_MOST
from crm.contacts.normalise import Point
from crm.imports.mapping import folded
from crm.models import Company, Contact, ContactPoint, Deal, ExternalId
from crm.models.codes import PointKind

T = TypeVar("T")

HIDDEN = 0  # stands for a record that exists and that the actor may not see
_AT_ONCE = 500
_MARKS = str.maketrans("«»„“”\"'`’-–—_,.", " " * 15)
_VISIBLE: dict[str, tuple[Any, Callable[[Actor], ColumnElement[bool]]]] = {
    "company": (Company.id, company_visible),
    "contact": (Contact.id, contact_visible),
    "deal": (Deal.id, deal_visible),
}


def name_key(name: str) -> str:
    """Return a name as companies and people are compared by it: no quotes, dashes, letter case."""
    return folded(name.translate(_MARKS)) or folded(name)


class ForeignIds:
    """Our ids by the ids of another system, for one entity; loaded for a batch at a time."""

    def __init__(self, system: str, entity: str) -> None:
        self.system = system
        self.entity = entity
        self._ids: dict[str, int] = {}
        self._owned: set[int] = set()

    def load(self, session: Session, actor: Actor, foreign: Iterable[str]) -> None:
        """Read the ids of a batch; hidden records become HIDDEN."""
        wanted = [one for one in dict.fromkeys(foreign) if one and one not in self._ids]
        for some in in_turn(wanted):
            query = select(ExternalId.external_id, ExternalId.entity_id).where(
                ExternalId.system == self.system, ExternalId.entity == self.entity, ExternalId.external_id.in_(some)
            )
            self._ids |= {row.external_id: row.entity_id for row in session.execute(query)}
        if actor.visible_owner_ids is not None:
            self._hide(session, actor, wanted)

    def get(self, foreign: str) -> int | None:
        """Return our id, HIDDEN where the actor may not see the record, None where there is none."""
        return self._ids.get(foreign)

    def put(self, foreign: str, entity_id: int) -> None:
        """Remember an id given in this import."""
        self._ids[foreign] = entity_id
        self._owned.add(entity_id)

    def load_owned(self, session: Session, entity_ids: Iterable[int]) -> None:
        """Read which of our records have an id in that system already."""
        for some in in_turn([one for one in dict.fromkeys(entity_ids) if one > 0]):
            query = select(ExternalId.entity_id).where(
                ExternalId.system == self.system, ExternalId.entity == self.entity, ExternalId.entity_id.in_(some)
            )
            self._owned |= set(session.scalars(query))

    def has_one(self, entity_id: int) -> bool:
        """Tell whether a record has an id in that system."""
        return entity_id in self._owned

    def _hide(self, session: Session, actor: Actor, foreign: Sequence[str]) -> None:
        column, visible = _VISIBLE[self.entity]
        known = {one: self._ids[one] for one in foreign if self._ids.get(one)}
        seen: set[int] = set()
        for some in in_turn(list(known.values())):
            seen |= set(session.scalars(select(column).where(column.in_(some), visible(actor))))
        self._ids |= {one: HIDDEN for one, entity_id in known.items() if entity_id not in seen}


class CompaniesKnown:
    """Companies by INN and by name; the oldest one stands for several of the same name."""

    def __init__(self) -> None:
        self._by_inn: dict[str, int] = {}
        self._by_name: dict[str, int] = {}
        self._twins: set[str] = set()
        self._parents: dict[int, int] = {}

    def add(self, company_id: int, name: str, inn: str | None) -> None:
        """Make a company findable."""
        if inn:
            self._by_inn.setdefault(inn, company_id)
        key = name_key(name)
        if self._by_name.setdefault(key, company_id) != company_id:
            self._twins.add(key)

    def add_former(self, company_id: int, name: str, inn: str | None) -> None:
        """Let a company be found by what one that was merged into it was called, where no other is called so."""
        if inn:
            self._by_inn.setdefault(inn, company_id)
        self._by_name.setdefault(name_key(name), company_id)

    def by_inn(self, inn: str | None) -> int | None:
        """Return the company with this INN."""
        return self._by_inn.get(inn) if inn else None

    def by_name(self, name: str | None) -> int | None:
        """Return the company of this name."""
        return self._by_name.get(name_key(name)) if name else None

    def set_parent(self, company_id: int, parent_id: int) -> bool:
        """Note whose daughter a company is; refuse, with False, a chain without end or of too many generations."""
        passed = {company_id}
        ancestor: int | None = parent_id
        while ancestor is not None:
            if ancestor in passed or len(passed) >= GENERATIONS_AT_MOST:
                return False
            passed.add(ancestor)
            ancestor = self._parents.get(ancestor)
        self._parents[company_id] = parent_id
        return True

    def has_twins(self, name: str) -> bool:
        """Tell whether several companies have this name."""
        return name_key(name) in self._twins


class ContactsKnown:
    """People by phone and e-mail together with their name, or by name inside a company."""

    def __init__(self) -> None:
        self._by_point: dict[tuple[PointKind, str], dict[int, str]] = {}
        self._by_company: dict[tuple[int | None, str], int] = {}

    def load(self, session: Session, actor: Actor, points: Iterable[Point], company_ids: Iterable[int]) -> None:
        """Read what a batch may mean: the holders of its phones and e-mails, the people of its companies."""
        wanted = {(point.kind, point.normalised) for point in points} - self._by_point.keys()
        for some in in_turn(list(wanted)):
            query = (
                select(ContactPoint.kind, ContactPoint.normalised, Contact.id, Contact.name, Contact.company_id)
                .join(Contact, Contact.id == ContactPoint.contact_id)
                .where(ContactPoint.normalised.in_([normalised for _kind, normalised in some]), contact_visible(actor))
                .order_by(Contact.id)
            )
            for kind, normalised, contact_id, name, company_id in session.execute(query):
                self._add_point((kind, normalised), contact_id, name)
                self._by_company.setdefault((company_id, name_key(name)), contact_id)
        for some_ids in in_turn([one for one in dict.fromkeys(company_ids) if one > 0]):
            people = select(Contact.id, Contact.name, Contact.company_id).where(
                Contact.company_id.in_(some_ids), contact_visible(actor)
            )
            for contact_id, name, company_id in session.execute(people.order_by(Contact.id)):
                self._by_company.setdefault((company_id, name_key(name)), contact_id)

    def load_loners(self, session: Session, actor: Actor, names: Iterable[str]) -> None:
        """Read the people of these names who belong to no company."""
        for some in in_turn(list(dict.fromkeys(names))):
            query = select(Contact.id, Contact.name).where(
                Contact.company_id.is_(None), Contact.name.in_(some), contact_visible(actor)
            )
            for contact_id, name in session.execute(query.order_by(Contact.id)):
                self._by_company.setdefault((None, name_key(name)), contact_id)

    def add(self, contact_id: int, name: str, points: Iterable[Point], company_id: int | None) -> None:
        """Make a person of this import findable."""
        for point in points:
            self._add_point((point.kind, point.normalised), contact_id, name)
        self._by_company.setdefault((company_id, name_key(name)), contact_id)

    def find(self, name: str | None, points: Sequence[Point], company_id: int | None) -> int | None:
        """Return who is meant: a shared phone counts only with a fitting name, a name only inside its company.

        Without phone and e-mail, a name of nobody's company means the person of that name without one.
        """
        for point in points:
            for contact_id, known in self._by_point.get((point.kind, point.normalised), {}).items():
                if name is None or _names_fit(known, name_key(name)):
                    return contact_id
        if name is None or (points and company_id is None):
            return None
        return self._by_company.get((company_id, name_key(name)))

    def _add_point(self, key: tuple[PointKind, str], contact_id: int, name: str) -> None:
        self._by_point.setdefault(key, {}).setdefault(contact_id, name_key(name))


def load_companies(session: Session, actor: Actor) -> CompaniesKnown:
    """Return every company the actor may see, by INN and by name, those of companies merged into it too."""
    known = CompaniesKnown()
    visible: set[int] = set()
    columns = select(Company.id, Company.name, Company.inn, Company.parent_id)
    query = columns.where(company_visible(actor)).order_by(Company.id)
    for company_id, name, inn, parent_id in session.execute(query.execution_options(yield_per=5000)):
        known.add(company_id, name, inn)
        visible.add(company_id)
        if parent_id is not None:
            known.set_parent(company_id, parent_id)
    columns = select(Company.id, Company.name, Company.inn, Company.merged_into_id)
    merged = session.execute(columns.where(Company.merged_into_id.is_not(None)).order_by(Company.id)).all()
    leads_to = {row.id: row.merged_into_id for row in merged}
    for row in merged:
        living = row.merged_into_id
        while living in leads_to:
            living = leads_to[living]
        if living in visible:
            known.add_former(living, row.name, row.inn)
    return known


def in_turn(values: Sequence[T]) -> Iterator[list[T]]:
    """Yield the values in lists short enough for one IN (...)."""
    rest = iter(values)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def _names_fit(known: str, wanted: str) -> bool:
    first, second = set(known.split()), set(wanted.split())
    return first <= second or second <= first
