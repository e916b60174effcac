"""A base of a few dozen records tells little: what is usual elsewhere counts beside it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from crm.matching.base_statistics import BaseStatistics
from crm.matching.batch import match_all
from crm.matching.lookup import find_matches
from crm.matching.model import default_model
from crm.matching.normalise import make_evidence
from crm.matching.small_bases import LEAST_RECORDS, OfLeastSize, as_of, facts_as_of
from crm.matching.statistics import CountedStatistics, IdentifierFacts
from crm.models import EntityType
from tests.conftest import Cast
from tests.matching.test_lookup import CONTACT, fill, person

FEW = [person(f"{name} Сказкин", f"+7926{number * 104_729 % 10**7:07}", company="ООО Буян")
       for number, name in enumerate(("Иван", "Никита", "Пётр", "Олег", "Фома", "Глеб"), start=1)]  # fmt: skip
TWINS = [person("Мария Муромская", "+79162041853"), person("Муромская", "8 916 204-18-53")]


def test_words_of_a_small_base_are_told_as_of_a_thousand() -> None:
    assert as_of("surname", 10, 50) > 10 * 5
    assert as_of("surname", 1, 1) < LEAST_RECORDS // 10
    assert as_of("surname", 10, LEAST_RECORDS) == 10
    assert as_of("company_holders", 1, 50) == 1


def test_identifier_of_half_a_small_base_is_one_of_half_a_large_one() -> None:
    def seen(records: int) -> IdentifierFacts:
        return IdentifierFacts(records, 1, is_shared=True, is_hub=False)

    assert facts_as_of(seen(25), 50).records == LEAST_RECORDS // 2
    assert facts_as_of(seen(2), 50) == seen(2)
    assert facts_as_of(seen(25), LEAST_RECORDS) == seen(25)


def test_first_records_of_a_base_are_not_all_alike(session: Session, cast: Cast) -> None:
    fill(session, [*FEW, TWINS[0]])
    assert BaseStatistics(session.connection(), CONTACT, make_evidence(TWINS[0])).record_count == LEAST_RECORDS
    colleague = make_evidence(person("Иван Теремков", "+79031172264", company="ООО Буян"))
    assert find_matches(session, CONTACT, colleague) == []
    assert [found.entity_id for found in find_matches(session, CONTACT, make_evidence(TWINS[1]))] == [len(FEW) + 1]


def test_batch_of_a_base_weighs_as_a_lookup_does(session: Session, cast: Cast) -> None:
    fill(session, [*FEW, *TWINS])
    evidences = [make_evidence(raw) for raw in (*FEW, *TWINS)]
    (pair,) = match_all(evidences, default_model(EntityType.CONTACT), of_base=True).pairs
    assert (pair.left, pair.right) == (len(FEW), len(FEW) + 1)
    counted = CountedStatistics.of(evidences)
    assert OfLeastSize(counted).record_count == LEAST_RECORDS
    assert OfLeastSize(counted).frequency("surname", "skazkin") > counted.frequency("surname", "skazkin")
