"""fulfillment.call_ports.CallTx in memory: the part of tests/fakes.py about calls to residents and staff who call in."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fulfillment.pin_tries import PinTry
from fulfillment.resident_calls import CallState, ResidentCall, ResidentTry
from fulfillment.resident_texts import ResidentText
from fulfillment.waiting import WaitState
from kernel.errors import NotFound


@dataclass
class CallTables:
    """Copied as a whole with the other tables."""

    calls: dict[int, ResidentCall] = field(default_factory=dict)
    tries: dict[str, ResidentTry] = field(default_factory=dict)
    pins: dict[int, str] = field(default_factory=dict)
    pin_tries: dict[str, PinTry] = field(default_factory=dict)
    texts: dict[int, ResidentText] = field(default_factory=dict)

    def copy(self) -> "CallTables":
        return CallTables(dict(self.calls), dict(self.tries), dict(self.pins), dict(self.pin_tries), dict(self.texts))


class FakeCallTx:
    """Mixed into FakeTx, whose tables these are."""

    _t: Any

    def _writing(self) -> Any:
        raise NotImplementedError  # FakeTx's own

    def add_resident_call(self, call: ResidentCall) -> ResidentCall:
        assert call.id == 0
        for known in self._t.of_calls.calls.values():
            if (known.ticket_id, known.purpose, known.state) == (call.ticket_id, call.purpose, CallState.PLANNED):
                return known  # type: ignore[no-any-return]  # tables are Any here
        stored = replace(call, id=len(self._t.of_calls.calls) + 1)
        self._writing().of_calls.calls[stored.id] = stored
        return stored

    def resident_call(self, call_id: int) -> ResidentCall:
        return _found(self._t.of_calls.calls, call_id)  # type: ignore[no-any-return]

    def save_resident_call(self, call: ResidentCall) -> None:
        self.resident_call(call.id)
        self._writing().of_calls.calls[call.id] = call

    def resident_calls(self, ticket_id: int) -> Sequence[ResidentCall]:
        return [c for c in self._t.of_calls.calls.values() if c.ticket_id == ticket_id]

    def add_resident_try(self, one: ResidentTry) -> None:
        assert all((t.call_id, t.n) != (one.call_id, one.n) for t in self._t.of_calls.tries.values())
        self._writing().of_calls.tries[one.id] = one

    def resident_try(self, try_id: str) -> ResidentTry:
        return _found(self._t.of_calls.tries, try_id)  # type: ignore[no-any-return]

    def save_resident_try(self, one: ResidentTry) -> None:
        self.resident_try(one.id)
        self._writing().of_calls.tries[one.id] = one

    def resident_tries(self, call_id: int) -> Sequence[ResidentTry]:
        return sorted((t for t in self._t.of_calls.tries.values() if t.call_id == call_id), key=lambda t: t.n)

    def resident_sids(self, phone: str) -> frozenset[str]:
        tries = self._t.of_calls.tries.values()
        return frozenset(t.provider_sid for t in tries if t.phone == phone and t.provider_sid)

    def resident_is_rung(self, phone: str, since: datetime) -> bool:
        tries = self._t.of_calls.tries.values()
        return any(t.phone == phone and t.finished_at is None and t.started_at >= since for t in tries)

    def taken_callback(self, ticket_id: int) -> int | None:
        taken = [w.id for w in self._t.waits.values() if w.ticket_id == ticket_id and w.state is WaitState.TAKEN]
        return max(taken, default=None)

    def tickets_of(self, staff_id: int) -> Sequence[int]:
        told = {a.ticket_id for a in self._t.attempts.values() if a.staff_id == staff_id}
        his = [
            t
            for t in self._t.tickets.values()
            if t.is_open and (t.assignee_id == staff_id or (t.needs_acknowledgement and t.id in told))
        ]
        return [t.id for t in sorted(his, key=lambda t: (not t.needs_acknowledgement, t.opened_at, t.id))]

    def add_resident_text(self, text: ResidentText) -> ResidentText:
        assert text.id == 0
        texts = self._writing().of_calls.texts
        known = next((t for t in texts.values() if t.key == text.key), None)
        if known is None:
            known = texts[len(texts) + 1] = replace(text, id=len(texts) + 1)
        return known  # type: ignore[no-any-return]  # tables are Any here

    def resident_text(self, text_id: int) -> ResidentText:
        return _found(self._t.of_calls.texts, text_id)  # type: ignore[no-any-return]

    def save_resident_text(self, text: ResidentText) -> None:
        self.resident_text(text.id)
        self._writing().of_calls.texts[text.id] = text

    def staff_pin(self, staff_id: int) -> str:
        return str(self._t.of_calls.pins.get(staff_id, ""))

    def set_staff_pin(self, staff_id: int, hashed: str) -> None:
        self._writing().of_calls.pins[staff_id] = hashed

    def staff_with_pin(self) -> frozenset[int]:
        return frozenset(self._t.of_calls.pins)

    def pin_try(self, key: str) -> PinTry | None:
        return self._t.of_calls.pin_tries.get(key)  # type: ignore[no-any-return]

    def add_pin_try(self, one: PinTry) -> None:
        self._writing().of_calls.pin_tries.setdefault(one.key, one)

    def pin_tries(
        self, since: datetime, *, caller: str | None = None, staff_number: str | None = None
    ) -> Sequence[PinTry]:
        found = [
            t
            for t in self._t.of_calls.pin_tries.values()
            if t.at >= since and caller in (None, t.caller) and staff_number in (None, t.staff_number)
        ]
        return sorted(found, key=lambda t: (t.at, t.key))


def _found(rows: Any, key: Any) -> Any:
    if key not in rows:
        raise NotFound(f"row {key}")
    return rows[key]
