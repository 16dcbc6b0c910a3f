"""The company as data: who lives where, who looks after whom, and who is on duty when. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Station:
    id: int
    code: str  # the company's own key, stable across imports
    name: str
    address: str
    phone: str
    robot: str = ""  # address of the station's chat group, as an apprise URL; a secret: never logged or shown


@dataclass(frozen=True, slots=True)
class Community:
    """A housing estate. `butler_id`/`deputy_id` are `Staff.id`."""

    id: int
    code: str
    name: str
    aliases: tuple[str, ...]
    station_id: int
    butler_id: int
    deputy_id: int | None
    property_unit: str = ""  # name of its property manager, for G8
    property_phone: str = ""


@dataclass(frozen=True, slots=True)
class Household:
    id: int
    card_number: str  # the heating card, the company's own key
    community_id: int
    building: str
    unit: str
    room: str
    name: str
    phone: str  # E.164, "" if unknown
    installation: str = "radiator"  # radiator | floor_heating
    area_m2: float = 0.0
    paid: bool = True
    vulnerable: bool = False  # old, ill or disabled: comes first (J1)
    usage: str = "residential"  # residential | other: not a home, ours ends at the entry valve well (Y1)
    arrears_fen: int = 0  # of earlier seasons (Y3)

    @property
    def is_residential(self) -> bool:
        return self.usage == "residential"


class StaffRole(StrEnum):
    """Rungs of the ladder, in order of the standard's chain: butler in charge first, supervisor last."""

    BUTLER = "butler"
    DEPUTY = "deputy"
    STATION_DUTY = "station_duty"
    DUTY_CHIEF = "duty_chief"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Staff:
    """A person who can accept an alarm. `number` is the NN of "温心NN号" (G4a)."""

    id: int
    number: str
    name: str
    phone: str  # E.164
    station_id: int | None
    active: bool = True
    robot: str = ""  # where this person reads messages in a chat (apprise URL), "": in the station's group


@dataclass(frozen=True, slots=True)
class Duty:
    """One line of the weekly rota: who holds a role, where (None: whole company), on which ISO weekdays, from when to when.

    Times are local (Asia/Shanghai); `until` earlier than or equal to `start` runs past midnight and belongs to the weekday it starts on.
    `first` and `last`: the local days, both included, on which it may start; None: no limit.
    """

    role: StaffRole
    staff_id: int
    station_id: int | None
    weekdays: frozenset[int]
    start: time
    until: time
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody is ill or away from `from_at` until `until_at` (aware): he is not rung, whoever stands in for him is."""

    id: int
    staff_id: int
    stand_in_id: int | None
    from_at: datetime
    until_at: datetime
    noted_at: datetime
    noted_by: str
    cancelled_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.cancelled_at is None and self.from_at <= at < self.until_at


class OperatorRole(StrEnum):
    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Operator:
    """A console account. `phone` is dialled by "connect the caller to me"."""

    id: int
    login: str
    name: str
    role: OperatorRole
    phone: str
    password_hash: str
    active: bool = True

    @property
    def number(self) -> str:
        """With which he takes over a conversation (W6a)."""
        return f"{self.id:02d}"


@dataclass(frozen=True, slots=True)
class OtherUnit:
    """A row of data/directory.yml: who is in charge of what we are not (G8, W6f)."""

    key: str
    name: str
    phone: str
