"""Rows of a text as a workbook: a line `# title` begins a sheet, its next line is the heading, tabs part the cells."""

from io import BytesIO

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

_WIDEST = 60
_HEADING = PatternFill("solid", fgColor="E0F0F3")
_WIDE_FROM = "\u2e80"  # CJK takes two columns of Latin width


def workbook_of(text: str) -> bytes:
    """Whole and broken numbers and percentages become numbers, everything else stays text: nothing is ever a formula."""
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type] # a new workbook has one sheet
    sheet: Worksheet | None = None
    for line in filter(None, (line.strip(" \r") for line in text.splitlines())):
        if line.startswith("# "):
            sheet = book.create_sheet(line.removeprefix("# ")[:31])
            sheet.freeze_panes = "A2"
        elif sheet is not None:
            _append(sheet, line.split("\t"))
    for made in book.worksheets:
        _dress(made)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _append(sheet: Worksheet, cells: list[str]) -> None:
    row = sheet.max_row + 1 if sheet["A1"].value is not None else 1
    for column, word in enumerate((cell.strip() for cell in cells), 1):
        cell = sheet.cell(row, column)
        number = _number(word)
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
