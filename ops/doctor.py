"""What would keep an emergency from reaching somebody, looked for in daylight: `flask --app app doctor`.

One finding a line: ✓ well, ! works but somebody should know, ✗ an emergency may be lost. It changes nothing; the carrier is
asked for a list, nobody is rung. Sentences are for whoever runs the machine, with the names of settings he can look up.
"""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import phonenumbers

from bot.rasa_client import Guess
from bot.train import MODEL, model_fits
from fulfillment.company import Absence, Community, Duty, Staff, StaffRole, Station
from fulfillment.dispatch import Company, Gap, LadderPlan, ladder_gaps
from fulfillment.sentinel import OVERDUE, overdue_steps
from fulfillment.table_faults import LONGEST_RING, SHORTEST_RING
from ivr.robots import robot_address
from kernel.clock import Clock, local
from kernel.errors import CarrierRefused, HotlineError
from kernel.settings import Settings
from storage import Store

ROTA_AHEAD = timedelta(days=7)
#: A whole second is all that the carrier tells; deadlines of minutes suffer from more than this.
SKEW_TO_KNOW, SKEW_TOO_MUCH = timedelta(seconds=3), timedelta(seconds=30)
SLOW_DATABASE_SECONDS = 0.25
LITTLE_DISK, NO_DISK = 2 * 1024**3, 200 * 1024**2
_SHOWN = 5
_MAINLAND = "+86"
_UNAUTHORIZED = (20003, 20404)


class Level(StrEnum):
    """Also the mark in front of the line."""

    WELL = "✓"
    KNOW = "!"
    LOST = "✗"


@dataclass(frozen=True, slots=True)
class Finding:
    """`remedy` says what to do, "" if there is nothing to do."""

    level: Level
    check: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.level} {self.check:<9} {self.what}" + (f"  →  {self.remedy}" if self.remedy else "")


class AsksCarrier(Protocol):
    """ivr.carrier: raises CarrierError."""

    def present(self) -> datetime | None: ...


class SignsIn(Protocol):
    """wechat.api.WeChatApi: raises CarrierError."""

    def sign_in(self) -> None: ...


class AsksModel(Protocol):
    """bot.rasa_client.RasaClient."""

    def is_ready(self) -> bool: ...
    def parse(self, text: str) -> tuple[Guess, ...]: ...


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined."""

    settings: Settings
    store: Store
    ladder: LadderPlan
    carrier: AsksCarrier
    alarm_carrier: AsksCarrier  # the same, unless emergencies have an account of their own
    rasa: AsksModel
    clock: Clock
    wechat: SignsIn | None = None  # None: no official account


@dataclass(frozen=True, slots=True)
class CompanyOnFile:
    """The company as read in one transaction."""

    staff: Mapping[int, Staff]
    stations: Mapping[int, Station]
    communities: Sequence[Community]
    duties: Sequence[Duty]
    with_pin: frozenset[int]
    absences: Sequence[Absence] = ()

    def robot_of(self, staff: Staff) -> str:
        station = self.stations.get(staff.station_id or 0)
        return staff.robot or (station.robot if station else "")

    @property
    def on_ladders(self) -> Sequence[Staff]:
        """Everybody an emergency may be forwarded to."""
        ids = {d.staff_id for d in self.duties} | {c.butler_id for c in self.communities}
        ids |= {c.deputy_id for c in self.communities if c.deputy_id is not None}
        return [s for s in self.staff.values() if s.id in ids and s.active]


def examine(patient: Patient) -> Iterator[Finding]:
    """One check after the other; one that fails in an unexpected way of the product's is a finding, not the end."""
    yield from _tried("carrier", lambda: carrier(patient.settings, patient.carrier, patient.clock))
    if patient.settings.emergency_account_sid:
        of_alarms = ("EMERGENCY_ACCOUNT_SID", "EMERGENCY_AUTH_TOKEN")
        yield from _tried(
            "carrier", lambda: carrier(patient.settings, patient.alarm_carrier, patient.clock, names=of_alarms)
        )
    yield from _tried("numbers", lambda: numbers(patient.settings))
    yield from _tried("database", lambda: database(patient.store, patient.clock))
    try:
        with patient.store.read() as tx:
            company = CompanyOnFile(
                {s.id: s for s in tx.all_staff()},
                {s.id: s for s in tx.stations()},
                tx.communities(),
                tx.duties(),
                tx.staff_with_pin(),
                tx.absences(patient.clock.now()),
            )
        late = overdue_steps(patient.store, patient.clock.now())
    except HotlineError:
        yield Finding(Level.LOST, "company", "cannot be read: see database", "then run the doctor again")
    else:
        real = patient.settings.carrier_is_real
        yield from _tried("people", lambda: people(company, carrier_is_real=real))
        yield from _tried("pins", lambda: pins(company))
        yield from _tried("robots", lambda: robots(company, patient.settings.duty_robot))
        yield from _tried("ladder", lambda: ladder(patient.ladder))
        yield from _tried("rota", lambda: rota(company, patient.ladder, patient.clock.now()))
        yield from _tried("worker", lambda: worker(late))
    if patient.wechat is not None:
        account = patient.wechat
        yield from _tried("wechat", lambda: wechat(patient.settings, account))
    yield from _tried("model", lambda: model(patient.rasa))
    yield from _tried("disk", lambda: disk(patient.settings))


