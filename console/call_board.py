"""A call's audio as the console shows it: the bar of a call, colleagues it can be given to, telephones that ring."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.board import (
    ConversationRow,
    TicketRow,
    conversation_rows,
    digest,
    read_conversation_row,
    read_home,
    ticket_rows,
)
from console.ports import Rooms
from dialogue.conference import talk_of
from dialogue.conversation import Conversation, Floor
from dialogue.leg import Leg, LegRole, Talk
from dialogue.ports import DialogueTx
from fulfillment.company import Operator
from fulfillment.ticket import (
    Ticket,
)


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody a call can be given to. `state` is free, talking or nowhere (no line)."""

    operator: Operator
    state: str


@dataclass(frozen=True, slots=True)
class CallBar:
    """A call's audio as one operator sees it; of a chat it shows nothing but what burns."""

    conversation: Conversation
    talk: Talk
    mine: bool
    holder: str  # name of who has the floor
    my_leg: Leg | None  # of whoever looks, in whatever role
    colleagues: tuple[Colleague, ...]
    butler: str  # name of the butler in charge of the caller's home; "" if unknown
    burning: tuple[tuple[TicketRow, str], ...]  # open emergencies with the words to be read out
    in_browser: bool  # where whoever looks is reached
    version: str


@dataclass(frozen=True, slots=True)
class Ring:
    """A telephone of mine that rings, or talks, in a conversation."""

    leg: Leg
    row: ConversationRow
    asked_by: str


def read_call_bar(rooms: Rooms, conversation_id: str, operator_id: int) -> CallBar:
    """Raises NotFound."""
    now = rooms.clock.now()
    home, _ = read_home(rooms, read_conversation_row(rooms, conversation_id).conversation)
    with rooms.store.read() as tx:
        conversation = tx.conversation(conversation_id)
        talk = talk_of(tx, conversation)
        mine = conversation.floor is Floor.OPERATOR and conversation.operator_id == operator_id
        my_legs = [leg for leg in talk.staying if leg.operator_id == operator_id]
        burning = [t for t in tx.open_tickets(conversation_id=conversation_id) if t.emergency]
        in_browser = _in_browser(rooms, tx, tx.operator(operator_id))
        return CallBar(
            conversation=conversation,
            talk=talk,
            mine=mine,
            holder=tx.operator(conversation.operator_id).name if conversation.operator_id else "",
            my_leg=my_legs[-1] if my_legs else None,
            colleagues=_colleagues(rooms, tx, operator_id) if mine else (),
            butler=home.butler.name if home and home.butler.phone else "",
            burning=tuple(
                (row, rooms.audio.safety_words(row.ticket.kind)) for row in ticket_rows(rooms, tx, burning, now)
            ),
            in_browser=in_browser,
            version=_call_version(conversation, talk, burning),
        )


def call_version(rooms: Rooms, conversation_id: str) -> str:
    """Changes with every leg, with who has the floor, and with an emergency."""
    with rooms.store.read() as tx:
        conversation = tx.conversation(conversation_id)
        burning = [t for t in tx.open_tickets(conversation_id=conversation_id) if t.emergency]
        return _call_version(conversation, talk_of(tx, conversation), burning)


def _call_version(conversation: Conversation, talk: Talk, burning: Sequence[Ticket]) -> str:
    return digest(
        conversation.floor,
        conversation.operator_id,
        [(leg.id, leg.state, leg.wanted, leg.role, leg.trouble) for leg in talk.legs],
        [(t.id, t.kind, t.acknowledged_by) for t in burning],
    )


def _colleagues(rooms: Rooms, tx: DialogueTx, operator_id: int) -> tuple[Colleague, ...]:
    found = []
    for operator in tx.operators():
        if operator.id == operator_id or not operator.active:
            continue
        has_line = bool(operator.phone) or _in_browser(rooms, tx, operator)
        talking = any(leg.staying for leg in tx.live_legs_of_operator(operator.id))
        found.append(Colleague(operator, "talking" if talking else "free" if has_line else "nowhere"))
    return tuple(found)


def _in_browser(rooms: Rooms, tx: DialogueTx, operator: Operator) -> bool:
    return rooms.audio.browser_lines and bool(tx.answers_in_browser(operator.id) or not operator.phone)


def answers_in_browser(rooms: Rooms, operator_id: int) -> bool:
    with rooms.store.read() as tx:
        return _in_browser(rooms, tx, tx.operator(operator_id))


def read_rings(rooms: Rooms, operator_id: int) -> tuple[Ring, ...]:
    """Where a colleague wants me, or has me, on the telephone; what I asked for myself is on its own page."""
    with rooms.store.read() as tx:
        operators = {o.id: o.name for o in tx.operators()}
        found = []
        for leg in tx.live_legs_of_operator(operator_id):
            if leg.staying and leg.role in (LegRole.CONSULTED, LegRole.TRANSFER, LegRole.OPERATOR):
                conversation = tx.conversation(leg.conversation_id)
                [row] = conversation_rows(tx, [conversation])
                found.append(Ring(leg, row, operators.get(conversation.operator_id or 0, "")))
        return tuple(found)


def rings_version(rings: Sequence[Ring]) -> str:
    return digest([(ring.leg.id, ring.leg.state, ring.leg.role) for ring in rings])
