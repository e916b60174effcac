"""Teams: named once, removed when empty."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from crm.auth.teams import TeamRow, create_team, delete_team, list_teams, rename_team
from crm.errors import InvalidInput, NotFound
from tests.conftest import Cast
from tests.refusals import refused


def test_list_counts_members(session: Session, cast: Cast) -> None:
    team_id = create_team(session, cast.vera, name="  Cold   sales ")
    assert list_teams(session, cast.vera) == [
        TeamRow(team_id, "Cold sales", 0),
        TeamRow(cast.anna.team_id or 0, "Team 1", 3),
        TeamRow(cast.dina.team_id or 0, "Team 2", 1),
    ]


@pytest.mark.parametrize(
    ("name", "code"), [("", "value_required"), ("x" * 201, "text_too_long"), ("Team 2", "name_taken")]
)
def test_unusable_name_is_refused(session: Session, cast: Cast, name: str, code: str) -> None:
    with refused(session, InvalidInput) as refusal:
        create_team(session, cast.vera, name=name)
    assert refusal.told == [(code, "name")]
    with refused(session, InvalidInput) as refusal:
        rename_team(session, cast.vera, cast.anna.team_id or 0, name=name)
    assert refusal.told == [(code, "name")]


def test_team_is_renamed_also_to_its_own_name(session: Session, cast: Cast) -> None:
    rename_team(session, cast.vera, cast.anna.team_id or 0, name="Team 1")
    rename_team(session, cast.vera, cast.anna.team_id or 0, name="Hunters")
    assert [team.name for team in list_teams(session, cast.vera)] == ["Hunters", "Team 2"]


def test_team_with_members_stays(session: Session, cast: Cast) -> None:
    with refused(session, InvalidInput) as refusal:
        delete_team(session, cast.vera, cast.dina.team_id or 0)
    assert refusal.codes == ["team_not_empty"]


def test_empty_team_goes(session: Session, cast: Cast) -> None:
    team_id = create_team(session, cast.vera, name="Cold sales")
    delete_team(session, cast.vera, team_id)
    with refused(session, NotFound):
        rename_team(session, cast.vera, team_id, name="Again")