def _tried(check: str, look: Callable[[], Iterable[Finding]]) -> Sequence[Finding]:
    try:
        return list(look())
    except (HotlineError, OSError) as exc:
        return [Finding(Level.LOST, check, f"{type(exc).__name__}: {exc}")]


def carrier(
    settings: Settings,
    asked: AsksCarrier,
    clock: Clock,
    *,
    names: tuple[str, str] = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"),
) -> Iterator[Finding]:
    """Account and token by a harmless request, and whose clock is right."""
    where = "Twilio" if settings.carrier_is_real else "the simulated network (not a real carrier)"
    before = clock.now()
    try:
        theirs = asked.present()
    except CarrierRefused as exc:
        what = " and ".join(names) if exc.code in _UNAUTHORIZED else "the request"
        yield Finding(
            Level.LOST, "carrier", f"{where} refuses {what}: {exc}", "copy both from the carrier's console into .env"
        )
        return
    except HotlineError as exc:
        remedy = "check TWILIO_API_BASE_URL and the way to the Internet; without it nobody is rung"
        yield Finding(Level.LOST, "carrier", f"{where} does not answer: {exc}", remedy)
        return
    yield Finding(Level.WELL, "carrier", f"{where} accepts {names[0]}")
    if theirs is not None:
        middle = before + (clock.now() - before) / 2
        yield from _skew("carrier", theirs - middle)


def wechat(settings: Settings, account: SignsIn) -> Iterator[Finding]:
    """Id and secret by fetching an access token; what WeChat sends cannot be tried from here."""
    try:
        account.sign_in()
    except CarrierRefused as exc:
        remedy = "copy id and secret from the account's page, and put this machine's address on its IP list"
        yield Finding(Level.LOST, "wechat", f"refuses WECHAT_APP_ID and WECHAT_APP_SECRET: {exc}", remedy)
        return
    except HotlineError as exc:
        yield Finding(Level.KNOW, "wechat", f"does not answer: {exc}", "answers wait until it does")
        return
    if settings.wechat_aes_key.get_secret_value():
        yield Finding(Level.WELL, "wechat", "accepts WECHAT_APP_ID, messages are encrypted")
    else:
        remedy = "choose the safe mode on the account's page and set WECHAT_AES_KEY"
        yield Finding(Level.KNOW, "wechat", "messages come in plain text, which their signature does not cover", remedy)


def _skew(whose: str, difference: timedelta) -> Iterator[Finding]:
    seconds = abs(difference.total_seconds())
    level = (
        Level.WELL
        if abs(difference) <= SKEW_TO_KNOW
        else Level.KNOW
        if abs(difference) <= SKEW_TOO_MUCH
        else Level.LOST
    )
    remedy = (
        ""
        if level is Level.WELL
        else "let the machine keep time (timedatectl set-ntp true): every deadline is counted by it"
    )
    yield Finding(level, "clock", f"{seconds:.0f} s away from the {whose}'s", remedy)


