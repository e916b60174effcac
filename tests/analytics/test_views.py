"""Saved views: own and shared, named once, changed by their owner alone."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.analytics.views import MOST_VIEWS, change_view, delete_view, list_views, save_view
from crm.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound
from crm.models import Event, SavedView
from tests.conftest import Cast

QUERY = {"period": "this-month", "by": "owner"}


def save(session: Session, actor: Actor, name: str = "Mine", *, is_shared: bool = False) -> int:
    return save_view(session, actor, page="conversion", name=name, query=QUERY, is_shared=is_shared)


def names(session: Session, actor: Actor, page: str = "conversion") -> list[str]:
    return [one.name for one in list_views(session, actor, page)]


def test_own_views_come_before_shared_ones_of_the_same_page(session: Session, cast: Cast) -> None:
    save(session, cast.boris, "Team", is_shared=True)
    save(session, cast.boris, "For myself")
    save(session, cast.anna, "Zebra")
    assert names(session, cast.anna) == ["Zebra", "Team"]
    assert names(session, cast.boris) == ["For myself", "Team"]
    assert names(session, cast.anna, "kpi") == []
    shared = list_views(session, cast.anna, "conversion")[1]
    assert (shared.query, shared.is_mine, shared.owner) == (QUERY, False, "Boris")


def test_saving_and_changing_are_told(session: Session, cast: Cast) -> None:
    view_id = save(session, cast.boris)
    change_view(session, cast.boris, view_id=view_id, expected_version=1, query={"by": "team"}, is_shared=True)
    change_view(session, cast.boris, view_id=view_id, expected_version=2, is_shared=True)  # as it is: nothing happens
    delete_view(session, cast.boris, view_id=view_id, expected_version=2)
    events = session.query(Event).order_by(Event.id).all()
    assert [one.kind for one in events] == ["view.saved", "view.changed", "view.deleted"]
    assert events[1].details["changes"] == {"query": [QUERY, {"by": "team"}], "is_shared": [False, True]}
    assert session.query(SavedView).count() == 0


def test_manager_may_not_share(session: Session, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        save(session, cast.anna, is_shared=True)
    view_id = save(session, cast.anna)
    with pytest.raises(Forbidden):
        change_view(session, cast.anna, view_id=view_id, expected_version=1, is_shared=True)
    assert session.get_one(SavedView, view_id).is_shared is False


@pytest.mark.parametrize(
    ("name", "code"), [("Mine", "name_taken"), ("  ", "value_required"), ("x" * 101, "text_too_long")]
)
def test_name_is_refused(name: str, code: str, session: Session, cast: Cast) -> None:
    save(session, cast.anna)
    with pytest.raises(InvalidInput) as caught:
        save(session, cast.anna, name)
    assert [one.code for one in caught.value.violations] == [code]


def test_unknown_page_and_endless_question_are_refused(session: Session, cast: Cast) -> None:
    with pytest.raises(InvalidInput) as caught:
        save_view(session, cast.anna, page="nowhere", name="Mine", query={"source": "x" * 5000})
    assert [one.code for one in caught.value.violations] == ["text_too_long", "choice_unknown"]


def test_views_are_limited(session: Session, cast: Cast) -> None:
    for number in range(MOST_VIEWS):
        save(session, cast.anna, f"View {number}")
    with pytest.raises(InvalidInput) as caught:
        save(session, cast.anna, "One more")
    assert [one.code for one in caught.value.violations] == ["too_many_views"]


def test_another_persons_view_is_not_found_even_when_shared(session: Session, cast: Cast) -> None:
    view_id = save(session, cast.boris, is_shared=True)
    for actor in (cast.anna, cast.dina):
        with pytest.raises(NotFound):
            delete_view(session, actor, view_id=view_id, expected_version=1)
    delete_view(session, cast.vera, view_id=view_id, expected_version=1)  # an administrator clears up
    assert names(session, cast.boris) == []


def test_view_changed_meanwhile_is_kept(session: Session, cast: Cast) -> None:
    view_id = save(session, cast.anna)
    change_view(session, cast.anna, view_id=view_id, expected_version=1, name="Another")
    with pytest.raises(ChangedMeanwhile):
        delete_view(session, cast.anna, view_id=view_id, expected_version=1)
    assert names(session, cast.anna) == ["Another"]
