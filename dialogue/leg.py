"""A leg is one telephone in a conversation's conference. What is wanted of it and what the carrier has told are kept apart,
so that a lost or late report changes nothing but what is known. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LegRole(StrEnum):
    """Whose telephone it is. A consulted colleague who takes the conversation becomes its OPERATOR."""

    CALLER = "caller"
    OPERATOR = "operator"  # of the person who has, or had, the floor
    CONSULTED = "consulted"  # asked first while the caller waits
    TRANSFER = "transfer"  # a colleague who gets the floor by answering
    OUTSIDE = "outside"  # a number that got the caller; the floor stays where it was
    SUPERVISOR = "supervisor"


#: Who speaks with the caller, or is about to; while there is one, the caller does not go back to the hold loop.
SPEAKERS = frozenset({LegRole.OPERATOR, LegRole.CONSULTED, LegRole.TRANSFER, LegRole.OUTSIDE})


class LegMode(StrEnum):
    """What a leg does in the conference."""

    TALK = "talk"
    HOLD = "hold"  # hears music, is heard by nobody
    LISTEN = "listen"  # hears all, is heard by nobody
    WHISPER = "whisper"  # hears all, is heard by the holder of the floor alone
    OUT = "out"


class LegState(StrEnum):
    """Only ever moves down this list, whatever the order in which the carrier's reports arrive."""

    ASKED = "asked"
    RINGING = "ringing"
    JOINED = "joined"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Leg:
    """`id` is the participant's label at the carrier and stands in the paths of its callbacks."""

    id: str  # uuid4 hex
    conversation_id: str
    conference: str  # its name at the carrier; legs of one conference share it
    role: LegRole
    address: str  # E.164, or client:… for a browser; "" for the caller
    name: str  # of the person who is called, as the console shows it
    started_at: datetime
    operator_id: int | None = None  # whose leg it is; None for the caller and outside numbers
    wanted: LegMode = LegMode.TALK
    mode: LegMode = LegMode.TALK  # as the carrier last confirmed it
    state: LegState = LegState.ASKED
    call_sid: str = ""
    conference_sid: str = ""
    joined_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""  # how it ended, in the carrier's words or "refused"
    trouble: str = ""  # the last change that the carrier refused; "" = none
    sequence: int = -1  # of the newest report about mute and hold
    heard_seq: int = 0  # the caller's: last line of the log when he was sent for; the loop goes on from there
    rev: int = 0  # counts the changes of `wanted`

    @property
    def asks_for_key(self) -> bool:
        """Answered is not he: his voicemail answers, too, and only he presses a key. A browser is answered by a click; the
        switchboard behind an outside number presses no key and must be reached all the same.
        """
        return self.operator_id is not None and not self.address.startswith("client:")

    @property
    def live(self) -> bool:
        return self.state is not LegState.ENDED

    @property
    def joined(self) -> bool:
        return self.state is LegState.JOINED

    @property
    def staying(self) -> bool:
        """Live, and nobody has asked it to leave."""
        return self.live and self.wanted is not LegMode.OUT

    @property
    def failed(self) -> bool:
        """Never answered, though nobody had changed his mind."""
        return self.state is LegState.ENDED and self.joined_at is None and self.wanted is not LegMode.OUT


class Phase(StrEnum):
    """A call as the call bar shows it."""

    IDLE = "idle"  # the caller is in the hold loop
    RINGING = "ringing"  # the holder's telephone
    CONNECTING = "connecting"  # answered; the caller is on the way into the conference
    TALKING = "talking"
    HELD = "held"
    CALLING_OTHER = "calling_other"  # a colleague or a number rings, the caller waits
    CONSULTING = "consulting"  # with the colleague, the caller waits
    TOGETHER = "together"  # all three
    GIVEN_AWAY = "given_away"  # the caller talks with somebody who does not hold the floor


@dataclass(frozen=True, slots=True)
class Talk:
    """The legs of one conversation, oldest first, ended ones included; `holder_id` is who has the floor."""

    legs: Sequence[Leg]
    holder_id: int | None

    @property
    def staying(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.legs if leg.staying)

    @property
    def caller(self) -> Leg | None:
        return self._newest(LegRole.CALLER)

    @property
    def holder(self) -> Leg | None:
        mine = [leg for leg in self.staying if leg.role is LegRole.OPERATOR and leg.operator_id == self.holder_id]
        return mine[-1] if mine else None

    @property
    def other(self) -> Leg | None:
        """The colleague or number beside the holder."""
        return self._newest(LegRole.CONSULTED) or self._newest(LegRole.TRANSFER) or self._newest(LegRole.OUTSIDE)

    @property
    def consulted(self) -> Leg | None:
        return self._newest(LegRole.CONSULTED)

    @property
    def supervisors(self) -> tuple[Leg, ...]:
        return tuple(leg for leg in self.staying if leg.role is LegRole.SUPERVISOR)

    @property
    def speakers(self) -> tuple[Leg, ...]:
        """Who keeps the caller in the conference; a supervisor who speaks with everybody counts."""
        return tuple(
            leg
            for leg in self.staying
            if leg.role in SPEAKERS or (leg.role is LegRole.SUPERVISOR and leg.wanted is LegMode.TALK)
        )

    @property
    def caller_is_in(self) -> bool:
        return self.caller is not None and self.caller.joined

    @property
    def caller_waits(self) -> bool:
        return self.caller is not None and self.caller.wanted is LegMode.HOLD

    @property
    def conference(self) -> str:
        """The name of the conference that goes on; "" if there is none."""
        return self.staying[-1].conference if self.staying else ""

    @property
    def phase(self) -> Phase:
        holder, other = self.holder, self.other
        if other is not None and not other.joined:
            return Phase.CALLING_OTHER
        if holder is None:
            return Phase.GIVEN_AWAY if self.speakers else Phase.IDLE
        if not holder.joined:
            return Phase.RINGING
        if not self.caller_is_in:
            return Phase.CONNECTING
        if other is not None:
            return Phase.CONSULTING if self.caller_waits else Phase.TOGETHER
        return Phase.HELD if self.caller_waits else Phase.TALKING

    @property
    def since(self) -> datetime | None:
        """When the present talk (or ringing) began."""
        leg = self.other if self.phase is Phase.CALLING_OTHER else self.holder or self.other
        return None if leg is None else leg.joined_at or leg.started_at

    @property
    def failure(self) -> Leg | None:
        """The last attempt, if it was in vain and nothing has been tried since."""
        tried = [leg for leg in self.legs if leg.role is not LegRole.CALLER]
        newest = tried[-1] if tried else None
        return newest if newest is not None and newest.failed else None

    def _newest(self, role: LegRole) -> Leg | None:
        found = [leg for leg in self.staying if leg.role is role]
        return found[-1] if found else None
