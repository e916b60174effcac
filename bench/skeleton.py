"""The small part of a generated base: the company, its people and its pipelines, made by the rooms' own commands."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from bench import words
from crm.auth.actors import DEFAULT_VISIBILITY, system_actor
from crm.clock import utc_now
from crm.models import Channel, FieldType, Role, Team, User, Workspace
from crm.pipelines.commands import StagePlan, create_pipeline
from crm.pipelines.fields import ReasonPlan, add_loss_reason, create_field
from crm.pipelines.reads import load_pipeline
from crm.pipelines.values import custom_key

TEAMS = 20
TEAM_SIZE = 10  # the first of each team is its head
USERS = TEAMS * TEAM_SIZE
FIELDS = (
    ("Чем занимается клиент", FieldType.TEXT),
    ("Что покупает", FieldType.TEXT),
    ("Тонн в месяц", FieldType.NUMBER),
    ("Нынешний поставщик", FieldType.TEXT),
    ("Договор подписан", FieldType.YES_NO),
    ("Лимит отсрочки", FieldType.MONEY),
)
# What the open stages require, first to last; numbers are custom fields, counted from one.
REQUIRED: tuple[tuple[str | int, ...], ...] = (
    (),
    ("contact",),
    (1, 2),
    (3, "amount"),
    (4,),
    ("source",),
    (5,),
    (6, "expected_close_on"),
)


@dataclass(frozen=True, slots=True)
class Sales:
    """A generated pipeline: ids of its stages and reasons of loss."""

    id: int
    stages: tuple[int, ...]
    won: int
    lost: int
    reasons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What the mass of rows hangs on; owners are the users who own deals, `admin_id` is one more."""

    owners: tuple[int, ...]
    admin_id: int
    fields: tuple[int, ...]
    pipelines: tuple[Sales, ...]


def build_skeleton(session: Session) -> Skeleton:
    """Insert the company, 20 teams of 10 users, an admin, 6 custom fields and 6 pipelines of 8 open stages."""
    _add_workspace(session)
    owners = _add_people(session)
    admin = User(email="admin@example.com", name="Администратор", role=Role.ADMIN, created_at=utc_now())
    session.add(admin)
    session.flush()
    actor = system_actor(Channel.CLI)
    fields = [create_field(session, actor, name=name, field_type=kind) for name, kind in FIELDS]
    plans = [
        StagePlan(name, norm_seconds=3 * 86400, required=tuple(_key(one, fields) for one in required))
        for name, required in zip(words.OPEN_STAGES, REQUIRED, strict=True)
    ]
    ids = [create_pipeline(session, actor, name=name, stages=plans) for name in words.PIPELINES]
    for pipeline_id in ids:
        for reason in words.LOSS_REASONS:
            add_loss_reason(session, actor, pipeline_id=pipeline_id, plan=ReasonPlan(reason))
    return Skeleton(tuple(owners), admin.id, tuple(fields), tuple(_sales(session, one) for one in ids))


def _add_workspace(session: Session) -> None:
    session.add(
        Workspace(
            id=1,
            name="Металлоторг",
            language="ru",
            currency="RUB",
            timezone="Europe/Moscow",
            phone_region="RU",
            visibility={role.value: scope.value for role, scope in DEFAULT_VISIBILITY.items()},
            created_at=utc_now(),
        )
    )


def _add_people(session: Session) -> list[int]:
    teams = [Team(name=f"Отдел {number}") for number in range(1, TEAMS + 1)]
    session.add_all(teams)
    session.flush()
    users = [
        User(
            email=f"user{number}@example.com",
            name=f"{words.SURNAMES[number % len(words.SURNAMES)]} {words.MALE_NAMES[number % len(words.MALE_NAMES)]}",
            role=Role.HEAD if number % TEAM_SIZE == 0 else Role.MANAGER,
            team_id=teams[number // TEAM_SIZE].id,
            created_at=utc_now(),
        )
        for number in range(USERS)
    ]
    session.add_all(users)
    session.flush()
    return [user.id for user in users]


def _key(required: str | int, fields: list[int]) -> str:
    return required if isinstance(required, str) else custom_key(fields[required - 1])


def _sales(session: Session, pipeline_id: int) -> Sales:
    pipeline = load_pipeline(session, pipeline_id)
    return Sales(
        pipeline.id,
        tuple(stage.id for stage in pipeline.open_stages),
        pipeline.won_stage.id,
        pipeline.lost_stage.id,
        tuple(reason.id for reason in pipeline.loss_reasons),
    )
