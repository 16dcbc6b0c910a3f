"""Small parts of sentences in the resident's words: addresses, times, promises, ticket cards. Words come from scripts_zh/words.yml."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from dialogue.script_book import Both, ScriptBook
from fulfillment.business_calendar import Span
from fulfillment.standard import Standard
from fulfillment.ticket import Address, ClockState, Ticket, TicketClock
from kernel.clock import local

#: Stop events a resident is told about, in the order in which they happen; the others are the company's own business.
_TOLD = ("contacted", "arrived", "answered", "resolved")
_BY_A_VISIT = frozenset({"arrived", "resolved"})
_PROMISES_SPOKEN = 2


class Wording:
    """Turns facts into words for both channels."""

    def __init__(self, book: ScriptBook, standard: Standard, community_name: Callable[[int], str]) -> None:
        self._book = book
        self._standard = standard
        self._community_name = community_name

    def season(self) -> Mapping[str, str]:
        """When it is warm and when it is paid, as the calendar of the company says now (F10)."""
        season, fees = self._standard.calendar.season, self._standard.calendar.fee_collection
        days = {"season_start": season.first, "season_end": season.last, "fee_start": fees.first, "fee_end": fees.last}
        words = {name: self._book.word("words.date", {"month": on.month, "day": on.day}) for name, on in days.items()}
        return {**words, "season_days": str(season.days)}

    def address(self, address: Address) -> Both:
        """`翠湖花园3号楼2单元501` shown, `翠湖花园3号楼2单元五零幺` spoken; the words of a place, or "not known yet"."""
        return Both(
            voice=self._address(address, self._digit_by_digit(address.room)), chat=self._address(address, address.room)
        )

    def _address(self, address: Address, room: str) -> str:
        parts: dict[str, object] = {"building": address.building, "unit": address.unit, "room": room}
        known = self._community_name(address.community_id) if address.community_id is not None else ""
        if known and known in address.text and not address.building:
            return address.text  # a spot in the street, in the resident's words
        if known:
            return self._book.word("words.address_full", {"community": known, **parts}) + address.text
        return address.text or self._book.word("words.address_unknown")

    def _digit_by_digit(self, number: str) -> str:
        names = self._book.word("words.digit_names").split(",")
        return "".join(names[int(c)] if c.isascii() and c.isdigit() else c for c in number)

    def when(self, instant: datetime, now: datetime) -> Both:
        """Day and hour on the residents' clocks: `今天15:40` shown, `今天15点40分` spoken."""
        there, here = local(instant), local(now)
        if there.date() == here.date():
            day = self._book.word("words.today")
        elif there.date() == here.date() + timedelta(days=1):
            day = self._book.word("words.tomorrow")
        else:
            day = self._book.word("words.date", {"month": there.month, "day": there.day})
        parts = {"day": day, "hour": there.hour, "minute": f"{there.minute:02d}"}
        return Both(
            voice=self._book.word("words.clock_time_voice", parts), chat=self._book.word("words.clock_time_chat", parts)
        )

    def spans(self, hours: Sequence[Span]) -> Both:
        """`9点到12点、14点到18点` spoken, `9:00-12:00、14:00-18:00` shown."""
        join = self._book.word("words.between_spans")
        parts = [{"start": s.start, "until": s.until} for s in hours]
        voice, chat = (join.join(self._book.word(f"words.span_{how}", p) for p in parts) for how in ("voice", "chat"))
        return Both(voice, chat)

    def case(self, ticket: Ticket, now: datetime, *, with_address: bool) -> Both:
        """What tells an open case from others: when it was registered, what it is, and where if that differs."""
        when, kind = self.when(ticket.opened_at, now), self._standard.kinds.get(ticket.kind)
        where = self.address(ticket.address) if with_address else Both("", "")
        parts = {"title": kind.title if kind else ticket.kind}
        return Both(
            voice=self._book.word("words.case", {**parts, "when": when.voice, "address": where.voice}),
            chat=self._book.word("words.case", {**parts, "when": when.chat, "address": where.chat}),
        )

    def month_day(self, text: str) -> str:
        """`05-01` in words."""
        month, _, day = text.partition("-")
        return self._book.word("words.date", {"month": int(month), "day": int(day)})

    def promise(
        self, clocks: Sequence[TicketClock], now: datetime, *, visit_time: str = "", visit_at: datetime | None = None
    ) -> Both:
        """The next promises to the resident, with day and hour; "" when none is running.

        `visit_at`: the agreed time of a visit (F11): that is the promise.
        `visit_time`: when he asked us to come. Then our own limits for coming and being done are not told: "by noon today"
        to somebody who has just said "tomorrow" is no promise. His words are not repeated, "tomorrow" is another day tomorrow.
        """
        if visit_at is not None:
            prefix, when = self._book.word("words.promise_prefix"), self.when(visit_at, now)
            voice, chat = (self._book.word("words.promise_appointed", {"when": w}) for w in (when.voice, when.chat))
            return Both(prefix + voice, prefix + chat)
        running = self._told(clocks)
        chosen = bool(visit_time) and not self._is_any_time(visit_time)
        visits = [c for c in running if chosen and self._standard.rule(c.rule).stops in _BY_A_VISIT]
        told: list[Both] = []
        for clock in running:
            if clock in visits:
                continue
            when = self.when(clock.due_by, now)
            key = f"words.promise_{self._standard.rule(clock.rule).stops}"
            told.append(Both(self._book.word(key, {"when": when.voice}), self._book.word(key, {"when": when.chat})))
        if visits:
            visit = self._book.word("words.promise_visit")
            told.append(Both(visit, visit))
        if not told:
            nothing = self._book.word("words.promise_none")
            return Both(nothing, nothing)
        prefix, join = self._book.word("words.promise_prefix"), self._book.word("words.promise_join")
        return Both(
            prefix + join.join(t.voice for t in told[:_PROMISES_SPOKEN]), prefix + join.join(t.chat for t in told)
        )

    def _is_any_time(self, said: str) -> bool:
        return any(word in said for word in self._book.word("words.any_time").split(","))

    def ticket_card(self, ticket: Ticket, clocks: Sequence[TicketClock]) -> dict[str, Any]:
        """What the chat shows as a card; instants are ISO 8601 in UTC."""
        return {
            "number": ticket.number,
            "title": self._standard.kind(ticket.kind).title,
            "state": self.state(ticket),
            "clocks": [
                {"title": self._standard.rule(c.rule).title, "clause": c.clause, "due_by": c.due_by.isoformat()}
                for c in self._told(clocks)
            ],
        }

    def state(self, ticket: Ticket) -> str:
        return self._book.word(f"words.state_{ticket.state}")

    def symptom(self, symptom: str) -> str:
        return symptom or self._book.word("words.symptom_unknown")

    def _told(self, clocks: Sequence[TicketClock]) -> Sequence[TicketClock]:
        """Running clocks the resident is told about; one whose rule a later release dropped is not worded any more."""
        running = [c for c in clocks if c.state is ClockState.RUNNING and c.rule in self._standard.rules]
        by_stop: Mapping[str, TicketClock] = {self._standard.rule(c.rule).stops: c for c in reversed(running)}
        return [by_stop[stop] for stop in _TOLD if stop in by_stop]
