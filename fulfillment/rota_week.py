"""Who is there when: the rota with its absences, read as stretches of time. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from fulfillment.company import Duty, StaffRole, Station
from fulfillment.dispatch import Company, edges_of, is_on_duty
from kernel.clock import BEIJING

#: Posts that are to be held at every hour: station duty for each station, the others for the whole company.
_COMPANY_WIDE = (StaffRole.DUTY_CHIEF, StaffRole.SUPERVISOR)


@dataclass(frozen=True, slots=True)
class Post:
    """One rung of the ladder that somebody holds by the hour."""

    role: StaffRole
    station_id: int | None


@dataclass(frozen=True, slots=True)
class Holder:
    """`staff_id` is there; `instead_of` is whose line it is, if he stands in."""

    staff_id: int
    instead_of: int | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """From `since` until `until` (aware UTC) these hold the post; nobody: a gap."""

    since: datetime
    until: datetime
    holders: tuple[Holder, ...]


def posts(stations: Iterable[Station], duties: Iterable[Duty]) -> tuple[Post, ...]:
    """What must be held, then whatever else the rota names (a butler's own hours are no post)."""
    wanted = [Post(role, None) for role in _COMPANY_WIDE]
    wanted += [Post(StaffRole.STATION_DUTY, station.id) for station in stations]
    by_hour = {StaffRole.STATION_DUTY, *_COMPANY_WIDE}
    own = [Post(d.role, d.station_id) for d in duties if d.role in by_hour and d.station_id is not None]
    return tuple(dict.fromkeys([*wanted, *own]))


def day_of(company: Company, post: Post, day: date) -> Sequence[Shift]:
    """One local day of a post, without holes."""
    since = datetime.combine(day, time(), BEIJING)
    until = since + timedelta(days=1)
    found: list[Shift] = []
    for start, end in pairwise(edges_of(company, since, until)):
        holders = tuple(dict.fromkeys(_holders(company, post, start)))
        if found and found[-1].holders == holders:
            found[-1] = replace(found[-1], until=end)
        else:
            found.append(Shift(start, end, holders))
    return found


def _holders(company: Company, post: Post, at: datetime) -> Iterable[Holder]:
    for duty in company.duties:
        covers = duty.station_id is None or duty.station_id == post.station_id
        if duty.role is not post.role or not covers or not is_on_duty(duty, at):
            continue
        there = company.present(duty.staff_id, at)
        person = company.staff.get(there or 0)
        if person is not None and person.active:
            yield Holder(person.id, None if there == duty.staff_id else duty.staff_id)
