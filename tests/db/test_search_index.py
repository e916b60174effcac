"""The index of search follows the table of search words: whole words and their beginnings, in any language."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from crm.models import SearchEntry

SQLITE = "SELECT rowid FROM search_fts WHERE search_fts MATCH :query ORDER BY rowid"
POSTGRESQL = (
    "SELECT id FROM search_entries"
    " WHERE array_to_tsvector(string_to_array(words, ' ')) @@ CAST(:query AS tsquery) ORDER BY id"
)


def find(session: Session, *beginnings: str) -> list[int]:
    """Return the ids of entries that have a word for each of the beginnings."""
    if session.get_bind().dialect.name == "sqlite":
        query = " AND ".join(f'"{beginning}"*' for beginning in beginnings)
        return list(session.scalars(text(SQLITE), {"query": query}))
    query = " & ".join(f"'{beginning}':*" for beginning in beginnings)
    return list(session.scalars(text(POSTGRESQL), {"query": query}))


def add_entry(session: Session, record_id: int, words: str) -> int:
    """Add the words of a contact; return the entry's id."""
    entry = SearchEntry(kind="contact", record_id=record_id, words=words)
    session.add(entry)
    session.flush()
    return entry.id


@pytest.mark.parametrize("query", ["ив", "иван", "петр", "79161234567", "7916", "mir", "ivan"])
def test_entry_is_found_by_beginning_of_any_word(session: Session, query: str) -> None:
    add_entry(session, 2, "сидорова анна 74951112233 romashka")
    entry_id = add_entry(session, 1, "иван петров 79161234567 ivan mir")
    assert find(session, query) == [entry_id]


def test_every_word_of_the_query_must_be_there(session: Session) -> None:
    first = add_entry(session, 1, "иван петров")
    second = add_entry(session, 2, "иван сидоров")
    assert find(session, "иван") == [first, second]
    assert find(session, "иван", "сид") == [second]
    assert find(session, "иван", "анна") == []


def test_middle_of_a_word_is_not_found(session: Session) -> None:
    add_entry(session, 1, "металлторг")
    assert find(session, "торг") == []


def test_changed_words_replace_the_old_ones(session: Session) -> None:
    entry_id = add_entry(session, 1, "иван петров")
    session.execute(update(SearchEntry).values(words="иван сидоров"))
    assert find(session, "петров") == []
    assert find(session, "сидоров") == [entry_id]


def test_removed_entry_is_not_found(session: Session) -> None:
    add_entry(session, 1, "иван петров")
    session.execute(delete(SearchEntry))
    assert find(session, "иван") == []


def test_postgresql_and_sqlite_have_the_index(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = session.scalars(text("EXPLAIN " + POSTGRESQL), {"query": "'ив':*"}).all()
        assert any("ix_search_entries_fts" in line for line in plan)
    else:
        session.execute(text("INSERT INTO search_fts(search_fts) VALUES ('integrity-check')"))
