"""Evidence and keys as columns: what Splink compares, and what travels to other machines as Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from crm.matching.normalise.evidence import Evidence

# A key that more records share tells little and makes many pairs; our own batch leaves it out too.
FULLEST_KEY = 80
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
    ]
)


def evidence_batches(
    evidence: Iterable[Evidence],
    keys_of: Callable[[Evidence], Sequence[int]],
    is_shared: Callable[[str, str], bool],
) -> Iterator[pa.RecordBatch]:
    """Yield evidence as batches of `SCHEMA`; `is_shared(kind, value)` tells identifiers of several people."""
    left = iter(evidence)
    while chunk := list(islice(left, _CHUNK)):
        rows = [_row(one, keys_of(one), is_shared) for one in chunk]
        yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def without_idle_keys(table: pa.Table) -> pa.Table:
    """Return the table without keys that meet nobody or too many."""
    keys = table.column("keys").combine_chunks()
    flat = np.asarray(keys.flatten())
    lengths = np.diff(np.asarray(keys.offsets))
    _values, places, counts = np.unique(flat, return_inverse=True, return_counts=True)
    meets = (counts[places] > 1) & (counts[places] <= FULLEST_KEY)
    rows = np.repeat(np.arange(len(lengths)), lengths)[meets]
    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=len(lengths)), out=offsets[1:])
    kept = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat[meets]))
    return table.set_column(table.schema.get_field_index("keys"), pa.field("keys", _NUMBERS), kept)


def write_parquet(table: pa.Table, target: Path) -> None:
    """Write the columns for another machine."""
    parquet.write_table(table, target, compression="zstd")


def _row(one: Evidence, keys: Sequence[int], is_shared: Callable[[str, str], bool]) -> dict[str, object]:
    mobiles = [value for value in one.mobiles if not is_shared("phone", value)]
    mailboxes = [value for value in one.mailboxes if not is_shared("email", value)]
    shared = (set(one.mobiles) - set(mobiles)) | (set(one.mailboxes) - set(mailboxes))
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
        "keys": list(keys),
    }
