"""An office that merges, undoes, edits and writes on, in any order, and what must hold after each thing it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from crm.auth.merged import living_id
from crm.clock import utc_now
from crm.contacts.commands import edit_company, edit_contact
from crm.contacts.fields import CompanyFields, ContactFields
from crm.contacts.saving import fields_of, present_points
from crm.contacts.search_index import rebuild_search
from crm.db import Database
from crm.deals.activities import add_activity
from crm.deals.commands import edit_deal
from crm.deals.invariants import broken_invariants
from crm.deals.moves import Move, lose_deal, move_deal
from crm.deals.next_steps import complete_next_step, plan_next_step
from crm.deals.objections import ObjectionPlan, record_objection
from crm.deals.removal import remove_deal, restore_deal
from crm.deals.retracing import stale_paths
from crm.deals.values import DealChanges, DealPart, LossAnswer, StepDone, StepPlan
from crm.duplicates.dependents import dependents_of
from crm.duplicates.merge_values import Side
from crm.duplicates.merging import merge_records
from crm.duplicates.pair_decisions import dismiss_pair, reopen_pair, snooze_pair
from crm.duplicates.pair_store import FoundPair, keep_pairs
from crm.duplicates.undo import undo_merge
from crm.duplicates.undo_plan import plan_undo
from crm.errors import CrmError
from crm.matching.model import default_model
from crm.matching.models_in_use import KnownModel
from crm.matching.values import Match
from crm.models import (
    Activity,
    ActivityKind,
    Company,
    Contact,
    ContactPoint,
    Deal,
    DealContact,
    DealStatus,
    EntityType,
    ExternalId,
    MatchPair,
    Merge,
    NextStep,
    Objection,
    PairSource,
    PairState,
    PointKind,
    StageVisit,
    StepKind,
    StepResult,
)
from tests.conftest import Cast
from tests.duplicates.exported import exported, search_words
from tests.factories import PipelineRows, add_company, add_contact, add_deal, add_pipeline

MODELS: dict[EntityType, Any] = {
    EntityType.CONTACT: Contact,
    EntityType.COMPANY: Company,
    EntityType.DEAL: Deal,
}
# What nobody in this office deletes: a row of these that is gone was lost.
KEPT: tuple[Any, ...] = (Contact, Company, Deal, ContactPoint, StageVisit, NextStep, Activity, Objection, ExternalId)


@dataclass(slots=True)
class Office:
    """The base of one run, and what it was when no merge was in force."""

    session: Session
    cast: Cast
    pipeline: PipelineRows
    baseline: str = ""
    words: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    is_touched: bool = False  # something else than merging happened while a merge was in force
    rows: dict[str, set[int]] = field(default_factory=dict)
    apart: set[int] = field(default_factory=set)  # pairs of which somebody said that they are two
    done: Counter[str] = field(default_factory=Counter)
    number: int = 0
    is_checked: bool = False  # nothing has changed since all was looked over
    is_settled: bool = False  # nothing has changed since the base was remembered

    @classmethod
    def opened(cls, database: Database, cast: Cast) -> Office:
        """Open an office with clients and deals that look alike, in a transaction that is never committed."""
        session = Session(database.write_engine, expire_on_commit=False)
        office = cls(session, cast, add_pipeline(session))
        companies = [add_company(session, cast.anna, "Mir", address=f"Street {i}") for i in range(3)]
        session.get_one(Company, companies[2]).parent_id = companies[0]
        phones = ["+79161234567", "+79161234567", "+79161234568", None]
        contacts = [
            add_contact(
                session, cast.anna, f"Ivan {i}", phone=phone, email=f"ivan{i % 2}@mir.ru", company_id=companies[i % 3]
            )
            for i, phone in enumerate(phones)
        ]
        for number in range(4):
            company_id = companies[number % 3] if number else None
            owner = (cast.anna, cast.anton, cast.dina)[number % 3]
            deal = add_deal(
                session, owner, office.pipeline, number % 3, company_id=company_id, amount_minor=100 + number
            )
            for position in range(1 + number % 3):
                part = DealContact(deal_id=deal, contact_id=contacts[(number + position) % 4], position=position)
                session.add(part)
            session.add(ExternalId(system="amo", entity="deal", external_id=str(number), entity_id=deal))
        session.flush()
        rebuild_search(session)
        office.settle()
        return office

    def close(self) -> None:
        """Undo every merge, look the base over, and take everything back."""
        try:
            while (newest := self.in_force()) is not None:
                with self.session.begin_nested():
                    undo_merge(self.session, self.cast.vera, merge_id=newest, cascade=True)
            self.check()
        finally:
            self.session.rollback()
            self.session.close()

    # What people do

    def attempt(self, name: str, command: Callable[[], Any], *, merges: bool = False) -> Any:
        """Run a command whole or not at all; a refusal is an answer, too."""
        try:
            with self.session.begin_nested():
                result = command()
        except CrmError as error:
            self.done[f"{name}: {error.code}"] += 1
            self.session.expire_all()
            return None
        self.done[name] += 1
        self.is_checked = self.is_settled = False
        self.session.expire_all()
        if not merges and self.in_force() is not None:
            self.is_touched = True
        elif not merges:
            self.settle()
        return result

    def merge(self, entity_type: EntityType, first: int, second: int, *, takes: bool) -> None:
        """Merge two records of a type, by defaults or with the other's name."""
        ids = self.ids(entity_type)
        survivor, merged = ids[first % len(ids)], ids[second % len(ids)]
        name = "title" if entity_type is EntityType.DEAL else "name"
        before = self.living_amount()
        own, other = self.amount(survivor), self.amount(merged)
        merge_id = self.attempt(
            f"merge {entity_type.value}",
            lambda: merge_records(
                self.session, self.cast.vera, entity_type=entity_type, survivor_id=survivor, merged_id=merged,
                choices={name: Side.MERGED} if takes else None,
            ),
            merges=True,
        )  # fmt: skip
        if merge_id is not None:
            gone = (other or 0) if entity_type is EntityType.DEAL and own is not None else 0
            assert self.living_amount() == before - gone

    def undo(self, number: int, *, cascade: bool) -> None:
        """Take some merge back; what the plan foretold is what happens."""
        merges = list(self.session.scalars(select(Merge.id).where(Merge.undone_at.is_(None)).order_by(Merge.id)))
        if not merges:
            return
        merge_id = merges[number % len(merges)]
        plan = plan_undo(self.session, self.cast.vera, merge_id=merge_id)
        report = self.attempt(
            "undo cascade" if cascade else "undo",
            lambda: undo_merge(self.session, self.cast.vera, merge_id=merge_id, cascade=cascade),
            merges=True,
        )
        assert (report is None) == (bool(plan.dependents) and not cascade)
        if report is not None:
            assert report.merge_ids == (*(one.id for one in plan.dependents), merge_id)
            if not plan.dependents:
                assert report.conflicts == plan.conflicts
                assert report.returned == plan.returns
            self.done["conflicts"] += len(report.conflicts)

    def rename(self, number: int, *, phone: bool) -> None:
        """Rename a person and perhaps add a phone."""
        contact = self.session.get_one(Contact, self.pick(Contact, number))
        points = [(point.kind, point.value) for point in present_points(self.session, contact)]
        if phone:
            self.number += 1
            points.append((PointKind.PHONE, f"+7916555{self.number:04}"))
        fields = fields_of(contact, ContactFields)
        self.number += 1
        wanted = ContactFields(f"Renamed {self.number}", fields.position, fields.company_id, fields.note)
        self.attempt(
            "edit contact",
            lambda: edit_contact(
                self.session, self.cast.vera, contact_id=contact.id, expected_version=contact.version, fields=wanted,
                points=points,
            ),
        )  # fmt: skip

    def put_into_company(self, number: int, company: int) -> None:
        """Give a person another company."""
        contact = self.session.get_one(Contact, self.pick(Contact, number))
        fields = fields_of(contact, ContactFields)
        wanted = ContactFields(fields.name, fields.position, self.pick(Company, company), fields.note)
        self.attempt(
            "company of a contact",
            lambda: edit_contact(
                self.session, self.cast.vera, contact_id=contact.id, expected_version=contact.version, fields=wanted
            ),
        )

    def edit_company(self, number: int, parent: int) -> None:
        """Give a company another address and perhaps another parent."""
        company = self.session.get_one(Company, self.pick(Company, number))
        self.number += 1
        fields = fields_of(company, CompanyFields)
        parent_id = self.pick(Company, parent) if parent % 2 else fields.parent_id
        wanted = CompanyFields(fields.name, fields.inn, None, f"Street {self.number}", None, None, parent_id)
        self.attempt(
            "edit company",
            lambda: edit_company(
                self.session, self.cast.vera, company_id=company.id, expected_version=company.version, fields=wanted
            ),
        )

    def edit_deal(self, number: int, contact: int, company: int) -> None:
        """Give a deal other people and another company."""
        deal = self.session.get_one(Deal, self.pick(Deal, number))
        query = select(DealContact).filter_by(deal_id=deal.id).order_by(DealContact.position)
        parts = [DealPart(part.contact_id, part.role or "") for part in self.session.scalars(query)]
        wanted = self.pick(Contact, contact)
        if wanted not in {part.contact_id for part in parts}:
            parts.append(DealPart(wanted, "Buyer"))
        changes = DealChanges(contacts=tuple(parts), company_id=self.pick(Company, company))
        self.attempt(
            "edit deal",
            lambda: edit_deal(
                self.session, self.cast.vera, deal_id=deal.id, expected_version=deal.version, changes=changes
            ),
        )

    def note(self, number: int) -> None:
        """Write a note on a deal."""
        deal_id = self.pick(Deal, number)
        self.attempt(
            "note",
            lambda: add_activity(self.session, self.cast.vera, deal_id=deal_id, kind=ActivityKind.NOTE, text="Called"),
        )

    def object_to(self, number: int) -> None:
        """Write down an objection."""
        plan = ObjectionPlan("Too dear")
        deal_id = self.pick(Deal, number)
        self.attempt("objection", lambda: record_objection(self.session, self.cast.vera, deal_id=deal_id, plan=plan))

    def plan_step(self, number: int, hours: int) -> None:
        """Plan a step."""
        plan = StepPlan(StepKind.CALL, utc_now() + timedelta(hours=hours), "Call")
        deal_id = self.pick(Deal, number)
        self.attempt("plan", lambda: plan_next_step(self.session, self.cast.vera, deal_id=deal_id, plan=plan))

    def complete(self, number: int) -> None:
        """Do a step and plan the next one."""
        steps = list(self.session.scalars(select(NextStep.id).where(NextStep.done_at.is_(None)).order_by(NextStep.id)))
        if not steps:
            return
        following = StepPlan(StepKind.CALL, utc_now() + timedelta(days=2), "Again")
        done = StepDone(StepResult.DONE)
        step_id = steps[number % len(steps)]
        self.attempt(
            "complete",
            lambda: complete_next_step(self.session, self.cast.vera, step_id=step_id, done=done, following=following),
        )

    def move(self, number: int, stage: int) -> None:
        """Move a deal to another stage."""
        move = Move(self.pipeline.stages[stage % 4], override_reason="The client asked for it")
        deal_id = self.pick(Deal, number)
        self.attempt("move", lambda: move_deal(self.session, self.cast.vera, deal_id=deal_id, move=move))

    def lose(self, number: int) -> None:
        """Lose a deal."""
        move = Move(0, loss=LossAnswer(self.pipeline.reasons[0]))
        deal_id = self.pick(Deal, number)
        self.attempt("lose", lambda: lose_deal(self.session, self.cast.vera, deal_id=deal_id, move=move))

    def remove(self, number: int) -> None:
        """Take a deal out, or put the one back that is out."""
        out = self.session.scalar(select(Deal.id).where(Deal.status == DealStatus.REMOVED).order_by(Deal.id).limit(1))
        if out is not None:
            stage = self.session.get_one(Deal, out).stage_id
            step = StepPlan(StepKind.CALL, utc_now() + timedelta(days=1), "Back")
            plan = step if stage in self.pipeline.stages else None
            self.attempt("restore", lambda: restore_deal(self.session, self.cast.vera, deal_id=out, step=plan))
            return
        deal_id = self.pick(Deal, number)
        version = self.session.get_one(Deal, deal_id).version
        why = "Typed in by mistake"
        self.attempt(
            "remove",
            lambda: remove_deal(self.session, self.cast.vera, deal_id=deal_id, expected_version=version, reason=why),
        )

    def find_pair(self, entity_type: EntityType, first: int, second: int) -> None:
        """Let a scan find two records alike."""
        model = MODELS[entity_type]
        left, right = sorted((self.pick(model, first), self.pick(model, second)))
        if left == right:
            return
        known = KnownModel(default_model(entity_type))
        found = [FoundPair(left, right, Match(8.0, known.model.probability(8.0), (), ()))]
        keep_pairs(self.session, entity_type, found, source=PairSource.BATCH, known=known, now=utc_now())
        self.done["pair"] += 1
        self.is_checked = self.is_settled = False

    def dismiss(self, number: int) -> None:
        """Say that two are not the same."""
        pair = self.pair(number, PairState.OPEN, PairState.SNOOZED)
        if pair is not None and self.said("dismiss", lambda: dismiss_pair(self.session, self.cast.vera, pair_id=pair)):
            self.apart.add(pair)

    def put_off(self, number: int) -> None:
        """Leave a pair for tomorrow."""
        pair, until = self.pair(number, PairState.OPEN), utc_now() + timedelta(days=1)
        if pair is not None:
            self.said("snooze", lambda: snooze_pair(self.session, self.cast.vera, pair_id=pair, until=until))

    def reopen(self, number: int) -> None:
        """Take back what was said of a pair."""
        pair = self.pair(number, PairState.NOT_DUPLICATE, PairState.SNOOZED)
        if pair is not None and self.said("reopen", lambda: reopen_pair(self.session, self.cast.vera, pair_id=pair)):
            self.apart.discard(pair)

    def said(self, name: str, command: Callable[[], None]) -> bool:
        """Say something of a pair: no record changes by it. Return whether it was heard."""
        before = self.done[name]
        self.attempt(name, command, merges=True)
        return self.done[name] > before

    def pair(self, number: int, *states: PairState) -> int | None:
        """Return one of the pairs in some states."""
        ids = list(self.session.scalars(select(MatchPair.id).where(MatchPair.state.in_(states)).order_by(MatchPair.id)))
        return ids[number % len(ids)] if ids else None

    # What must hold

    def check(self) -> None:
        """Look the whole base over; with no merge in force and nothing else done, it is what it was."""
        if self.is_checked:
            return
        assert broken_invariants(self.session, self.cast.vera) == []
        assert stale_paths(self.session, self.cast.vera) == []
        self.check_nothing_is_lost()
        self.check_pairs()
        self.is_checked = True
        if self.in_force() is not None or self.is_settled:
            return
        if self.is_touched:
            self.settle()
            return
        assert exported(self.session) == self.baseline
        assert self.rebuilt_words() == self.words
        self.done["byte-equal"] += 1

    def check_nothing_is_lost(self) -> None:
        """Each row that was there is there, and a person's or company's every point lives on in a living record."""
        for model in KEPT:
            ids = set(self.session.scalars(select(model.id)))
            assert self.rows.get(model.__tablename__, set()) <= ids, model.__tablename__
            self.rows[model.__tablename__] = ids
        for entity_type, column in ((EntityType.CONTACT, "contact_id"), (EntityType.COMPANY, "company_id")):
            holder = getattr(ContactPoint, column)
            rows = self.session.execute(
                select(holder, ContactPoint.kind, ContactPoint.normalised).where(holder.is_not(None))
            )
            held: dict[int, set[tuple[Any, str]]] = {}
            for record_id, kind, normalised in rows:
                held.setdefault(record_id, set()).add((kind, normalised))
            for record_id, points in held.items():
                living = living_id(self.session, entity_type, record_id)
                assert points <= held.get(living, set()), (entity_type, record_id, living)

    def check_pairs(self) -> None:
        """No pair of a hidden record waits for anybody, and with no merge in force what people keep apart is apart."""
        for entity_type, model in MODELS.items():
            hidden = select(model.id).where(model.merged_into_id.is_not(None))
            waits = (MatchPair.entity_type == entity_type, MatchPair.state.in_((PairState.OPEN, PairState.SNOOZED)))
            sides = or_(MatchPair.left_id.in_(hidden), MatchPair.right_id.in_(hidden))
            assert self.session.scalars(select(MatchPair.id).where(*waits, sides)).all() == []
        if self.in_force() is None:
            # A copy that a merge makes of what was said goes with its undo.
            made = {pair for was in self.session.scalars(select(Merge.before)) for pair in was["pairs"]["made"]}
            states = dict(self.session.execute(select(MatchPair.id, MatchPair.state)).all())
            assert {states[pair] for pair in self.apart - made} <= {PairState.NOT_DUPLICATE}

    def settle(self) -> None:
        """Remember the base as it is: no merge is in force."""
        self.baseline, self.words, self.is_touched = exported(self.session), self.rebuilt_words(), False
        self.is_settled = True

    def rebuilt_words(self) -> dict[tuple[str, int], frozenset[str]]:
        """Return the words of the search made anew; the present ones hold all of them, and marks of former owners."""
        present = search_words(self.session)
        rebuilding = self.session.begin_nested()
        rebuild_search(self.session)
        rebuilt = search_words(self.session)
        rebuilding.rollback()
        assert present.keys() == rebuilt.keys()
        assert [key for key, words in rebuilt.items() if not words <= present[key]] == []
        return rebuilt

    def in_force(self) -> int | None:
        """Return the newest merge in force."""
        return self.session.scalar(select(func.max(Merge.id)).where(Merge.undone_at.is_(None)))

    def living_amount(self) -> int:
        """Return the sum of the amounts of deals in use."""
        query = select(func.coalesce(func.sum(Deal.amount_minor), 0)).where(Deal.status != DealStatus.MERGED)
        return int(self.session.scalar(query) or 0)

    def amount(self, deal_id: int) -> int | None:
        """Return a deal's amount."""
        return self.session.scalar(select(Deal.amount_minor).where(Deal.id == deal_id))

    def ids(self, entity_type: EntityType) -> list[int]:
        """Return the ids of all records of a type, hidden ones too."""
        model = MODELS[entity_type]
        return list(self.session.scalars(select(model.id).order_by(model.id)))

    def pick(self, model: Any, number: int) -> int:
        """Return one of a table's ids: mostly a living one, at times a hidden one."""
        query = select(model.id).order_by(model.id)
        if number % 7:
            query = query.where(model.merged_into_id.is_(None))
        ids = list(self.session.scalars(query))
        picked: int = ids[number % len(ids)]
        return picked


def waits_for(office: Office, merge_id: int) -> list[int]:
    """Return the merges that must be undone before one."""
    return [one.id for one in dependents_of(office.session, office.session.get_one(Merge, merge_id))]
