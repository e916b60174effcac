"""Files of leads as raw records, and how well clusters meet the truth beside them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from crm.matching.batch import BatchResult, match_all
from crm.matching.model import default_model
from crm.matching.normalise import make_evidence
from crm.matching.values import OwnIdentifiers, RawRecord
from crm.models.codes import EntityType

Row = Mapping[str, str]
SELLER = OwnIdentifiers(domains=frozenset({"stalprok.ru"}), phone_prefixes=("+7495780",))


@dataclass(frozen=True, slots=True)
class Quality:
    """How well clusters meet the truth."""

    precision: float
    recall: float
    f1: float
    b_cubed: float


@dataclass(frozen=True, slots=True)
class Automatic:
    """Pairs that may be merged without people: how many are right, and what share of the true candidates they are."""

    precision: float
    recall: float


def rows_of(path: Path) -> list[dict[str, str]]:
    """Read a file with a header."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lead(row: Row) -> RawRecord:
    """Return a row of leads as a raw record."""
    return RawRecord(
        record_id=row["record_id"],
        name=row["name"],
        phones=_filled(row["phone"]),
        emails=_filled(row["email"]),
        company=row["company"],
        inn=row["inn"],
        city=row["city"],
        position=row["position"],
        comment=row["comment"],
        deal_title=row["deal_title"],
        created_at=datetime.strptime(row["created_at"], "%Y-%m-%d %H:%M").replace(tzinfo=UTC),
    )


def site(row: Row) -> RawRecord:
    """Return a row of the list of organisations as a raw record."""
    return RawRecord(
        record_id=row["record_id"],
        company=row["name"],
        address=row["address"],
        zip_code=row["zip"],
        phones=_filled(row["phone"]),
    )


def person(row: Row) -> RawRecord:
    """Return a row of the list of persons as a raw record."""
    return RawRecord(
        record_id=row["record_id"],
        given_name=row["given_name"],
        surname=row["surname"],
        address=f"{row['street_number']} {row['address_1']} {row['address_2']}",
        city=row["suburb"],
        zip_code=row["postcode"],
        date_of_birth=row["date_of_birth"],
        identifier=row["soc_sec_id"],
    )


def matched(rows: Sequence[Row], read: Callable[[Row], RawRecord], entity_type: EntityType) -> BatchResult:
    """Match the rows by the default model."""
    return match_all([make_evidence(read(row), SELLER) for row in rows], default_model(entity_type))


def quality(truth: Sequence[str], clusters: Sequence[int]) -> Quality:
    """Compare clusters with the truth; a row without a truth is left out."""
    rows = [(cluster, right) for cluster, right in zip(clusters, truth, strict=True) if right]
    ours, theirs = Counter(cluster for cluster, _ in rows), Counter(right for _, right in rows)
    both = Counter(rows)
    found, predicted, true = _pairs(both.values()), _pairs(ours.values()), _pairs(theirs.values())
    precision, recall = found / max(predicted, 1), found / max(true, 1)
    clean = sum(both[row] / ours[row[0]] for row in rows) / len(rows)
    whole = sum(both[row] / theirs[row[1]] for row in rows) / len(rows)
    return Quality(precision, recall, _harmonic(precision, recall), _harmonic(clean, whole))


def recall_of_tag(rows: Sequence[Row], truth: Sequence[str], clusters: Sequence[int], tag: str) -> float:
    """Return how much of its person a row with a kind of dirt finds, B-cubed; people with one row are left out."""
    theirs = Counter(truth)
    both = Counter(zip(clusters, truth, strict=True))
    shares = [
        both[cluster, right] / theirs[right]
        for row, cluster, right in zip(rows, clusters, truth, strict=True)
        if theirs[right] > 1 and tag in row["dirt"].split(";")
    ]
    return sum(shares) / len(shares)


def automatic(truth: Sequence[str], result: BatchResult, entity_type: EntityType) -> Automatic:
    """Return how good the pairs are that may be merged without people."""
    auto_at = default_model(entity_type).auto_at
    chosen = [pair for pair in result.pairs if pair.weight >= auto_at and not pair.guards]
    right = sum(truth[pair.left] == truth[pair.right] for pair in chosen)
    candidates = sum(truth[pair.left] == truth[pair.right] for pair in result.pairs)
    return Automatic(right / max(len(chosen), 1), right / max(candidates, 1))


def _filled(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0
