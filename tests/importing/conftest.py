from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from openpyxl import Workbook

from fulfillment.importing import Words, import_company, load_words
from ivr.robots import robot_address
from kernel.settings import HOME
from tests.fakes import FakeStore

SAMPLE = HOME / "data" / "company"
Lines = Sequence[Sequence[object]]


@pytest.fixture(scope="session")
def words() -> Words:
    return load_words(HOME / "data" / "import_words.yml")


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def company(store: FakeStore, words: Words) -> FakeStore:
    """A store that holds the sample company without its households and operators."""
    names = ("stations", "staff", "communities", "duties")
    import_company(store, [SAMPLE / f"{name}.csv" for name in names], words, robot_address=robot_address)
    return store


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workbook: sheet title → lines; `merge` are ranges of the first sheet."""

    def write(name: str, sheets: dict[str, Lines], merge: Sequence[str] = ()) -> Path:
        workbook = Workbook()
        workbook.remove(workbook.worksheets[0])
        for title, lines in sheets.items():
            sheet = workbook.create_sheet(title)
            for line in lines:
                sheet.append(list(line))
        for area in merge:
            workbook.worksheets[0].merge_cells(area)
        workbook.save(tmp_path / name)
        return tmp_path / name

    return write