def numbers(settings: Settings) -> Iterator[Finding]:
    """What no carrier abroad can do with +86 numbers (texts both ways, calls to the mainland). Duty phone and robot are
    judged apart: the robot tells the company, but a caller whom this product fails is put through to the telephone.
    """
    real, from_, duty = settings.carrier_is_real, settings.twilio_from_number, settings.duty_phone
    emergency = settings.emergency_from_number
    found = [
        Finding(Level.LOST, "numbers", f"{name} {number} is no telephone number", "give it with + and country code")
        for name, number in (("TWILIO_FROM_NUMBER", from_), ("DUTY_PHONE", duty), ("EMERGENCY_FROM_NUMBER", emergency))
        if number and not _valid(number)
    ]
    for name, number in (("TWILIO_FROM_NUMBER", from_), ("EMERGENCY_FROM_NUMBER", emergency)):
        if real and number.startswith(_MAINLAND):
            remedy = f"rent a number of another country at Twilio and put it into {name}"
            found.append(Finding(Level.LOST, "numbers", f"{name} {number}: Twilio has no +86 numbers", remedy))
    if real and duty.startswith(_MAINLAND):
        remedy = "give a DUTY_PHONE outside +86, e.g. one that is forwarded to the chief on duty"
        what = "DUTY_PHONE is +86: Twilio reaches it neither by call nor text, so a caller in a fault reaches nobody"
        found.append(Finding(Level.LOST, "numbers", what, remedy))
    if not settings.duty_robot:
        remedy = "set DUTY_ROBOT to a chat group's webhook"
        found.append(Finding(Level.KNOW, "numbers", "the sentinel has no robot: it can only send texts", remedy))
    yield from found or [Finding(Level.WELL, "numbers", f"hotline {from_}, duty phone and robot are set")]


def database(store: Store, clock: Clock) -> Iterator[Finding]:
    try:
        seconds = min(store.ping() for _ in range(3))
    except HotlineError as exc:
        yield Finding(
            Level.LOST,
            "database",
            f"cannot be reached: {exc}",
            "start the server that DATABASE_URL names, or correct it",
        )
        return
    if not store.is_current():
        yield Finding(Level.LOST, "database", "is not of this release", "run: flask --app app migrate")
        return
    slow = seconds > SLOW_DATABASE_SECONDS
    remedy = "put it on this machine or into the same network" if slow else ""
    yield Finding(
        Level.KNOW if slow else Level.WELL,
        "database",
        f"answers in {seconds * 1000:.0f} ms, schema of this release",
        remedy,
    )
    yield from _skew("database", store.present() - clock.now())


def people(company: CompanyOnFile, *, carrier_is_real: bool) -> Iterator[Finding]:
    """Everybody on a ladder can be reached in some way."""
    wanted = company.on_ladders
    if not wanted:
        yield Finding(
            Level.LOST,
            "people",
            "nobody can be forwarded to",
            "import your company: flask --app app import-company FOLDER",
        )
        return
    wrong = [s for s in wanted if not _valid(s.phone)]
    if wrong:
        yield Finding(
            Level.LOST, "people", f"no telephone number: {_names(wrong)}", "correct the staff table and import it"
        )
    abroad = [s for s in wanted if carrier_is_real and s.phone.startswith(_MAINLAND)]
    silent = [s for s in abroad if not company.robot_of(s)]
    if silent:
        remedy = "name a robot for each, or for the station's group, in the staff and station tables"
        what = f"+86 and no robot, so nothing reaches them: {_names(silent)}"
        yield Finding(Level.LOST, "people", what, remedy)
    if len(abroad) > len(silent):
        what = f"{len(abroad) - len(silent)} of {len(wanted)} have +86 numbers: they are reached by robot only"
        yield Finding(Level.KNOW, "people", what, "somebody on each ladder should have a telephone that can ring")
    if not (wrong or abroad):
        yield Finding(Level.WELL, "people", f"{len(wanted)} people on the ladders have a number that can be called")


def pins(company: CompanyOnFile) -> Iterator[Finding]:
    """Nobody needs one to accept an emergency."""
    without = [s for s in company.on_ladders if s.id not in company.with_pin]
    if without:
        what = f"{len(without)} people have none ({_names(without)}): they cannot report visits on their page"
        yield Finding(Level.KNOW, "pins", what, "set it: flask --app app pin NUMBER, or in the console")
    else:
        yield Finding(Level.WELL, "pins", "everybody on the ladders has one")


def robots(company: CompanyOnFile, duty_robot: str) -> Iterator[Finding]:
    """Addresses that are none; whether a robot still exists, only a message would tell."""
    named = [(s.name, s.robot) for s in company.staff.values() if s.robot]
    named += [(s.name, s.robot) for s in company.stations.values() if s.robot]
    named += [("DUTY_ROBOT", duty_robot)] if duty_robot else []
    wrong = [name for name, address in named if not robot_address(address)]
    if wrong:
        yield Finding(
            Level.LOST,
            "robots",
            f"no robot's address: {_few(wrong)}",
            "paste the webhook that WeCom, DingTalk or Feishu shows",
        )
    elif not named:
        yield Finding(
            Level.KNOW, "robots", "none", "a robot in each station's chat group reaches people whom no call reaches"
        )
    else:
        yield Finding(Level.WELL, "robots", f"{len(named)} addresses are well-formed")


