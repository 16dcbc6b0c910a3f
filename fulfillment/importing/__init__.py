"""Import of a company's own CSV and XLSX files: `import_company(store, folder, load_words(data_dir / "import_words.yml"))`."""

from fulfillment.importing.rows import RobotAddress, RowProblem
from fulfillment.importing.store import ImportReport, check_company, import_company
from fulfillment.importing.words import TableKind, Words, load_words

__all__ = [
    "ImportReport",
    "RobotAddress",
    "RowProblem",
    "TableKind",
    "Words",
    "check_company",
    "import_company",
    "load_words",
]
