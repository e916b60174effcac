"""The first start: the one-time set-up link, and the first administrator with the company."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from crm.actor import Actor
from crm.auth import passwords
from crm.auth.actors import system_actor
from crm.auth.fields import MAX_NAME, clean_email, email_violations
from crm.auth.one_time_links import create_link, is_living, link_url, spend_link
from crm.auth.permissions import Action, require
from crm.auth.workspace import WorkspaceValues, create_workspace, workspace_violations
from crm.errors import NotFound, Violation, refuse_if_any
from crm.events import record
from crm.models import Channel, Role, TokenKind, User, Workspace
from crm.settings import get_settings
from crm.typed_text import clean_line, line_violations

# What an installation begins with when its first administrator is made without the browser.
STARTING_VALUES = WorkspaceValues("Voronka", "ru", "RUB", "Europe/Moscow", "RU")


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """Who will look after the installation."""

    name: str
    email: str
    password: str


def needs_setup(session: Session) -> bool:
    """Tell whether nobody can sign in yet because there is no user at all."""
    return not session.scalar(select(exists(select(User.id))))


def prepare_first_start(session: Session, now: datetime) -> str | None:
    """Make the first administrator named in the settings, else return the address of a new set-up link.

    Nothing is made, and None returned, once a user exists.
    Errors: InvalidInput when the settings name an unusable e-mail or password.
    """
    settings = get_settings()
    if not needs_setup(session):
        return None
    if not settings.first_admin_email:
        return link_url(TokenKind.SETUP, create_link(session, TokenKind.SETUP, None, now))
    email, password = settings.first_admin_email, settings.first_admin_password.get_secret_value()
    admin = FirstAdmin(email.split("@")[0], email, password)
    create_first_admin(session, admin=admin, company=STARTING_VALUES, now=now)
    return None


def ensure_workspace(session: Session, actor: Actor, now: datetime) -> None:
    """Add the company with starting values where there is none yet.

    Errors: Forbidden.
    """
    require(actor, Action.MANAGE_WORKSPACE)
    if session.get(Workspace, 1) is None:
        create_workspace(session, actor, values=STARTING_VALUES, now=now)


def setup_is_open(session: Session, token: str, now: datetime) -> bool:
    """Tell whether the set-up page may be shown for this token."""
    return needs_setup(session) and is_living(session, TokenKind.SETUP, token, now)


def set_up(session: Session, *, token: str, admin: FirstAdmin, company: WorkspaceValues, now: datetime) -> int:
    """Spend the set-up link; add the company and its first administrator; return the administrator's id.

    Errors: NotFound when the link is spent, too old, or any user exists; InvalidInput, whose fields of the company
    begin with "company_".
    """
    if not needs_setup(session):
        raise NotFound(entity="link")
    spend_link(session, TokenKind.SETUP, token, now)
    return create_first_admin(session, admin=admin, company=company, now=now)


def create_first_admin(
    session: Session, *, admin: FirstAdmin, company: WorkspaceValues, now: datetime, channel: Channel = Channel.SYSTEM
) -> int:
    """Add the company and its first administrator on an empty installation; return the administrator's id.

    Errors: NotFound when any user exists; InvalidInput.
    """
    if not needs_setup(session):
        raise NotFound(entity="link")
    refuse_if_any(setup_violations(admin, company))
    actor = system_actor(channel)
    if session.get(Workspace, 1) is None:
        create_workspace(session, actor, values=company, now=now)
    user = User(
        email=clean_email(admin.email),
        name=clean_line(admin.name),
        role=Role.ADMIN,
        password_hash=passwords.hash_password(admin.password),
        created_at=now,
    )
    session.add(user)
    session.flush()
    record(session, actor, "user.created", "user", user.id, role=user.role.value)
    return user.id


def setup_violations(admin: FirstAdmin, company: WorkspaceValues) -> list[Violation]:
    """Return all that is wrong with the typed values, so that the page can show everything at once."""
    broken = line_violations(admin.name, "name", MAX_NAME, required=True)
    broken += email_violations(clean_email(admin.email))
    broken += passwords.password_violations(admin.password, words=[admin.name, admin.email, company.name])
    broken += [
        Violation(violation.code, f"company_{violation.field}", violation.params)
        for violation in workspace_violations(company)
    ]
    return broken
