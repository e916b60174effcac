"""`duplicates explain`: why two rows of a file are taken for the same or not, in words."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date

from crm.cli.duplicates_file import LeadFile, add_file_options, entity_of, open_leads, own_identifiers
from crm.contacts.normalise import readable_phone
from crm.errors import CrmError
from crm.i18n import _
from crm.i18n.formats import day, decimal_mark
from crm.i18n.match_texts import chance, guard_sentence, line_sentence
from crm.matching.batch import match_all
from crm.matching.lead_evidence import evidence_of_leads
from crm.matching.lead_files import LeadReader, identified
from crm.matching.model import MatchModel, default_model
from crm.matching.normalise import make_evidence
from crm.matching.values import Match, MatchLine, RawRecord

_WIDTH = 78


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `duplicates explain`."""
    parser = commands.add_parser("explain", help="tell why two rows of a file are the same or not")
    add_file_options(parser)
    parser.add_argument("ids", nargs=2, metavar="ID", help="record ids, or numbers of rows where there are no ids")
    parser.set_defaults(run=explain_pair)


def explain_pair(arguments: argparse.Namespace) -> None:
    """Print the waterfall of a pair by the statistics of its file."""
    leads = open_leads(arguments)
    raws = [_found(leads, record_id) for record_id in arguments.ids]
    own = own_identifiers(arguments)
    entity_type = entity_of(arguments)
    records = evidence_of_leads(leads.layout, leads.rows(), entity_type, own=own)
    model = default_model(entity_type)
    result = match_all(records, model)
    left, right = (make_evidence(raw, own) for raw in raws)
    match = result.scorer.score(left, right)
    for raw in raws:
        print(f"{raw.record_id}: {_summary(raw)}")
    print()
    for line in _waterfall(match):
        print(line)
    print()
    clusters = {record.record_id: cluster for record, cluster in zip(records, result.clusters, strict=True)}
    for sentence in _verdict(match, model, is_together=clusters[left.record_id] == clusters[right.record_id]):
        print(sentence)


def _found(leads: LeadFile, record_id: str) -> RawRecord:
    reader = LeadReader(leads.layout)
    for found, cells in identified(leads.layout, leads.rows()):
        if found == record_id:
            return reader.record(found, cells)
    raise CrmError("lead_id_missing", id=record_id)


def _summary(raw: RawRecord) -> str:
    parts = (
        raw.name or f"{raw.surname} {raw.given_name}".strip(),
        *raw.phones,
        *raw.emails,
        raw.company,
        raw.inn,
        raw.city,
        raw.address,
        raw.zip_code,
        raw.date_of_birth,
        raw.identifier,
        raw.comment,
    )
    return " · ".join(part for part in parts if part)


def _waterfall(match: Match) -> Iterator[str]:
    for line in match.lines:
        if line.weight:
            yield f"  {_sentence(line):{_WIDTH}} {_signed(line.weight):>7}"
    total = _("Together: {chance} that they are the same", chance=chance(match.probability))
    yield f"= {total:{_WIDTH}} {_signed(match.weight):>7}"


def _verdict(match: Match, model: MatchModel, *, is_together: bool) -> Iterator[str]:
    for guard in match.guards:
        yield guard_sentence(guard)
    if match.weight >= model.auto_at and not match.guards:
        yield _("It may be merged without a person: {weight} or more.", weight=_signed(model.auto_at))
    elif match.weight >= model.review_at:
        yield _("A person decides: below {weight}, or something speaks against it.", weight=_signed(model.auto_at))
    else:
        yield _("Too little to show: below {weight}.", weight=_signed(model.review_at))
    yield _("The file's clusters have them together.") if is_together else _("The file's clusters keep them apart.")
    yield _("Weights are log2 odds: +1 doubles the odds, −1 halves them.")


def _sentence(line: MatchLine) -> str:
    left, right = line.left, line.right
    if line.code.startswith("time_"):
        left, right = (day(date.fromisoformat(text)) for text in (left, right))
    if "phone" in line.code or line.code == "landline_equal":
        left, right = (", ".join(_phone(one) for one in text.split(", ")) for text in (left, right))
    return line_sentence(line.code, line.weight, left, right)


def _phone(value: str) -> str:
    # Behind an x stands a number whose area code nobody told.
    return value.removeprefix("x") if value.startswith("x") else readable_phone(value)


def _signed(weight: float) -> str:
    sign = "+" if weight > 0 else "−" if weight < 0 else ""
    return f"{sign}{abs(weight):.1f}".replace(".", decimal_mark())
