"""Intake: who in the base is like one record, with what, and how much is read for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from crm.clock import utc_now
from crm.db import Database
from crm.matching.counting import counted_records, keep_statistics
from crm.matching.keys import BLOCK
from crm.matching.lookup import find_matches
from crm.matching.model import default_model
from crm.matching.models_in_use import add_model, load_model
from crm.matching.normalise import make_evidence
from crm.matching.statistics import CountedStatistics
from crm.matching.store import refresh_evidence
from crm.matching.values import OwnIdentifiers, RawRecord
from crm.models import EntityType
from tests.conftest import Cast

CONTACT = EntityType.CONTACT
NOBODY = OwnIdentifiers()


def fill(session: Session, raws: list[RawRecord]) -> None:
    """Keep evidence of records numbered from 1."""
    by_id = {number: replace(raw, record_id=str(number)) for number, raw in enumerate(raws, start=1)}
    ids = sorted(by_id)
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        refresh_evidence(
            session, CONTACT, part, lambda _session, asked: {key: by_id[key] for key in asked}, lambda _session: NOBODY
        )


def person(name: str, phone: str = "", email: str = "", company: str = "") -> RawRecord:
    return RawRecord(
        record_id="", name=name, phones=(phone,) if phone else (), emails=(email,) if email else (), company=company
    )


CROWD = [person(f"Имя{number} Фамилия{number}", f"+7926{number:07}") for number in range(3_000_000, 3_000_200)]


def test_same_phone_is_found_under_another_spelling(session: Session, cast: Cast) -> None:
    fill(session, [*CROWD, person("Щербаков Александр", "+79162041853")])
    wanted = make_evidence(person("Sasha Shcherbakov", "8 (916) 204 18 53"))
    (found,) = find_matches(session, CONTACT, wanted)
    assert found.entity_id == len(CROWD) + 1
    assert found.match.weight > default_model(CONTACT).auto_at
    assert "phone_equal" in {line.code for line in found.match.lines}


def test_record_itself_is_left_out(session: Session, cast: Cast) -> None:
    fill(session, [*CROWD, person("Щербаков Александр", "+79162041853")])
    wanted = make_evidence(person("Щербаков Александр", "+79162041853"))
    assert find_matches(session, CONTACT, wanted, exclude_id=len(CROWD) + 1) == []


@pytest.mark.parametrize(("holders", "found"), [(BLOCK, True), (BLOCK + 1, False)])
def test_fuller_key_is_skipped(session: Session, cast: Cast, holders: int, found: bool) -> None:
    fill(session, [person("", email="a.petrov@stal.ru") for _ in range(holders)])
    wanted = make_evidence(person("", email="a.petrov@stal.ru"))
    assert bool(find_matches(session, CONTACT, wanted, least_weight=float("-inf"))) is found


def test_phone_of_many_names_is_shared(session: Session, cast: Cast) -> None:
    names = ("Анна", "Борис", "Вера", "Глеб", "Дина")
    fill(session, [*CROWD, *(person(f"{name} Фамилия", "+79162041853") for name in names)])
    found = find_matches(session, CONTACT, make_evidence(person("Зоя", "+79162041853")), least_weight=float("-inf"))
    assert len(found) == len(names)
    assert all(one.match.weight < default_model(CONTACT).auto_at for one in found)
    assert all("identifier_shared" in one.match.guards for one in found)


def test_counts_of_the_base_make_a_common_name_weigh_less(database: Database, cast: Cast) -> None:
    with database.session_scope() as session:
        fill(session, [*CROWD, *(person(f"Иванов Имя{number}") for number in range(50)), person("Иванов Пётр")])
    wanted = make_evidence(person("Иванов Пётр"))
    with database.read_scope() as session:
        before = find_matches(session, CONTACT, wanted, least_weight=float("-inf"), limit=1)[0].match.weight
        assert counted_records(session, CONTACT) == 0
    raws = [*CROWD, *(person(f"Иванов Имя{number}") for number in range(50)), person("Иванов Пётр")]
    counted = CountedStatistics.of([make_evidence(raw) for raw in raws], CONTACT)
    keep_statistics(database, CONTACT, counted)
    with database.read_scope() as session:
        after = find_matches(session, CONTACT, wanted, least_weight=float("-inf"), limit=1)[0].match.weight
        assert counted_records(session, CONTACT) == len(raws)
    assert after < before - 2


def test_what_is_no_longer_counted_goes(database: Database, cast: Cast) -> None:
    first = [make_evidence(person("Иванов Пётр", company="ООО Мир")) for _ in range(3)]
    keep_statistics(database, CONTACT, CountedStatistics.of(first, CONTACT))
    second = [make_evidence(person("Сидоров Пётр")) for _ in range(2)]
    keep_statistics(database, CONTACT, CountedStatistics.of(second, CONTACT))
    with database.read_scope() as session:
        assert counted_records(session, CONTACT) == 2
        rows = session.connection().exec_driver_sql("SELECT field, value, records FROM term_frequencies").fetchall()
    assert {(row[0], row[2]) for row in rows} == {("records", 2), ("surname", 2), ("given", 2)}
    assert "ivanov" not in {row[1] for row in rows}


def test_lookup_takes_few_statements(session: Session, cast: Cast) -> None:
    if session.get_bind().dialect.name != "sqlite":
        pytest.skip("the statements are the same, and this driver tells nobody of them")
    fill(session, [*CROWD, person("Щербаков Александр", "+79162041853", "ash@stal.ru", "ООО Сталь")])
    wanted = make_evidence(person("Щербаков Александр", "+79162041853", "ash@stal.ru", "ООО Сталь"))
    seen: list[str] = []
    driver: Any = session.connection().connection.dbapi_connection
    driver.set_trace_callback(seen.append)
    assert len(find_matches(session, CONTACT, wanted)) == 1
    driver.set_trace_callback(None)
    assert 0 < len(seen) <= 6


def test_newest_model_is_in_use(session: Session, cast: Cast) -> None:
    assert load_model(session, CONTACT).model == default_model(CONTACT)
    model = replace(default_model(CONTACT), calibration=(1.0, 2.0))
    added = add_model(session, model, trained_on=200, now=utc_now())
    known = load_model(session, CONTACT)
    assert (known.id, known.trained_on, known.model.calibration) == (added, 200, (1.0, 2.0))
    assert load_model(session, EntityType.COMPANY).id is None
