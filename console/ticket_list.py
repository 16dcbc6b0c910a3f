"""The list of tickets: what the address asks for is what is shown, so that a view can be bookmarked and passed on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console import board
from console.gate import allow, me
from console.ports import Rooms
from fulfillment.company import OperatorRole
from fulfillment.report import Outcome, Period, period_of
from fulfillment.resident_calls import CallResult
from fulfillment.ticket_filter import Answered, Promised, Standing, TicketFilter
from kernel.clock import BEIJING

PAGE_SIZE = 30
_LONGEST_SEARCH = 60
_BEFORE_ALL_DATA = 2000  # years: farther ones come from a slip of the finger, or overflow


@dataclass(frozen=True, slots=True)
class Asked:
    """The address' words. What cannot be understood asks for nothing."""

    words: Mapping[str, str]

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Asked":
        """The words of an address that mean something to the list."""
        return cls({name: word for name in _NAMES if (word := query.get(name, "").strip())})

    @property
    def search(self) -> str:
        return self.words.get("search", "").strip()[:_LONGEST_SEARCH]

    @property
    def standing(self) -> Standing:
        word = self.words.get("state", "")
        return Standing(word) if word in set(Standing) else Standing.OPEN

    def number(self, name: str) -> int | None:
        word = self.words.get(name, "")
        longest = 9  # digits; PostgreSQL refuses what does not fit its INTEGER
        return int(word) if word.isascii() and word.isdigit() and len(word) <= longest else None

    def is_on(self, name: str) -> bool:
        return self.words.get(name) == "1"

    def day(self, name: str) -> date | None:
        try:
            found = date.fromisoformat(self.words.get(name, ""))
        except ValueError:
            return None
        return found if _BEFORE_ALL_DATA <= found.year < _BEFORE_ALL_DATA + 1000 else None

    def wanted(self, operator_id: int, now: datetime) -> TicketFilter:
        """Days are those of Shanghai, the last one included."""
        first, last = self.day("from"), self.day("until")
        return TicketFilter(
            standing=self.standing,
            kind=self.words.get("kind") or None,
            only_emergencies=self.is_on("emergency"),
            owner_id=operator_id if self.is_on("mine") else self.number("owner"),
            overdue_at=now if self.is_on("overdue") else None,
            station_id=self.number("station"),
            community_id=self.number("community"),
            opened_from=_midnight(first) if first else None,
            opened_until=_midnight(last + timedelta(days=1)) if last else None,
            search=self.search,
            promised=self._promised(now),
            answered=self._answered(),
        )

    @property
    def is_of_report(self) -> bool:
        """A figure of a report led here."""
        return self.period is not None and any(name in self.words for name in OF_REPORT)

    @property
    def period(self) -> Period | None:
        return period_of(self.words.get("period", ""))

    def _promised(self, now: datetime) -> Promised | None:
        clause, rule, outcome = (self.words.get(name, "") for name in ("clause", "rule", "outcome"))
        if self.period is None or not (clause or rule or outcome):
            return None
        return Promised(self.period, now, clause, rule, Outcome(outcome) if outcome in set(Outcome) else None)

    def _answered(self) -> Answered | None:
        answer = self.words.get("answer", "")
        known = self.period is not None and answer in set(CallResult) - {CallResult.NOTHING}
        return Answered(self.period, CallResult(answer)) if known and self.period is not None else None


#: What a figure of a report asks for, beside `period`; kept when the other filters change.
OF_REPORT = ("clause", "rule", "outcome", "answer", "owner")
_NAMES = (
    *("state", "kind", "emergency", "mine", "overdue", "station", "community", "from", "until", "search", "period"),
    *OF_REPORT,
)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/tickets."""

    @blueprint.get("/tickets")
    @allow(OperatorRole.OPERATOR)
    def tickets() -> ResponseReturnValue:
        asked = Asked.of(request.args)
        page = min(max(1, request.args.get("page", default=1, type=int)), 10**6)
        wanted = asked.wanted(me().id, rooms.clock.now())
        rows, more = board.read_ticket_list(rooms, wanted, page=page, size=PAGE_SIZE)
        with rooms.store.read() as tx:
            communities, stations = tx.communities(), tx.stations()
            owners = {o.id: o.name for o in tx.operators()} if "owner" in asked.words else {}
        return render_template(
            "console/tickets.html",
            rows=rows,
            more=more,
            page=page,
            asked=asked,
            search=asked.search,
            kinds=rooms.standard.kinds,
            communities=communities,
            stations=stations,
            owners=owners,
            of_report=OF_REPORT,
            rules=rooms.standard.rules,
            clauses=rooms.standard.clauses,
        )
