"""Commands about figures: working out anew how far deals came."""

from __future__ import annotations

import argparse
from typing import Any

from crm.auth.actors import system_actor
from crm.db import get_database, read_scope
from crm.deals.retracing import retrace_base
from crm.errors import CrmError
from crm.jobs import LooseRun
from crm.models import Channel
from crm.pipelines.reads import list_pipelines


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `analytics retrace`."""
    analytics = commands.add_parser("analytics", help="what figures stand on").add_subparsers(
        required=True, metavar="command"
    )
    retrace = analytics.add_parser("retrace", help="work out anew how far deals came, from their stays on stages")
    retrace.add_argument("--pipeline", metavar="NAME", help="id or name of a pipeline; default all")
    retrace.set_defaults(run=retrace_now)


def retrace_now(arguments: argparse.Namespace) -> None:
    """Do it at once and print of how many deals."""
    wanted: dict[str, Any] = {}
    if arguments.pipeline is not None:
        wanted["pipeline_id"] = _pipeline_id(arguments.pipeline)
    result = retrace_base(get_database(), system_actor(Channel.CLI), LooseRun(_print_progress), wanted)
    print(f"{result['deals']} deals")


def _pipeline_id(name: str) -> int:
    with read_scope() as session:
        for one in list_pipelines(session, with_archived=True):
            if name in {str(one.id), one.name}:
                return one.id
    raise CrmError("pipeline_unknown", name=name)


def _print_progress(done: int, total: int | None) -> None:
    if total and done % 100_000 == 0:
        print(f"{done} / {total}")
