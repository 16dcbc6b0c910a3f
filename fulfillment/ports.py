"""What fulfillment needs from the outside: a store, a carrier. Implemented by `storage` and `ivr`, faked in tests/fakes.py."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from fulfillment.announcement import Announcement
from fulfillment.call_ports import CallTx
from fulfillment.company import Community, Duty, Household, Operator, Staff, Station
from fulfillment.edition_ports import EditionTx
from fulfillment.incident_ports import IncidentTx
from fulfillment.outbox import Lane, NewTask, Rank, Task
from fulfillment.profile import ProfileChoice
from fulfillment.recording import Recording
from fulfillment.report_ports import ReportTx
from fulfillment.resident_texts import ResidentTextTx
from fulfillment.ticket import Address, Attempt, Ticket, TicketClock, TimelineEntry
from fulfillment.ticket_filter import TicketFilter
from fulfillment.visit_ports import VisitTx
from fulfillment.waiting import InLine, Wait, WaitState


class FulfillmentTx(CallTx, EditionTx, IncidentTx, ReportTx, ResidentTextTx, VisitTx, Protocol):
    """One open transaction. Everything written through it commits together or not at all.

    Reads inside a write transaction see the transaction's own writes. On SQLite it holds the write lock from its start;
    on PostgreSQL rows named `for_update` are locked. Raises StoreBusy when the lock could not be had within the budget.
    """

    # the company
    def community(self, community_id: int) -> Community: ...
    def communities(self) -> Sequence[Community]: ...
    def station(self, station_id: int) -> Station: ...
    def stations(self) -> Sequence[Station]: ...
    def staff(self, staff_id: int, *, for_update: bool = False) -> Staff:
        """Raises NotFound. Locked `for_update`, two who want to call or text one person wait for each other; a ticket that
        is locked as well is locked before.
        """
        ...

    def all_staff(self) -> Sequence[Staff]: ...
    def staff_by_phone(self, phone: str) -> Staff | None: ...
    def duties(self) -> Sequence[Duty]: ...
    def household(self, household_id: int, *, for_update: bool = False) -> Household:
        """Raises NotFound. Locked `for_update`, two reports of one home at the same instant wait for each other."""
        ...

    def households(self, household_ids: Collection[int]) -> Mapping[int, Household]:
        """By id; those that do not exist are left out."""
        ...

    def households_by_phone(self, phone: str) -> Sequence[Household]: ...
    def household_by_card(self, card_number: str) -> Household | None: ...
    def households_at(self, address: Address) -> Sequence[Household]:
        """Homes that fit the known parts of an address (community required; empty parts fit all). At most 20."""
        ...

    def operator(self, operator_id: int) -> Operator: ...
    def operator_by_login(self, login: str) -> Operator | None: ...
    def operators(self) -> Sequence[Operator]: ...

    # imports: insert or update by the company's own key (`code`, `number`, `card_number`, `login`); id 0 in, stored id out
    def upsert_station(self, station: Station) -> Station: ...
    def upsert_community(self, community: Community) -> Community: ...
    def upsert_staff(self, staff: Staff) -> Staff: ...
    def upsert_household(self, household: Household) -> Household: ...
    def upsert_operator(self, operator: Operator) -> Operator: ...
    def replace_duties(self, duties: Sequence[Duty]) -> None:
        """The weekly rota as a whole."""
        ...

    # announcements of known incidents
    def announcements(self) -> Sequence[Announcement]:
        """The newest fifty, told or not, oldest first."""
        ...

    def announcement(self, announcement_id: int) -> Announcement:
        """Raises NotFound."""
        ...

    def add_announcement(self, announcement: Announcement) -> Announcement:
        """Stores one whose id is 0; returns it with its id."""
        ...

    def save_announcement(self, announcement: Announcement) -> None:
        """Writes all fields. Raises NotFound."""
        ...

    # tickets
    def add_ticket(self, ticket: Ticket) -> Ticket:
        """Stores a ticket whose id is 0 and number ""; returns it with both. Numbers run per local day of `opened_at`: MMDD-NNNN."""
        ...

    def ticket(self, ticket_id: int, *, for_update: bool = False) -> Ticket:
        """Raises NotFound."""
        ...

    def unaccepted(self, ticket_ids: Collection[int]) -> frozenset[int]:
        """Those of these tickets that are emergencies which no named human has accepted (Ticket.needs_acknowledgement)."""
        ...

    def save_ticket(self, ticket: Ticket) -> Ticket:
        """Writes all fields if the stored rev equals ticket.rev; returns it with rev + 1. Raises Conflict otherwise."""
        ...

    def open_tickets(
        self, *, household_id: int | None = None, conversation_id: str | None = None, contact_phone: str | None = None
    ) -> Sequence[Ticket]:
        """Open tickets that match any of the given (non-empty) criteria, newest first."""
        ...

    def tickets(
        self, *, only_open: bool = False, kind: str | None = None, search: str = "", limit: int = 100, offset: int = 0
    ) -> Sequence[Ticket]:
        """For lists: emergencies without acknowledgement first, then open ones, accepted emergencies and old, ill
        or disabled residents (J1) before the others, each by earliest running clock, then newest.
        """
        ...

    def find_tickets(self, wanted: TicketFilter, *, limit: int = 100, offset: int = 0) -> Sequence[Ticket]:
        """In the order of `tickets`."""
        ...

    def add_to_timeline(self, entry: TimelineEntry) -> None: ...
    def timeline(self, ticket_id: int) -> Sequence[TimelineEntry]:
        """Oldest first."""
        ...

    def add_clock(self, clock: TicketClock) -> TicketClock:
        """Stores a clock whose id is 0. One running clock per ticket and rule: a second add returns the first."""
        ...

    def clock(self, clock_id: int) -> TicketClock: ...
    def save_clock(self, clock: TicketClock) -> None: ...
    def clocks(self, ticket_ids: Sequence[int]) -> Mapping[int, Sequence[TicketClock]]:
        """All clocks of these tickets, by ticket id, earliest due first."""
        ...

    # attempts
    def add_attempt(self, attempt: Attempt) -> None: ...
    def attempt(self, attempt_id: str) -> Attempt:
        """Raises NotFound."""
        ...

    def save_attempt(self, attempt: Attempt) -> None: ...
    def attempts(self, ticket_id: int) -> Sequence[Attempt]:
        """Oldest first."""
        ...

    def tickets_with_running(self, rules: Collection[str]) -> Sequence[int]:
        """Ids of the tickets on which a clock of one of these rules runs."""
        ...

    # what the company chose where documents disagree
    def profile_choices(self) -> Sequence[ProfileChoice]:
        """All of them, withdrawn ones included, in the order in which they were made."""
        ...

    def profile_choice(self, choice_id: int, *, for_update: bool = False) -> ProfileChoice:
        """Raises NotFound."""
        ...

    def add_profile_choice(self, choice: ProfileChoice) -> ProfileChoice:
        """Stores one whose id is 0."""
        ...

    def save_profile_choice(self, choice: ProfileChoice) -> None:
        """Raises NotFound."""
        ...

    def mark(self, name: str) -> str:
        """A word that the product has written down about itself; "" if it has not."""
        ...

    def set_mark(self, name: str, value: str) -> None: ...

    def carried_by(self, lead_id: str) -> Sequence[Attempt]:
        """All attempts that share one call or message, the oldest first; `lead_id` is their `call_id`."""
        ...

    def unfinished_attempts(self, staff_ids: Collection[int]) -> Sequence[Attempt]:
        """What is under way towards these people, on every channel, the oldest first."""
        ...

    def known_sids(self, phone: str) -> frozenset[str]:
        """The carrier's ids of all calls to a number that belong to an attempt."""
        ...

    # waiting for a person; stays begin and end with the floor of the conversation (DialogueTx.move_floor)
    def waiting_line(self) -> Sequence[InLine]:
        """Everybody who waits, callbacks included, in order: danger, J1, then the longest wait."""
        ...

    def wait(self, wait_id: int, *, for_update: bool = False) -> Wait:
        """Raises NotFound."""
        ...

    def recent_waits(self, since: datetime) -> Sequence[Wait]:
        """Stays of residents on the line that an operator has ended since then, newest first, at most 50."""
        ...

    def keep_place(self, conversation_id: str, *, ticket_id: int, phone: str, at: datetime) -> Wait:
        """The conversation's newest stay waits on as a callback, in its place; without one (or after a person took it) a
        new one begins. A ticket that is in line already keeps its own, and the conversation's ends.
        """
        ...

    def end_wait(self, wait_id: int, *, state: WaitState, at: datetime, operator_id: int | None = None) -> bool:
        """False if it had ended before: then nothing changes."""
        ...

    def resume_wait(self, wait_id: int) -> None:
        """Nobody was reached: back in line, in its old place."""
        ...

    def callback_reached(self, ticket_id: int, at: datetime) -> None:
        """The resident of this ticket was spoken to: its place in line is free."""
        ...

    def operator_present(self, operator_id: int, at: datetime) -> None:
        """A console page of this operator is open."""
        ...

    def operator_left(self, operator_id: int) -> None: ...
    def chat_capacities(self) -> Mapping[int, int]:
        """How many chats an operator holds at once, for those of whom it was said."""
        ...

    def set_chat_capacity(self, operator_id: int, chats: int) -> None: ...
    def present_operators(self, since: datetime) -> frozenset[int]:
        """Ids of those whose pages have shown themselves since then."""
        ...

    # recordings
    def add_recording(self, recording: Recording) -> Recording:
        """Stores it, or returns the one with this id or of this carrier's name."""
        ...

    def recording(self, recording_id: str, *, for_update: bool = False) -> Recording:
        """Raises NotFound."""
        ...

    def recording_of_carrier(self, provider_sid: str) -> Recording | None: ...
    def save_recording(self, recording: Recording) -> None:
        """Writes all fields. Raises NotFound."""
        ...

    def recordings(self, *, conversation_id: str | None = None, ticket_id: int | None = None) -> Sequence[Recording]:
        """Of a ticket, else of a conversation; oldest first, deleted ones included."""
        ...

    def recordings_of(self, ticket_ids: Sequence[int]) -> Mapping[int, Sequence[Recording]]:
        """As `recordings`, of many tickets, by ticket id."""
        ...

    def unfetched_recordings(self, since: datetime, before: datetime) -> Sequence[Recording]:
        """Those made in this time that are still at the carrier only, oldest first."""
        ...

    def recordings_before(self, before: datetime, limit: int = 100) -> Sequence[Recording]:
        """Those made before an instant whose sound still exists somewhere, oldest first."""
        ...

    # outbox
    def delete_finished_tasks(self, before: datetime) -> int:
        """Forgets tasks that are done or cancelled and were due before an instant; returns how many."""
        ...

    def enqueue(self, task: NewTask) -> None:
        """Adds a task; a task with the same key that is still pending is kept, one that is finished stays finished."""
        ...

    def give_turn_back(self, lane: Lane, now: datetime) -> None:
        """The turn that came with a claim was not needed: the next one may go at once."""
        ...

    def raise_rank(self, key: str, rank: Rank) -> None:
        """A pending task is at least as urgent as this; it is never lowered."""
        ...

    def bring_forward(self, key: str, due_at: datetime) -> bool:
        """Makes a pending, unclaimed task due earlier. False if there is none."""
        ...

    def cancel_tasks(self, ticket_id: int, kinds: Sequence[str]) -> int:
        """Pending tasks of a ticket will not run any more; returns how many."""
        ...

    def drop_tasks(self, keys: Sequence[str]) -> None:
        """What these tasks promised has happened in this transaction; those that are unknown or done are left alone."""
        ...

    def task_done(self, task: Task) -> bool:
        """Finishes a claimed task; False (and nothing changed) if the lease was lost."""
        ...

    def task_again(self, task: Task, due_at: datetime, error: str) -> bool:
        """Gives a claimed task back for a later try; False if the lease was lost."""
        ...

    def task_dead(self, task: Task, error: str) -> bool:
        """Gives up on a task after its last try; it stays visible on the health page."""
        ...

    def holds(self, task: Task) -> bool:
        """True while this worker's lease on the task is the current one."""
        ...

    def overdue_tasks(self, before: datetime, lane: Lane | None = None) -> Sequence[tuple[str, str, datetime, int]]:
        """(kind, key, due_at, tries) of tasks that were due before an instant and are not done, oldest first, at most 100;
        of one lane, or of all.
        """
        ...


