"""The command that proves the base whole."""

from __future__ import annotations

import argparse

from crm.auth.actors import system_actor
from crm.db import read_scope
from crm.deals.invariants import INVARIANTS, broken_invariants
from crm.deals.retracing import stale_paths
from crm.duplicates.matching_invariants import RULES, broken_matching
from crm.models import Channel, EntityType

BROKEN = 2


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `check`."""
    parser = commands.add_parser("check", help="look for deals, visits, steps and duplicates that do not fit together")
    parser.set_defaults(run=check_here)


def check_here(_arguments: argparse.Namespace) -> int:
    """Print what is broken; return 2 when anything is."""
    with read_scope() as session:
        actor = system_actor(Channel.CLI)
        broken = [*broken_invariants(session, actor), *broken_matching(session, actor), *stale_paths(session, actor)]
    for one in broken:
        more = "" if one.count <= len(one.deal_ids) else ", ..."
        print(f"{one.name}: {one.count} ({', '.join(map(str, one.deal_ids))}{more})")
    if broken:
        return BROKEN
    print(f"Whole: {len(INVARIANTS) + len(RULES) * len(EntityType) + 1} rules hold.")
    return 0
