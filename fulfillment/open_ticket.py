"""A matter becomes a ticket: its clocks, its timeline and the first step of an emergency are one commit with it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from fulfillment.case import Case
from fulfillment.clocks import ClockEvent
from fulfillment.company import Household
from fulfillment.incident_watch import promise_look
from fulfillment.place_word import promise_place_word
from fulfillment.ports import FulfillmentTx
from fulfillment.standard import Standard, TicketKind
from fulfillment.ticket import Address, Ticket, TicketState


@dataclass(frozen=True, slots=True)
class Learned:
    """What became known of a case; empty fields say nothing, an empty detail is none any more.

    `actor` is who told it, for the timeline.
    """

    address: Address = field(default_factory=Address)
    household_id: int | None = None
    contact_name: str = ""
    contact_phone: str = ""
    details: dict[str, str] = field(default_factory=dict)
    actor: str = "resident"


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """Somebody reports a matter. `known` is what is known of it so far; an emergency needs nothing."""

    kind: str  # key of data/ticket_kinds.yml
    symptom: str  # the resident's own words
    conversation_id: str | None = None
    known: Learned = Learned()
    owner_id: int | None = None  # Operator.id who owns the case (W6e)


def open_ticket(tx: FulfillmentTx, request: TicketRequest, *, standard: Standard, now: datetime) -> tuple[Ticket, bool]:
    """Opens a ticket in the caller's transaction, or nudges the open one of the same matter; True if it is new.

    The same matter: same kind, and the same home or the same conversation; an emergency also from the same number for the
    same door, or within minutes, if its place was not told before and nothing told differs. Kinds marked repeatable always open.
    An emergency is forwarded at once if anybody can be sent, otherwise after a short grace to the company-wide ladder.
    Raises NotFound for an unknown kind.
    """
    kind = standard.kind(request.kind)
    known = _completed(tx, request.known)
    same = None if kind.repeatable else _same_matter(tx, request, known) or _told_again(tx, kind, known, standard, now)
    if same is not None:
        ticket = learn_address(tx, same.id, known, standard=standard, now=now)
        case = Case(tx, ticket, standard=standard, now=now)
        nudge(case, by=known.actor)
        return case.ticket, False
    stored = tx.add_ticket(_new_ticket(tx, request, known, kind, now))
    case = Case(tx, stored, standard=standard, now=now)
    case.tell("opened", actor=known.actor, kind=kind.key, title=kind.title, number=stored.number)
    if stored.details.get("vulnerable"):
        case.tell("vulnerable_household", actor="bot")
    case.happened(ClockEvent.OPENED)
    if stored.emergency:
        _start_ladder(case)
    promise_look(case)
    return case.ticket, True


def learn_address(tx: FulfillmentTx, ticket_id: int, learned: Learned, *, standard: Standard, now: datetime) -> Ticket:
    """More became known. An emergency that nobody has accepted is re-planned to the right butler, due now; whoever has
    accepted one is told where it is now.

    A given address replaces the old one as a whole, and with it the home; other empty fields keep what is known.
    Raises NotFound.
    """
    ticket = tx.ticket(ticket_id, for_update=True)
    said = learned
    learned = _completed(tx, said)
    address = learned.address if learned.address != Address() else ticket.address
    moved = address != ticket.address
    details = _told({**ticket.details, **learned.details})
    changed = replace(
        ticket,
        address=address,
        household_id=learned.household_id if moved or learned.household_id is not None else ticket.household_id,
        contact_name=said.contact_name or ticket.contact_name or learned.contact_name,
        contact_phone=said.contact_phone or ticket.contact_phone or learned.contact_phone,
        details=details,
        assignee_id=butler_of(tx, address) if moved and ticket.state is TicketState.NEW else ticket.assignee_id,
    )
    if changed == ticket:
        return ticket
    case = Case(tx, tx.save_ticket(changed), standard=standard, now=now)
    if moved:
        case.tell("address_learned", actor=learned.actor, **_spoken_parts(tx, address))
        promise_look(case)
    elif ticket.details.keys() - details.keys():  # "perhaps the caller's home" became certain
        case.tell("address_confirmed", actor=learned.actor)
    if details.items() - ticket.details.items():
        case.tell("details_learned", actor=learned.actor, names=sorted(details.keys() - ticket.details.keys()))
        case.replan()
    became_findable = address.is_findable and not ticket.address.is_findable
    if case.ticket.needs_acknowledgement and (
        became_findable or address.community_id not in (None, ticket.address.community_id)
    ):
        # Being carried out just now: that step re-reads the address when it plans the next one.
        case.forward_after(max((a.step for a in tx.attempts(ticket_id)), default=0))
    if moved and case.ticket.emergency and case.ticket.is_open and not case.ticket.needs_acknowledgement:
        promise_place_word(case, butler_id=butler_of(tx, address))
    return case.ticket


def _told(details: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in details.items() if value}


def nudge(case: Case, *, by: str) -> None:
    """The resident asks again (催办)."""
    case.save(nudges=case.ticket.nudges + 1)
    case.tell("nudged", actor=by, count=case.ticket.nudges)


def _same_matter(tx: FulfillmentTx, request: TicketRequest, known: Learned) -> Ticket | None:
    if known.household_id is not None:
        tx.household(known.household_id, for_update=True)  # a neighbour's report of the same home waits for this one
    candidates = tx.open_tickets(household_id=known.household_id, conversation_id=request.conversation_id)
    for ticket in candidates:
        if ticket.kind == request.kind and not _elsewhere(ticket, known):
            return ticket
    return None


def _told_again(
    tx: FulfillmentTx, kind: TicketKind, known: Learned, standard: Standard, now: datetime
) -> Ticket | None:
    """The leak of a caller who rings again: for the same door, or cried into a line that broke off before the place was told.

    A whole address is never taken for another's beginning: a gatekeeper's first home would be lost to his second.
    """
    if not (kind.emergency and known.contact_phone):
        return None
    since = now - timedelta(seconds=standard.ladder.redial_within_seconds)
    for ticket in tx.open_tickets(contact_phone=known.contact_phone):
        before, after = ticket.address, known.address
        same_door = bool(before.room) and before.place == after.place
        cut_off = not before.room and not before.differs_from(after) and ticket.opened_at >= since
        if ticket.kind == kind.key and (same_door or cut_off):
            return ticket
    return None


def _elsewhere(ticket: Ticket, known: Learned) -> bool:
    """The same caller may report a second home: its ticket is another one."""
    if ticket.household_id is not None and known.household_id is not None:
        return ticket.household_id != known.household_id
    here, there = ticket.address.community_id, known.address.community_id
    return here is not None and there is not None and here != there


def _completed(tx: FulfillmentTx, known: Learned) -> Learned:
    """A home in the company's own records brings its address and marks old, ill or disabled residents (J1)."""
    home = _home(tx, known)
    if home is None:
        return known
    completed = replace(
        known,
        household_id=home.id,
        contact_name=known.contact_name or home.name,
        contact_phone=known.contact_phone or home.phone,
        details={**known.details, "vulnerable": "yes"} if home.vulnerable else known.details,
    )
    other_place = known.address.community_id not in (None, home.community_id)
    if other_place or known.address.building:
        return completed
    return replace(
        completed, address=Address(home.community_id, home.building, home.unit, home.room, known.address.text)
    )


