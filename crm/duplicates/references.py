"""What becomes of everything that points to a record when it is merged into another: one policy per column.

A test walks over the model metadata: a foreign key, an id without a key or a JSON column that is not told of here
fails it. So whoever adds a table says what a merge does with its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from crm.models import EntityType

CONTACT, COMPANY, DEAL = EntityType.CONTACT, EntityType.COMPANY, EntityType.DEAL


class Policy(StrEnum):
    """What a merge does with rows that point to the merged record."""

    MOVE = "move"  # they point to the survivor
    UNITE = "unite"  # as move, but for those that the survivor has by the natural key
    STAY = "stay"  # history of the merged record; reads follow `merged_into_id`
    REBUILD = "rebuild"  # derived; made anew
    REFUSE = "refuse"  # a record with such rows can't be merged


class Doubles(StrEnum):
    """What becomes of a row that the survivor has already."""

    STAY = "stay"  # it stays with the hidden record
    OUT = "out"  # its other end lives on and must not see a hidden record: taken out, kept in the merge


@dataclass(frozen=True, slots=True)
class Reference:
    """One column that points to records: of one type by a key, or of the type that `type_column` names."""

    table: str
    column: str
    target: EntityType | None
    policy: Policy
    type_column: str | None = None
    key: tuple[str, ...] = ()  # unite: the columns that make two rows the same
    doubles: Doubles = Doubles.STAY
    kind: str | None = None  # under which plans count the rows; None: not counted

    @property
    def name(self) -> str:
        """Return table and column."""
        return f"{self.table}.{self.column}"

    def points_to(self, entity_type: EntityType) -> bool:
        """Tell whether rows may point to records of a type."""
        return self.target in {None, entity_type}


def _any(table: str, column: str, type_column: str, policy: Policy, kind: str | None = None) -> Reference:
    return Reference(table, column, None, policy, type_column=type_column, kind=kind)


REFERENCES: tuple[Reference, ...] = (
    Reference("companies", "merged_into_id", COMPANY, Policy.STAY),  # chains are followed
    Reference("contacts", "merged_into_id", CONTACT, Policy.STAY),
    Reference("deals", "merged_into_id", DEAL, Policy.STAY),
    Reference("companies", "parent_id", COMPANY, Policy.MOVE, kind="companies"),
    Reference("contacts", "company_id", COMPANY, Policy.MOVE, kind="contacts"),
    Reference("deals", "company_id", COMPANY, Policy.MOVE, kind="deals"),
    Reference("contact_points", "contact_id", CONTACT, Policy.UNITE, key=("kind", "normalised"), kind="contact_points"),
    Reference("contact_points", "company_id", COMPANY, Policy.UNITE, key=("kind", "normalised"), kind="contact_points"),
    Reference(
        "deal_contacts", "contact_id", CONTACT, Policy.UNITE, key=("deal_id",), doubles=Doubles.OUT, kind="deals"
    ),
    Reference("deal_contacts", "deal_id", DEAL, Policy.UNITE, key=("contact_id",), kind="contacts"),
    Reference("activities", "contact_id", CONTACT, Policy.MOVE, kind="activities"),
    Reference("activities", "deal_id", DEAL, Policy.MOVE, kind="activities"),
    Reference("next_steps", "deal_id", DEAL, Policy.MOVE, kind="next_steps"),
    Reference("objections", "deal_id", DEAL, Policy.MOVE, kind="objections"),
    # Facts of the merged deal itself: its stays, what they set off, the deals that came of it.
    Reference("stage_visits", "deal_id", DEAL, Policy.STAY, kind="stage_visits"),
    Reference("rule_overrides", "deal_id", DEAL, Policy.STAY, kind="rule_overrides"),
    Reference("deal_removals", "deal_id", DEAL, Policy.STAY),
    Reference("link_runs", "deal_id", DEAL, Policy.STAY, kind="link_runs"),
    Reference("link_runs", "child_deal_id", DEAL, Policy.STAY),
    Reference("deals", "origin_deal_id", DEAL, Policy.STAY, kind="later_deals"),
    _any("external_ids", "entity_id", "entity", Policy.MOVE, "external_ids"),  # the next import finds the survivor
    # What happened, and to which record.
    _any("events", "entity_id", "entity", Policy.STAY, "events"),
    Reference("events", "deal_id", DEAL, Policy.STAY),
    _any("import_rows", "entity_id", "entity", Policy.STAY),
    _any("merges", "survivor_id", "entity_type", Policy.STAY),
    _any("merges", "merged_id", "entity_type", Policy.STAY),
    # Derived from the records.
    Reference("stage_reaches", "deal_id", DEAL, Policy.REBUILD),
    _any("search_entries", "record_id", "kind", Policy.REBUILD),
    _any("match_evidence", "entity_id", "entity_type", Policy.REBUILD),
    _any("match_keys", "entity_id", "entity_type", Policy.REBUILD),
    _any("match_pairs", "left_id", "entity_type", Policy.REBUILD),  # closed by crm.duplicates.pair_states
    _any("match_pairs", "right_id", "entity_type", Policy.REBUILD),
    _any("wrong_fields", "entity_id", "entity_type", Policy.REBUILD),
)

# Columns that look like ids of records and are none, with what they are.
NO_REFERENCES: Mapping[str, str] = {
    "external_ids.external_id": "the other system's own",
}

# What JSON columns hold of ids of contacts, companies and deals; none of them is rewritten by a merge.
JSON_COLUMNS: Mapping[str, str] = {
    "api_keys.scopes": "none",
    "background_jobs.arguments": "ids as asked for; jobs follow merged records",
    "background_jobs.result": "history",
    "background_jobs.state": "where a job goes on; jobs follow merged records",
    "deals.custom": "none: values of custom fields",
    "events.details": "history: what was said when it happened",
    "field_definitions.options": "none",
    "idempotent_writes.body": "an answer as it was given; the ids in it lead on",
    "import_rows.before": "history; an undo asks for the version, which a merge raises",
    "imports.counts": "none",
    "imports.mapping": "none",
    "lint_runs.findings": "none: stages",
    "match_models.calibration": "none",
    "match_models.weights": "none",
    "match_pairs.guards": "none",
    "match_pairs.lines": "none",
    "merges.before": "the merge's own",
    "merges.choices": "none",
    "merges.conflicts": "the merge's own",
    "merges.moved": "the merge's own",
    "pipeline_links.conditions": "none: a condition on the company asks whether there is one",
    "pipeline_links.copied": "none",
    "pipelines.creation_roles": "none",
    "pipelines.lint_limits": "none",
    "rule_overrides.rules": "none",
    "saved_views.query": "an address: ids of pipelines and people",
    "saved_mappings.mapping": "none",
    "stages.step_kinds": "none",
    "workspace.own_identifiers": "none",
    "workspace.visibility": "none",
}


def references_to(entity_type: EntityType, *policies: Policy) -> list[Reference]:
    """Return the columns that point to records of a type, of some policies or of all."""
    wanted = policies or tuple(Policy)
    return [one for one in REFERENCES if one.points_to(entity_type) and one.policy in wanted]
