"""One visit at a home: who came when, what was found, checked, used and signed (K6, N14). Pure; changes return a new visit."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VisitState(StrEnum):
    """A visit is OPEN until it ends in one of the other ways; a ticket has one open visit at most."""

    OPEN = "open"
    DONE = "done"
    NOBODY_HOME = "nobody_home"
    NOT_COME = "not_come"


@dataclass(frozen=True, slots=True)
class Material:
    """What was used. `price_fen` is of all pieces together, told to the resident and agreed to before; 0 = free (Y2)."""

    key: str  # of the form that brought it: sent twice it is one
    name: str
    count: int
    price_fen: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    room: str
    celsius: float


@dataclass(frozen=True, slots=True)
class TemperatureRecord:
    """What a temperature test measured (F11, K6). `outside` None = not measured."""

    instrument: str
    height_cm: int  # above the floor
    outside: float | None
    readings: tuple[Reading, ...]

    @property
    def coldest(self) -> float:
        return min(reading.celsius for reading in self.readings)


@dataclass(frozen=True, slots=True)
class Responsibility:
    """Whose the fault is (K4). `price_fen`: what the resident was told that his own part would cost him, before the work.
    `settled`: what comes first (Y3) was put right or paid, or a day was agreed for it.
    """

    ground: str  # key of data/visit.yml
    price_fen: int = 0
    agreed: bool = True
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """One going to a home for one ticket. Instants are aware UTC, None = not yet (or not told)."""

    id: int
    ticket_id: int
    staff_id: int
    opened_at: datetime
    state: VisitState = VisitState.OPEN
    left_at: datetime | None = None  # on the way
    arrived_at: datetime | None = None
    place: str = ""  # where he said he was, or "latitude,longitude ±metres" of his telephone
    found: str = ""
    checks: tuple[str, ...] = ()  # keys of data/visit.yml
    materials: tuple[Material, ...] = ()
    done: str = ""  # what was done
    ended_at: datetime | None = None
    reason: str = ""  # why nobody came, or what was agreed with somebody who was not at home
    test: TemperatureRecord | None = None
    responsibility: Responsibility | None = None
    rev: int = 0  # optimistic lock: a write names the rev it read


class PictureKind(StrEnum):
    PHOTOGRAPH = "photograph"
    SIGNATURE = "signature"  # under the record of the visit (K6)
    AGREEMENT = "agreement"  # under the agreement that comes before dear parts (Y2)
    DAMAGE = "damage"  # under what was explained about a damage in use (N13, N14)


@dataclass(frozen=True, slots=True)
class VisitPicture:
    """A photograph, or the resident's signature. `id` is unguessable and names the file, a JPEG of our own making."""

    id: str
    visit_id: int
    ticket_id: int
    kind: PictureKind
    made_at: datetime
    width: int
    height: int
    name: str = ""  # of a signature: who signed
    text: str = ""  # of a signature: the words above it, as they stood when it was written
