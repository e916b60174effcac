"""CSV and its relatives: encoding and delimiter are sniffed, the whole text is checked before the first row."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from charset_normalizer import from_bytes

from crm.imports.cells import unguard_formula
from crm.imports.formats.content import HEAD_BYTES, content_kind
from crm.imports.formats.table import (
    FileRefused,
    Limits,
    ReadOptions,
    Row,
    Table,
    counted_rows,
    fitted_row,
    named_header,
)

DELIMITERS = (";", ",", "\t", "|")
# What a person may choose by hand; sniffing tells the first four single-byte ones apart.
ENCODINGS = ("utf-8", "cp1251", "cp1252", "cp866", "koi8_r", "mac_cyrillic", "cp1250", "cp1254", "utf-16")
_GUESSED = ["cp1251", "cp1252", "cp866", "koi8_r"]
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLE_BYTES = 64 * 1024
_CHUNK_BYTES = 1024 * 1024
_SAMPLE_ROWS = 50


class CsvText:
    """Text tables with one record a line."""

    name = "csv"
    suffixes: tuple[str, ...] = (".csv", ".txt", ".tsv")

    def open(self, path: Path, name: str, options: ReadOptions, limits: Limits) -> Table:
        """Check bytes, encoding and quotes of the whole file; errors: FileRefused."""
        _check_content(path)
        encoding = options.encoding or _sniff_encoding(path)
        _check_encoding(path, encoding)
        delimiter = options.delimiter or _sniff_delimiter(path, encoding)
        header: tuple[str, ...] = ()
        for line, cells in _records(path, encoding, delimiter, limits):
            header = header or named_header(cells, limits)
            fitted_row(line, cells, len(header), limits)
        if not header:
            raise FileRefused("file_header_missing")
        return Table(
            name=name,
            format_name=self.name,
            header=header,
            rows=lambda: counted_rows(_rows(path, encoding, delimiter, header, limits), limits),
            encoding=encoding,
            delimiter=delimiter,
        )


def _check_content(path: Path) -> None:
    with path.open("rb") as stream:
        kind = content_kind(stream.read(HEAD_BYTES))
    if kind == "empty":
        raise FileRefused("file_empty")
    if kind == "ole":
        raise FileRefused("file_old_excel")
    if kind == "binary":
        raise FileRefused("file_binary")
    if kind != "text":
        raise FileRefused("file_content_mismatch")


def _sniff_encoding(path: Path) -> str:
    with path.open("rb") as stream:
        sample = stream.read(_SAMPLE_BYTES)
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    if b"\0" in sample:
        return _utf16_without_bom(sample)
    broken, foreign = _utf8_marks(path)
    # Many good multi-byte letters and a few bad bytes: a damaged UTF-8 file and not one in another encoding.
    if not broken or foreign > 4 * broken:
        return "utf-8"
    best = from_bytes(_whole_lines(sample), cp_isolation=_GUESSED, threshold=0.5).best()
    if best is None:
        raise FileRefused("file_encoding_unknown")
    return best.encoding


def _utf16_without_bom(sample: bytes) -> str:
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > half // 4 and even < half // 50:
        return "utf-16-le"
    if even > half // 4 and odd < half // 50:
        return "utf-16-be"
    raise FileRefused("file_binary")


def _utf8_marks(path: Path) -> tuple[int, int]:
    """Return how many places are not UTF-8, and how many non-ASCII letters are."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    broken = foreign = 0
    for chunk in _chunks(path):
        text = decoder.decode(chunk)
        replaced = text.count("�")
        broken += replaced - chunk.count("�".encode())
        foreign += len(text) - len(text.encode("ascii", "ignore")) - replaced
    return max(broken, 0), foreign


def _whole_lines(sample: bytes) -> bytes:
    return sample[: sample.rfind(b"\n") + 1] or sample


def _check_encoding(path: Path, encoding: str) -> None:
    try:
        decoder = codecs.getincrementaldecoder(encoding)("strict")
    except LookupError as error:
        raise FileRefused("file_encoding_unknown") from error
    line = 1
    try:
        for chunk in _chunks(path):
            text = decoder.decode(chunk)
            if "\0" in text:
                raise FileRefused("file_binary")
            line += text.count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        where = line + error.object[: error.start].count(b"\n")
        raise FileRefused("file_encoding_broken", encoding=encoding, line=where) from error


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def _sniff_delimiter(path: Path, encoding: str) -> str:
    with path.open(encoding=encoding, newline="") as stream:
        sample = stream.read(_SAMPLE_BYTES)
    if len(sample) == _SAMPLE_BYTES:
        sample = sample[: sample.rfind("\n") + 1] or sample
    return max(DELIMITERS, key=lambda delimiter: _fitness(sample, delimiter))


def _fitness(sample: str, delimiter: str) -> tuple[float, int]:
    """Rate a delimiter: the share of rows as wide as the header, then the width."""
    reader = csv.reader(sample.splitlines(keepends=True), delimiter=delimiter)
    try:
        widths = [len(cells) for cells in islice(reader, _SAMPLE_ROWS) if cells]
    except csv.Error:
        return 0.0, 0
    if not widths or widths[0] < 2:
        return 0.0, 0
    return widths.count(widths[0]) / len(widths), widths[0]


def _records(path: Path, encoding: str, delimiter: str, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Yield the line each non-blank record begins on, and its cells."""
    with _opened(path, encoding, limits) as stream:
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        begun = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield begun, cells
                begun = reader.line_num + 1
        except csv.Error as error:
            if "field larger" in str(error):
                raise FileRefused("file_cell_too_long", line=begun, limit=limits.cell_chars) from error
            raise FileRefused("file_quotes_broken", line=begun) from error


@contextmanager
def _opened(path: Path, encoding: str, limits: Limits) -> Iterator[TextIO]:
    # The limit is the process's; all our readers want the same one.
    csv.field_size_limit(limits.cell_chars)
    with path.open(encoding=encoding, newline="") as stream:
        yield stream


def _rows(path: Path, encoding: str, delimiter: str, header: tuple[str, ...], limits: Limits) -> Iterator[Row]:
    records = _records(path, encoding, delimiter, limits)
    next(records)
    for line, cells in records:
        yield fitted_row(line, [unguard_formula(cell) for cell in cells], len(header), limits)