def ladder(plan: LadderPlan) -> Iterator[Finding]:
    """The start does not refuse it: somebody who is rung too long is better than nobody."""
    if SHORTEST_RING <= plan.ring_seconds <= LONGEST_RING:
        yield Finding(Level.WELL, "ladder", f"each telephone rings for {plan.ring_seconds} s, ahead of voicemail")
        return
    who = "voicemail takes the calls" if plan.ring_seconds > LONGEST_RING else "nobody has answered by then"
    remedy = f"set ring_seconds to {SHORTEST_RING} to {LONGEST_RING} (console, or data/ladder.yml)"
    yield Finding(Level.LOST, "ladder", f"each telephone rings for {plan.ring_seconds} s: {who}", remedy)


def rota(company: CompanyOnFile, plan: LadderPlan, now: datetime) -> Iterator[Finding]:
    gaps = ladder_gaps(
        plan, Company(company.staff, company.duties, company.absences), company.communities, now, now + ROTA_AHEAD
    )
    for gap in gaps[:_SHOWN]:
        yield _gap(gap)
    if len(gaps) > _SHOWN:
        yield Finding(Level.KNOW, "rota", f"and {len(gaps) - _SHOWN} more gaps in the next {ROTA_AHEAD.days} days")
    if not gaps:
        yield Finding(Level.WELL, "rota", f"no gap in the next {ROTA_AHEAD.days} days")


def _gap(gap: Gap) -> Finding:
    when = f"{local(gap.since):%a %m-%d %H:%M} to {local(gap.until):%a %m-%d %H:%M}"
    where = _few([c.name for c in gap.communities]) if gap.communities else "a place nobody knows"
    role = gap.nobody_is or StaffRole.SUPERVISOR
    who = f"nobody is {role}" if gap.nobody_is else "the ladder is short"
    what = f"{when}, {where}: {who}, {gap.people} can be rung"
    return Finding(Level.KNOW if gap.people else Level.LOST, "rota", what, "complete the duties table and import it")


def worker(late: Collection[str]) -> Iterator[Finding]:
    if late:
        what = f"{len(late)} emergency tasks wait for more than {OVERDUE.seconds} s: no worker runs"
        yield Finding(Level.LOST, "worker", what, "start it: flask --app app worker (make run and compose do)")
    else:
        yield Finding(Level.WELL, "worker", "no emergency is waiting for it")


def model(rasa: AsksModel) -> Iterator[Finding]:
    """The server has a model, and it speaks of the intents that this release knows."""
    if not rasa.is_ready():
        remedy = "start it: make nlu; until then only danger words, keys and buttons are understood"
        yield Finding(Level.LOST, "model", "the understanding server (NLU_URL) has no model or does not answer", remedy)
        return
    try:
        rasa.parse("?")
    except HotlineError as exc:
        yield Finding(
            Level.LOST, "model", f"its answers are of another release: {exc}", "run: make setup, and restart the server"
        )
        return
    if MODEL.is_file() and not model_fits():
        yield Finding(
            Level.KNOW,
            "model",
            "the model in bot/models is older than its sentences",
            "run: make setup, and restart the server",
        )
        return
    yield Finding(Level.WELL, "model", "the understanding server answers with this release's intents")


def disk(settings: Settings) -> Iterator[Finding]:
    """Room for the database's file (SQLite) and for recordings."""
    folders = {"recordings": settings.recordings_dir}
    if settings.database_url.startswith("sqlite:///"):
        folders["database"] = Path(settings.database_url.removeprefix("sqlite:///")).parent
    for name, folder in folders.items():
        there = next(place for place in (folder, *folder.parents) if place.exists())
        free = shutil.disk_usage(there).free
        level = Level.LOST if free < NO_DISK else Level.KNOW if free < LITTLE_DISK else Level.WELL
        remedy = "" if level is Level.WELL else f"free some space on the disk of {there}"
        yield Finding(level, "disk", f"{free / 1024**3:.1f} GB free for the {name}", remedy)


def _valid(number: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return False


def _names(staff: Sequence[Staff]) -> str:
    return _few([f"{s.number} {s.name}" for s in staff])


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
