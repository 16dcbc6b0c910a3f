"""From files to rows of text: CSV (UTF-8 with or without BOM, UTF-16, GB18030) and XLSX. Knows columns, not their meaning."""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from itertools import islice
from pathlib import Path

import openpyxl
from openpyxl.cell import Cell, MergedCell
from openpyxl.cell.read_only import EmptyCell, ReadOnlyCell
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet.cell_range import CellRange
from openpyxl.worksheet.worksheet import Worksheet

from fulfillment.importing.words import TableKind, Words, folded_heading

MAX_BYTES = 64 * 1024 * 1024
MAX_UNPACKED_BYTES = 512 * 1024 * 1024  # a workbook is a zip archive: a bomb of 64 kB may unpack to gigabytes
MAX_ROWS = 500_000
MAX_CELLS = 5_000_000  # of one sheet, empty ones within its range included: each costs memory
HEADER_WITHIN_ROWS = 10  # above the heading stands a title, a date, who made it
_EXACT_DIGITS = 10**15  # a spreadsheet keeps fifteen digits of a number; beyond that the rest is made up
_SUFFIXES = frozenset({".csv", ".xlsx", ".xlsm", ".txt", ".xls"})
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="(\$?[A-Z]{1,3}\$?\d{1,7}:\$?[A-Z]{1,3}\$?\d{1,7})"')
# What zipfile, the XML parser and openpyxl raise for an archive that is no sound workbook; they share no base class.
_BROKEN_WORKBOOK = (
    zipfile.BadZipFile, zlib.error, InvalidFileException, SyntaxError, LookupError, ValueError, TypeError,
    AttributeError, OSError, EOFError, RuntimeError,
)  # fmt: skip
_ZIP, _OLD_EXCEL = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"

REQUIRED: dict[TableKind, tuple[str, ...]] = {
    TableKind.STATIONS: ("code", "name"),
    TableKind.STAFF: ("number", "name", "phone"),
    TableKind.COMMUNITIES: ("name", "station", "butler"),
    TableKind.DUTIES: ("role", "staff", "weekdays", "start", "until"),
    TableKind.HOUSEHOLDS: ("card_number", "community", "building", "room"),
    TableKind.OPERATORS: ("login", "name", "role"),
}

_Line = tuple[int, Sequence[str]]  # line number as people count, cells


@dataclass(frozen=True, slots=True)
class RawRow:
    line: int
    cells: tuple[str, ...]  # in the order of Table.fields
    extra: int = 0  # filled cells beyond the heading


@dataclass(frozen=True, slots=True)
class Table:
    """`file` names the source for people; for a workbook with its sheet. `headings` are the file's own, by field."""

    kind: TableKind
    file: str
    fields: tuple[str, ...]
    headings: dict[str, str]
    ignored_columns: tuple[str, ...]
    rows: tuple[RawRow, ...]


def read_tables(source: Path | Sequence[Path], words: Words) -> tuple[list[Table], list[str]]:
    """Every table of a folder or of the named files, in import order, and the files of the folder that are none.

    Raises ImportRejected, before anything was written, when a file cannot be used as a table at all.
    """
    files = [source] if isinstance(source, Path) else list(source)
    tables: list[Table] = []
    ignored: list[str] = []
    for file in files:
        if file.is_dir():
            for inside in sorted(file.iterdir()):
                kind = words.tables.get(folded_heading(inside.stem))
                is_book = inside.suffix.lower() in _SUFFIXES and not inside.name.startswith((".", "~$"))
                if is_book and (kind or inside.suffix.lower().startswith(".xls")):
                    tables += _read(inside, words)
                elif inside.is_file():
                    ignored.append(inside.name)
        elif file.is_file():
            tables += _read(file, words)
        else:
            raise words.rejection("not_found", file=file)
    if not tables:
        names = ", ".join(str(file) for file in files)
        raise words.rejection("nothing_found", file=names, tables=words.table_titles())
    return sorted(tables, key=lambda t: list(TableKind).index(t.kind)), ignored


def _read(file: Path, words: Words) -> list[Table]:
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise words.rejection("too_large", file=file.name, size=size >> 20, limit=MAX_BYTES >> 20)
    content = file.read_bytes()
    if not content.strip():
        raise words.rejection("empty", file=file.name)
    if content.startswith(_OLD_EXCEL):
        raise words.rejection("wrong_type", file=file.name)
    if content.startswith(_ZIP):
        return _workbook(file.name, content, words)
    kind = words.tables.get(folded_heading(file.stem))
    if kind is None:
        raise words.rejection("unknown_table", file=file.name, tables=words.table_titles())
    text = _decoded(content)
    if text is None or text.lstrip().startswith("<"):  # many systems export a web page and call it .xls
        raise words.rejection("wrong_type", file=file.name)
    return [_table(kind, file.name, _csv_lines(text, file.name, words), words)]


def _decoded(content: bytes) -> str | None:
    encodings = ["utf-16"] if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        is_text = not any(ord(c) < ord(" ") and c not in "\t\r\n" for c in text)
        return text if is_text else None
    return None


