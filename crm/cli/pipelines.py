"""Commands about pipelines: write them as a description, create what a description or a list of stages describes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from crm.auth.actors import system_actor
from crm.db import read_scope, session_scope
from crm.errors import CrmError
from crm.i18n import LANGUAGES, known_language, ngettext
from crm.models import Channel
from crm.pipelines.descriptions import (
    create_from_description,
    describe_pipelines,
    description_from_text,
    read_description,
)
from crm.pipelines.reads import list_pipelines, load_pipeline

ACTOR = system_actor(Channel.CLI)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `pipelines export` and `pipelines create`."""
    pipelines = commands.add_parser("pipelines", help="pipelines as descriptions in TOML").add_subparsers(
        required=True, metavar="command"
    )
    export = pipelines.add_parser("export", help="write pipelines, with the links between them, to the output")
    export.add_argument("pipelines", nargs="*", metavar="PIPELINE", help="id or name; default all in use")
    export.set_defaults(run=export_pipelines)
    create = pipelines.add_parser("create", help="create the pipelines of a file")
    create.add_argument("file", type=Path, metavar="FILE.toml", help="a description, or names of stages, one a line")
    create.add_argument("--language", choices=sorted(LANGUAGES), default="ru", help="of texts written in several")
    create.set_defaults(run=create_pipelines)


def export_pipelines(arguments: argparse.Namespace) -> None:
    """Print the description of some pipelines, or of all."""
    with read_scope() as session:
        known = list_pipelines(session, with_archived=bool(arguments.pipelines))
        chosen = [one.id for one in known if not arguments.pipelines]
        for name in dict.fromkeys(arguments.pipelines):
            found = [one.id for one in known if name in {str(one.id), one.name}]
            if not found:
                raise CrmError("pipeline_unknown", name=name)
            chosen += [one for one in found if one not in chosen]
        sys.stdout.write(describe_pipelines(session, chosen))


def create_pipelines(arguments: argparse.Namespace) -> None:
    """Create the pipelines of a file."""
    path: Path = arguments.file
    if not path.is_file():
        raise CrmError("file_missing", name=path.name)
    content = path.read_bytes()
    is_toml = path.suffix.lower() == ".toml"
    description = read_description(content) if is_toml else description_from_text(content, name=path.stem)
    with session_scope() as session:
        created = create_from_description(
            session, ACTOR, description=description, language=known_language(arguments.language)
        )
        names = [load_pipeline(session, one).name for one in created]
    print(ngettext("{n} pipeline created", "{n} pipelines created", len(names)) + ": " + ", ".join(names))
