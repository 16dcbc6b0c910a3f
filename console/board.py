"""What the pages show, read in one transaction each. Rows here hold no markup and no Chinese: templates word them."""

import hashlib
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from console.incident_board import IncidentRow, incident_rows
from console.photographs import photographs_of
from console.ports import Rooms
from dialogue.chat import Picture, Receipt
from dialogue.conversation import Author, Conversation, Floor, Message
from dialogue.ports import DialogueTx
from dialogue.private_note import PrivateNote
from dialogue.state import DialogueState
from fulfillment.appointment import Appointment
from fulfillment.appointments import free_slots
from fulfillment.clocks import ClockEvent
from fulfillment.company import Community, Duty, Household, Staff, Station
from fulfillment.dispatch import is_on_duty
from fulfillment.incident import Incident
from fulfillment.outbox import TaskKind
from fulfillment.recording import Recording, RecordingState
from fulfillment.rota import read_company
from fulfillment.ticket import (
    Address,
    Attempt,
    ClockState,
    Ticket,
    TicketClock,
    TimelineEntry,
)
from fulfillment.ticket_filter import TicketFilter
from fulfillment.visit import Visit, VisitPicture
from fulfillment.waiting import Wait, WaitKind
from fulfillment.warranty import Warranty, warranty_of
from kernel.errors import NotFound

#: Forwarding work that is late by more than this means that nobody does it (DESIGN §2 rule 6).
WORKER_IS_SILENT_AFTER = timedelta(seconds=60)
_FORWARDING = frozenset({TaskKind.FORWARD_EMERGENCY, TaskKind.WATCH_ATTEMPT})
_TICKETS_ON_BOARD = 60
_TO_BE_HEARD = frozenset({RecordingState.AT_CARRIER, RecordingState.STORED})
_WITH_BOT_ON_BOARD = 60
_CALLBACKS_SHOWN = 60  # after a night the later ones follow as the first are called
_SAID_RECENTLY = 12
_TAIL = 6  # the last messages of a transcript may still change: understanding is filled in after the words are stored


@dataclass(frozen=True, slots=True)
class Place:
    """Words of an address; the template joins them."""

    community: str = ""
    building: str = ""
    unit: str = ""
    room: str = ""
    text: str = ""

    @property
    def known(self) -> bool:
        return bool(self.community or self.text)


@dataclass(frozen=True, slots=True)
class ClockRow:
    """A clock as it stands. `share` is the used part of its time, 1.0 and more: broken."""

    clock: TicketClock
    title: str
    share: float
    stops: ClockEvent | None  # what it waits for; None if the standard no longer has its rule

    @property
    def level(self) -> str:
        """How it is coloured: calm, soon (half used), urgent (four fifths), over."""
        if self.share >= 1:
            return "over"
        return "urgent" if self.share >= 0.8 else "soon" if self.share >= 0.5 else "calm"  # noqa: PLR2004 - said in the docstring


@dataclass(frozen=True, slots=True)
class TicketRow:
    ticket: Ticket
    title: str  # of its kind
    place: Place
    running: tuple[ClockRow, ...]  # earliest due first
    assignee: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """An emergency nobody has accepted, and who was tried last."""

    row: TicketRow
    attempt: Attempt | None
    rung: str  # the name of whoever was tried last

    @property
    def exhausted(self) -> bool:
        return self.row.ticket.alarm_exhausted_at is not None


@dataclass(frozen=True, slots=True)
class ConversationRow:
    conversation: Conversation
    name: str  # of the household, else as said; "" if unknown
    place: Place  # of the household, else as said so far
    holder: str  # the operator's name
    last: Message | None  # of the resident, if he has said anything lately
    newest: Message | None
    emergency: bool  # an open emergency ticket came out of it
    vulnerable: bool  # comes first (J1)

    @property
    def is_given(self) -> bool:
        """Given to its holder, who has not opened it or said anything yet."""
        return self.newest is not None and self.newest.data.get("script") == "handoff.assigned"


@dataclass(frozen=True, slots=True)
class Waiter:
    """Whose turn comes `number`-th: somebody on the line or in the chat (`row`), or a callback (`ticket`, with what he said)."""

    number: int
    wait: Wait | None  # None: waits without a place, from before there were any
    row: ConversationRow | None = None
    ticket: TicketRow | None = None
    recordings: tuple[Recording, ...] = ()
    emergency: bool = False
    vulnerable: bool = False


