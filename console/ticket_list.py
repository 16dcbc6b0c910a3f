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
from fulfillment.ticket_filter import Standing, TicketFilter
from kernel.clock import BEIJING

PAGE_SIZE = 30
_LONGEST_SEARCH = 60
_BEFORE_ALL_DATA = 2000  # years: farther ones come from a slip of the finger, or overflow


@dataclass(frozen=True, slots=True)
class Asked:
    """The address' words. What cannot be understood asks for nothing."""

    words: Mapping[str, str]

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
            owner_id=operator_id if self.is_on("mine") else None,
            overdue_at=now if self.is_on("overdue") else None,
            station_id=self.number("station"),
            community_id=self.number("community"),
            opened_from=_midnight(first) if first else None,
            opened_until=_midnight(last + timedelta(days=1)) if last else None,
            search=self.search,
        )


_NAMES = ("state", "kind", "emergency", "mine", "overdue", "station", "community", "from", "until", "search")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING)


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/tickets."""

    @blueprint.get("/tickets")
    @allow(OperatorRole.OPERATOR)
    def tickets() -> ResponseReturnValue:
        words = {name: word for name in _NAMES if (word := request.args.get(name, "").strip())}
        asked = Asked(words)
        page = min(max(1, request.args.get("page", default=1, type=int)), 10**6)
        wanted = asked.wanted(me().id, rooms.clock.now())
        rows, more = board.read_ticket_list(rooms, wanted, page=page, size=PAGE_SIZE)
        with rooms.store.read() as tx:
            communities, stations = tx.communities(), tx.stations()
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
        )