def _csv_lines(text: str, file: str, words: Words) -> Iterator[_Line]:
    head = text[:4096]
    delimiter = max(",\t;", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as exc:
        raise words.rejection("unreadable", file=file, detail=f"line {line}: {exc}") from exc


def _workbook(file: str, content: bytes, words: Words) -> list[Table]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
            if unpacked > MAX_UNPACKED_BYTES:
                raise words.rejection("too_large", file=file, size=unpacked >> 20, limit=MAX_UNPACKED_BYTES >> 20)
            merged = _merged_cells(archive)
        if merged > MAX_CELLS:  # openpyxl would build every one of them
            raise words.rejection("too_wide", file=file)
        # Only a fully loaded sheet knows its merged cells; reading on the fly takes a tenth of the memory.
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=not merged)
    except _BROKEN_WORKBOOK as exc:
        raise words.rejection("unreadable", file=file, detail=type(exc).__name__) from exc
    by_name = words.tables.get(folded_heading(Path(file).stem))
    sheets = [(words.tables.get(folded_heading(sheet.title)), sheet) for sheet in book.worksheets]
    known = [(kind, sheet) for kind, sheet in sheets if kind]
    if not known and by_name and sheets:
        known = [(by_name, sheets[0][1])]
    if not known:
        raise words.rejection("unknown_table", file=file, tables=words.table_titles())
    tables = []
    for kind, sheet in known:
        name = f"{file} / {sheet.title}" if len(sheets) > 1 else file
        tables.append(_table(kind, name, _sheet_lines(sheet, name, words), words))
    return tables


def _merged_cells(archive: zipfile.ZipFile) -> int:
    sheets = (archive.read(part) for part in archive.namelist() if part.startswith("xl/worksheets/"))
    areas = (CellRange(ref.decode()).size for xml in sheets for ref in _MERGED.findall(xml))
    return sum(area["rows"] * area["columns"] for area in areas)


def _sheet_lines(sheet: Worksheet | ReadOnlyWorksheet, file: str, words: Words) -> Iterator[_Line]:
    try:
        if isinstance(sheet, ReadOnlyWorksheet):
            sheet.reset_dimensions()  # what a file says of its own size may be wrong, in both directions
            yield from _streamed(sheet, file, words)
        elif sheet.max_row * sheet.max_column > MAX_CELLS:
            raise words.rejection("too_wide", file=file)
        else:
            yield from _unmerged(sheet)
    except _BROKEN_WORKBOOK as exc:
        raise words.rejection("unreadable", file=file, detail=type(exc).__name__) from exc


def _streamed(sheet: ReadOnlyWorksheet, file: str, words: Words) -> Iterator[_Line]:
    seen = 0
    rows = sheet.iter_rows()  # type: ignore[misc]  # the stub lends it Worksheet's method
    for number, cells in enumerate(rows, start=1):
        seen += len(cells) + 1
        if seen > MAX_CELLS:
            raise words.rejection("too_wide", file=file)
        yield number, [_cell_text(cell) for cell in cells]


def _unmerged(sheet: Worksheet) -> Iterator[_Line]:
    # People merge "the same as above": every cell of a merged range has the value of its first one.
    merged = {
        (row, column): (area.min_row, area.min_col)
        for area in sheet.merged_cells.ranges
        for row in range(area.min_row, area.max_row + 1)
        for column in range(area.min_col, area.max_col + 1)
    }
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        firsts = (merged.get((number, column)) for column in range(1, len(cells) + 1))
        texts = [_cell_text(sheet.cell(*first) if first else cell) for first, cell in zip(firsts, cells, strict=True)]
        yield number, texts


def _cell_text(cell: Cell | MergedCell | ReadOnlyCell | EmptyCell) -> str:
    """The text of a cell as its owner sees it. A formula or an error value starts with "=", which no row reader accepts."""
    value = cell.value
    text = "" if value is None else str(value)
    if cell.data_type in {"f", "e"}:
        text = "=" + text
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    elif isinstance(value, int | float) and abs(value) >= _EXACT_DIGITS:
        text = f"{value:E}"
    elif isinstance(value, float) and value.is_integer():
        text = str(int(value))
    elif isinstance(value, time):
        text = value.strftime("%H:%M")
    elif isinstance(value, timedelta):
        minutes = int(value.total_seconds()) // 60
        text = f"{minutes // 60:02}:{minutes % 60:02}"
    return text


def _table(kind: TableKind, file: str, lines: Iterator[_Line], words: Words) -> Table:
    known = words.headers[kind]
    best: set[str] = set()
    filled = ((line, cells) for line, cells in lines if any(cell.strip() for cell in cells))
    for _, cells in islice(filled, HEADER_WITHIN_ROWS):
        columns: dict[str, int] = {}
        for position, heading in enumerate(cells):
            field = known.get(folded_heading(heading))
            if field:
                columns.setdefault(field, position)
        if set(REQUIRED[kind]) <= set(columns):
            return _body(kind, file, (cells, columns), filled, words)
        best = max(best, set(columns), key=len)
    missing = [words.titles[kind][field] for field in REQUIRED[kind] if field not in best]
    raise words.rejection("no_header", file=file, rows=HEADER_WITHIN_ROWS, columns=", ".join(missing))


def _body(
    kind: TableKind, file: str, header: tuple[Sequence[str], dict[str, int]], lines: Iterator[_Line], words: Words
) -> Table:
    headings, columns = header
    rows: list[RawRow] = []
    for line, cells in lines:
        extra = sum(1 for cell in cells[len(headings) :] if cell.strip())
        rows.append(RawRow(line, tuple(cells[at] if at < len(cells) else "" for at in columns.values()), extra))
        if len(rows) > MAX_ROWS:
            raise words.rejection("too_many_rows", file=file, limit=MAX_ROWS)
    if not rows:
        raise words.rejection("empty", file=file)
    used = set(columns.values())
    return Table(
        kind=kind,
        file=file,
        fields=tuple(columns),
        headings={field: headings[at].strip() for field, at in columns.items()},
        ignored_columns=tuple(h.strip() for at, h in enumerate(headings) if at not in used and h.strip()),
        rows=tuple(rows),
    )
