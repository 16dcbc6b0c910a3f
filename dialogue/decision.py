"""What the policy decides: sentences by key, commands in the imperative, the next state. Pure data."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialogue.conversation import Expect, QuickReply, Then
from dialogue.state import DialogueState
from fulfillment.resident_calls import CallResult


@dataclass(frozen=True, slots=True)
class Say:
    """One script by key. Facts that exist only after the commands ran (ticket number, promise) are added when it is phrased."""

    key: str
    params: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """A ticket of this kind with what the slots hold; an open one of the same kind and home is nudged instead.

    `told_ago`: how long before a member of staff reports it the resident told him (G7g); None: nobody has said.
    """

    kind: str
    symptom: str
    told_ago: timedelta | None = None


@dataclass(frozen=True, slots=True)
class LearnAddress:
    """More became known about the home of a ticket."""

    ticket_id: int


@dataclass(frozen=True, slots=True)
class NudgeTicket:
    """The resident asks again (催办)."""

    ticket_id: int


@dataclass(frozen=True, slots=True)
class NoteMisunderstood:
    """The resident says that his words did not mean this intent: for the operator, and for whoever improves the model."""

    intent: str


@dataclass(frozen=True, slots=True)
class RequestHandoff:
    """The resident waits for a person from now on."""


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """The resident does not want to wait any longer; the floor goes back to the bot."""


@dataclass(frozen=True, slots=True)
class NoteIdentified:
    """In a call of ours: somebody of the home is on the line."""


@dataclass(frozen=True, slots=True)
class SettleCall:
    """What came of a call of ours; `words` as the resident said it."""

    result: CallResult
    words: str


@dataclass(frozen=True, slots=True)
class NoteWords:
    """More that the resident said about it, for whoever puts it right."""

    words: str


@dataclass(frozen=True, slots=True)
class GiveToOperator:
    """The resident is rung back by somebody who sits ready for him."""


@dataclass(frozen=True, slots=True)
class BookVisit:
    """The visit of this ticket, or (None) of the one that is opened in this turn, is agreed for `at` (aware UTC)."""

    ticket_id: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class CallOffVisit:
    """The resident does not want the visit any more: its case ends."""

    ticket_id: int


@dataclass(frozen=True, slots=True)
class AnswerRecheck:
    """After an incident: the home of this ticket is warm again, or is not."""

    ticket_id: int
    warm: bool


Command = (
    OpenTicket
    | LearnAddress
    | NudgeTicket
    | BookVisit
    | CallOffVisit
    | NoteMisunderstood
    | RequestHandoff
    | LeaveQueue
    | NoteIdentified
    | SettleCall
    | NoteWords
    | GiveToOperator
    | AnswerRecheck
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Who somebody says he is; `tried`: how often that was wrong in this conversation."""

    card: str
    name: str
    tried: int


@dataclass(frozen=True, slots=True)
class Decision:
    """`say` is spoken in order, after the commands were carried out in one transaction."""

    state: DialogueState
    say: tuple[Say, ...]
    commands: tuple[Command, ...] = ()
    options: tuple[QuickReply, ...] = ()
    expect: Expect = Expect.ANYTHING
    then: Then = Then.LISTEN
    reason: str = ""  # why, in a few words: for the log and for whoever reads the turn later
    claim: Claim | None = None  # who he says he is: compared first, then the policy decides (Policy.identified)