@dataclass(frozen=True, slots=True)
class OnDuty:
    duty: Duty
    staff: Staff
    station: str


@dataclass(frozen=True)
class Bars:
    """What every page shows of the work page: the bars of alarms and incidents, and what calls for its operator."""

    now: datetime
    alarms: tuple[Alarm, ...]
    forwarding_overdue: int
    conversations: tuple[ConversationRow, ...]
    unlisted: int  # conversations with the bot beyond those
    waiting: tuple[Waiter, ...]
    present: int  # operators whose pages are open
    incidents: tuple[IncidentRow, ...]  # suggested and running

    def on(self, floor: str) -> list[ConversationRow]:
        """Emergencies first, then whoever comes first by J1, else in the store's order: the longest wait first."""
        rows = [row for row in self.conversations if row.conversation.floor == floor]
        return sorted(rows, key=lambda row: (not row.emergency, not row.vulnerable))

    def work_of(self, operator_id: int) -> list[str]:
        """Keys of what calls for this operator, each new once: who waits, what was given to him, who has written to him."""
        found = [f"waits:{w.wait.id if w.wait else w.row and w.row.conversation.id}" for w in self.waiting]
        for row in self.on("operator"):
            conversation = row.conversation
            if conversation.operator_id != operator_id or row.newest is None:
                continue
            if row.is_given:
                found.append(f"given:{conversation.id}:{conversation.epoch}")
            elif row.newest.author is Author.RESIDENT:
                found.append(f"wrote:{conversation.id}:{row.newest.seq}")
        return found

    @cached_property
    def versions(self) -> Mapping[str, str]:
        """One for each part of the page: it changes when that part would look different (running time aside)."""
        return {
            "queue": digest(
                [
                    (c.conversation.id, c.conversation.epoch, c.conversation.last_seq, c.name, c.emergency)
                    for c in self.conversations
                ],
                [
                    (w.number, w.wait, w.ticket and w.ticket.ticket.rev, [(r.id, r.state) for r in w.recordings])
                    for w in self.waiting
                ],
                self.present > 0,
                self.unlisted,
            ),
            "alarms": digest(
                [
                    (a.row.ticket.id, a.row.ticket.rev, a.attempt and (a.attempt.id, a.attempt.outcome))
                    for a in self.alarms
                ],
                self.forwarding_overdue,
            ),
            "incidents": digest([row.shown for row in self.incidents]),
        }


@dataclass(frozen=True)
class Board(Bars):
    """The work page."""

    tickets: tuple[TicketRow, ...]
    on_duty: tuple[OnDuty, ...]

    def tickets_at(self, level: str) -> int:
        """How many tickets have a clock of this level."""
        return sum(any(clock.level == level for clock in row.running) for row in self.tickets)

    @property
    def is_cut(self) -> bool:
        """There may be more open tickets than the page shows."""
        return len(self.tickets) >= _TICKETS_ON_BOARD

    @cached_property
    def versions(self) -> Mapping[str, str]:
        return {
            **super().versions,
            "running": digest(
                [
                    (r.ticket.id, r.ticket.rev, [(c.clock.id, c.clock.due_by, c.level) for c in r.running])
                    for r in self.tickets
                ]
            ),
            "duty": digest([(d.duty.role, d.staff.id, d.station) for d in self.on_duty]),
        }


@dataclass(frozen=True, slots=True)
class Home:
    """A household with everybody who looks after it."""

    household: Household
    community: Community
    station: Station
    butler: Staff
    open_tickets: tuple[TicketRow, ...]
    by_number: bool = False

    @property
    def place(self) -> Place:
        h = self.household
        return Place(self.community.name, h.building, h.unit, h.room)


