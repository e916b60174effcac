"""Who may do what to whose records: every cell of the matrix by doing it."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth.actors import load_actor
from crm.deals.board import BoardFilter, load_board
from crm.deals.moves import Move, move_deal
from crm.deals.reads import load_deal
from crm.errors import CrmError, Forbidden, NotFound
from crm.models import Channel, Event, Role, Scope, Workspace
from crm.settings import ROOT
from tests.conftest import Cast
from tests.roles.matrix import GROUPS, INNER, ROWS, Row
from tests.roles.scene import Belongings, Scene, set_scene

ROOMS = ("auth", "pipelines", "contacts", "deals", "duplicates")
# Of analytics those that edges call: what charts are made of is tried by the contract test, for each actor.
MODULES = tuple(f"crm.analytics.{one}" for one in ("choices", "listing", "survival", "targets", "views"))
EDGES = ("app.py", "pages/*.py", "crm/ui/*.py", "crm/api/**/*.py", "crm/cli/*.py", "crm/worker/*.py")

# All rows of a group are tried on one scene: each cell is taken back.
each_group = pytest.mark.parametrize("rows", GROUPS.values(), ids=list(GROUPS))


@pytest.fixture
def scene(session: Session, cast: Cast) -> Scene:
    return set_scene(session, cast)


# The matrix is whole


def test_every_command_and_read_has_a_row() -> None:
    listed = {name_of(function) for function in ROWS}
    taking_an_actor = {name_of(function) for function in functions_taking_an_actor()}
    assert taking_an_actor - listed - INNER == set(), "give each a row in tests/roles/matrix.py"
    assert listed | INNER <= taking_an_actor
    assert listed & INNER == set()


def test_edges_call_no_inner_part_of_a_command() -> None:
    assert {name for pattern in EDGES for path in ROOT.glob(pattern) for name in imported_names(path)} & INNER == set()


# Its cells


@each_group
def test_command_is_allowed_forbidden_or_not_found(
    session: Session, scene: Scene, subtests: pytest.Subtests, rows: dict[Callable[..., Any], Row]
) -> None:
    for function, row in rows.items():
        with subtests.test(function=name_of(function)):
            expected, found = {}, {}
            for name, actor in scene.actors.items():
                owners = {"own": name} if row.sight is None or row.lists else scene.one_of_each(name)
                for relation, owner in owners.items():
                    expected[name, relation] = outcome_expected(row, scene, name, relation)
                    found[name, relation] = outcome(session, row, scene, actor, scene.belongings[owner])
            assert found == expected


@each_group
def test_hidden_record_is_refused_in_the_words_for_a_missing_one(
    session: Session, scene: Scene, subtests: pytest.Subtests, rows: dict[Callable[..., Any], Row]
) -> None:
    for function, row in rows.items():
        with subtests.test(function=name_of(function)):
            for actor, owner in hidden_owners(row, scene):
                hidden = refusal(session, row, scene, actor, scene.belongings[owner])
                missing = refusal(session, row, scene, actor, Belongings())
                assert hidden == missing
                assert hidden[:2] == ("NotFound", "not_found")


def test_wider_sight_opens_reads_and_commands_alike(session: Session, scene: Scene) -> None:
    workspace = session.get_one(Workspace, 1)
    hidden = scene.belongings["anton"].deal
    for scope, seen in ((Scope.OWN, {"anna"}), (Scope.TEAM, {"anna", "anton", "boris"}), (Scope.ALL, None)):
        workspace.visibility = {**workspace.visibility, Role.MANAGER.value: scope.value}
        session.flush()
        anna = load_actor(session, scene.belongings["anna"].user, Channel.API)
        columns = load_board(session, anna, BoardFilter(scene.pipeline.id)).columns
        shown = {card.id for column in columns for card in column.cards}
        assert shown == {one.deal for name, one in scene.belongings.items() if seen is None or name in seen}
        if scope is Scope.OWN:
            with pytest.raises(NotFound):
                load_deal(session, anna, hidden)
        else:
            assert load_deal(session, anna, hidden).id == hidden
    move_deal(session, anna, deal_id=hidden, move=Move(scene.pipeline.stages[1]))
    assert session.query(Event).filter_by(kind="deal.moved").one().actor_id == anna.user_id


def name_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__name__}"


def functions_taking_an_actor() -> Iterator[Callable[..., Any]]:
    packages = {room: import_module(f"crm.{room}").__path__ for room in ROOMS}
    names = [info.name for room, path in packages.items() for info in pkgutil.walk_packages(path, f"crm.{room}.")]
    for module in map(import_module, (*names, *MODULES)):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            parameters = list(inspect.signature(function).parameters)
            is_own = function.__module__ == module.__name__ and not name.startswith("_")
            if is_own and parameters[:2] == ["session", "actor"]:
                yield function


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def outcome_expected(row: Row, scene: Scene, name: str, relation: str) -> object:
    role = scene.actors[name].role
    if role not in row.roles:
        return "Forbidden"
    if row.lists and row.sight is not None:
        return {owner for owner in scene.belongings if scene.relation(name, owner) in row.sight[role]}
    return "allowed" if row.sight is None or relation in row.sight[role] else "NotFound"


def outcome(session: Session, row: Row, scene: Scene, actor: Actor, owned: Belongings) -> object:
    try:
        with undone(session, row), nothing_written_when_refused(session):
            answer = row.do(session, actor, scene, owned)
            session.flush()
    except (Forbidden, NotFound) as error:
        return type(error).__name__
    return answer if row.lists else "allowed"


def hidden_owners(row: Row, scene: Scene) -> list[tuple[Actor, str]]:
    """Return who could do it, and to whose records they may not."""
    sight = row.sight if row.sight and not row.lists else {}
    return [
        (actor, owner)
        for name, actor in scene.actors.items()
        for relation, owner in scene.one_of_each(name).items()
        if actor.role in row.roles and actor.role in sight and relation not in sight[actor.role]
    ]


def refusal(session: Session, row: Row, scene: Scene, actor: Actor, owned: Belongings) -> tuple[str, str, list[str]]:
    with pytest.raises(CrmError) as caught, undone(session, row):
        row.do(session, actor, scene, owned)
    return type(caught.value).__name__, caught.value.code, sorted(caught.value.params)


@contextmanager
def undone(session: Session, row: Row) -> Iterator[None]:
    """Take back what the block does, whether it is refused or not."""
    transaction = session.begin_nested()
    if row.prepare:
        row.prepare(session)
    try:
        yield
    finally:
        transaction.rollback()


@contextmanager
def nothing_written_when_refused(session: Session) -> Iterator[None]:
    """Fail when a refused command has sent a row to the database or has one waiting: then nothing can change."""
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            written.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    except CrmError:
        assert written == []
        assert not session.new
        assert not session.deleted
        assert not any(session.is_modified(row) for row in session.dirty)
        raise
    finally:
        event.remove(engine, "before_cursor_execute", note)
