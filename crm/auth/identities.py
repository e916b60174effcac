"""Identities at an OpenID provider: whose account one is, and linking it once to an existing account."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm.auth.actors import load_actor
from crm.auth.fields import clean_email
from crm.events import record
from crm.models import Channel, User


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider has told, with its signature checked."""

    issuer: str
    subject: str
    email: str
    is_email_verified: bool


def user_of_identity(session: Session, identity: Identity) -> int | None:
    """Return the active user of an identity, or None.

    A known (issuer, subject) decides alone. An unknown one is linked to the active user with the same e-mail where
    the provider has verified it and the account has no other identity; nobody is ever added.
    """
    known = session.scalars(
        select(User).where(User.oidc_issuer == identity.issuer, User.oidc_subject == identity.subject)
    ).one_or_none()
    if known is not None:
        return known.id if known.is_active else None
    email = clean_email(identity.email)
    if not email or not identity.is_email_verified:
        return None
    user = session.scalars(select(User).where(User.email == email, User.is_active)).one_or_none()
    if user is None or user.oidc_subject is not None:
        return None
    user.oidc_issuer, user.oidc_subject = identity.issuer, identity.subject
    session.flush()
    actor = load_actor(session, user.id, Channel.UI)
    record(session, actor, "auth.identity_linked", "user", user.id, issuer=identity.issuer)
    return user.id
