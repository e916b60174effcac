"""The command `lint`: what stands in a pipeline's way, in the base or in a description, and bare stage names."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from crm.auth.actors import system_actor
from crm.cli.lint_names import lint_names
from crm.db import read_scope
from crm.errors import CrmError, InvalidInput
from crm.i18n import _, current_reader, ngettext
from crm.i18n.lint_texts import finding_sentence, why
from crm.i18n.texts import error_sentence, violation_sentence
from crm.models import Channel
from crm.pipelines.descriptions import description_from_names, read_description
from crm.pipelines.linter.foreign import facts_of_description, names_alone
from crm.pipelines.linter.runs import Health, Told, health_of, load_health
from crm.pipelines.linter.values import Severity
from crm.pipelines.reads import list_pipelines

NAMES = "names"
FOUND_ERRORS, BAD_INPUT = 1, 2
FORMATS = ("text", "json")
ACTOR = system_actor(Channel.CLI)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `lint`."""
    parser = commands.add_parser(
        "lint",
        help="look pipelines over, or judge stage names of a CSV file",
        usage="python -m crm.cli lint [PIPELINE|FILE.toml] [--format text|json]\n"
        "       python -m crm.cli lint names FILE.csv --out OUT.csv",
    )
    parser.add_argument(
        "target",
        nargs="?",
        metavar="PIPELINE|FILE.toml",
        help="id or name of a pipeline, or a description; default all",
    )
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.csv", help="after `names`: the names to judge")
    parser.add_argument("--out", type=Path, metavar="OUT.csv", help="after `names`: where the verdicts go")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.set_defaults(run=lint, parser=parser)


def lint(arguments: argparse.Namespace) -> int:
    """Lint what was named; return 0 without findings of severity error, 1 with some, 2 for what can't be linted."""
    if arguments.target == NAMES:
        if arguments.file is None or arguments.out is None:
            arguments.parser.error("names needs FILE.csv and --out OUT.csv")
        return lint_names(arguments.file, arguments.out)
    if arguments.file is not None or arguments.out is not None:
        arguments.parser.error("FILE.csv and --out belong to `names`")
    try:
        healths = _healths(arguments.target)
    except CrmError as error:
        broken = error.violations if isinstance(error, InvalidInput) else ()
        told = [f"{one.field}: {violation_sentence(one)}" if one.field else violation_sentence(one) for one in broken]
        print("\n  ".join([error_sentence(error), *told]), file=sys.stderr)
        return BAD_INPUT
    if arguments.format == "json":
        print(json.dumps({"pipelines": [_tree(one) for one in healths]}, ensure_ascii=False, indent=2))
    else:
        print("\n\n".join(_text(one) for one in healths))
    errors = [one for health in healths for one in health.to_mend if one.finding.severity is Severity.ERROR]
    return FOUND_ERRORS if errors else 0


def _healths(target: str | None) -> list[Health]:
    if target is not None and (target.lower().endswith(".toml") or Path(target).is_file()):
        return _described(Path(target))
    with read_scope() as session:
        known = list_pipelines(session, with_archived=target is not None)
        chosen = [one for one in known if target is None or target in {str(one.id), one.name}]
        if target is not None and not chosen:
            raise CrmError("pipeline_unknown", name=target)
        return [load_health(session, ACTOR, one.id) for one in chosen]


def _described(path: Path) -> list[Health]:
    if not path.is_file():
        raise CrmError("file_missing", name=path.name)
    language, content = current_reader().language, path.read_bytes()
    if path.suffix.lower() == ".toml":
        return [health_of(facts) for facts in facts_of_description(read_description(content), language)]
    # Any other file holds bare names, one a line.
    description = description_from_names(content, name=path.stem)
    return [health_of(names_alone(facts)) for facts in facts_of_description(description, language)]


def _tree(health: Health) -> dict[str, Any]:
    return {
        "id": health.pipeline.id,
        "name": health.pipeline.name,
        "score": health.score,
        "findings": [_finding_tree(one) for one in health.told],
    }


def _finding_tree(told: Told) -> dict[str, Any]:
    finding, acceptance = told.finding, told.acceptance
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "message": finding_sentence(finding.code, finding.variants, finding.params),
        "why": why(finding.code),
        "evidence": dict(finding.params),
        "deals": [{"which": door.behind.value, "count": door.count} for door in finding.doors],
        "fixes": [{"kind": type(fix).__name__, **asdict(fix)} for fix in finding.fixes],
        "accepted": None
        if acceptance is None
        else {"reason": acceptance.reason, "author": acceptance.author, "at": acceptance.at.isoformat()},
    }


def _text(health: Health) -> str:
    count = len(health.to_mend)
    lines = [
        _("{name}: {score} of 100", name=health.pipeline.name, score=health.score)
        + (f", {ngettext('{n} thing to mend', '{n} things to mend', count)}" if count else "")
    ]
    for one in health.told:
        finding = one.finding
        accepted = f" ({_('accepted')}: {one.acceptance.reason})" if one.acceptance else ""
        sentence = finding_sentence(finding.code, finding.variants, finding.params)
        lines.append(f"  {finding.code} {finding.severity.value}: {sentence}{accepted}")
    return "\n".join(lines)
