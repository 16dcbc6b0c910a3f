"""`make standard`: the register of the service standard with the proof of every row; exit code 1 if a name in it does not exist."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import yaml

from dialogue.script_book import ScriptBook
from fulfillment.clause import Clause
from fulfillment.standard import Standard
from ops.drills.breakages import DRILLS

HOME = Path(__file__).resolve().parent.parent
_ROUTE = re.compile(r"""\.(?:get|post|route)\(\s*["'](/[^"']*)["']""")


class Register:
    """The clauses of data/clauses.yml held against the house: everything they name must be there."""

    def __init__(self, home: Path = HOME) -> None:
        self._home = home
        self.standard = Standard(home / "data")
        self._book = ScriptBook(home / "scripts_zh", company="", number="")
        self._is_there: Mapping[str, Callable[[str], bool]] = {
            "script": self._book.scripts.__contains__,
            "clock": self.standard.rules.__contains__,
            "kind": self.standard.kinds.__contains__,
            "answer": self._answers.__contains__,
            "table": self._is_table,
            "page": self._pages.__contains__,
            "code": _is_code,
        }

    def missing(self, clause: Clause) -> list[str]:
        """What a clause names and the house does not have."""
        found = [name for name in clause.kept_by if not self._keeps(name)]
        return found + [name for name in clause.proof if not self._proves(name)]

    def uncited(self) -> set[str]:
        """Clauses that are kept, as the register says, but that no table and no script names."""
        pages = [p for p in (self._home / "data").glob("*.yml") if p.name != "clauses.yml"]
        text = "\n".join(p.read_text(encoding="utf-8") for p in [*pages, *(self._home / "scripts_zh").glob("*.yml")])
        cited = set(re.findall(r"\b[A-Z]\d+(?:\.\d+)?[a-z]?\b", text))
        return {clause.key for clause in self.standard.clauses.values() if clause.kept_by} - cited

    def _keeps(self, name: str) -> bool:
        what, _, key = name.partition(" ")
        return what in self._is_there and self._is_there[what](key)

    def _proves(self, name: str) -> bool:
        if name.startswith("drill "):
            return name.removeprefix("drill ") in DRILLS
        file, _, test = name.partition("::")
        path = self._home / file
        if not path.is_file() or not file.startswith("tests/"):
            return False
        return f"def {test}(" in path.read_text(encoding="utf-8") if test else path.suffix == ".txt"

    def _is_table(self, name: str) -> bool:
        file, _, key = name.partition(":")
        path = self._home / "data" / file
        return path.is_file() and (not key or key in yaml.safe_load(path.read_text(encoding="utf-8")))

    @cached_property
    def _answers(self) -> Mapping[str, object]:
        table = yaml.safe_load((self._home / "data" / "knowledge.yml").read_text(encoding="utf-8"))
        answers: Mapping[str, object] = table["answers"]
        return answers

    @cached_property
    def _pages(self) -> frozenset[str]:
        files = (file for room in ("console", "webchat", "wechat", "ivr") for file in (self._home / room).glob("*.py"))
        return frozenset(route for file in files for route in _ROUTE.findall(file.read_text(encoding="utf-8")))


def _is_code(name: str) -> bool:
    module, _, thing = name.partition(":")
    try:
        return hasattr(importlib.import_module(module), thing)
    except ModuleNotFoundError:
        return False


def lines(register: Register) -> Iterator[str]:
    """The register as people read it: a clause, what keeps it, what proves it, what is still missing."""
    for clause in register.standard.clauses.values():
        state = "kept" if clause.is_kept else "in part" if clause.kept_by else "NOT KEPT"
        yield f"{clause.key:<5} {state:<8} {register.standard.sources[clause.key[0]]}: {clause.text}"
        yield from (f"      by    {name}" for name in clause.kept_by)
        yield from (f"      proof {name}" for name in clause.proof)
        if clause.not_yet:
            yield f"      lacks {clause.not_yet}"


def main() -> int:
    register = Register()
    clauses = register.standard.clauses.values()
    for line in lines(register):
        print(line)
    wrong = [f"{clause.key}: there is no {name}" for clause in clauses for name in register.missing(clause)]
    wrong += [f"{key}: neither data/ nor scripts_zh/ names it" for key in sorted(register.uncited())]
    kept, some = sum(c.is_kept for c in clauses), sum(bool(c.kept_by) for c in clauses)
    print(f"\n{len(clauses)} clauses: {kept} kept, {some - kept} in part, {len(clauses) - some} not kept")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
