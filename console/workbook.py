"""Rows of a text as a workbook or as CSV: a line `# title` begins a sheet, its next line is the heading, tabs part the cells."""

import csv
from collections.abc import Iterator
from io import BytesIO, StringIO

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_WIDEST = 60
#: What a spreadsheet takes for the beginning of a formula when it opens a CSV.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_HEADING = PatternFill("solid", fgColor="E0F0F3")
_WIDE_FROM = "\u2e80"  # CJK takes two columns of Latin width


def csv_of(text: str) -> bytes:
    """UTF-8 with a mark, which spreadsheets of Chinese offices need. One sheet: its title is left out. A cell that could
    be a formula gets an apostrophe before it, the sign for text.
    """
    file = StringIO(newline="")
    rows = csv.writer(file)
    for line in _lines(text):
        if not line.startswith("# "):
            cells = (cell.strip(" ") for cell in line.split("\t"))
            rows.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return file.getvalue().encode("utf-8-sig")


def _lines(text: str) -> Iterator[str]:
    return filter(None, (line.strip(" \r") for line in text.split("\n")))


def workbook_of(text: str, *, only_words: bool = False) -> bytes:
    """Whole and broken numbers and percentages become numbers unless `only_words`, everything else stays text: nothing is
    ever a formula.
    """
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type] # a new workbook has one sheet
    sheet: Worksheet | None = None
    row = 0
    for line in _lines(text):
        if line.startswith("# "):
            sheet = book.create_sheet(line.removeprefix("# ")[:31])
            sheet.freeze_panes = "A2"
            row = 0
        elif sheet is not None:
            row += 1
            _write(sheet, row, line.split("\t"), only_words=only_words)
    for made in book.worksheets:
        _dress(made)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _write(sheet: Worksheet, row: int, cells: list[str], *, only_words: bool) -> None:
    for column, word in enumerate((cell.strip() for cell in cells), 1):
        cell = sheet.cell(row, column)
        number = None if only_words else _number(word)
        if number is None:
            cell.value, cell.data_type = ILLEGAL_CHARACTERS_RE.sub("", word), "s"
            continue
        cell.value = number
        if word.endswith("%"):
            cell.number_format = "0.0%"


def _number(word: str) -> int | float | None:
    bare = word.removesuffix("%")
    if not bare.isascii() or not bare.removeprefix("-").replace(".", "", 1).isdigit():
        return None
    if word.endswith("%"):
        return round(float(bare) / 100, 6)
    return float(bare) if "." in bare else int(bare)


def _dress(sheet: Worksheet) -> None:
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True), _HEADING
    for n, column in enumerate(sheet.columns, 1):
        widest = max(sum(2 if letter >= _WIDE_FROM else 1 for letter in str(cell.value or "")) for cell in column)
        sheet.column_dimensions[get_column_letter(n)].width = min(_WIDEST, widest + 3)
        for cell in column:
            cell.alignment = Alignment(vertical="top", wrap_text=widest > _WIDEST)
