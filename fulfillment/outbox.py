"""Side effects that were promised in a transaction and are carried out by the worker. Pure.

A task is idempotent by `key`: enqueuing the same key twice keeps the first. It may be carried out twice after a crash,
so every deliverer re-reads the truth first.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any


class TaskKind(StrEnum):
    """Every kind has exactly one deliverer (house test)."""

    FORWARD_EMERGENCY = "forward_emergency"  # {ticket_id, step}: choose whom the step tells, promise to tell him
    RING_PERSON = "ring_person"  # {attempt_id}: place the call that this attempt leads
    TEXT_PERSON = "text_person"  # {attempt_id}: send the text that this attempt leads
    ROBOT_PERSON = "robot_person"  # {attempt_id}: send the chat message that this attempt leads
    WATCH_QUEUE = "watch_queue"  # {conversation_id, epoch, since}: nobody has taken a waiting resident; ask again
    CALL_RESIDENT = "call_resident"  # {call_id, n}: it may be time to ring a resident for what he is owed a call about
    RING_RESIDENT = "ring_resident"  # {try_id}: do it now
    WATCH_RESIDENT_CALL = "watch_resident_call"  # {try_id}: ask the carrier what became of such a call
    TELL_BY_TEXT = (
        "tell_by_text"  # {attempt_id, staff_id}: a resident was not satisfied; one person hears of it by text
    )
    TELL_BY_ROBOT = "tell_by_robot"  # the same, by a chat robot
    VISIT_BY_TEXT = (
        "visit_by_text"  # {attempt_id, staff_id, appointment_id, news, at}: a butler hears of a visit agreed
    )
    VISIT_BY_ROBOT = "visit_by_robot"  # the same, by a chat robot
    PLACE_BY_TEXT = "place_by_text"  # {attempt_id, staff_id, place, is_his}: an accepted emergency is somewhere else
    PLACE_BY_ROBOT = "place_by_robot"  # the same, by a chat robot
    CONNECT_CALLBACK = "connect_callback"  # {conversation_id, operator_id}: who was rung back is given to his operator
    ANSWER_TURN = (
        "answer_turn"  # {conversation_id, key, text, digits, choice}: a turn was heard, and nobody answered it
    )
    WATCH_LEAK_QUESTION = "watch_leak_question"  # {conversation_id, seq}: "is it a leak?" may stay unanswered in a chat
    WATCH_ATTEMPT = "watch_attempt"  # {attempt_id}: ask the carrier what became of a call that stays silent
    WARN_CLOCK = "warn_clock"  # {clock_id}: most of the time is used up
    BREACH_CLOCK = "breach_clock"  # {clock_id}: due_by has passed
    REPLAN_CLOCKS = "replan_clocks"  # {after}: the calendar has changed; move the clocks of the tickets after this id
    NOTICE_BY_TEXT = (
        "notice_by_text"  # {attempt_id, clock_id, rev, staff_id, occasion, given}: tell one member of staff
    )
    NOTICE_BY_ROBOT = "notice_by_robot"  # the same, by a chat robot
    TELL_RESIDENT = "tell_resident"  # {word, params}: one word about his ticket, in his chat or as a text
    SPEAK_TO_CALLER = (
        "speak_to_caller"  # {conversation_id, seq}: fetch the live call so that it says an operator's words
    )
    RING_LEG = "ring_leg"  # {leg_id}: dial a telephone into a call's conference
    SETTLE_LEG = "settle_leg"  # {leg_id}: make the carrier do with a leg what is wanted of it
    WATCH_LEG = "watch_leg"  # {leg_id}: ask the carrier about a leg that stays silent
    FETCH_RECORDING = "fetch_recording"  # {recording_id}: bring the sound into our own folder
    DELETE_RECORDING = "delete_recording"  # {recording_id}: at the carrier and here
    SWEEP = "sweep"  # {}: close silent chats, delete what is kept too long; promises the next sweep
    SPOT_INCIDENT = "spot_incident"  # {ticket_id}: does this report belong to an incident, or suggest one?
    TELL_INCIDENT = "tell_incident"  # {told_id}: one resident hears of an incident
    ASSIGN_CHAT = "assign_chat"  # {conversation_id, epoch, not_to}: a waiting chat is given to an operator who is free
    WATCH_ASSIGNED = "watch_assigned"  # {conversation_id, epoch, not_to}: has he opened it?
    TELL_HOMES = "tell_homes"  # {incident_id, occasion, revision, after}: promise a message to the next homes
    WARN_BY_TEXT = "warn_by_text"  # {incident_id, staff_id, rule}: a supervisor hears that residents must be told
    WARN_BY_ROBOT = "warn_by_robot"  # the same, by a chat robot
    WATCH_INCIDENT = "watch_incident"  # {incident_id, rule}: must residents have been told by now?
    SEND_LINE = "send_line"  # {conversation_id, seq}: what was said goes to the resident's WeChat, up to this line
    ANSWER_MESSAGE = (
        "answer_message"  # {conversation_id, …}: what came by WeChat is answered, should its webhook not have
    )
    RELEASE_CONVERSATION = "release_conversation"  # {conversation_id, epoch}: an operator who vanished loses the floor


class Lane(StrEnum):
    """Emergencies have a lane of their own, so that nothing can be in front of them. So has each way out of the house
    that others limit: a claim in such a lane takes one of its turns. Where emergencies pass (FARTHEST), whoever has the
    best rank goes first.
    """

    EMERGENCY = "emergency"  # our own database only: no step of a ladder waits for somebody's answer
    WATCH = (
        "watch"  # what went silent: the carrier is asked about a call, the model about words; both may take their time
    )
    VOICE = "voice"  # every task is one call that is placed now
    TEXT = "text"  # every task is one text
    ROBOT = "robot"  # every task is one message of a chat robot
    TALK = "talk"  # telephones of people who are talking right now: seconds count
    WORDS = "words"  # every task is one message to a resident's WeChat, or the answer to one of his: he is waiting
    ORDINARY = "ordinary"


#: Lanes in which a turn may be limited by the carrier.
TURNS_COUNTED = frozenset({Lane.VOICE, Lane.TEXT})


class Rank(IntEnum):
    """Who goes first in the lanes of FARTHEST; among equals, who was due first."""

    FIRST = 0  # an emergency of which nobody has been told yet
    FURTHER = 1  # an emergency that somebody has been told of
    ORDINARY = 2  # everything else: never before an emergency


#: "Too many at once, wait": no longer than this, whatever was asked for. The ladder goes on meanwhile.
LONGEST_RETRY = timedelta(seconds=60)
#: Nothing on the way to an accepted emergency is planned further ahead: a step of the ladder (table_faults keeps what a company
#: may set below it), a call or message (due now, or again within LONGEST_RETRY). A task that claims to be was written by a clock
#: that has been put back since, and is due: planned further ahead it would be carried out in a tight circle. Price: after such a
#: jump a step may be early, and a call that was to be tried again is late by as much.
FARTHEST = {
    Lane.EMERGENCY: timedelta(minutes=10),
    Lane.WATCH: timedelta(minutes=8),
    Lane.VOICE: LONGEST_RETRY * 1.25,
    Lane.TEXT: LONGEST_RETRY * 1.25,
    Lane.ROBOT: LONGEST_RETRY * 1.25,
}


def may_wait_for_days(lane: Lane, rank: Rank) -> bool:
    """Ordinary work: a notice of the night waits in its lane for the morning."""
    return lane not in FARTHEST or (lane is not Lane.EMERGENCY and rank is Rank.ORDINARY)


def is_due(lane: Lane, rank: Rank, at: datetime, now: datetime) -> bool:
    """Whether a task of a lane, due at this instant, is due; in case of doubt about a clock an emergency is."""
    return at <= now or (not may_wait_for_days(lane, rank) and at > now + FARTHEST[lane])


LANE_OF = {
    TaskKind.FORWARD_EMERGENCY: Lane.EMERGENCY,
    TaskKind.WATCH_LEAK_QUESTION: Lane.EMERGENCY,
    TaskKind.ANSWER_TURN: Lane.WATCH,
    TaskKind.WATCH_ATTEMPT: Lane.WATCH,
    TaskKind.RING_PERSON: Lane.VOICE,
    TaskKind.TEXT_PERSON: Lane.TEXT,
    TaskKind.ROBOT_PERSON: Lane.ROBOT,
    TaskKind.NOTICE_BY_TEXT: Lane.TEXT,
    TaskKind.NOTICE_BY_ROBOT: Lane.ROBOT,
    TaskKind.RING_RESIDENT: Lane.VOICE,
    TaskKind.TELL_BY_TEXT: Lane.TEXT,
    TaskKind.TELL_INCIDENT: Lane.TEXT,
    TaskKind.WARN_BY_TEXT: Lane.TEXT,
    TaskKind.WARN_BY_ROBOT: Lane.ROBOT,
    TaskKind.TELL_BY_ROBOT: Lane.ROBOT,
    TaskKind.VISIT_BY_TEXT: Lane.TEXT,
    TaskKind.VISIT_BY_ROBOT: Lane.ROBOT,
    TaskKind.PLACE_BY_TEXT: Lane.TEXT,
    TaskKind.PLACE_BY_ROBOT: Lane.ROBOT,
    TaskKind.TELL_RESIDENT: Lane.TEXT,
    TaskKind.RING_LEG: Lane.TALK,
    TaskKind.SETTLE_LEG: Lane.TALK,
    TaskKind.WATCH_LEG: Lane.TALK,
    TaskKind.SEND_LINE: Lane.WORDS,
    TaskKind.ANSWER_MESSAGE: Lane.WORDS,
}


def lane_of(kind: TaskKind) -> Lane:
    return LANE_OF.get(kind, Lane.ORDINARY)


@dataclass(frozen=True, slots=True)
class NewTask:
    """To be written in the transaction that makes the promise. `due_at` aware UTC."""

    kind: TaskKind
    key: str
    due_at: datetime
    payload: dict[str, Any] = field(default_factory=dict)
    ticket_id: int | None = None
    rank: Rank = Rank.ORDINARY  # matters in the lanes of FARTHEST


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed task. `token` fences every write about it: a worker that lost its lease changes nothing."""

    id: int
    kind: TaskKind
    key: str
    due_at: datetime
    payload: dict[str, Any]
    ticket_id: int | None
    tries: int
    token: str
