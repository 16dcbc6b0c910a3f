"""What the console needs from the rooms below. Implemented by dialogue, fulfillment and storage, faked in tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dialogue.canned_replies import CannedReplies
from dialogue.conversation import Conversation, Message
from dialogue.leg import LegMode
from dialogue.own_wording import Blank, Quoted
from dialogue.passing_on import PassingOn
from dialogue.ports import DialogueStore
from dialogue.script_book import ScriptBook
from fulfillment.appointment import Appointment
from fulfillment.clause import Clause
from fulfillment.clocks import ClockEvent, ClockRule
from fulfillment.dispatch import LadderPlan
from fulfillment.editions import Editions
from fulfillment.importing import RobotAddress
from fulfillment.importing.words import Words
from fulfillment.incident import IncidentRules
from fulfillment.incidents import Incidents
from fulfillment.look import LookRules
from fulfillment.manners import NeverSaid
from fulfillment.open_ticket import Learned
from fulfillment.recording import Recording
from fulfillment.resident_calls import Purpose, ResidentCall
from fulfillment.ticket import Ticket, TicketState, TimelineEntry
from fulfillment.visit_rules import VisitRules
from fulfillment.waiting import QueueRules
from kernel.clock import Clock

#: How long a page is held up, while the database is locked, for a row that it can do without: who is there, who looked. Under
#: load an ordinary write waits a tenth of that.
PATIENCE_SECONDS = 0.5


class Handoff(Protocol):
    """Who speaks with the resident. Every method raises NotFound for an unknown conversation."""

    def take_over(self, conversation_id: str, operator_id: int) -> Conversation:
        """Raises AlreadyTaken (`.holder` is a name)."""
        ...

    def hand_back(self, conversation_id: str, operator_id: int) -> Conversation:
        """Raises StaleEpoch if the operator does not hold it."""
        ...

    def say(self, conversation_id: str, operator_id: int, text: str, client_id: str) -> Message:
        """One message per client_id. Raises StaleEpoch if not the holder, BadInput if empty or too long."""
        ...

    def heartbeat(self, conversation_id: str, operator_id: int) -> None: ...

    def end(self, conversation_id: str, operator_id: int) -> Conversation:
        """Raises StaleEpoch if the operator does not hold it."""
        ...


class Conferences(Protocol):
    """A call's audio (dialogue.conference.Conferences). The holder's actions raise StaleEpoch if the floor is somebody
    else's, and all raise CallImpossible with the reason, NotFound.
    """

    def connect(self, conversation_id: str, operator_id: int) -> None: ...
    def hang_up(self, conversation_id: str, operator_id: int) -> None: ...
    def hold(self, conversation_id: str, operator_id: int) -> None: ...
    def resume(self, conversation_id: str, operator_id: int) -> None: ...
    def consult(self, conversation_id: str, operator_id: int, to: str) -> None: ...
    def come_back(self, conversation_id: str, operator_id: int) -> None: ...
    def complete(self, conversation_id: str, operator_id: int) -> None: ...
    def transfer(self, conversation_id: str, operator_id: int, to: str) -> None: ...
    def supervise(self, conversation_id: str, supervisor_id: int, mode: LegMode) -> None: ...


class Desk(Protocol):
    """What a person does to a ticket. Every method raises NotFound; changes raise Conflict when the state forbids them."""

    def acknowledge(self, ticket_id: int, *, by: str, staff_id: int | None = None) -> Ticket:
        """The first one wins; the others see `acknowledged_by`."""
        ...

    def assign(self, ticket_id: int, staff_id: int, *, by: str) -> Ticket: ...
    def note(self, ticket_id: int, text: str, *, by: str) -> None: ...
    def informed(self, ticket_id: int, *, by: str) -> Ticket: ...
    def contacted(self, ticket_id: int, *, by: str) -> Ticket: ...
    def milestone(self, ticket_id: int, event: ClockEvent, *, by: str) -> Ticket:
        """Answered, surveyed, …: stops the clocks that wait for it. Raises BadInput for an event that is none."""
        ...

    def change_state(self, ticket_id: int, to: TicketState, *, by: str, reason: str = "") -> Ticket: ...
    def learn(self, ticket_id: int, learned: Learned) -> Ticket: ...
    def nudge(self, ticket_id: int, *, by: str) -> Ticket: ...
    def undo_nudge(self, ticket_id: int, *, by: str) -> Ticket: ...
    def merge(self, ticket_id: int, into_id: int, *, by: str) -> Ticket: ...
    def split(self, ticket_id: int, *, by: str) -> Ticket: ...
    def call_resident(
        self, ticket_id: int, purpose: Purpose, *, by: str, operator_id: int | None = None, visit: str = ""
    ) -> ResidentCall:
        """Raises Conflict if no such call is owed, BadInput if nobody can be rung."""
        ...

    def stop_calls(self, ticket_id: int, reason: str, *, by: str) -> None:
        """Raises BadInput without a reason."""
        ...


class Named(Protocol):
    """Anything of the service standard that has a title residents and staff use."""

    @property
    def title(self) -> str: ...


class Kind(Named, Protocol):
    """A kind of ticket; `category` as in data/ticket_kinds.yml."""

    @property
    def category(self) -> str: ...
    @property
    def clocks(self) -> Sequence[str]: ...


class Standard(Protocol):
    """The part of the service standard that is shown."""

    @property
    def queue(self) -> QueueRules: ...
    @property
    def incidents(self) -> IncidentRules: ...
    @property
    def looks(self) -> LookRules: ...
    @property
    def ladder(self) -> LadderPlan: ...
    def shipped(self, part: str) -> Any:
        """A table as the file holds it."""
        ...

    def read_edition(self, part: str, content: Any) -> Any:
        """What an edition of a table comes to. Raises ConfigurationError."""
        ...

    @property
    def never_said(self) -> Sequence[NeverSaid]: ...
    @property
    def clauses(self) -> Mapping[str, Clause]: ...
    @property
    def profiles(self) -> Mapping[str, str]: ...
    @property
    def choices(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def sources(self) -> Mapping[str, str]: ...
    @property
    def kinds(self) -> Mapping[str, Kind]: ...
    @property
    def rules(self) -> Mapping[str, ClockRule]: ...
    def rules_of(self, kind: str, chosen: Mapping[str, str] | None = None) -> Sequence[ClockRule]:
        """Of a kind of ticket, under the profiles that the company has chosen. Raises NotFound."""
        ...

    @property
    def visit(self) -> VisitRules: ...
    @property
    def words(self) -> Words:
        """How a company writes its places."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """How the product is now. `overdue` as FulfillmentTx.overdue_tasks gives it: (kind, key, due_at, tries)."""

    database: bool
    nlu: bool
    overdue: Sequence[tuple[str, str, datetime, int]] = field(default=())

    @property
    def fine(self) -> bool:
        return self.database and self.nlu and not self.overdue


class Callbacks(Protocol):
    """Residents who are called back in their turn."""

    def take(self, wait_id: int, operator_id: int) -> Ticket:
        """He is rung for this operator. Raises AlreadyTaken, Conflict (no longer in line), NotFound."""
        ...


class Recordings(Protocol):
    """dialogue.recordings.Recordings."""

    def file(self, recording_id: str) -> Path:
        """Raises NotFound: there is nothing to be heard."""
        ...

    def delete(self, recording_id: str, *, by: str) -> Recording: ...


class Pictures(Protocol):
    """dialogue.pictures.Pictures."""

    def file(self, picture_id: str, *, small: bool = False) -> tuple[str, Path]:
        """Whose conversation it is from, and where it lies. Raises NotFound."""
        ...


class VisitPictures(Protocol):
    """dialogue.visit_pictures.VisitPictures."""

    def file(self, ticket_id: int, picture_id: str, *, small: bool = False) -> Path:
        """Raises NotFound: no such picture of this ticket."""
        ...


class Books(Protocol):
    """fulfillment.appointments.Appointments."""

    def book(self, ticket_id: int, starts_at: datetime, *, by: str) -> Appointment:
        """Raises SlotTaken, BadInput."""
        ...


@dataclass(frozen=True, slots=True)
class Audio:
    """How operators talk with callers."""

    conferences: Conferences
    #: (conversation, operator): a leak that was told on the telephone. Raises StaleEpoch.
    leak_heard: Callable[[str, int], None]
    safety_words: Callable[[str], str]  # of a kind of emergency, to be read out; "" for any other kind of ticket
    browser_lines: bool = False  # operators may choose to be rung in their browser
    #: The access token of an operator's browser, by its name. None: browsers are lines of the simulated network only.
    softphone_token: Callable[[str], str] | None = None


class SetsPins(Protocol):
    """fulfillment.pins.Pins."""

    def set(self, number: str, pin: str) -> None:
        """Raises NotFound, BadInput."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What the pages work with on which a company makes tables and wordings its own."""

    editions: Editions
    blanks: Mapping[str, Blank]
    quoted: Sequence[Quoted]
    #: A sentence as the telephone speaks it: numbers digit by digit.
    spoken: Callable[[str], str]
    robot_address: RobotAddress
    canned: CannedReplies


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything the pages work with, built once by app.py."""

    store: DialogueStore
    handoff: Handoff
    desk: Desk
    standard: Standard
    clock: Clock
    timeline_text: Callable[[TimelineEntry], str]
    health: Callable[[], Health]
    carrier_is_real: bool
    pins: SetsPins
    audio: Audio
    callbacks: Callbacks
    recordings: Recordings
    pictures: Pictures
    visit_pictures: VisitPictures
    appointments: Books
    book: ScriptBook
    passing: PassingOn
    incidents: Incidents
    setup: Setup
