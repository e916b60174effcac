"""Evidence and keys as columns: what Splink compares, and what travels to other machines as Parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from crm.matching.keys import BLOCK, NAME_BLOCK, NAME_ONLY, keyed
from crm.matching.normalise.evidence import Evidence
from crm.matching.statistics import EMAIL, PHONE, Statistics
from crm.models.codes import EntityType

_CHUNK = 50_000
_WORDS, _NUMBERS = pa.list_(pa.string()), pa.list_(pa.int64())

SCHEMA = pa.schema(
    [
        ("record_id", pa.string()),
        ("mobiles", _WORDS),
        ("mobile", pa.string()),  # the first of them: training blocks on plain columns only
        ("mailboxes", _WORDS),
        ("mailbox", pa.string()),
        ("lines", _WORDS),  # landlines, role mailboxes, and whatever several people share
        ("domains", _WORDS),
        ("inns", _WORDS),
        ("company", pa.string()),
        ("surname", pa.string()),
        ("given_names", _WORDS),
        ("given", pa.string()),
        ("patronymic", pa.string()),
        ("initials", pa.string()),
        ("city", pa.string()),
        ("address", pa.string()),
        ("house", pa.string()),
        ("zip", pa.string()),
        ("born", pa.string()),
        ("identifier", pa.string()),
        ("keys", _NUMBERS),
        ("weak_keys", _NUMBERS),  # a name alone: few records may share it before it stops telling anything
    ]
)


def evidence_table(evidence: Iterable[Evidence], entity_type: EntityType, statistics: Statistics) -> pa.Table:
    """Return evidence as a table of `SCHEMA`; identifiers of several people come as shared lines."""
    return pa.Table.from_batches(list(_batches(evidence, entity_type, statistics)), SCHEMA)


def without_idle_keys(table: pa.Table) -> pa.Table:
    """Return the table with keys that meet somebody and not too many, weak ones among them, in one column."""
    strong, weak = (_meeting(table.column(name), most) for name, most in (("keys", BLOCK), ("weak_keys", NAME_BLOCK)))
    rows, values = (np.concatenate(parts) for parts in zip(strong, weak, strict=True))
    order = np.argsort(rows, kind="stable")
    offsets = np.zeros(table.num_rows + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=table.num_rows), out=offsets[1:])
    kept = pa.ListArray.from_arrays(pa.array(offsets), pa.array(values[order]))
    place = table.schema.get_field_index("keys")
    return table.set_column(place, pa.field("keys", _NUMBERS), kept).drop_columns(["weak_keys"])


def write_parquet(table: pa.Table, target: Path) -> None:
    """Write the columns for another machine."""
    parquet.write_table(table, target, compression="zstd")


def read_parquet(source: Path) -> pa.Table:
    """Read the columns that `write_parquet` wrote."""
    return parquet.read_table(source)


def _batches(evidence: Iterable[Evidence], entity_type: EntityType, statistics: Statistics) -> Iterator[pa.RecordBatch]:
    left = iter(evidence)
    while chunk := list(islice(left, _CHUNK)):
        yield pa.RecordBatch.from_pylist([_row(one, entity_type, statistics) for one in chunk], schema=SCHEMA)


def _meeting(column: pa.ChunkedArray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return row and value of the keys that between two and `most` records share."""
    keys = column.combine_chunks()
    values, lengths = np.asarray(keys.flatten()), np.diff(np.asarray(keys.offsets))
    _unique, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    meets = (counts[places] > 1) & (counts[places] <= most)
    return np.repeat(np.arange(len(lengths)), lengths)[meets], values[meets]


def _row(one: Evidence, entity_type: EntityType, statistics: Statistics) -> dict[str, object]:
    mobiles = [value for value in one.mobiles if not statistics.identifier(PHONE, value).is_hub]
    mailboxes = [value for value in one.mailboxes if not statistics.identifier(EMAIL, value).is_hub]
    shared = (set(one.mobiles) - set(mobiles)) | (set(one.mailboxes) - set(mailboxes))
    keys = keyed(one, entity_type)
    return {
        "record_id": one.record_id,
        "mobiles": mobiles or None,
        "mobile": mobiles[0] if mobiles else None,
        "mailboxes": mailboxes or None,
        "mailbox": mailboxes[0] if mailboxes else None,
        "lines": [*one.landlines, *one.role_mailboxes, *shared] or None,
        "domains": list(one.domains) or None,
        "inns": list(one.inns) or None,
        "company": " ".join(one.companies) or None,
        "surname": one.surname or None,
        "given_names": list(one.given) or None,
        "given": one.given[0] if one.given else None,
        "patronymic": one.patronymic or None,
        "initials": one.initials or None,
        "city": one.city or None,
        "address": " ".join(one.address) or None,
        "house": one.house or None,
        "zip": one.zip_code or None,
        "born": one.born or None,
        "identifier": one.identifier or None,
        "keys": [key for kind, key in keys if kind not in NAME_ONLY],
        "weak_keys": [key for kind, key in keys if kind in NAME_ONLY],
    }
