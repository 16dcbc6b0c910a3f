"""The service standard as tables: data/*.yml, read once at the start and checked as a whole.

Anything that is missing, unknown or contradictory refuses the start (ConfigurationError with file and key).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeVar

import holidays
import yaml
from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from fulfillment.business_calendar import BusinessCalendar, MonthDay, Season, Span
from fulfillment.clause import Clause
from fulfillment.clocks import Calendar, ClockPlan, ClockRule
from fulfillment.company import OtherUnit
from fulfillment.dispatch import LadderPlan
from fulfillment.identity import IdentityRules
from fulfillment.importing.words import Words, load_words
from fulfillment.incident import IncidentRules, Level
from fulfillment.look import LONGEST_ONE, SHORTEST_KEPT, LookRules
from fulfillment.manners import NeverSaid
from fulfillment.pin_tries import PinRules
from fulfillment.resident_calls import OutgoingPlan, Purpose, PurposePlan
from fulfillment.short_answers import ShortAnswer, ShortAnswers
from fulfillment.table_faults import DAYTIME, calendar_faults, directory_faults, ladder_faults
from fulfillment.visit_rules import Check, Ground, VisitRules
from fulfillment.waiting import QueueRules
from kernel.errors import ConfigurationError, NotFound

T = TypeVar("T")

#: Public holidays are computed for these years before the first thread starts: the package fills its table as it is asked.
_CALENDAR_YEARS = range(2020, 2046)
#: Tables of which a company may make editions of its own in the console (fulfillment.editions).
EDITABLE = ("ladder", "calendar", "directory")


@dataclass(frozen=True, slots=True)
class TicketKind:
    """One entry of data/ticket_kinds.yml; see the comments there. `title` is Chinese, for pages and scripts."""

    key: str
    title: str
    category: str
    clauses: tuple[str, ...]
    clocks: tuple[str, ...]
    asks: tuple[str, ...]
    emergency: bool = False
    repeatable: bool = False
    details: Mapping[str, str] = field(default_factory=dict)
    accepted: tuple[str, str] | None = None
    instead_of: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    together: str = ""
    choice: str = ""
    called: tuple[str, ...] = ()

    def is_named_in(self, text: str) -> bool:
        """The resident's words tell this kind from those that it is told apart from."""
        return any(re.search(words, text) for words in self.words)

    def is_accepted_on(self, day: date) -> bool:
        """Some applications are taken in a part of the year only (F3); `day` is local."""
        if self.accepted is None:
            return True
        first, last = (_month_day(text) for text in self.accepted)
        return Season(first, last).has(day)


@dataclass(frozen=True, slots=True)
class _ClockFile:
    profiles: Mapping[str, str]
    plans: Mapping[str, ClockPlan]
    rules: tuple[ClockRule, ...]
    elsewhere: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _ClauseFile:
    sources: Mapping[str, str]
    clauses: tuple[Clause, ...]


def _names(profiles: Mapping[str, str]) -> frozenset[str]:
    """As rules name them: `theme.choice`."""
    return frozenset(f"{theme}.{choice}" for theme, choice in profiles.items())


def _month_day(text: str) -> MonthDay:
    month, _, day = text.partition("-")
    date(2023, int(month), int(day))  # no 29 February: it is not in every year
    return MonthDay(int(month), int(day))


def _span(text: str) -> Span:
    start, _, until = text.partition("-")
    span = Span(time.fromisoformat(start), time.fromisoformat(until))
    if span.start >= span.until:
        msg = f"{text}: ends before it starts"
        raise ValueError(msg)
    return span


def _spans(texts: Iterable[str]) -> tuple[Span, ...]:
    spans = tuple(_span(text) for text in texts)
    if not spans or any(a.until > b.start for a, b in pairwise(spans)):
        msg = "needs at least one span, in order, not overlapping"
        raise ValueError(msg)
    return spans


@dataclass(frozen=True, slots=True)
class _SeasonRow:
    first: Annotated[MonthDay, BeforeValidator(_month_day)]
    last: Annotated[MonthDay, BeforeValidator(_month_day)]