class FulfillmentStore(Protocol):
    """Opens transactions. Implemented by storage.Store."""

    def write(self, *, within: float | None = None) -> AbstractContextManager[FulfillmentTx]:
        """A read-write transaction: commits at the end of the block, rolls back on any exception. `within`: seconds to wait for
        a lock, for what can be done without; never more than the store waits anyway.
        """
        ...

    def read(self) -> AbstractContextManager[FulfillmentTx]:
        """A read-only snapshot; writing through it raises."""
        ...

    def claim(
        self, lane: Lane, now: datetime, lease: timedelta, owner: str, turns_every: timedelta | None = None
    ) -> Task | None:
        """Takes the earliest due task of a lane under a lease, in a short transaction of its own; None if nothing is due.
        Tasks whose lease ran out can be taken again.

        Where emergencies pass (lanes of FARTHEST) the best rank goes first. The carrier's budget: in a lane of TURNS_COUNTED
        with `turns_every`, all workers together claim no more than one task in that time. Whoever wants to place an ordinary call enqueues a task of a kind in
        Lane.VOICE with Rank.ORDINARY: when it is delivered, its turn has come, after all emergencies. One task is one call.
        """
        ...

    def next_due(self, lane: Lane) -> datetime | None:
        """When the next unclaimed task of a lane (or the end of a foreign lease) is due, and its turn may come."""
        ...

    def release_leases(self, owner: str) -> int:
        """A starting process gives back what its predecessor of the same name held."""
        ...

    def wait_for_change(self, seen: int, timeout: float) -> int:
        """Blocks until anybody (any process) committed a write after change number `seen`, or `timeout` seconds.
        Returns the current change number of this process (start with 0). A hint only: the tables are the truth.
        """
        ...


