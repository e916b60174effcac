"""Search finds what has every word, newest first, inside what the actor may see, alike on both databases."""

from __future__ import annotations

import random
import time

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.contacts import search as search_module
from crm.contacts.search import find_entries, matching_ids, search
from crm.contacts.search_index import forget_records, index_records, rebuild_search
from crm.contacts.search_query import Query, parse_query
from crm.models import Company, Contact, Deal, DealContact, SearchEntry
from tests.conftest import Cast
from tests.factories import PipelineRows, add_company, add_contact, add_deal, add_pipeline

NASTY = [
    "%", "_", '"', "'", "*", "NEAR(", "NEAR(a b)", "(a+)+$", "a* OR b", "a AND NOT b", "-a", "^a", "a:b", "{words}: a",
    "😀", "\u202eабв", "x" * 10_000, "слово " * 2_000, "\x00", "\ud800", "'; DROP TABLE deals; --", "\\", "a\\'b",
    ":*", "!|&", "<->", "a <-> b", "''", '""', "§1", "§deal", "١٢٣", "\u0301", "٪", "%d %s {0}", "\n\t",
]  # fmt: skip


@pytest.fixture
def pipeline(session: Session) -> PipelineRows:
    return add_pipeline(session)


def take_part(session: Session, deal_id: int, contact_id: int) -> None:
    session.add(DealContact(deal_id=deal_id, contact_id=contact_id))
    index_records(session, "deal", [deal_id])


