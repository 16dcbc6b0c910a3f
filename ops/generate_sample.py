"""Writes data/company/households.csv: 500 fictitious homes in the sample communities. The same seed gives the same file.

Run `.venv/bin/python -m ops.generate_sample` after a change of communities.csv or of this file; commit the result. Another file can be named.
"""

import csv
import random
import sys
from pathlib import Path

import yaml

from fulfillment.importing import TableKind, load_words
from kernel.settings import HOME

SEED = 20261115
HOUSEHOLDS = 500
SECOND_HOME_EVERY, NO_PHONE_EVERY = 50, 33
SHOP_EVERY, ARREARS = 100, "1860.50"  # of a hundred homes the second is a shop, and owes this much of earlier winters
FLOOR_HEATING, UNPAID, VULNERABLE = 0.6, 0.08, 0.06  # shares of all homes
TOWERS_IN = frozenset(range(7, 40, 8))  # positions in communities.csv
FIELDS = (
    "card_number", "community", "building", "unit", "room", "name",
    "phone", "installation", "area_m2", "paid", "vulnerable", "usage", "arrears",
)  # fmt: skip
#: The home that the scripts use as their example: building, unit, room.
EXAMPLE_HOME = ("3", "2", "501")


def main(target: Path | None = None) -> None:
    folder = HOME / "data" / "company"
    words = load_words(HOME / "data" / "import_words.yml")
    names = yaml.safe_load((folder / "sample_names.yml").read_text(encoding="utf-8"))
    titles = words.titles
    with (folder / "communities.csv").open(encoding="utf-8-sig", newline="") as file:
        communities = [row[titles[TableKind.COMMUNITIES]["name"]] for row in csv.DictReader(file)]
    yes, no = words.raw["yes_words"][0], words.raw["no_words"][0]
    installations = [words.raw["installations"][key][0] for key in ("radiator", "floor_heating")]
    usages = [words.raw["usages"][key][0] for key in ("residential", "other")]
    chance = random.Random(SEED)

    rows: list[list[object]] = []
    taken: set[tuple[str, str, str, str]] = set()
    while len(rows) < HOUSEHOLDS:
        serial = len(rows)
        at = serial % len(communities)
        home = EXAMPLE_HOME if serial == 0 else _home(chance, tower=at in TOWERS_IN)
        if (communities[at], *home) in taken:
            continue
        taken.add((communities[at], *home))
        phone: object = f"1991100{serial + 1:04}"
        if (serial + 1) % SECOND_HOME_EVERY == 0:  # one telephone, two addresses to tell apart
            phone = rows[serial - 7][FIELDS.index("phone")]
        rows.append(
            [
                f"6{at + 1:03}{serial // len(communities) + 1:04}",
                communities[at],
                *home,
                chance.choice(names["family"]) + chance.choice(names["given"]),
                "" if (serial + 1) % NO_PHONE_EVERY == 0 else phone,
                installations[chance.random() < FLOOR_HEATING],
                f"{chance.uniform(42, 168):.2f}",
                no if chance.random() < UNPAID else yes,
                yes if chance.random() < VULNERABLE else no,
                usages[serial % SHOP_EVERY == 1],
                ARREARS if serial % SHOP_EVERY == 1 else "",
            ]
        )
    _write(target or folder / "households.csv", [titles[TableKind.HOUSEHOLDS][field] for field in FIELDS], rows)
    print(f"{len(rows)} households in {len(communities)} communities")


def _home(chance: random.Random, *, tower: bool) -> tuple[str, str, str]:
    """Walk-ups have units and six floors; towers a letter before the number, no unit, and up to 26 floors."""
    if tower:
        building, unit, floors = f"{chance.choice('AB')}{chance.randint(1, 6)}", "", 26
    else:
        building, unit, floors = str(chance.randint(1, 18)), str(chance.randint(1, 4)), 6
    return building, unit, f"{chance.randint(1, floors)}{chance.randint(1, 3):02}"


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    # With a byte order mark: without one, Excel opens the sample as garbage and a company learns the wrong lesson.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