@dataclass(frozen=True, slots=True)
class _CalendarFile:
    season: _SeasonRow
    fee_collection: _SeasonRow
    office_hours: Annotated[tuple[Span, ...], BeforeValidator(_spans)]
    calling_hours: Annotated[tuple[Span, ...], BeforeValidator(_spans)]
    working_days: frozenset[date] = frozenset()
    days_off: frozenset[date] = frozenset()
    daytime: Annotated[Span, BeforeValidator(_span)] = DAYTIME


@dataclass(frozen=True, slots=True)
class _PurposeRow:
    key: Purpose
    clause: str
    title: str
    after: timedelta
    tries: int
    hours: Annotated[tuple[Span, ...], BeforeValidator(_spans)] | None = None


@dataclass(frozen=True, slots=True)
class _OutgoingFile:
    purposes: tuple[_PurposeRow, ...]
    between: timedelta
    ring_seconds: int
    answers: Mapping[str, tuple[ShortAnswer, ...]]
    turning: tuple[str, ...]
    denying: tuple[str, ...]
    pin: PinRules


class Standard:
    """Safe to share between threads. Never changed after construction, but for `adopt`, which puts one table in the place
    of another: whoever asks for `ladder`, `calendar` or `directory` at each step has what the company made of them.

    Args:
        data_dir: where the tables lie (Settings.data_dir).
        profiles: the company's own choice where documents disagree, e.g. `{"leak_on_site": "B"}`; others keep the default of clocks.yml.

    Raises:
        ConfigurationError: a table is missing or contradicts another.
    """

    def __init__(self, data_dir: Path, profiles: Mapping[str, str] | None = None) -> None:
        self._dir = data_dir
        file = self._read("clocks.yml", _ClockFile)
        self.rules: Mapping[str, ClockRule] = self._by_key("clocks.yml", file.rules)
        self.profiles: Mapping[str, str] = {**file.profiles, **(profiles or {})}
        self.plans: Mapping[str, ClockPlan] = file.plans
        self.kept_elsewhere: Mapping[str, str] = file.elsewhere
        self.kinds: Mapping[str, TicketKind] = self._by_key(
            "ticket_kinds.yml", self._read("ticket_kinds.yml", tuple[TicketKind, ...])
        )
        register = self._read("clauses.yml", _ClauseFile)
        self.sources: Mapping[str, str] = register.sources
        self.clauses: Mapping[str, Clause] = self._by_key("clauses.yml", register.clauses)
        self._shipped: Mapping[str, Any] = {part: self._content(f"{part}.yml") for part in EDITABLE}
        self.ladder: LadderPlan = self._ladder(self._shipped["ladder"])
        self._directory = self._other_units(self._shipped["directory"])
        self.never_said: tuple[NeverSaid, ...] = self._read("never_said.yml", tuple[NeverSaid, ...])
        self.queue: QueueRules = self._read("queue.yml", QueueRules)
        self.identity: IdentityRules = self._read("identity.yml", IdentityRules)
        self.incidents: IncidentRules = self._read("incidents.yml", IncidentRules)
        self.looks: LookRules = self._read("looks.yml", LookRules)
        self.visit: VisitRules = self._read("visit.yml", VisitRules)
        self.words: Words = load_words(data_dir / "import_words.yml")
        self.calendar: BusinessCalendar = self._calendar(self._shipped["calendar"])
        self.outgoing: OutgoingPlan = self._outgoing()
        self._check_clauses()
        self._check_rules()
        self._check_plans()
        self._check_kinds()
        self._check_queue()
        self._check_visit()
        self._check_incidents()
        self._check_looks()

    def kind(self, key: str) -> TicketKind:
        """Raises NotFound for a kind that no table knows."""
        try:
            return self.kinds[key]
        except KeyError as exc:
            raise NotFound(f"ticket kind {key}") from exc

    def rule(self, key: str) -> ClockRule:
        """Raises NotFound: a clock of an older release whose rule is gone."""
        try:
            return self.rules[key]
        except KeyError as exc:
            raise NotFound(f"clock rule {key}") from exc

    def rules_of(self, kind: str, chosen: Mapping[str, str] | None = None) -> tuple[ClockRule, ...]:
        """The clock rules of a ticket kind. `chosen`: what the company chose instead of the profiles of the table; a
        choice that the table has dropped since is the table's own.
        """
        known = {theme: choice for theme, choice in (chosen or {}).items() if choice in self.choices.get(theme, ())}
        profiles = {**self.profiles, **known}
        rules = (self.rules[key] for key in self.kind(kind).clocks)
        return tuple(rule for rule in rules if not rule.profile or rule.profile in _names(profiles))

    @property
    def directory(self) -> Mapping[str, OtherUnit]:
        """By key; the same object for good."""
        return self._directory

    def shipped(self, part: str) -> Any:
        """A table of EDITABLE as the file holds it."""
        return self._shipped[part]

    def read_edition(self, part: str, content: Any) -> LadderPlan | BusinessCalendar | Mapping[str, OtherUnit]:
        """An edition as the file is read. What it leaves out is as shipped, so that it survives a release that adds
        something; None is the table as shipped. Raises ConfigurationError.
        """
        shipped = self._shipped[part]
        content = shipped if content is None else content
        whole = {**shipped, **content} if isinstance(shipped, dict) and isinstance(content, dict) else content
        match part:
            case "ladder":
                return self._ladder(whole)
            case "calendar":
                return self._calendar(whole)
            case _:
                units = self._other_units(whole)
                if set(units) != {row["key"] for row in shipped}:
                    raise self._wrong("directory.yml", "key", "the units are those of the shipped table")
                return units

    def adopt(self, part: str, content: Any) -> None:
        """From now on the edition holds; None: the table as shipped. Raises ConfigurationError, and nothing has changed."""
        match self.read_edition(part, content):
            case LadderPlan() as plan:
                self.ladder = plan
            case BusinessCalendar() as calendar:
                self.calendar = calendar
            case units:
                self._directory.update(units)  # the same keys: between two of them nothing is missing

    @property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """Theme → what can be chosen, as the rules of the table offer it."""
        offered: dict[str, dict[str, None]] = {theme: {} for theme in self.profiles}
        for rule in self.rules.values():
            theme, _, choice = rule.profile.partition(".")
            if theme in offered:
                offered[theme][choice] = None
        return {theme: tuple(found) for theme, found in offered.items()}

    def _calendar(self, content: Any) -> BusinessCalendar:
        file = self._shaped("calendar.yml", content, _CalendarFile)
        calendar = BusinessCalendar(
            season=Season(file.season.first, file.season.last),
            fee_collection=Season(file.fee_collection.first, file.fee_collection.last),
            office_hours=file.office_hours,
            calling_hours=file.calling_hours,
            is_public_working_day=holidays.country_holidays("CN", years=_CALENDAR_YEARS).is_working_day,
            working_days=file.working_days,
            days_off=file.days_off,
            daytime=file.daytime,
        )
        self._refuse("calendar.yml", calendar_faults(calendar))
        return calendar

    def _ladder(self, content: Any) -> LadderPlan:
        plan = self._shaped("ladder.yml", content, LadderPlan)
        self._refuse("ladder.yml", ladder_faults(plan))
        return plan

    def _other_units(self, content: Any) -> dict[str, OtherUnit]:
        units = self._by_key("directory.yml", self._shaped("directory.yml", content, tuple[OtherUnit, ...]))
        self._refuse("directory.yml", directory_faults(units))
        return units

    def _outgoing(self) -> OutgoingPlan:
        file = self._read("outgoing.yml", _OutgoingFile)
        purposes = tuple(
            PurposePlan(row.key, row.clause, row.title, row.after, row.tries, row.hours or ()) for row in file.purposes
        )
        if sorted(plan.key for plan in purposes) != sorted(Purpose):
            raise self._wrong("outgoing.yml", "purposes", f"each of {sorted(Purpose)} once")
        if any(plan.tries < 1 for plan in purposes) or not file.between or file.ring_seconds < 1:
            raise self._wrong("outgoing.yml", "tries, between, ring_seconds", "must be at least 1")
        if not 4 <= file.pin.shortest <= file.pin.longest or file.pin.tries < 1:  # noqa: PLR2004 - three digits are guessed in an afternoon
            raise self._wrong("outgoing.yml", "pin", "at least 4 digits, and at least one try")
        answers = ShortAnswers(file.answers, file.turning, file.denying)
        return OutgoingPlan(purposes, file.between, file.ring_seconds, file.pin, answers)

    def _read(self, name: str, shape: type[T]) -> T:
        return self._shaped(name, self._content(name), shape)

    def _content(self, name: str) -> Any:
        path = self._dir / name
        try:
            return yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as exc:
            raise ConfigurationError(f"{path}: cannot be read ({exc.strerror}); DATA_DIR must point at data/") from exc
        except (yaml.YAMLError, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{path}: {exc}") from exc

    def _shaped(self, name: str, content: Any, shape: type[T]) -> T:
        try:
            # pydantic hands the config down to plain dataclasses only from a type around them
            return TypeAdapter(tuple[shape], config=ConfigDict(extra="forbid")).validate_python((content,))[0]  # type: ignore[valid-type]
        except ValidationError as exc:
            faults = "; ".join(f"{_place(content, e['loc'][1:])}: {e['msg']}" for e in exc.errors())
            raise ConfigurationError(f"{self._dir / name}: {faults}") from exc

    def _refuse(self, name: str, faults: Iterable[tuple[str, str]]) -> None:
        for key, what in faults:
            raise self._wrong(name, key, what)

    def _by_key(self, name: str, rows: Iterable[T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for row in rows:
            key: str = row.key  # type: ignore[attr-defined] # every table row has one; a Protocol would say no more
            if key in found:
                raise self._wrong(name, key, "is there twice")
            found[key] = row
        return found

    def _check_clauses(self) -> None:
        for clause in self.clauses.values():
            if clause.key[0] not in self.sources:
                raise self._wrong("clauses.yml", clause.key, "its document is not among sources")
            if bool(clause.kept_by) != bool(clause.proof) or not (clause.kept_by or clause.not_yet):
                raise self._wrong("clauses.yml", clause.key, "kept_by needs proof, and without them not_yet says why")
        for rule in self.rules.values():
            if rule.clause not in self.clauses:
                raise self._wrong("clocks.yml", rule.key, f"clause {rule.clause} is not in clauses.yml")

    def _check_rules(self) -> None:
        for rule in self.rules.values():
            theme = rule.profile.partition(".")[0]
            if rule.profile and theme not in self.profiles:
                raise self._wrong("clocks.yml", rule.key, f"profile {theme} is not among profiles")
            if rule.then and rule.then not in self.kinds:
                raise self._wrong("clocks.yml", rule.key, f"then: {rule.then} is not in ticket_kinds.yml")
            if not 0 < rule.warn_at < 1:
                raise self._wrong("clocks.yml", rule.key, "warn_at is a share between 0 and 1")
            if rule.calendar is not Calendar.SAME_DAY and not rule.within:
                raise self._wrong("clocks.yml", rule.key, "within is missing")
            if rule.calendar is Calendar.WORKING_DAYS and (rule.within.days < 1 or rule.within.seconds):
                raise self._wrong("clocks.yml", rule.key, "within must be whole working days, e.g. P2D")
        choices = {rule.profile for rule in self.rules.values()}
        for theme, choice in self.profiles.items():
            if f"{theme}.{choice}" not in choices:
                raise self._wrong("clocks.yml", f"profiles.{theme}", f"no rule belongs to choice {choice}")

    def _check_plans(self) -> None:
        for rule in self.rules.values():
            if rule.plan not in self.plans:
                raise self._wrong("clocks.yml", rule.key, f"plan {rule.plan} is not among plans")
        for name, plan in self.plans.items():
            if not plan.breach:
                raise self._wrong("clocks.yml", f"plans.{name}", "nobody would hear of a broken promise")

    def _check_kinds(self) -> None:
        for kind in self.kinds.values():
            unknown = [key for key in kind.clocks if key not in self.rules]
            if unknown:
                raise self._wrong("ticket_kinds.yml", kind.key, f"clocks {unknown} are not in clocks.yml")
            if not self.rules_of(kind.key):
                raise self._wrong(
                    "ticket_kinds.yml", kind.key, "has no clock: nobody would notice that it is forgotten"
                )
            if set(kind.instead_of) - set(self.kinds) or (kind.instead_of and not kind.words):
                raise self._wrong("ticket_kinds.yml", kind.key, "instead_of names kinds of this table, and needs words")
            try:
                kind.is_named_in("")
            except re.error as exc:
                raise self._wrong("ticket_kinds.yml", kind.key, f"words: {exc}") from exc
            try:
                kind.is_accepted_on(date(2026, 1, 1))
            except ValueError as exc:
                raise self._wrong("ticket_kinds.yml", kind.key, f"accepted: {exc}") from exc

    def _check_queue(self) -> None:
        for name, value in asdict(self.queue).items():
            if isinstance(value, timedelta | int) and not isinstance(value, bool) and not value:
                raise self._wrong("queue.yml", name, "must be more than nothing")

    def _check_incidents(self) -> None:
        rules = self.incidents
        if not rules.window or rules.widens_by < 1:
            raise self._wrong("incidents.yml", "window, widens_by", "a window of time, and at least 1")
        for category in self._by_key("incidents.yml", rules.categories).values():
            unknown = {*category.suggested_by, *category.attaches} - set(self.kinds)
            if unknown:
                raise self._wrong("incidents.yml", category.key, f"kinds {sorted(unknown)} are not in ticket_kinds.yml")
            if set(category.homes) != set(Level) or min(category.homes.values()) < 2:  # noqa: PLR2004 - one home is a ticket
                raise self._wrong("incidents.yml", category.key, f"homes: at least 2 for each of {sorted(Level)}")
        for notice in self._by_key("incidents.yml", rules.notices).values():
            if notice.told_ahead is None and notice.told_within is None:
                raise self._wrong("incidents.yml", notice.key, "told_ahead or told_within: by when?")

    def _check_looks(self) -> None:
        if self.looks.kept < SHORTEST_KEPT:
            raise self._wrong("looks.yml", "kept", f"at least {SHORTEST_KEPT.days} days: the law demands six months")
        if self.looks.once_within > LONGEST_ONE:
            raise self._wrong("looks.yml", "once_within", "at the most an hour: who comes back later has looked again")

    def _check_visit(self) -> None:
        checks: tuple[Check | Ground, ...] = (*self.visit.checklist, *self.visit.nobody_home, *self.visit.grounds)
        for check in checks:
            if check.clause not in self.clauses:
                raise self._wrong("visit.yml", check.key, f"clause {check.clause} is not in clauses.yml")
        test = self.visit.temperature_test
        unknown = [
            kind for kind in (*test.kinds, test.repair_kind, *self.visit.reported_kinds) if kind not in self.kinds
        ]
        if unknown or not test.lowest < test.limit_celsius < test.highest:
            raise self._wrong("visit.yml", "temperature_test", f"kinds {unknown} are unknown, or the limit is no limit")

    def _wrong(self, name: str, key: str, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self._dir / name}: {key}: {what}")


def _place(content: Any, location: tuple[int | str, ...]) -> str:
    """`rules.leak_contact.within` instead of `rules.1.within`: rows are found by their key."""
    words = []
    for part in location:
        try:
            content = content[part]
        except (LookupError, TypeError):  # the place that is missing
            content = None
        words.append(str(content.get("key", part) if isinstance(content, dict) else part))
    return ".".join(words) or "the file"