def found(session: Session, actor: Actor, text: str, **options: object) -> list[tuple[str, int]]:
    return [(hit.kind, hit.record_id) for hit in search(session, actor, text, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "typed",
    ["+7 (916) 123-45-67", "8 916 123-45-67", "89161234567", "79161234567", "9161234567", "(916)1234567", "1234567",
     "123-45-67", "8 916 12", "+7 916", "Петров", "петр", "ИВАН ПЕТРОВ", "Петров Иван", "петров и",
     "ivan.petrov@mail.ru", "IVAN.PETROV@", "petrov", "@mail.ru", "@ivan_p"],
)  # fmt: skip
def test_contact_is_found_by_phone_in_any_form_email_and_name(session: Session, cast: Cast, typed: str) -> None:
    add_contact(session, cast.anna, "Сидор Сидоров", phone="+79037654321", email="sidor@example.com")
    wanted = add_contact(session, cast.anna, "Иван Пётров", phone="+79161234567", email="ivan.petrov@mail.ru")
    session.execute(
        update(SearchEntry).where(SearchEntry.record_id == wanted).values(words=SearchEntry.words + " ivanp")
    )
    assert found(session, cast.anna, typed) == [("contact", wanted)]


@pytest.mark.parametrize(
    "typed", ["ромашка", "ООО Ромашка", "«Ромашка»", "ромашка ооо", "7707083893", "770708", "ROMASHKA.ru",
              "https://romashka.ru/contacts"]
)  # fmt: skip
def test_company_is_found_by_name_inn_and_website(session: Session, cast: Cast, typed: str) -> None:
    add_company(session, cast.anna, "ООО Василёк", inn="7736050003", website="https://vasilek.ru")
    wanted = add_company(session, cast.anna, "ООО «Ромашка»", inn="7707083893", website="https://romashka.ru")
    assert found(session, cast.anna, typed) == [("company", wanted)]


def test_every_word_must_match_the_beginning_of_a_word(session: Session, cast: Cast) -> None:
    wanted = add_contact(session, cast.anna, "Иван Петров")
    add_contact(session, cast.anna, "Иван Сидоров")
    assert found(session, cast.anna, "ив пет") == [("contact", wanted)]
    assert found(session, cast.anna, "ван") == []
    assert found(session, cast.anna, "иван ничего") == []


def test_short_number_is_a_whole_word_and_a_long_one_a_beginning(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    two = add_deal(session, cast.anna, pipeline, title="Лист 900 мм")
    add_deal(session, cast.anna, pipeline, title="Лист 9000 мм")
    assert found(session, cast.anna, "лист 900") == [("deal", two)]
    assert len(found(session, cast.anna, "лист 9000")) == 1


def test_deal_of_the_typed_number_comes_first(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    first = add_deal(session, cast.anna, pipeline, title="Old")
    newer = add_deal(session, cast.anna, pipeline, title=f"Copy of {first}")
    assert found(session, cast.anna, f"#{first}") == [("deal", first), ("deal", newer)]
    assert found(session, cast.anna, f"№ {first}", kinds=("contact",)) == []
    assert found(session, cast.anton, f"#{first}") == []


def test_newest_comes_first_and_the_limit_holds(session: Session, cast: Cast) -> None:
    ids = [add_contact(session, cast.anna, f"Иван {name}") for name in ("Первый", "Второй", "Третий")]
    assert found(session, cast.anna, "иван", limit=2) == [("contact", ids[2]), ("contact", ids[1])]


def test_hits_say_what_tells_them_apart(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    company = add_company(session, cast.anna, "Ромашка", inn="7707083893")
    add_contact(session, cast.anna, "Ромашка Иван", company_id=company)
    add_deal(session, cast.anna, pipeline, title="Ромашка, лист", company_id=company)
    hits = search(session, cast.anna, "ромашка")
    assert [(hit.kind, hit.title, hit.subtitle) for hit in hits] == [
        ("deal", "Ромашка, лист", "Ромашка"),
        ("contact", "Ромашка Иван", "Ромашка"),
        ("company", "Ромашка", "7707083893"),
    ]


def test_each_role_finds_its_own(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    company = add_company(session, cast.anton, "Ромашка")
    contact = add_contact(session, cast.anton, "Ромашкин")
    deal = add_deal(session, cast.anton, pipeline, title="Ромашка, лист", company_id=company)
    everything = [("deal", deal), ("contact", contact), ("company", company)]
    assert found(session, cast.anton, "ромашк") == everything
    assert found(session, cast.boris, "ромашк") == everything
    assert found(session, cast.vera, "ромашк") == everything
    assert found(session, cast.anna, "ромашк") == []
    assert found(session, cast.dina, "ромашк") == []


def test_client_of_a_colleague_is_found_through_an_own_deal(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    company = add_company(session, cast.anton, "Ромашка")
    contact = add_contact(session, cast.anton, "Ромашкин")
    deal = add_deal(session, cast.anna, pipeline, title="Лист", company_id=company)
    take_part(session, deal, contact)
    assert found(session, cast.anna, "ромашк") == [("contact", contact), ("company", company)]


def test_lost_view_is_lost_though_the_index_still_has_its_mark(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    company = add_company(session, cast.anton, "Ромашка")
    deal = add_deal(session, cast.anna, pipeline, company_id=company)
    session.execute(update(Deal).where(Deal.id == deal).values(owner_id=cast.anton.user_id))
    index_records(session, "deal", [deal])
    assert f"§{cast.anna.user_id}" in session.scalars(select(SearchEntry.words)).first().split()  # type: ignore[union-attr]
    assert found(session, cast.anna, "ромашка") == []
    index_records(session, "company", [company])
    assert f"§{cast.anna.user_id}" not in session.scalars(select(SearchEntry.words)).first().split()  # type: ignore[union-attr]


@pytest.mark.parametrize("typed", NASTY)
def test_nasty_text_is_harmless_and_quick(session: Session, cast: Cast, typed: str) -> None:
    add_contact(session, cast.anna, "Иван Петров", phone="+79161234567", email="ivan@mail.ru")
    began = time.perf_counter()
    for actor in (cast.anna, cast.boris, cast.vera):
        assert search(session, actor, typed) == []
    assert time.perf_counter() - began < 1


def test_nasty_name_is_found_by_itself(session: Session, cast: Cast) -> None:
    for name in (
        'A "quoted" NEAR(b) OR c*',
        "Роберт'); DROP TABLE deals; --",
        "😀 Emoji ﷺ",
        "שלום עולם",
        "aa:bb {cc} ^dd",
    ):
        wanted = add_contact(session, cast.anna, name)
        assert found(session, cast.anna, name)[0] == ("contact", wanted)


def test_search_agrees_with_a_plain_scan(session: Session, cast: Cast) -> None:
    chance = random.Random(11)
    syllables = [
        "ма",
        "ша",
        "пет",
        "ров",
        "ив",
        "ан",
        "12",
        "345",
        "a",
        "ab",
        "ё",
        "日本",
        "é",
        "x-y",
        "😀 ",
        "о.о",
        " ",
    ]
    people = [cast.anna, cast.anton, cast.boris, cast.dina]
    for _number in range(150):
        name = "".join(chance.choice(syllables) for _part in range(chance.randint(1, 6))) or "?"
        add_contact(session, chance.choice(people), name)
    entries = [(row.record_id, row.words.split()) for row in session.scalars(select(SearchEntry)).all()]
    owners = {row.id: row.owner_id for row in session.execute(select(Contact.id, Contact.owner_id))}
    for _number in range(150):
        text = " ".join("".join(chance.choice(syllables) for _part in range(chance.randint(1, 3))) for _word in "ab")
        query = parse_query(text, "RU")
        for actor in (cast.anna, cast.boris, cast.vera):
            wanted = [
                key for key, words in reversed(entries) if actor.sees_owner(owners[key]) and scan_matches(query, words)
            ]
            assert [hit.record_id for hit in search(session, actor, text, limit=500)] == wanted, text


def scan_matches(query: Query, words: list[str]) -> bool:
    def has(term: str) -> bool:
        whole = term.isdigit() and len(term) < 4
        return term in words if whole else any(word.startswith(term) for word in words)

    groups = all(any(all(map(has, alternative)) for alternative in group) for group in query.groups)
    initials = all(any(word.startswith(letter) for word in words) for letter in query.initials)
    return bool(query.groups) and groups and initials


def test_matches_older_than_the_newest_are_found_too(
    session: Session, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "DEPTHS", (1, 2))
    ids = [add_contact(session, cast.anna, name) for name in ("Иван А", "Иван Б", "Пётр", "Иван В")]
    assert found(session, cast.anna, "иван", limit=1) == [("contact", ids[3])]
    assert found(session, cast.anna, "иван") == [("contact", ids[3]), ("contact", ids[1]), ("contact", ids[0])]
    assert found(session, cast.vera, "иван б") == [("contact", ids[1])]


def test_pages_follow_each_other_without_gaps(session: Session, cast: Cast) -> None:
    ids = [add_contact(session, cast.anna, f"Иван {number}") for number in range(7)]
    pages, before = [], None
    while entries := find_entries(session, cast.anna, parse_query("иван", "RU"), ("contact",), 3, before=before):
        pages.append([entry.record_id for entry in entries])
        before = entries[-1].id
    assert pages == [ids[:3:-1], ids[3:0:-1], ids[:1]]


def test_matching_ids_are_those_of_one_kind(session: Session, cast: Cast, pipeline: PipelineRows) -> None:
    add_company(session, cast.anna, "Ромашка")
    deal = add_deal(session, cast.anna, pipeline, title="Ромашка")
    add_deal(session, cast.anna, pipeline, title="Василёк")
    query = select(Deal.id).where(Deal.id.in_(matching_ids(session, cast.anna, "deal", "ромаш")))
    assert session.scalars(query).all() == [deal]
    nothing = select(Deal.id).where(Deal.id.in_(matching_ids(session, cast.anna, "deal", "%")))
    assert session.scalars(nothing).all() == []


def test_forgotten_records_are_not_found(session: Session, cast: Cast) -> None:
    contact = add_contact(session, cast.anna, "Иван")
    forget_records(session, "contact", [contact])
    assert found(session, cast.anna, "иван") == []


def test_rebuild_makes_the_same_entries_and_drops_those_of_nobody(
    session: Session, cast: Cast, pipeline: PipelineRows
) -> None:
    company = add_company(session, cast.anton, "Ромашка")
    contact = add_contact(session, cast.anton, "Иван Петров", phone="+79161234567", email="a@b.ru")
    take_part(session, add_deal(session, cast.anna, pipeline, company_id=company), contact)
    words = select(SearchEntry.kind, SearchEntry.record_id, SearchEntry.words).order_by(SearchEntry.kind)
    before = [(kind, key, set(found.split())) for kind, key, found in session.execute(words)]
    session.add(SearchEntry(kind="contact", record_id=999, words="иван §contact"))
    session.flush()
    session.execute(delete(SearchEntry).where(SearchEntry.kind == "company"))
    rebuild_search(session)
    assert [(kind, key, set(found.split())) for kind, key, found in session.execute(words)] == before


def test_index_follows_a_changed_name(session: Session, cast: Cast) -> None:
    company = add_company(session, cast.anna, "Ромашка")
    session.get_one(Company, company).name = "Василёк"
    index_records(session, "company", [company])
    assert found(session, cast.anna, "ромашка") == []
    assert found(session, cast.anna, "василек") == [("company", company)]
