"""Who turns to the company, and when: the month's curve and its two catastrophes. The same seed gives the same plan."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from dialogue.conversation import Channel
from kernel.clock import BEIJING

FIRST, LAST = datetime(2025, 12, 1, tzinfo=BEIJING), datetime(2025, 12, 31, 10, 40, tzinfo=BEIJING)
COLD_SNAP = frozenset(date(2025, 12, day) for day in (16, 17, 18, 19))
SNAP_LOAD = 3.0
#: Butlers of these communities (positions in communities.csv) are ill, and half of the operators' early shift.
SICK_DAYS, SICK_BUTLERS = frozenset(date(2025, 12, day) for day in (8, 9, 10, 11, 12)), (4, 17, 29)
BURST_AT = datetime(2025, 12, 13, 17, 42, tzinfo=BEIJING)
BURST_REPORTS, BURST_COMMUNITIES = 400, range(8, 14)  # of one station
BURST_TAIL = timedelta(minutes=100)
PLANNED_OUTAGE_TOLD_AT = datetime(2025, 12, 21, 9, 30, tzinfo=BEIJING)

#: Share of a day's calls in each local hour: mornings and evenings, little at night.
_HOURS = (6, 4, 3, 3, 4, 9, 28, 62, 88, 86, 74, 58, 44, 46, 52, 54, 56, 66, 84, 88, 72, 48, 24, 11)
_WEEKDAYS = (1.15, 1.05, 1.0, 0.98, 1.0, 0.94, 0.88)
_ON_THE_PHONE = 0.68
#: The season settles: the last week of the month has this share of the first one's calls.
_SETTLED = 0.75


class Where(StrEnum):
    """What the caller's number says: his home is known by it, or he has to tell it."""

    REGISTERED = "registered"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody calls or writes. `serial` counts the homes of the town, from 0."""

    at: datetime
    channel: Channel
    matter: str
    serial: int
    where: Where
    says: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`contacts` a month, the burst's reports not counted."""

    contacts: int
    seed: int
    matters: Mapping[str, Mapping[str, object]]
    homes: int
    homes_in_a_community: int

    def everyday(self) -> Iterator[Contact]:
        """Oldest first."""
        chance = random.Random(f"{self.seed} everyday")
        days = [FIRST.date() + timedelta(days=n) for n in range((LAST.date() - FIRST.date()).days + 1)]
        weights = [self._weight(day, n / (len(days) - 1)) for n, day in enumerate(days)]
        for day, weight in zip(days, weights, strict=True):
            number = round(self.contacts * weight / sum(weights))
            instants = sorted(self._instant(chance, day) for _ in range(number))
            yield from (self._contact(chance, at) for at in instants if at < LAST)

    def burst(self, first: list[str], reports: list[str]) -> Iterator[Contact]:
        """A main breaks: who sees the water first, then everybody behind it, fast and then ever slower."""
        chance = random.Random(f"{self.seed} burst")
        start = BURST_COMMUNITIES.start * self.homes_in_a_community
        serials = chance.sample(range(start, BURST_COMMUNITIES.stop * self.homes_in_a_community), BURST_REPORTS)
        for n, serial in enumerate(serials):
            late = timedelta(minutes=n) if n < len(first) else BURST_TAIL * min(1.0, chance.expovariate(3.2))
            channel = Channel.PHONE if n < len(first) or chance.random() < _ON_THE_PHONE else Channel.CHAT
            says = first[n] if n < len(first) else chance.choice(reports)
            yield Contact(BURST_AT + late, channel, "burst", serial, Where.REGISTERED, says)

    def _weight(self, day: date, through_the_month: float) -> float:
        settled = 1 - (1 - _SETTLED) * through_the_month
        return _WEEKDAYS[day.weekday()] * settled * (SNAP_LOAD if day in COLD_SNAP else 1.0)

    def _instant(self, chance: random.Random, day: date) -> datetime:
        hour = chance.choices(range(24), _HOURS)[0]
        return datetime(day.year, day.month, day.day, hour, tzinfo=BEIJING) + timedelta(seconds=chance.uniform(0, 3600))

    def _contact(self, chance: random.Random, at: datetime) -> Contact:
        names = list(self.matters)
        matter = chance.choices(names, [float(str(self.matters[name]["share"])) for name in names])[0]
        says = self.matters[matter]["says"]
        if not isinstance(says, list):
            raise TypeError(f"{matter}: says is a list")
        return Contact(
            at=at,
            channel=Channel.PHONE if chance.random() < _ON_THE_PHONE else Channel.CHAT,
            matter=matter,
            serial=chance.randrange(self.homes),
            where=Where.REGISTERED if chance.random() < 0.85 else Where.STRANGER,  # noqa: PLR2004 - a share
            says=chance.choice(says),
        )
