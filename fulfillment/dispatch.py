"""Who is rung for an emergency, in which order, how fast, and where the rota leaves nobody. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from fulfillment.company import Absence, Community, Duty, Staff, StaffRole
from kernel.clock import BEIJING, local

_DAYS_A_WEEK = 7
#: However late a ladder is, two rungs do not start in the same breath.
_SHORTEST_STEP = timedelta(seconds=5)
#: One telephone that is off must not end a ladder.
FEWEST_PEOPLE = 2


@dataclass(frozen=True, slots=True)
class LadderPlan:
    """data/ladder.yml; see the comments there."""

    rungs: tuple[StaffRole, ...]
    company_wide: tuple[StaffRole, ...]
    ring_seconds: int
    step_seconds: int
    last_rung_within_seconds: int
    round_pause_seconds: int
    no_address_grace_seconds: int
    redial_within_seconds: int
    leak_question_seconds: int
    busy_carrier_tries: int
    calls_per_second: float
    texts_per_second: float


@dataclass(frozen=True, slots=True)
class Rung:
    """One person of a ladder, in the role in which he or she is rung."""

    role: StaffRole
    staff: Staff


@dataclass(frozen=True, slots=True)
class Company:
    """What a ladder is made of, as read in one transaction."""

    staff: Mapping[int, Staff]
    duties: Sequence[Duty]
    absences: Sequence[Absence] = ()

    def present(self, staff_id: int, at: datetime) -> int | None:
        """Who is there in place of somebody: himself, else whoever stands in; None: nobody does."""
        asked: set[int] = set()
        someone: int | None = staff_id
        while someone is not None:
            if someone in asked:  # two who stand in for each other are both away
                return None
            asked.add(someone)
            away = next((a for a in self.absences if a.staff_id == someone and a.holds(at)), None)
            if away is None:
                break
            someone = away.stand_in_id
        return someone


@dataclass(frozen=True, slots=True)
class Gap:
    """From `since` until `until` (aware UTC) the ladder of these communities is incomplete.

    `communities` is empty for an emergency whose place nobody knows. `people` can be rung at all; `nobody_is` names the
    last role of the ladder if nobody holds it then.
    """

    communities: tuple[Community, ...]
    since: datetime
    until: datetime
    people: int
    nobody_is: StaffRole | None


def is_on_duty(duty: Duty, at: datetime) -> bool:
    """Whether a line of the rota holds at an instant; a line past midnight belongs to the weekday on which it starts."""
    now = local(at)
    overnight = duty.until <= duty.start
    today = now.isoweekday()
    yesterday = (today - 2) % _DAYS_A_WEEK + 1
    if today in duty.weekdays and duty.start <= now.time() and (overnight or now.time() < duty.until):
        return _starts_on(duty, now.date())
    in_the_night = overnight and yesterday in duty.weekdays and now.time() < duty.until
    return in_the_night and _starts_on(duty, now.date() - timedelta(days=1))


def _starts_on(duty: Duty, day: date) -> bool:
    return (duty.first is None or duty.first <= day) and (duty.last is None or day <= duty.last)


def ladder(plan: LadderPlan, company: Company, community: Community | None, at: datetime) -> tuple[Rung, ...]:
    """Active people in the order in which they are rung, each one once.

    A butler or deputy with a rota of his own who is off duty comes last: he knows the house, but others are awake.
    Without a community the company-wide roles are rung, whatever their station. Whoever stands in for somebody absent
    is rung in his place; the absent themselves only when otherwise nobody would be.
    """
    rungs: dict[int, Rung] = {}
    meant = [*_on_duty(plan, company, community, at), *_off_duty(company, community, at)]
    for role, staff_id in meant:
        person = company.staff.get(company.present(staff_id, at) or 0)
        if person is not None and person.active:
            rungs.setdefault(person.id, Rung(role, person))
    if not rungs and company.absences:
        return ladder(plan, replace(company, absences=()), community, at)
    return tuple(rungs.values())


def next_rung(rungs: Iterable[Rung], tried: Collection[int], busy: Collection[int]) -> Rung | None:
    """The next one who was not tried in this round; somebody on another alarm only when nobody else is left."""
    left = [rung for rung in rungs if rung.staff.id not in tried]
    return next((rung for rung in left if rung.staff.id not in busy), left[0] if left else None)


def next_step_at(plan: LadderPlan, *, now: datetime, round_began: datetime, left: int) -> datetime:
    """When the next rung starts if the present one stays silent; `left` rungs are still to come in this round.

    Long ladders and late starts climb faster: the last rung starts `last_rung_within_seconds` after the round began.
    """
    step = timedelta(seconds=plan.step_seconds)
    if left > 0:
        time_left = round_began + timedelta(seconds=plan.last_rung_within_seconds) - now
        step = min(step, max(time_left / left, _SHORTEST_STEP))
    return now + step


def next_round_at(plan: LadderPlan, *, ended_at: datetime, round_began: datetime, linked: int) -> datetime:
    """When everybody is told again. However fast its calls failed, a round takes no less time than one telephone rings, and
    where messages have left by which so many people can accept (`linked`), no less than letting each of theirs ring out.
    """
    return max(ended_at, round_began + _shortest_round(plan, linked)) + timedelta(seconds=plan.round_pause_seconds)


def told_again_within(plan: LadderPlan, *, linked: int) -> timedelta:
    """As long as nobody accepts, somebody is told again no later than this after the last one was; `linked` as above."""
    last_one = max(timedelta(seconds=plan.step_seconds), _shortest_round(plan, linked))
    return last_one + timedelta(seconds=plan.round_pause_seconds)


def _shortest_round(plan: LadderPlan, linked: int) -> timedelta:
    seconds = max(plan.ring_seconds * linked, plan.step_seconds) if linked else plan.ring_seconds
    return timedelta(seconds=min(seconds, plan.last_rung_within_seconds))


def timetable(plan: LadderPlan, rungs: Sequence[Rung]) -> Sequence[tuple[Rung, timedelta]]:
    """When each would be rung, from the alarm on, if nobody answered."""
    began = now = datetime(2000, 1, 1, tzinfo=UTC)
    found = []
    for left, rung in zip(reversed(range(len(rungs))), rungs, strict=True):
        found.append((rung, now - began))
        now = next_step_at(plan, now=now, round_began=began, left=left)
    return found


def ladder_gaps(
    plan: LadderPlan, company: Company, communities: Iterable[Community], since: datetime, until: datetime
) -> Sequence[Gap]:
    """Where and when an emergency would not reach enough people; empty if every ladder is complete.

    Complete means, at every instant of `since` ≤ t < `until` (aware), for every community and for a place that nobody
    knows: at least two active people with different telephones are on the ladder, and an active person is on duty in its
    last role (the supervisor, unless data/ladder.yml says otherwise). A butler off duty counts: he is rung, as the last.
    Looks only at the instants at which the rota changes: between two of them nothing can.
    """
    alike: dict[tuple[int, int, int | None], list[Community]] = {}
    for community in communities:
        alike.setdefault((community.station_id, community.butler_id, community.deputy_id), []).append(community)
    edges = edges_of(company, since, until)
    gaps: list[Gap] = []
    for group in [(), *alike.values()]:
        open_gap: Gap | None = None
        for start, end in pairwise(edges):
            gap = _gap(plan, company, tuple(group), start, end)
            if gap is None or open_gap is None or (gap.people, gap.nobody_is) != (open_gap.people, open_gap.nobody_is):
                gaps += [open_gap] if open_gap else []
                open_gap = gap
            else:
                open_gap = replace(open_gap, until=end)
        gaps += [open_gap] if open_gap else []
    return gaps


def _gap(
    plan: LadderPlan, company: Company, alike: tuple[Community, ...], since: datetime, until: datetime
) -> Gap | None:
    community = alike[0] if alike else None
    people = len({rung.staff.phone for rung in ladder(plan, company, community, since) if rung.staff.phone})
    last = plan.rungs[-1]
    held = any(
        role is last
        and (person := company.staff.get(company.present(staff_id, since) or 0)) is not None
        and person.active
        for role, staff_id in _on_duty(replace(plan, company_wide=plan.rungs), company, community, since)
    )
    if people >= FEWEST_PEOPLE and held:
        return None
    return Gap(alike, since, until, people, None if held else last)


def edges_of(company: Company, since: datetime, until: datetime) -> list[datetime]:
    """`since`, every instant before `until` at which a line of the rota or an absence may begin or end, `until`."""
    times = {at for duty in company.duties for at in (duty.start, duty.until)} | {time(0)}
    days = [
        local(since).date() + timedelta(days=n) for n in range((local(until).date() - local(since).date()).days + 1)
    ]
    changes = {datetime.combine(day, at, BEIJING).astimezone(UTC) for day in days for at in times}
    changes |= {at for absence in company.absences for at in (absence.from_at, absence.until_at)}
    return [since, *sorted(change for change in changes if since < change < until), until]


def _on_duty(
    plan: LadderPlan, company: Company, community: Community | None, at: datetime
) -> Iterator[tuple[StaffRole, int]]:
    roles = plan.company_wide if community is None else plan.rungs
    for role in roles:
        of_the_house = _of_the_house(role, community)
        if of_the_house is not None:
            if _works_now(company, role, of_the_house, at):
                yield role, of_the_house
            continue
        for duty in company.duties:
            if duty.role is role and _covers(duty, community) and is_on_duty(duty, at):
                yield role, duty.staff_id


def _off_duty(company: Company, community: Community | None, at: datetime) -> Iterator[tuple[StaffRole, int]]:
    for role in (StaffRole.BUTLER, StaffRole.DEPUTY):
        staff_id = _of_the_house(role, community)
        if staff_id is not None and not _works_now(company, role, staff_id, at):
            yield role, staff_id


def _of_the_house(role: StaffRole, community: Community | None) -> int | None:
    if community is None:
        return None
    return {StaffRole.BUTLER: community.butler_id, StaffRole.DEPUTY: community.deputy_id}.get(role)


def _works_now(company: Company, role: StaffRole, staff_id: int, at: datetime) -> bool:
    own = [d for d in company.duties if d.role is role and d.staff_id == staff_id]
    return not own or any(is_on_duty(d, at) for d in own)


def _covers(duty: Duty, community: Community | None) -> bool:
    return community is None or duty.station_id in (None, community.station_id)
