"""Looking through the base: everything is found, decisions stay, what is no longer alike goes, breaks do no harm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.contacts.commands import create_contact
from crm.contacts.points import add_contact_point, remove_point
from crm.contacts.search_index import index_records
from crm.db import Database
from crm.duplicates import match_changes, scanning
from crm.duplicates.intake import match_changed_records, match_saved
from crm.duplicates.match_changes import match_changed
from crm.duplicates.pair_decisions import dismiss_pair, snooze_pair
from crm.duplicates.renormalising import renormalise
from crm.duplicates.scanning import scan_base, scan_kind, start_scan
from crm.errors import Forbidden
from crm.jobs import JobStopped, LooseRun
from crm.jobs.run import Stop
from crm.matching.batch import BatchResult, match_all
from crm.matching.counting import counted_records
from crm.matching.models_in_use import load_model
from crm.models import (
    BackgroundJob,
    Channel,
    Company,
    ContactPoint,
    EntityType,
    JobKind,
    MatchEvidence,
    MatchKey,
    MatchPair,
    PairSource,
    PairState,
    PointKind,
)
from tests.conftest import Cast
from tests.factories import add_company, add_contact
from tests.stopped_clock import StopClock, stop_clock

__all__ = ["stop_clock"]
ONE = {"processes": 1}
CONTACT = EntityType.CONTACT
ACTOR = system_actor(Channel.SYSTEM)
PHONES = [f"+7926{number * 104_729 % 10**7:07}" for number in range(11, 71)]  # none near another


def fill(database: Database, cast: Cast, twins: int) -> list[tuple[int, int]]:
    """Add 60 people and the first `twins` of them once more; return the ids of each two."""
    with database.session_scope() as session:
        first = [add_contact(session, cast.anna, f"Имя{n} Фамилия{n}", phone=phone) for n, phone in enumerate(PHONES)]
        again = [add_contact(session, cast.anton, f"Имя{n}", phone=PHONES[n]) for n in range(twins)]
    return list(zip(first, again, strict=False))


def states(database: Database) -> dict[tuple[int, int], PairState]:
    with database.read_scope() as session:
        rows = session.execute(select(MatchPair.left_id, MatchPair.right_id, MatchPair.state))
        return {(row.left_id, row.right_id): row.state for row in rows}


def test_scan_finds_pairs_and_counts_the_base(database: Database, cast: Cast) -> None:
    twins = fill(database, cast, 3)
    with database.session_scope() as session:
        _settle(session)
    reports: list[tuple[int, int | None]] = []
    told = scan_base(database, ACTOR, LooseRun(lambda done, total: reports.append((done, total))), ONE)
    assert states(database) == dict.fromkeys(twins, PairState.OPEN)
    assert told["contact"]["records"] == 63
    assert told["contact"]["pairs"] == 3
    assert reports
    with database.read_scope() as session:
        assert counted_records(session, CONTACT) == 63
        unmatched = session.scalar(select(func.count()).where(MatchEvidence.matched_at.is_(None)))
        pair = session.scalars(select(MatchPair).limit(1)).one()
        assert pair.source is PairSource.BATCH
        assert pair.is_automatic is (pair.weight >= load_model(session, CONTACT).model.auto_at)
        assert {"phone_equal"} <= {line[0] for line in pair.lines}
    assert unmatched == 0


def test_rescan_keeps_decisions_and_closes_what_is_no_longer_alike(database: Database, cast: Cast) -> None:
    twins = fill(database, cast, 4)
    scan_base(database, ACTOR, LooseRun(), ONE)
    ids = {(row[1], row[2]): row[0] for row in _pairs(database)}
    with database.session_scope() as session:
        dismiss_pair(session, cast.vera, pair_id=ids[twins[0]])
        snooze_pair(session, cast.vera, pair_id=ids[twins[1]], until=utc_now() + timedelta(days=1))
        remove_point(session, cast.anton, point_id=_point_of(session, twins[2][1]))
        _settle(session)
    scan_base(database, ACTOR, LooseRun(), ONE)
    assert states(database) == {
        twins[0]: PairState.NOT_DUPLICATE,
        twins[1]: PairState.SNOOZED,
        twins[2]: PairState.GONE,
        twins[3]: PairState.OPEN,
    }


def test_first_scan_after_the_norm_has_changed_closes_what_is_no_longer_alike(
    database: Database, cast: Cast, stop_clock: StopClock
) -> None:
    parted, alike = fill(database, cast, 2)
    scan_base(database, ACTOR, LooseRun(), ONE)
    with database.session_scope() as session:
        _settle(session)
        # What an older norm saw in the record and the present one does not.
        session.execute(delete(ContactPoint).where(ContactPoint.contact_id == parted[1]))
        session.execute(update(MatchEvidence).values(norm_version=1))
    stop_clock(utc_now())  # all of it is done in one second
    assert scan_base(database, ACTOR, LooseRun(), ONE)["contact"]["closed"] == 1
    assert states(database) == {parted: PairState.GONE, alike: PairState.OPEN}


def test_scan_leaves_pairs_of_what_is_saved_meanwhile(
    database: Database, cast: Cast, stop_clock: StopClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (twins,) = fill(database, cast, 1)
    scan_base(database, ACTOR, LooseRun(), ONE)
    with database.session_scope() as session:
        _settle(session)
        remove_point(session, cast.anton, point_id=_point_of(session, twins[1]))
    stop_clock(utc_now())

    def matched(*given: Any, **more: Any) -> BatchResult:
        with database.session_scope() as session:  # typed in again, after the scan has read the record
            add_contact_point(session, cast.anton, contact_id=twins[1], kind=PointKind.PHONE, value=PHONES[0])
            match_saved(session, CONTACT, [twins[1]])
        return match_all(*given, **more)

    monkeypatch.setattr(scanning, "match_all", matched)
    scan_kind(database, LooseRun(), CONTACT, processes=1)
    assert states(database) == {twins: PairState.OPEN}


def test_scan_and_saves_judge_alike(database: Database, cast: Cast) -> None:
    fill(database, cast, 5)
    with database.session_scope() as session:
        for number in range(80):  # a mailbox of a firm: given names differ where all else agrees
            add_contact(
                session, cast.anna, f"{('Олег', 'Иван')[number % 2]} Серов", email=f"serov{number // 2}@firm.ru"
            )
        _settle(session)
    scan_base(database, ACTOR, LooseRun(), ONE)
    scanned = _judged(database)
    with database.session_scope() as session:
        ids = session.scalars(select(MatchEvidence.entity_id).where(MatchEvidence.entity_type == CONTACT)).all()
        match_saved(session, CONTACT, ids)
    saved = _judged(database)
    assert len(scanned) > 5
    assert {sides: saved[sides] for sides in scanned} == scanned
    scan_base(database, ACTOR, LooseRun(), ONE)
    assert _judged(database) == saved


class Killed(LooseRun):
    """Stops at the report after so many."""

    def __init__(self, after: int, state: Mapping[str, Any]) -> None:
        super().__init__()
        self.state, self._left = state, after

    def report(self, done: int, total: int | None = None, *, state: Mapping[str, Any] | None = None) -> None:
        self._left -= 1
        if self._left < 0:
            raise JobStopped(Stop.GIVEN_BACK)
        super().report(done, total, state=state)


def test_scan_goes_on_after_each_break(database: Database, cast: Cast) -> None:
    twins = fill(database, cast, 3)
    state: Mapping[str, Any] = {}
    for after in range(4, 200, 3):
        run = Killed(after, state)
        try:
            scan_base(database, ACTOR, run, ONE)
            break
        except JobStopped:
            state = run.state
    else:
        pytest.fail("it never came to an end")
    assert states(database) == dict.fromkeys(twins, PairState.OPEN)


def test_renormalising_fills_in_what_an_older_version_lacks(database: Database, cast: Cast) -> None:
    twins = fill(database, cast, 2)
    with database.session_scope() as session:
        add_company(session, cast.anna, "ООО Мир")
        for table in (MatchKey, MatchEvidence):
            session.execute(delete(table))
    reports: list[tuple[int, int | None]] = []
    told = renormalise(database, ACTOR, LooseRun(lambda done, total: reports.append((done, total))), {})
    assert told == {"renormalised": 63}
    assert reports[-1] == (63, 63)
    assert renormalise(database, ACTOR, LooseRun(), {}) == {"renormalised": 0}
    assert renormalise(database, ACTOR, LooseRun(), {"everything": True}) == {"renormalised": 63}
    with database.session_scope() as session:
        _settle(session)
    match_changed(database, ACTOR, LooseRun(), {})
    assert states(database) == dict.fromkeys(twins, PairState.OPEN)


def test_bulk_saves_are_matched_in_the_background(database: Database, cast: Cast) -> None:
    twins = fill(database, cast, 2)
    with database.session_scope() as session:
        _settle(session)
    assert match_changed(database, ACTOR, LooseRun(), {})["contact"] == 62
    assert states(database) == dict.fromkeys(twins, PairState.OPEN)
    assert match_changed(database, ACTOR, LooseRun(), {})["contact"] == 0


def test_many_changes_ask_for_a_scan(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(database, cast, 2)
    monkeypatch.setattr(match_changes, "SCAN_FROM", 50)
    with database.session_scope() as session:
        _settle(session)
    match_changed(database, ACTOR, LooseRun(), {})
    with database.read_scope() as session:
        assert session.scalars(select(BackgroundJob.kind)).all() == [JobKind.SCAN_BASE.value]
    assert states(database) == {}


def test_stale_people_of_a_renamed_company_are_renewed(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        company = add_company(session, cast.anna, "ООО Мир")
        contact = add_contact(session, cast.anna, "Иван", company_id=company)
        session.execute(update(MatchEvidence).where(MatchEvidence.entity_type == CONTACT).values(norm_version=0))
        session.execute(update(Company).values(name="ООО Заря"))
    match_changed(database, ACTOR, LooseRun(), {})
    with database.read_scope() as session:
        assert "Заря" in session.get_one(MatchEvidence, (CONTACT, contact)).evidence


def test_edit_that_ends_the_likeness_closes_the_pair(session: Session, cast: Cast) -> None:
    for number, other in enumerate(PHONES):
        add_contact(session, cast.anna, f"Имя{number} Фамилия{number}", phone=other)
    phone = [(PointKind.PHONE, "8 916 204-18-53")]
    left, right = (create_contact(session, cast.anna, name=name, points=phone) for name in ("Горелов", "Пётр"))
    match_saved(session, CONTACT, [left, right])
    (pair,) = session.scalars(select(MatchPair)).all()
    assert (pair.left_id, pair.right_id, pair.state) == (left, right, PairState.OPEN)
    remove_point(session, cast.anna, point_id=_point_of(session, right))
    match_saved(session, CONTACT, [right])
    session.refresh(pair)
    assert pair.state is PairState.GONE


def test_large_save_is_left_to_the_background(session: Session, cast: Cast) -> None:
    ids = [add_contact(session, cast.anna, f"Иван {n}", phone="+79162041853") for n in range(30)]
    index_records(session, "contact", ids)
    match_changed_records(session)
    assert session.scalar(select(func.count()).select_from(MatchPair)) == 0


def test_one_scan_at_a_time(session: Session, cast: Cast) -> None:
    asked = start_scan(session, cast.boris)
    assert start_scan(session, cast.vera) == asked
    with pytest.raises(Forbidden):
        start_scan(session, cast.anna)


def _point_of(session: Session, contact_id: int) -> int:
    return session.scalars(select(ContactPoint.id).where(ContactPoint.contact_id == contact_id)).one()


def _settle(session: Session) -> None:
    """Let a minute pass since everything was saved and found."""
    session.execute(update(MatchEvidence).values(updated_at=utc_now() - timedelta(minutes=1)))
    session.execute(update(MatchPair).values(found_at=utc_now() - timedelta(minutes=1)))


def _pairs(database: Database) -> list[tuple[int, int, int]]:
    with database.read_scope() as session:
        rows = session.execute(select(MatchPair.id, MatchPair.left_id, MatchPair.right_id))
        return [(row.id, row.left_id, row.right_id) for row in rows]


def _judged(database: Database) -> dict[tuple[int, int], tuple[PairState, float]]:
    with database.read_scope() as session:
        rows = session.execute(select(MatchPair.left_id, MatchPair.right_id, MatchPair.state, MatchPair.weight))
        return {(row.left_id, row.right_id): (row.state, round(row.weight, 3)) for row in rows}