class Carrier(Protocol):
    """The telephone network. Raises CarrierBusy, CarrierRefused, CarrierUnknown (kernel.errors). Every call has a 10 s limit."""

    def call(self, *, to: str, attempt_id: str, ring_seconds: int) -> str:
        """Rings a member of staff for an alarm, for so long; the attempt's webhooks follow under /ivr/alarms/<attempt_id>. Returns the SID."""
        ...

    def text(self, *, to: str, body: str, attempt_id: str) -> str:
        """Sends a text. Returns the SID."""
        ...

    def find_call(self, attempt: Attempt, others: Collection[str] = ()) -> str | None:
        """The SID of a call that was placed for this attempt, if the carrier knows one (by number and time).

        `others`: calls to the same number that belong to other attempts, of another alarm a moment ago above all.
        """
        ...

    def call_status(self, sid: str) -> str:
        """The carrier's own word: queued, ringing, in-progress, completed, busy, failed, no-answer, canceled."""
        ...

    def fetch_turn(self, call_sid: str, path: str) -> None:
        """Interrupts a live call: it fetches its next TwiML from `path` below PUBLIC_BASE_URL."""
        ...


class ResidentLine(Protocol):
    """The telephone network, for calls to residents. Raises what Carrier raises."""

    def call_resident(self, *, to: str, try_id: str, ring_seconds: int) -> str:
        """Rings a resident for so long; the try's webhooks follow under /ivr/outgoing/<try_id>. Returns the SID."""
        ...

    def find_call(self, attempt: "Rung", others: Collection[str] = ()) -> str | None:
        """As Carrier.find_call."""
        ...

    def call_status(self, sid: str) -> str:
        """As Carrier.call_status."""
        ...


