"""How Splink compares our columns: one list for every backend, with u of personal identifiers fixed."""

from __future__ import annotations

from typing import Any

from splink import SettingsCreator, block_on
from splink import comparison_level_library as levels
from splink import comparison_library as comparisons
from splink.internals.comparison_creator import ComparisonCreator
from splink.internals.comparison_level_creator import ComparisonLevelCreator

from crm.models.codes import EntityType

# Random pairs of a base with duplicates hold true pairs, so sampling finds u = prior x m for a phone of one person
# and its weight cancels the prior. Strangers share such a phone about this often, divided by the records there are.
STRANGERS_SHARE = 0.005
# Training blocks on plain columns, each leaving the others to be learnt.
TRAINING_BLOCKS = {
    EntityType.CONTACT: (("mobile",), ("mailbox",), ("surname", "given")),
    EntityType.COMPANY: (("company",), ("address",)),
}


def settings_of(entity_type: EntityType, records: int) -> SettingsCreator:
    """Return untrained settings for a base of so many records; deals are told apart by their clients, not here."""
    compared = _contact(records) if entity_type is EntityType.CONTACT else _company(records)
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        comparisons=compared,
        blocking_rules_to_generate_predictions=[block_on("keys", arrays_to_explode=["keys"])],
        probability_two_random_records_match=1 / max(records, 2),
        retain_matching_columns=False,
        retain_intermediate_calculation_columns=False,
    )


def _contact(records: int) -> list[ComparisonCreator | dict[str, Any]]:
    return [
        _personal("mobiles", records),
        _personal("mailboxes", records),
        _word("surname"),
        comparisons.CustomComparison(
            output_column_name="given",
            comparison_levels=[
                levels.NullLevel("given"),
                levels.ExactMatchLevel("given", term_frequency_adjustments=True),
                levels.ArrayIntersectLevel("given_names"),
                levels.JaroWinklerLevel("given", 0.88),
                levels.ElseLevel(),
            ],
        ),
        _word("patronymic"),
        comparisons.CustomComparison(
            output_column_name="organisation",
            comparison_levels=[
                _no_organisation(),
                levels.ArrayIntersectLevel("inns").configure(label_for_charts="taxpayer number"),
                levels.ArrayIntersectLevel("lines").configure(label_for_charts="shared phone or mailbox"),
                levels.ArrayIntersectLevel("domains").configure(label_for_charts="mail domain"),
                levels.ExactMatchLevel("company", term_frequency_adjustments=True),
                levels.JaroWinklerLevel("company", 0.92),
                levels.ElseLevel(),
            ],
        ),
        comparisons.ExactMatch("city"),
        _personal_text("identifier", records),
        comparisons.LevenshteinAtThresholds("born", 1),
        _address(),
        comparisons.ExactMatch("zip"),
    ]


def _company(records: int) -> list[ComparisonCreator | dict[str, Any]]:
    return [
        _personal("inns", records),
        comparisons.CustomComparison(
            output_column_name="phones",
            comparison_levels=[
                levels.CustomLevel(
                    "(lines_l is null and mobiles_l is null) or (lines_r is null and mobiles_r is null)"
                ).configure(is_null_level=True),
                levels.Or(levels.ArrayIntersectLevel("lines"), levels.ArrayIntersectLevel("mobiles")),
                levels.ElseLevel(),
            ],
        ),
        comparisons.CustomComparison(
            output_column_name="domains",
            comparison_levels=[levels.NullLevel("domains"), levels.ArrayIntersectLevel("domains"), levels.ElseLevel()],
        ),
        comparisons.CustomComparison(
            output_column_name="company",
            comparison_levels=[
                levels.NullLevel("company"),
                levels.ExactMatchLevel("company", term_frequency_adjustments=True),
                levels.JaroWinklerLevel("company", 0.92),
                levels.JaccardLevel("company", 0.75),
                levels.ElseLevel(),
            ],
        ),
        _address(),
        comparisons.ExactMatch("city"),
        comparisons.ExactMatch("zip"),
    ]


def _personal(column: str, records: int) -> ComparisonCreator:
    return comparisons.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            levels.NullLevel(column),
            _fixed(levels.ArrayIntersectLevel(column), records),
            levels.ElseLevel(),
        ],
    )


def _personal_text(column: str, records: int) -> ComparisonCreator:
    return comparisons.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            levels.NullLevel(column),
            _fixed(levels.ExactMatchLevel(column), records),
            levels.LevenshteinLevel(column, 1),
            levels.ElseLevel(),
        ],
    )


def _fixed(level: ComparisonLevelCreator, records: int) -> ComparisonLevelCreator:
    return level.configure(u_probability=STRANGERS_SHARE / max(records, 2), fix_u_probability=True)


def _word(column: str) -> ComparisonCreator:
    return comparisons.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            levels.NullLevel(column),
            levels.ExactMatchLevel(column, term_frequency_adjustments=True),
            levels.JaroWinklerLevel(column, 0.9),
            levels.ElseLevel(),
        ],
    )


def _address() -> ComparisonCreator:
    return comparisons.CustomComparison(
        output_column_name="address",
        comparison_levels=[
            levels.NullLevel("address"),
            levels.ExactMatchLevel("address", term_frequency_adjustments=True),
            levels.JaroWinklerLevel("address", 0.9),
            levels.ElseLevel(),
        ],
    )


def _no_organisation() -> ComparisonLevelCreator:
    sides = [
        " and ".join(f"{column}_{side} is null" for column in ("inns", "lines", "domains", "company")) for side in "lr"
    ]
    return levels.CustomLevel(" or ".join(f"({side})" for side in sides)).configure(is_null_level=True)
