"""Communities and house addresses: what a live turn picks out of them, against what was meant. No model is asked."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from bot.entities import EntityWords
from bot.normalise import normalise
from bot.understanding import CommunityName, Intent, Understanding
from dialogue.state import Slots, merge
from ops.nlu_report.measure import Figure, share
from ops.nlu_report.sentences import HOME

#: As in ops.nlu_report.sentences: mistakes in the first have been read, the third is unseen.
FILES = {
    "first": HOME / "tests" / "bot" / "held_out_addresses.yml",
    "third": HOME / "tests" / "bot" / "held_out_addresses_third.yml",
}
COMMUNITIES = HOME / "data" / "company" / "communities.csv"
_IDS_FROM = 1


@dataclass(frozen=True, slots=True)
class Address:
    """One address as said. None: not said, or no community of the company's."""

    text: str
    community: str | None
    building: str | None
    unit: str | None
    room: str | None
    noise: bool


@dataclass(frozen=True, slots=True)
class AddressFigures:
    """`resolved`: the one community meant, and no other; `resolved_or_offered`: also as one of several that are read out."""

    resolved: Figure
    resolved_or_offered: Figure
    house: Figure


def read() -> dict[str, list[Address]]:
    """The held-out addresses by set. Raises FileNotFoundError."""
    return {
        name: [Address(**row) for row in yaml.safe_load(path.read_text(encoding="utf-8"))]
        for name, path in FILES.items()
    }


def sample_communities() -> list[CommunityName]:
    """The sample company's communities by their columns: number, name, aliases."""
    with COMMUNITIES.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [
        CommunityName(n, row[1], tuple(a for a in re.split(r"\W+", row[2]) if a))
        for n, row in enumerate(rows, _IDS_FROM)
    ]


def measure(addresses: Sequence[Address]) -> AddressFigures:
    """House address: building, unit and room all as meant, and nothing invented. Merged into empty slots as a turn does."""
    words, communities = EntityWords.load(), sample_communities()
    id_of = {c.name: c.community_id for c in communities}
    resolved, offered, houses = [], [], []
    for address in addresses:
        text = normalise(address.text).text
        entities = words.find(text, communities)
        heard = merge(Slots(), Understanding(text, Intent.INFORM, 1.0, emergency=False, entities=entities))
        meant = id_of[address.community] if address.community else None
        rivals = {i for i in (heard.slots.community_id, *heard.doubtful) if i}
        resolved.append(rivals == ({meant} if meant else set()))
        offered.append(meant in rivals if meant else not rivals)
        slots = heard.slots
        houses.append(
            (slots.building, slots.unit, slots.room) == (address.building or "", address.unit or "", address.room or "")
        )
    return AddressFigures(share(resolved), share(offered), share(houses))
