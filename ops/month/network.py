"""The telephone network of the month: every call and message is taken, and answered by whoever is called, in his own time."""

from collections.abc import Collection
from typing import Protocol
from uuid import uuid4

from dialogue.leg import Leg
from fulfillment.ports import Rung
from ivr.conference_carrier import TwilioConferences
from ivr.line import PhoneLine
from ivr.robots import ChatRobots
from kernel.clock import Clock


class Answers(Protocol):
    """Who is reached over the network. Everything is told after the request is over, as by webhooks."""

    def staff_rung(self, attempt_id: str, sid: str) -> None: ...
    def text_taken(self, attempt_id: str, sid: str) -> None: ...
    def resident_rung(self, try_id: str, sid: str) -> None: ...
    def operator_rung(self, leg: Leg, call_sid: str, conference_sid: str) -> None: ...
    def caller_fetched(self, call_sid: str, path: str) -> None: ...


class MonthNetwork(TwilioConferences):
    """As the carrier's client, without a carrier behind it. Sids are told apart by what they name."""

    def __init__(self, line: PhoneLine, clock: Clock) -> None:
        super().__init__(line, account_sid="AC" + "0" * 32, api_base_url="http://127.0.0.1:9", clock=clock)
        self.people: Answers | None = None
        self.over: set[str] = set()

    def call(self, *, to: str, attempt_id: str, ring_seconds: int) -> str:  # noqa: ARG002 - the port's signature
        sid = _sid("CA")
        self._people.staff_rung(attempt_id, sid)
        return sid

    def call_resident(self, *, to: str, try_id: str, ring_seconds: int) -> str:  # noqa: ARG002 - as above
        sid = _sid("CA")
        self._people.resident_rung(try_id, sid)
        return sid

    def text(self, *, to: str, body: str, attempt_id: str) -> str:  # noqa: ARG002 - as above
        sid = _sid("SM")
        self._people.text_taken(attempt_id, sid)
        return sid

    def told_text(self, *, to: str, body: str, told_id: int) -> str:  # noqa: ARG002 - as above
        return _sid("SM")

    def word_text(self, *, to: str, body: str, text_id: int) -> str:  # noqa: ARG002 - as above
        return _sid("SM")

    def plain_text(self, *, to: str, body: str) -> str:  # noqa: ARG002 - as above
        return _sid("SM")

    def find_call(self, attempt: Rung, others: Collection[str] = ()) -> str | None:  # noqa: ARG002 - as above
        return None

    def call_status(self, sid: str) -> str:
        return "completed" if sid in self.over else "in-progress"

    def fetch_turn(self, call_sid: str, path: str) -> None:
        self._people.caller_fetched(call_sid, path)

    def ring_leg(self, leg: Leg, *, coached: str) -> tuple[str, str]:  # noqa: ARG002 - as above
        sids = _sid("CA"), "CF" + leg.conference
        self._people.operator_rung(leg, *sids)
        return sids

    def find_leg(self, leg: Leg, others: Collection[str] = ()) -> tuple[str, str] | None:  # noqa: ARG002 - as above
        return None

    def set_leg(self, leg: Leg, *, coached: str) -> None:
        """Done at once, like everything that is asked of a network that is never busy."""

    def hang_up(self, call_sid: str) -> None:
        self.over.add(call_sid)

    @property
    def _people(self) -> Answers:
        if self.people is None:
            raise AssertionError("nobody lives in this network yet")
        return self.people


class QuietRobots(ChatRobots):
    """Takes every message of a chat robot; nobody reads it."""

    def send(self, *, address: str, body: str) -> None:
        pass


def _sid(prefix: str) -> str:
    return prefix + uuid4().hex
