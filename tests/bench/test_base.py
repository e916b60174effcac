"""The generated base is one that the commands could have left behind, and what is measured on it works."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from bench import bases, moves
from bench.bases import Base, Recipe, open_base
from bench.designing import measure_designing
from bench.filling import fill
from bench.measure import measure_reads
from bench.reads import BAR_MS
from crm.auth.actors import system_actor
from crm.clock import utc_now
from crm.contacts.search_index import rebuild_search
from crm.db import Database
from crm.deals.invariants import broken_invariants
from crm.deals.retracing import stale_paths
from crm.models import Contact, Deal, DealStatus, Pipeline, SearchEntry, Stage, StageKind, User
from tests.conftest import rows_of_all_tables

DEALS = 2_000


@pytest.fixture
def base(database: Database) -> Database:
    """Fill a fresh database with a small generated base."""
    fill(database, DEALS, seed=1, now=int(utc_now().timestamp()))
    return database


def test_generated_base_is_whole(base: Database) -> None:
    with base.read_scope() as session:
        assert broken_invariants(session, system_actor()) == []
        assert stale_paths(session, system_actor()) == []
        assert session.scalar(select(func.count()).select_from(Deal)) == DEALS
        open_deals = session.scalar(select(func.count()).where(Deal.status == DealStatus.OPEN)) or 0
        assert DEALS * 0.05 < open_deals < DEALS * 0.2
        assert session.scalar(select(func.count()).select_from(Pipeline)) == 6
        of_pipelines = select(func.count()).where(Stage.kind == StageKind.OPEN).group_by(Stage.pipeline_id)
        assert session.scalars(of_pipelines).all() == [8] * 6
        assert session.scalar(select(func.count()).select_from(User)) == 201
        if base.is_sqlite:
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []


def test_generated_words_are_those_of_the_search_room(base: Database) -> None:
    def entries() -> list[tuple[str, int, list[str]]]:
        with base.read_scope() as session:
            rows = session.execute(select(SearchEntry.kind, SearchEntry.record_id, SearchEntry.words)).all()
        return sorted((kind, key, sorted(words.split())) for kind, key, words in rows)

    generated = entries()
    with base.session_scope() as session:
        rebuild_search(session)
    assert entries() == generated


def test_redesign_is_measured_and_loses_no_visit(base: Database) -> None:
    rows = measure_designing(base)
    assert [row.name for row in rows[:3]] == ["rename a pipeline", "rename a stage", "reorder the stages"]
    assert all(row.holds for row in rows)
    assert int(rows[3].name.split()[3].replace(",", "")) > DEALS / 5  # everything of the busiest pipeline


def test_new_rows_get_new_ids(base: Database) -> None:
    with base.session_scope() as session:
        contact = Contact(name="Olga", owner_id=1, created_at=utc_now())
        session.add(contact)
        session.flush()
        assert contact.id == DEALS * 3 // 5 + 1


def test_same_seed_makes_the_same_base(database: Database, tmp_path: Path) -> None:
    now = int(utc_now().timestamp())
    other = Database(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    fill(database, DEALS, seed=2, now=now)
    fill(other, DEALS, seed=2, now=now)
    made = ("companies", "contacts", "contact_points", "deal_contacts", "stage_visits", "next_steps", "activities")
    first, second = rows_of_all_tables(database), rows_of_all_tables(other)
    assert [name for name in made if first[name] != second[name]] == []
    other.close()


def test_everything_read_is_measured(base: Database) -> None:
    kind = "sqlite" if base.is_sqlite else "postgresql"
    url = base.url.render_as_string(hide_password=False)
    pages, others, found = measure_reads(Base(kind, url, bases.recipe(DEALS, 1), 0, 0.0), repeats=1)
    assert {"board, admin, hot first", "my day, manager"} <= {row.name for row in pages.rows}
    assert all(row.bar_ms == BAR_MS for row in pages.rows)
    assert others.rows
    assert [row.name for row in found.rows if row.bar_ms is not None] == [
        f"search, {who}, all 32 queries" for who in ("admin", "head", "manager")
    ]


def test_planned_moves_break_no_rule(base: Database) -> None:
    tasks = moves.plan_moves(base, 48)
    assert len({task.deal_id for task in tasks}) == 48
    moves.measure_single(base, tasks[:16])
    assert moves.measure_threads(base, tasks[16:]).refused == Counter()
    with base.read_scope() as session:
        stages = dict(
            session.execute(select(Deal.id, Deal.stage_id).where(Deal.id.in_([t.deal_id for t in tasks]))).all()
        )
        assert stages == {task.deal_id: task.move.to_stage_id for task in tasks}
        assert broken_invariants(session, system_actor()) == []


def test_base_is_made_once_and_again_for_another_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bases, "FOLDER", tmp_path)

    def made(recipe: Recipe) -> Base:
        with open_base("sqlite", recipe) as base:
            return base

    first = made(bases.recipe(50, 1))
    assert made(bases.recipe(50, 1)) == first
    second = made(bases.recipe(50, 2))
    assert second.recipe.seed == 2
    monkeypatch.setattr(bases, "FRESH_SECONDS", -1)
    assert made(bases.recipe(50, 2)).made_at >= second.made_at
    assert [path.suffix for path in tmp_path.iterdir() if "deals_50" in path.name] == [".sqlite3"]
