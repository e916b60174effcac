"""Commands that sign people out."""

from __future__ import annotations

import argparse

from sqlalchemy import select

from crm.auth.actors import system_actor
from crm.auth.fields import clean_email
from crm.auth.sessions import end_every_session, end_user_sessions
from crm.db import session_scope
from crm.errors import NotFound
from crm.models import Channel, User

ACTOR = system_actor(Channel.CLI)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `sessions end`."""
    sessions = commands.add_parser("sessions", help="signed-in browsers").add_subparsers(
        required=True, metavar="command"
    )
    end = sessions.add_parser("end", help="sign out one user, or everybody")
    whose = end.add_mutually_exclusive_group(required=True)
    whose.add_argument("--all", action="store_true", help="everybody")
    whose.add_argument("--user", metavar="EMAIL", help="the user with this e-mail")
    end.set_defaults(run=end_sessions)


def end_sessions(arguments: argparse.Namespace) -> None:
    """End the sessions and print how many there were."""
    with session_scope() as session:
        if arguments.all:
            count = end_every_session(session, ACTOR)
        else:
            user_id = session.scalar(select(User.id).where(User.email == clean_email(arguments.user)))
            if user_id is None:
                raise NotFound(entity="user")
            count = end_user_sessions(session, ACTOR, user_id)
    print(f"Sessions ended: {count}")
