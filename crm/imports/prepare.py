"""The first pass over the files: which is what, which cell fills which field, what the columns hold; no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from crm.errors import Violation, refuse_if_any
from crm.imports.fields import CUSTOM, RecordKind, field_of
from crm.imports.formats import Row, Table
from crm.imports.mapping import DateOrder, FileMapping, ImportMapping, folded
from crm.imports.values import DateEvidence, date_evidence
from crm.typed_text import clean_line

# Fields whose different values are gathered: few of them, each to be mapped to something of ours.
GATHERED = ("owner", "pipeline", "stage", "loss_reason", "priority", "option", "team", "head")
MAX_GATHERED = 500
ENTERED = "entered."  # "entered.Offer sent": the day a deal entered that stage
_JOINT = ", "

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class FileScan:
    """What the first pass found: how many rows, the order of dates by field, the different values by field.

    `open_orders` are the date fields whose cells leave the order open. Values are counted, in order of appearance.
    """

    row_count: int
    date_orders: Mapping[str, DateOrder]
    open_orders: tuple[str, ...]
    values: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A file with its part of the mapping; `positions` are the columns of each field, `corrections` are by column."""

    table: Table
    part: FileMapping
    positions: Mapping[str, tuple[int, ...]]
    corrections: Mapping[int, Mapping[str, str]]
    scan: FileScan

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.table.name

    @property
    def kind(self) -> RecordKind:
        """Return what its rows are."""
        return self.part.kind

    def text(self, row: Row, field: str) -> str:
        """Return the text of a field in a row: its columns joined, or its default; not yet cleaned."""
        return field_text(row, self.positions.get(field, ()), self.corrections) or self.part.defaults.get(field, "")

    def cell(self, row: Row, position: int) -> str:
        """Return one cell, corrected."""
        return field_text(row, (position,), self.corrections)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Files ready to be judged, in the order of kinds: people first, deals last."""

    mapping: ImportMapping
    files: tuple[PreparedFile, ...]

    @property
    def row_count(self) -> int:
        """Return how many rows there are in all files together."""
        return sum(file.scan.row_count for file in self.files)

    def of_kind(self, kind: RecordKind) -> tuple[PreparedFile, ...]:
        """Return the files of one kind."""
        return tuple(file for file in self.files if file.kind is kind)

    def alias(self, field: str, value: str) -> str:
        """Return our value for a value of the files; blanks and letter case don't matter."""
        pairs = self.mapping.aliases.get(field)
        if not pairs:
            return value
        wanted = folded(value)
        return next((ours for theirs, ours in pairs.items() if folded(theirs) == wanted), value)


def prepare(mapping: ImportMapping, tables: Sequence[Table], on_row: Progress | None = None) -> Prepared:
    """Match files with parts of the mapping and read every row once.

    Errors: InvalidInput for a file the mapping doesn't know, a part or a column without its file; FileRefused.
    """
    pairs = _pairs(mapping, tables)
    positions = [_positions(part, table) for part, table in pairs]
    order = list(RecordKind)
    counter = _Counter(on_row)
    files = [
        _prepared_file(mapping, table, part, columns, counter)
        for (part, table), columns in zip(pairs, positions, strict=True)
    ]
    return Prepared(mapping, tuple(sorted(files, key=lambda file: order.index(file.kind))))


def field_text(row: Row, positions: Iterable[int], corrections: Mapping[int, Mapping[str, str]]) -> str:
    """Return the filled cells of a row, corrected and joined; one column's cell as it is."""
    filled = []
    for position in positions:
        cell = row.cells[position]
        if cell and not cell.isspace():
            pairs = corrections.get(position)
            filled.append(pairs.get(folded(cell), cell) if pairs else cell)
    return filled[0] if len(filled) == 1 else _JOINT.join(clean_line(cell) for cell in filled)


def is_date_field(kind: RecordKind, field: str) -> bool:
    """Tell whether a field's cells are dates by their nature; a custom field's may be."""
    known = field_of(kind, field)
    return field.startswith((ENTERED, CUSTOM)) or (known is not None and known.is_date)