@dataclass(frozen=True, slots=True)
class TicketPage:
    row: TicketRow
    clocks: tuple[ClockRow, ...]
    timeline: Sequence[TimelineEntry]
    attempts: tuple[tuple[Attempt, str], ...]  # with the person's name
    home: Home | None
    owner: str
    staff: Sequence[Staff]
    recordings: Sequence[Recording]
    alike: tuple[TicketRow, ...]  # open ones of the same home, conversation or number
    merged_into: Ticket | None
    visits: tuple[tuple[Visit, Staff, tuple[VisitPicture, ...]], ...]  # with who came and what was taken there
    warranty: Warranty | None  # an earlier repair of the same fault that still holds (H5)
    appointment: Appointment | None
    slots: Sequence[datetime]  # free ones of whoever has it
    photographs: Sequence[Picture]  # that residents sent to it
    incident: Incident | None

    @property
    def version(self) -> str:
        return digest(
            self.row.ticket.rev,
            [(v.id, v.rev, len(pictures)) for v, _, pictures in self.visits],
            self.incident and self.incident.id,
            len(self.timeline),
            [p.id for p in self.photographs],
            [(r.id, r.state) for r in self.recordings],
            [(c.clock.id, c.clock.state, c.clock.due_by) for c in self.clocks],
            [(a.id, a.outcome) for a, _ in self.attempts],
        )


