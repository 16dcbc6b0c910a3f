"""Supervisors change the weekly rota and note who is away. Refused is what would leave an emergency fewer people to reach
than before; a rota that has gaps already can so be mended line by line.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from typing import Any, Protocol

from fulfillment.company import Absence, Community, Duty, StaffRole
from fulfillment.dispatch import Company, Gap, LadderPlan, ladder_gaps
from fulfillment.edition import Edition
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.table_faults import LONGEST_RING, SHORTEST_RING
from kernel.clock import BEIJING, Clock
from kernel.errors import ChangeRefused, Conflict, NotFound

PART = "rota"
#: The rota repeats every week; around a day on which a line begins or ends, so much is looked at.
AHEAD = timedelta(days=7)
LONGEST_ABSENCE = timedelta(days=366)
_WEEK = frozenset(range(1, 8))


def read_company(tx: FulfillmentTx, at: datetime) -> Company:
    """What ladders are made of, from an instant on."""
    return Company({s.id: s for s in tx.all_staff()}, tx.duties(), tx.absences(at))


def key_of(duty: Duty) -> str:
    """Names a line of the rota by all that it says: whoever changes it has seen it as it is."""
    return blake2b(repr(sorted(_as_content(duty).items())).encode(), digest_size=8).hexdigest()


class HasLadder(Protocol):
    """Says who is rung in which order (fulfillment.standard.Standard)."""

    @property
    def ladder(self) -> LadderPlan: ...


@dataclass(frozen=True, slots=True)
class Rota:
    """What a supervisor does with it. Every change is an edition; the one before can be restored.

    Raises ChangeRefused with the reason: `gaps` (`.details["gaps"]`), `no_weekday`, `nobody` (unknown, not working here
    any more), `no_station`, `dates`, `absence_times`, `himself`, `absence_too_long`, `ring` (`.details["shortest"]`, `["longest"]`
    seconds), `editions` (restored: names somebody who is gone). Conflict: the line or the rota is not what it was when it was shown.
    """

    store: FulfillmentStore
    standard: HasLadder
    clock: Clock

    def add(self, duty: Duty, *, by: str) -> None:
        """One more line; twice is the same as once."""
        before = self._lines()
        self._save(before, [*before, duty] if duty not in before else before, by)

    def change(self, key: str, duty: Duty | None, *, by: str) -> None:
        """Another line in its place, or none."""
        before = self._lines()
        found = [n for n, line in enumerate(before) if key_of(line) == key]
        if not found:
            raise Conflict(f"no line {key} in the rota any more")
        after = [*before[: found[0]], *([duty] if duty else []), *before[found[0] + 1 :]]
        self._save(before, after, by)

    def restore(self, edition_id: int, *, by: str) -> None:
        """The rota as it was; it becomes an edition of its own."""
        with self.store.read() as tx:
            wanted = next((one for one in tx.editions(PART) if one.id == edition_id), None)
        if wanted is None:
            raise NotFound(f"no rota {edition_id}")
        self._save(self._lines(), [_from_content(row) for row in wanted.content], by)

    def note_absence(self, absence: Absence, *, by: str) -> Absence:
        """`absence.id` is 0. An absence that begins in the past holds from there."""
        now = self.clock.now()
        if not (absence.from_at < absence.until_at and now < absence.until_at):
            raise ChangeRefused("absence_times")
        if absence.until_at - absence.from_at > LONGEST_ABSENCE:
            raise ChangeRefused("absence_too_long")
        if absence.stand_in_id == absence.staff_id:
            raise ChangeRefused("himself")
        with self.store.read() as tx:
            company, communities = read_company(tx, now), tx.communities()
        for staff_id in filter(None, (absence.staff_id, absence.stand_in_id)):
            _demand_person(company, staff_id)
        self._demand_no_worse(company, replace(company, absences=[*company.absences, absence]), communities)
        with self.store.write() as tx:
            return tx.add_absence(replace(absence, noted_at=now, noted_by=by))

    def cancel_absence(self, absence_id: int) -> None:
        """Back earlier, or never away; twice is the same as once. Raises NotFound."""
        with self.store.write() as tx:
            known = tx.absence(absence_id, for_update=True)
            if known.cancelled_at is None:
                tx.save_absence(replace(known, cancelled_at=self.clock.now()))

    def gaps(self, since: datetime, until: datetime) -> Sequence[Gap]:
        """Where an emergency would reach too few people (dispatch.ladder_gaps)."""
        with self.store.read() as tx:
            company, communities = read_company(tx, since), tx.communities()
        return ladder_gaps(self.standard.ladder, company, communities, since, until)

    def demand_fits(self, plan: LadderPlan) -> None:
        """Refuses a ladder on which fewer people would be reached than now: nobody by a ring that is over before he has his
        telephone in his hand, or that wakes his voicemail.
        """
        if not SHORTEST_RING <= plan.ring_seconds <= LONGEST_RING:
            raise ChangeRefused("ring", shortest=SHORTEST_RING, longest=LONGEST_RING)
        now = self.clock.now()
        with self.store.read() as tx:
            company, communities = read_company(tx, now), tx.communities()
        self._demand_no_worse(company, company, communities, plan)

    def _lines(self) -> list[Duty]:
        with self.store.read() as tx:
            return list(tx.duties())

    def _save(self, before: Sequence[Duty], after: Sequence[Duty], by: str) -> None:
        if list(before) == list(after):
            return
        now = self.clock.now()
        with self.store.read() as tx:
            company, communities = read_company(tx, now), tx.communities()
            stations = {station.id for station in tx.stations()}
        for line in after:
            if line not in before:
                _check(line, company, stations)
        self._demand_no_worse(replace(company, duties=before), replace(company, duties=after), communities)
        with self.store.write() as tx:  # looked at outside of it: nobody's turn waits while gaps are counted
            if list(tx.duties()) != list(before):
                raise Conflict("the rota was changed meanwhile")
            was, becomes = ([_as_content(line) for line in lines] for lines in (before, after))
            known = tx.editions(PART)
            if before and (not known or known[-1].content != was):  # an import came in between
                tx.add_edition(Edition(0, PART, was, now, now, ""))
            tx.add_edition(Edition(0, PART, becomes, now, now, by))
            tx.replace_duties(after)

    def _demand_no_worse(
        self, before: Company, after: Company, communities: Sequence[Community], plan: LadderPlan | None = None
    ) -> None:
        now = self.clock.now()
        was, becomes = (
            [gap for window in _windows(now, before, after) for gap in ladder_gaps(p, company, communities, *window)]
            for p, company in ((self.standard.ladder, before), (plan or self.standard.ladder, after))
        )
        lasted, will_last = _seconds(was), _seconds(becomes)
        if any(seconds > lasted.get(where, 0) for where, seconds in will_last.items()):
            raise ChangeRefused("gaps", gaps=[gap for gap in becomes if gap not in was])


def _windows(now: datetime, *companies: Company) -> Sequence[tuple[datetime, datetime]]:
    """Stretches of time in which something may become different, none of them overlapping."""
    turns = {now}
    for company in companies:
        turns |= {at for a in company.absences for at in (a.from_at, a.until_at)}
        days = {day for duty in company.duties for day in (duty.first, duty.last) if day}
        turns |= {datetime.combine(day, time(), BEIJING) for day in days}
    found: list[tuple[datetime, datetime]] = []
    for turn in sorted(turns):
        since, until = max(now, turn), turn + AHEAD
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(until, found[-1][1]))
        elif until > now:
            found.append((since, until))
    return found


def _seconds(gaps: Iterable[Gap]) -> Mapping[tuple[int, ...], float]:
    found: dict[tuple[int, ...], float] = {}
    for gap in gaps:
        where = tuple(community.id for community in gap.communities)
        found[where] = found.get(where, 0) + (gap.until - gap.since).total_seconds()
    return found


def _check(line: Duty, company: Company, stations: Iterable[int]) -> None:
    if not line.weekdays or not line.weekdays <= _WEEK:
        raise ChangeRefused("no_weekday")
    _demand_person(company, line.staff_id)
    needs_station = line.role is StaffRole.STATION_DUTY
    if (line.station_id is None and needs_station) or (line.station_id is not None and line.station_id not in stations):
        raise ChangeRefused("no_station")
    if line.first and line.last and line.last < line.first:
        raise ChangeRefused("dates")


def _demand_person(company: Company, staff_id: int) -> None:
    person = company.staff.get(staff_id)
    if person is None or not person.active:
        raise ChangeRefused("nobody")


def _as_content(duty: Duty) -> dict[str, Any]:
    return {
        "role": duty.role.value,
        "staff_id": duty.staff_id,
        "station_id": duty.station_id,
        "weekdays": sorted(duty.weekdays),
        "start": f"{duty.start:%H:%M}",
        "until": f"{duty.until:%H:%M}",
        "first": duty.first.isoformat() if duty.first else None,
        "last": duty.last.isoformat() if duty.last else None,
    }


def _from_content(row: Mapping[str, Any]) -> Duty:
    return Duty(
        role=StaffRole(row["role"]),
        staff_id=row["staff_id"],
        station_id=row["station_id"],
        weekdays=frozenset(row["weekdays"]),
        start=time.fromisoformat(row["start"]),
        until=time.fromisoformat(row["until"]),
        first=date.fromisoformat(row["first"]) if row["first"] else None,
        last=date.fromisoformat(row["last"]) if row["last"] else None,
    )