def is_gathered(field: str) -> bool:
    """Tell whether the different values of a field are gathered."""
    return field in GATHERED or field.startswith(CUSTOM)


def _pairs(mapping: ImportMapping, tables: Sequence[Table]) -> list[tuple[FileMapping, Table]]:
    found: list[Violation] = []
    pairs = []
    for table in tables:
        part = mapping.part_for(table.name)
        if part is None:
            found.append(Violation("mapping_file_unknown", "mapping", {"file": table.name}))
        else:
            pairs.append((part, table))
    names = [table.name for table in tables]
    if len(set(names)) != len(names):
        found.append(Violation("mapping_file_twice", "mapping", {"file": max(names, key=names.count)}))
    found += [
        Violation("mapping_file_missing", "mapping", {"file": part.pattern})
        for part in mapping.files
        if not any(part is known for known, _table in pairs)
    ]
    refuse_if_any(found)
    return pairs


def _positions(part: FileMapping, table: Table) -> dict[str, tuple[int, ...]]:
    where = {folded(name): position for position, name in enumerate(table.header)}
    wanted = dict(part.columns) | {ENTERED + stage: (column,) for stage, column in part.entered.items()}
    missing = [
        Violation("mapping_column_missing", "mapping", {"column": column, "file": table.name})
        for columns in wanted.values()
        for column in columns
        if folded(column) not in where
    ]
    refuse_if_any(missing)
    return {field: tuple(where[folded(column)] for column in columns) for field, columns in wanted.items() if columns}


class _Counter:
    """Counts the rows read and tells it from time to time."""

    def __init__(self, on_row: Progress | None) -> None:
        self.count = 0
        self.on_row = on_row

    def next(self) -> None:
        self.count += 1
        if self.on_row and self.count % 500 == 0:
            self.on_row(self.count)


def _prepared_file(
    mapping: ImportMapping,
    table: Table,
    part: FileMapping,
    positions: Mapping[str, tuple[int, ...]],
    counter: _Counter,
) -> PreparedFile:
    by_column = {
        folded(column): {folded(theirs): ours for theirs, ours in pairs.items()}
        for column, pairs in mapping.corrections.items()
    }
    corrections = {
        position: by_column[folded(name)] for position, name in enumerate(table.header) if folded(name) in by_column
    }
    return PreparedFile(table, part, positions, corrections, _scan(table, part, positions, corrections, counter))


def _scan(
    table: Table,
    part: FileMapping,
    positions: Mapping[str, tuple[int, ...]],
    corrections: Mapping[int, Mapping[str, str]],
    counter: _Counter,
) -> FileScan:
    fields = (*positions, *(field for field in part.defaults if field not in positions))
    dates = {field: DateEvidence() for field in fields if is_date_field(part.kind, field)}
    values: dict[str, dict[str, int]] = {field: {} for field in fields if is_gathered(field)}
    rows = 0
    for row in table.rows():
        rows += 1
        counter.next()
        for field, evidence in dates.items():
            dates[field] = evidence + date_evidence(field_text(row, positions.get(field, ()), corrections))
        for field, counts in values.items():
            cell = field_text(row, positions.get(field, ()), corrections)
            text = clean_line(cell or part.defaults.get(field, ""))
            if text and (text in counts or len(counts) < MAX_GATHERED):
                counts[text] = counts.get(text, 0) + 1
    orders, still_open = _orders(dates, part.date_order)
    return FileScan(rows, orders, still_open, values)


def _orders(dates: Mapping[str, DateEvidence], given: DateOrder | None) -> tuple[dict[str, DateOrder], tuple[str, ...]]:
    if given is not None:
        return dict.fromkeys(dates, given), ()
    total = DateEvidence()
    for field, evidence in dates.items():
        if not field.startswith(CUSTOM):
            total += evidence
    # A column that leaves it open goes by its neighbours: one program wrote the file.
    orders = {field: evidence.order or total.order or DateOrder.DMY for field, evidence in dates.items()}
    still_open = tuple(
        field
        for field, evidence in dates.items()
        if evidence.either and not (evidence.order or total.order or field.startswith(CUSTOM))
    )
    return orders, still_open