def digest(*parts: object) -> str:
    """A short name of what is shown; the same in every process."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def read_bars(rooms: Rooms) -> Bars:
    """What every page shows, as it is now."""
    with rooms.store.read() as tx:
        return _bars(rooms, tx)


def read_board(rooms: Rooms) -> Board:
    """The work page as it is now."""
    with rooms.store.read() as tx:
        bars = _bars(rooms, tx)
        tickets = ticket_rows(rooms, tx, tx.tickets(only_open=True, limit=_TICKETS_ON_BOARD), bars.now)
        return Board(**vars(bars), tickets=tuple(tickets), on_duty=_on_duty(tx, bars.now))


def _bars(rooms: Rooms, tx: DialogueTx) -> Bars:
    now = rooms.clock.now()
    emergencies = tx.find_tickets(TicketFilter(only_emergencies=True), limit=_TICKETS_ON_BOARD)
    alarmed = {ticket.conversation_id for ticket in emergencies}
    alarming = ticket_rows(rooms, tx, [ticket for ticket in emergencies if ticket.needs_acknowledgement], now)
    late = tx.overdue_tasks(now - WORKER_IS_SILENT_AFTER)
    live = tx.live_conversations()
    listed = _listed(live, alarmed)
    conversations = conversation_rows(tx, listed, alarmed)
    return Bars(
        now=now,
        alarms=tuple(_alarm(tx, row) for row in alarming),
        forwarding_overdue=sum(kind in _FORWARDING for kind, _, _, _ in late),
        conversations=conversations,
        unlisted=len(live) - len(listed),
        waiting=_waiting(rooms, tx, conversations, now),
        present=len(tx.present_operators(now - rooms.standard.queue.present_within)),
        incidents=tuple(incident_rows(rooms, tx, tx.live_incidents(), now)),
    )


def _listed(live: Sequence[Conversation], alarmed: Collection[str | None]) -> list[Conversation]:
    """All that a person has or waits for, all emergencies, and of the others with the bot the newest: in a storm there
    are a thousand of them, and nobody reads down there.
    """
    with_bot = [c.id for c in live if c.floor is Floor.BOT and c.id not in alarmed]
    beyond = set(with_bot[_WITH_BOT_ON_BOARD:])
    return [conversation for conversation in live if conversation.id not in beyond]


def _waiting(rooms: Rooms, tx: DialogueTx, rows: Sequence[ConversationRow], now: datetime) -> tuple[Waiter, ...]:
    """The line as residents are told it, callbacks in their places."""
    live = {row.conversation.id: row for row in rows if row.conversation.floor is Floor.QUEUE}
    found: list[Waiter] = []
    line = tx.waiting_line()
    promised = [one.wait.ticket_id for one in line if one.wait.kind is WaitKind.CALLBACK and one.wait.ticket_id]
    tickets = {
        row.ticket.id: row for row in ticket_rows(rooms, tx, [tx.ticket(n) for n in promised[:_CALLBACKS_SHOWN]], now)
    }
    said = tx.recordings_of(list(tickets))
    for number, one in enumerate(line, 1):
        waiter = Waiter(number, one.wait, emergency=one.emergency, vulnerable=one.vulnerable)
        ticket = tickets.get(one.wait.ticket_id or 0)
        if ticket is not None:
            heard = tuple(r for r in said[ticket.ticket.id] if r.state in _TO_BE_HEARD)
            found.append(replace(waiter, ticket=ticket, recordings=heard))
        elif one.wait.conversation_id in live and one.wait.kind is WaitKind.LIVE:
            found.append(replace(waiter, row=live.pop(one.wait.conversation_id)))
    last = len(line)
    rest = (
        Waiter(n, None, row, emergency=row.emergency, vulnerable=row.vulnerable)
        for n, row in enumerate(live.values(), last + 1)
    )
    return (*found, *rest)


def read_ticket_page(rooms: Rooms, ticket_id: int) -> TicketPage:
    """Raises NotFound."""
    now = rooms.clock.now()
    with rooms.store.read() as tx:
        ticket = tx.ticket(ticket_id)
        [row] = ticket_rows(rooms, tx, [ticket], now)
        names = {s.id: s.name for s in tx.all_staff()}
        operators = {o.id: o.name for o in tx.operators()}
        pictures = tx.visit_pictures(ticket_id)
        timeline = tx.timeline(ticket_id)
        return TicketPage(
            row=row,
            clocks=tuple(_clock_row(rooms, c, now) for c in tx.clocks([ticket_id]).get(ticket_id, ())),
            timeline=timeline,
            attempts=tuple((a, names.get(a.staff_id, "")) for a in tx.attempts(ticket_id)),
            home=_home(rooms, tx, ticket.household_id, now),
            owner=operators.get(ticket.owner_id or 0, ""),
            staff=[s for s in tx.all_staff() if s.active],
            recordings=tx.recordings(ticket_id=ticket_id),
            alike=tuple(ticket_rows(rooms, tx, [t for t in _alike(tx, ticket) if t.id != ticket_id], now)),
            merged_into=tx.ticket(ticket.merged_into_id) if ticket.merged_into_id else None,
            visits=tuple(
                (v, tx.staff(v.staff_id), tuple(p for p in pictures if p.visit_id == v.id))
                for v in tx.visits(ticket_id)
            ),
            warranty=warranty_of(tx, ticket, rooms.standard.visit.warranty),
            appointment=tx.appointment_of(ticket_id),
            slots=free_slots(tx, ticket, rooms.standard.visit.appointments, now),
            photographs=photographs_of(tx, ticket, timeline),
            incident=tx.incident(belongs.incident_id) if (belongs := tx.attachment_of(ticket_id)) else None,
        )


def ticket_version(rooms: Rooms, ticket_id: int) -> str:
    """Raises NotFound."""
    return read_ticket_page(rooms, ticket_id).version


def _alike(tx: DialogueTx, ticket: Ticket) -> Sequence[Ticket]:
    return tx.open_tickets(
        household_id=ticket.household_id, conversation_id=ticket.conversation_id, contact_phone=ticket.contact_phone
    )


def read_ticket_list(rooms: Rooms, wanted: TicketFilter, *, page: int, size: int) -> tuple[list[TicketRow], bool]:
    """One page (counted from 1) of tickets, and whether there are more."""
    with rooms.store.read() as tx:
        found = tx.find_tickets(wanted, limit=size + 1, offset=(page - 1) * size)
        return ticket_rows(rooms, tx, found[:size], rooms.clock.now()), len(found) > size


def read_home(rooms: Rooms, conversation: Conversation) -> tuple[Home | None, tuple[TicketRow, ...]]:
    """Who the resident is, and the open tickets of the conversation, of the caller's number and of the home.

    A home that is known only by the number that calls is marked `by_number`: nobody has confirmed it yet.
    """
    now = rooms.clock.now()
    with rooms.store.read() as tx:
        home = _home(rooms, tx, conversation.household_id, now) or _home_by_number(rooms, tx, conversation, now)
        about = tx.open_tickets(conversation_id=conversation.id, contact_phone=conversation.peer or None)
        own = ticket_rows(rooms, tx, about, now)
    if home is None:
        return None, tuple(own)
    known = {row.ticket.id for row in home.open_tickets}
    return home, (*(row for row in own if row.ticket.id not in known), *home.open_tickets)


def read_known(rooms: Rooms, conversation: Conversation) -> tuple[tuple[str, str], ...]:
    """What the bot has learnt and no ticket holds yet: (name of the fact, words)."""
    state = DialogueState.from_json(conversation.state)
    slots = state.slots
    facts = {
        "matter": kind_title(rooms, state.matter) if state.matter else "",
        "symptom": state.symptom,
        "part": slots.part,
        "place_at_home": slots.place_at_home,
        "temperature": slots.temperature,
        "visit_time": slots.visit_time,
        "story": slots.story,
        "phone": slots.phone,
    }
    return tuple((name, words) for name, words in facts.items() if words)


def talk_version(
    conversation: Conversation, tail: Sequence[Message], reached: Receipt, notes: Sequence[PrivateNote]
) -> str:
    """Changes with every message, what was understood of the last ones, what has reached the resident, and every note."""
    return digest(conversation.last_seq, [sorted(message.data) for message in tail], reached, len(notes))


def floor_version(conversation: Conversation) -> str:
    """Changes when somebody else holds the floor: a draft in the box outlives everything else."""
    return digest(conversation.epoch, conversation.floor, conversation.operator_id)


def side_version(home: Home | None, tickets: Sequence[TicketRow], known: Sequence[tuple[str, str]] = ()) -> str:
    """Changes when the home becomes known, something is learnt, or one of its open tickets moves."""
    return digest(
        known,
        home and home.household,
        [(row.ticket.id, row.ticket.rev, [(c.clock.id, c.level) for c in row.running]) for row in tickets],
    )


def unsettled_from(conversation: Conversation) -> int:
    """Messages after this seq are shown again with every update; those before it stay as they are."""
    return max(0, conversation.last_seq - _TAIL)


def ticket_rows(rooms: Rooms, tx: DialogueTx, tickets: Sequence[Ticket], now: datetime) -> list[TicketRow]:
    if not tickets:
        return []
    clocks = tx.clocks([t.id for t in tickets])
    communities = {c.id: c.name for c in tx.communities()}
    staff = {s.id: s.name for s in tx.all_staff()}
    return [
        TicketRow(
            ticket=t,
            title=kind_title(rooms, t.kind),
            place=_place(t.address, communities),
            running=tuple(_clock_row(rooms, c, now) for c in clocks.get(t.id, ()) if c.state is ClockState.RUNNING),
            assignee=staff.get(t.assignee_id or 0, ""),
        )
        for t in tickets
    ]


def kind_title(rooms: Rooms, kind: str) -> str:
    """A ticket of a kind that the standard no longer has is still shown, by its key."""
    known = rooms.standard.kinds.get(kind)
    return known.title if known else kind


def _clock_row(rooms: Rooms, clock: TicketClock, now: datetime) -> ClockRow:
    rule = rooms.standard.rules.get(clock.rule)
    whole = (clock.due_by - clock.started_at).total_seconds()
    until = clock.stopped_at or now
    share = (until - clock.started_at).total_seconds() / whole if whole > 0 else 1.0
    return ClockRow(clock, rule.title if rule else clock.rule, max(0.0, share), rule.stops if rule else None)


def _place(address: Address, communities: Mapping[int, str]) -> Place:
    name = communities.get(address.community_id or 0, "")
    return Place(name, address.building, address.unit, address.room, address.text)


def _alarm(tx: DialogueTx, row: TicketRow) -> Alarm:
    attempts = tx.attempts(row.ticket.id)
    calls = [a for a in attempts if a.channel == "voice"] or attempts
    if not calls:
        return Alarm(row, None, "")
    return Alarm(row, calls[-1], tx.staff(calls[-1].staff_id).name)


def conversation_rows(
    tx: DialogueTx, conversations: Sequence[Conversation], alarmed: Collection[str | None] = ()
) -> tuple[ConversationRow, ...]:
    """In their order; `alarmed`: those an open emergency came out of."""
    operators = {o.id: o.name for o in tx.operators()}
    communities = {c.id: c.name for c in tx.communities()}
    households = tx.households({c.household_id for c in conversations if c.household_id is not None})
    said = tx.last_messages([c.id for c in conversations], _SAID_RECENTLY)

    def row(conversation: Conversation) -> ConversationRow:
        recent = said[conversation.id]
        # what the resident said tells one conversation from another; our questions are the same in all of them
        said_last = [m for m in recent if m.author is Author.RESIDENT] or recent
        # one that an import has removed since then is simply not known any more
        household = households.get(conversation.household_id or 0)
        slots = DialogueState.from_json(conversation.state).slots
        address = (
            Address(household.community_id, household.building, household.unit, household.room)
            if household
            else slots.address
        )
        return ConversationRow(
            conversation=conversation,
            name=household.name if household else slots.name,
            place=_place(address, communities),
            holder=operators.get(conversation.operator_id or 0, ""),
            last=said_last[-1] if said_last else None,
            newest=recent[-1] if recent else None,
            emergency=conversation.id in alarmed,
            vulnerable=household is not None and household.vulnerable,
        )

    return tuple(row(conversation) for conversation in conversations)


def read_conversation_row(rooms: Rooms, conversation_id: str) -> ConversationRow:
    """Raises NotFound."""
    with rooms.store.read() as tx:
        conversation = tx.conversation(conversation_id)
        emergency = any(t.emergency for t in tx.open_tickets(conversation_id=conversation_id))
        [row] = conversation_rows(tx, [conversation], {conversation_id} if emergency else ())
        return row


def read_recent(rooms: Rooms, limit: int) -> tuple[ConversationRow, ...]:
    """Conversations newest first, ended ones included."""
    with rooms.store.read() as tx:
        return conversation_rows(tx, tx.recent_conversations(limit))


def _household(tx: DialogueTx, household_id: int | None) -> Household | None:
    """A household that an import has removed since then is simply not known any more."""
    if household_id is None:
        return None
    try:
        return tx.household(household_id)
    except NotFound:
        return None


def _home(rooms: Rooms, tx: DialogueTx, household_id: int | None, now: datetime) -> Home | None:
    household = _household(tx, household_id)
    if household is None:
        return None
    community = tx.community(household.community_id)
    return Home(
        household=household,
        community=community,
        station=tx.station(community.station_id),
        butler=tx.staff(community.butler_id),
        open_tickets=tuple(ticket_rows(rooms, tx, tx.open_tickets(household_id=household.id), now)),
    )


def _home_by_number(rooms: Rooms, tx: DialogueTx, conversation: Conversation, now: datetime) -> Home | None:
    """The only home of the number that calls, unless the caller said that it is another one."""
    if not conversation.peer or DialogueState.from_json(conversation.state).home_denied:
        return None
    homes = tx.households_by_phone(conversation.peer)
    home = _home(rooms, tx, homes[0].id, now) if len(homes) == 1 else None
    return replace(home, by_number=True) if home else None


def on_duty_at(duties: Sequence[Duty], now: datetime) -> list[Duty]:
    """The lines of the rota that hold at an instant."""
    return [duty for duty in duties if is_on_duty(duty, now)]


def _on_duty(tx: DialogueTx, now: datetime) -> tuple[OnDuty, ...]:
    company = read_company(tx, now)
    staff = company.staff
    stations: dict[int, str] = {}
    shown = []
    for duty in on_duty_at(company.duties, now):
        there = company.present(duty.staff_id, now)
        if there is None or there not in staff:
            continue
        if duty.station_id is not None and duty.station_id not in stations:
            stations[duty.station_id] = tx.station(duty.station_id).name
        shown.append(OnDuty(duty, staff[there], stations.get(duty.station_id or 0, "")))
    return tuple(shown)


class SharedBoard:
    """The board's versions for all live pages of this process: read once per change, not once per page.

    Time alone changes them too (a clock turns red, the worker falls silent), so they are never older than `max_age`.
    """

    def __init__(self, rooms: Rooms, max_age: timedelta = timedelta(seconds=5)) -> None:
        self._rooms = rooms
        self._max_age = max_age
        self._lock = threading.Lock()
        self._change = -1
        self._read_at: datetime | None = None
        self._versions: Mapping[str, str] = {}

    def versions(self, change: int) -> Mapping[str, str]:
        """As of change number `change` of the store, or newer."""
        with self._lock:
            now = self._rooms.clock.now()
            fresh = self._read_at is not None and timedelta() <= now - self._read_at < self._max_age
            if change != self._change or not fresh:
                self._versions = read_board(self._rooms).versions
                self._change, self._read_at = change, now
            return self._versions
