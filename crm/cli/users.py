"""Commands about users: add one, list them."""

from __future__ import annotations

import argparse
import sys

from crm.auth.actors import system_actor
from crm.auth.one_time_links import link_url
from crm.auth.setup import ensure_workspace
from crm.auth.users import create_user, give_first_password, invite_user, list_users
from crm.clock import utc_now
from crm.db import read_scope, session_scope
from crm.models import Channel, Role, TokenKind

ACTOR = system_actor(Channel.CLI)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `users add` and `users list`."""
    users = commands.add_parser("users", help="users of this installation").add_subparsers(
        required=True, metavar="command"
    )
    add = users.add_parser("add", help="add a user; prints a link to choose a password unless one is given")
    add.add_argument("--email", required=True)
    add.add_argument("--name", required=True)
    add.add_argument("--role", choices=[role.value for role in Role], default=Role.MANAGER.value)
    add.add_argument("--password-stdin", action="store_true", help="read the password from the first line of stdin")
    add.set_defaults(run=add_user)
    users.add_parser("list", help="print id, role, state, e-mail and name").set_defaults(run=print_users)


def add_user(arguments: argparse.Namespace) -> None:
    """Add a user, on an empty installation with the company; print the invitation unless a password came."""
    password = sys.stdin.readline().rstrip("\r\n") if arguments.password_stdin else None
    now = utc_now()
    with session_scope() as session:
        ensure_workspace(session, ACTOR, now)
        user_id = create_user(
            session,
            ACTOR,
            email=arguments.email,
            name=arguments.name,
            role=Role(arguments.role),
            team_id=None,
            now=now,
        )
        if password is None:
            link = link_url(TokenKind.INVITE, invite_user(session, ACTOR, user_id, now=now))
        else:
            give_first_password(session, ACTOR, user_id, password=password)
            link = ""
    print(f"User {user_id} was added.")
    if link:
        print(f"The link for choosing a password works once, for 72 hours:\n  {link}")


def print_users(_arguments: argparse.Namespace) -> None:
    """Print one user a line, fields separated by tabs."""
    with read_scope() as session:
        for user in list_users(session, ACTOR):
            state = "active" if user.is_active else "off"
            print(f"{user.id}\t{user.role.value}\t{state}\t{user.email}\t{user.name}")