class Rung(Protocol):
    """A telephone that was to be rung, and since when: an alarm's Attempt or a ResidentTry."""

    @property
    def phone(self) -> str: ...
    @property
    def started_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a person is told of."""

    attempt: Attempt
    ticket: Ticket
    community_name: str  # "" if it is not known


class AlarmSender(Protocol):
    """A way to tell people of alarms beside the telephone; each step of a ladder goes over all senders that reach its person.

    fulfillment.telling.TextSender is one. The timeline's facts are `<channel>_sent` and `<channel>_failed`.
    """

    @property
    def channel(self) -> str:
        """What its attempts carry: "text", "robot"; TASK_OF (fulfillment.notice) names the task that sends."""
        ...

    def reaches(self, tx: FulfillmentTx, attempt: Attempt) -> bool:
        """Whether this person can be reached so; asked inside the transaction that writes the attempts. Quick and pure."""
        ...

    def send(self, alarms: Sequence[Alarm], lead: Attempt) -> str:
        """One message to one person (of `lead`) about one or more alarms, outside any transaction. Returns the provider's
        id or "". Raises CarrierBusy (nothing happened, tried again) or any other CarrierError (given up, on the timeline).
        May be called twice after a crash. `lead.id` is the attempt for links and callbacks: it carries all the others.
        """
        ...


#: Texts of alarms, rendered by the script book; injected by app.py because sentences live above this floor.
#: Called with one or several alarms for one person. What it returns fits one text message (70 characters).
AlarmText = Callable[[Sequence[Alarm]], str]

#: A deliverer carries out one task; it must be safe to run twice. Returning normally finishes the task.
Deliverer = Callable[[Task], None]
DelivererTable = Mapping[str, Deliverer]
JsonObject = dict[str, Any]