def _home(tx: FulfillmentTx, known: Learned) -> Household | None:
    """The home that is meant: named by its id, or the only one at a complete address (whoever calls about it)."""
    if known.household_id is not None:
        return tx.household(known.household_id)
    if not (known.address.building and known.address.room):
        return None
    homes = tx.households_at(known.address)
    return homes[0] if len(homes) == 1 else None


def _new_ticket(tx: FulfillmentTx, request: TicketRequest, known: Learned, kind: TicketKind, now: datetime) -> Ticket:
    return Ticket(
        id=0,
        number="",
        kind=kind.key,
        state=TicketState.NEW,
        emergency=kind.emergency,
        opened_at=now,
        conversation_id=request.conversation_id,
        household_id=known.household_id,
        address=known.address,
        contact_name=known.contact_name,
        contact_phone=known.contact_phone,
        symptom=request.symptom,
        details=_told({**kind.details, **known.details}),
        assignee_id=butler_of(tx, known.address),
        owner_id=request.owner_id,
    )


def butler_of(tx: FulfillmentTx, address: Address) -> int | None:
    """The butler in charge, or the deputy of one who has left."""
    if address.community_id is None:
        return None
    community = tx.community(address.community_id)
    for staff_id in (community.butler_id, community.deputy_id):
        if staff_id is not None and tx.staff(staff_id).active:
            return staff_id
    return None


def _spoken_parts(tx: FulfillmentTx, address: Address) -> dict[str, str]:
    name = address.text if address.community_id is None else tx.community(address.community_id).name
    return {"community": name, "building": address.building, "unit": address.unit, "room": address.room}


def _start_ladder(case: Case) -> None:
    if case.ticket.address.is_findable:
        case.forward(1, case.now)
        return
    grace = case.standard.ladder.no_address_grace_seconds
    case.tell("waiting_for_address", actor="bot", seconds=grace)
    case.forward(1, case.now + timedelta(seconds=grace))
