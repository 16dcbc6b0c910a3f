"""The telephone's blueprint: every webhook, guarded, and none that ends in an error page or in silence.

The lead of a caller: `/ivr/calls` is the number's voice webhook, `/ivr/fallback` its fallback, `/ivr/status` its status
callback. CSRF protection must leave this blueprint out: the carrier's signature stands in its place.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import NoReturn, Protocol

import structlog
from flask import Blueprint, Response, request
from simple_websocket import ConnectionClosed, Server

from fulfillment.waiting import QueueRules
from ivr.alarm_calls import AlarmWebhooks
from ivr.calls import CallWebhooks, twiml
from ivr.conference_calls import ConferenceWebhooks
from ivr.line import PhoneLine
from ivr.outgoing import (
    OutgoingWebhooks,
    SpeaksWithResidents,
    TakesCallEvents,
    TakesTextReports,
    text_status,
    word_status,
)
from ivr.ports import AnswersTurns, Book, Conferences, Log, RecordsCalls, TakesAlarms
from ivr.relay import RelaySession, Seats
from ivr.signature import LARGEST_BODY, PREFIX, SignatureGuard
from ivr.staff_calls import ChecksPins, KnowsStaff, StaffWebhooks, TakesReports
from ivr.twiml import Sentence, TwimlWriter
from ivr.voicemail import VoicemailWebhooks
from kernel.clock import Clock

#: How often the duty phone is dialled before a caller is asked to call again.
MOST_FAULT_CALLS = 3
#: Between two signs of life of a relay's socket.
_PING_SECONDS = 20
_log = structlog.get_logger()
View = Callable[..., Response]
Fault = Callable[[], Response]


class SpeaksOurCalls(SpeaksWithResidents, TakesReports, Protocol):
    """dialogue.our_calls.OurCalls."""


@dataclass(frozen=True, slots=True)
class StaffLine:
    """Members of staff who call in. `is_danger`: whether words tell of an emergency; `locked_minutes`: how long too many wrong PINs lock, as it is said."""

    orders: KnowsStaff
    pins: ChecksPins
    is_danger: Callable[[str], bool]
    locked_minutes: int


@dataclass(frozen=True, slots=True)
class Residents:
    """Calls and texts of ours to residents."""

    speaks: SpeaksOurCalls
    events: TakesCallEvents
    texts: TakesTextReports


def build_ivr(  # noqa: PLR0913 - the composition root names each part once
    *,
    hotline: AnswersTurns,
    alarms: TakesAlarms,
    conferences: Conferences,
    staff_line: StaffLine,
    residents: Residents,
    log: Log,
    book: Book,
    line: PhoneLine,
    recordings: RecordsCalls,
    queue: QueueRules,
    clock: Clock,
    place_names: Sequence[str] = (),
    relay_calls: int = 0,
) -> Blueprint:
    """`relay_calls`: over 0, calls go over ConversationRelay (ivr.relay), so many at once; the others, and 0, by Gather. `place_names` (communities and aliases, most frequent first) help speech recognition with addresses."""
    writer = TwimlWriter(line, book, queue, place_names=place_names)
    calls = CallWebhooks(
        hotline, conferences, log, book, writer, clock, announce_every=queue.announce_every, relays=relay_calls > 0
    )
    voicemail = VoicemailWebhooks(hotline, recordings, writer)
    conference = ConferenceWebhooks(conferences, log, book, writer, line)
    alarm_calls = AlarmWebhooks(alarms, log, book, writer, clock)
    staff = StaffWebhooks(
        staff_line.orders, staff_line.pins, residents.speaks, hotline, book, writer, log=log,
        calls=calls, is_danger=staff_line.is_danger, locked_minutes=staff_line.locked_minutes,
    )  # fmt: skip
    outgoing = OutgoingWebhooks(residents.speaks, residents.events, writer)
    blueprint = Blueprint("ivr", __name__, url_prefix=PREFIX)
    blueprint.before_app_request(SignatureGuard(line).refuse_unsigned)

    # Rendered now: when it is needed, nothing but memory may be left. Leak instruction first, then the duty phone.
    caller_fault, unanswered = writer.fault(1), book.say("phone.fault_unanswered").voice
    staff_fault = writer.goodbye([Sentence(book.say("alarm.fault").voice)])  # not acknowledged: the ladder goes on
    our_fault = writer.goodbye([Sentence(book.say("outgoing.not_now").voice)])  # tried again in another part of the day

    leg_fault = writer.goodbye([Sentence(book.say("phone.operator_not_connected").voice)])
    in_peace = writer.pause()  # who waits in a conference is asked for again by whoever put him there

    def fallback() -> Response:
        _log.error("carrier used the fallback", code=request.form.get("ErrorCode"), url=request.form.get("ErrorUrl"))
        return twiml(caller_fault)

    def fault_dialed(tries: int) -> Response:
        if request.form.get("DialCallStatus") in ("completed", "answered"):
            return twiml(writer.goodbye([]))
        if tries < MOST_FAULT_CALLS:
            return twiml(writer.fault(tries + 1))
        return twiml(writer.goodbye([Sentence(unanswered)]))

    of_callers: dict[str, View] = {
        "/calls": staff.incoming,
        "/calls/<conversation_id>/relayed": staff.relayed,
        "/calls/<conversation_id>/turns/<int:n>": staff.turn,
        "/calls/<conversation_id>/turns/<int:n>/partial": calls.partial,
        "/staff/resident": staff.resident,
        "/staff/sign-in/<conversation_id>/<int:turn>/<int:tried>/<int:n>/number": staff.number,
        "/staff/sign-in/<conversation_id>/<int:turn>/<int:tried>/<int:n>/<number>/pin": staff.pin,
        "/staff/<int:staff_id>/menu/<int:n>": staff.menu,
        "/staff/<int:staff_id>/orders/<ids>/<int:at>/<int:n>": staff.order,
        "/calls/<conversation_id>/messages/<int:n>": voicemail.left,
        "/calls/<conversation_id>/consent/<recording_id>/<int:after>/<int:step>": voicemail.consent,
        "/calls/<conversation_id>/hold/<int:after>": calls.hold,
        "/calls/<conversation_id>/hold/<int:after>/<int:step>": calls.hold,
        "/calls/<conversation_id>/conference/<leg_id>": conference.enter,
        "/calls/<conversation_id>/conference/<leg_id>/left": conference.left,
        "/fallback": fallback,
        "/fallback/<int:tries>/dialed": fault_dialed,
    }
    of_staff: dict[str, View] = {
        "/alarms/<attempt_id>": alarm_calls.ring,
        "/alarms/<attempt_id>/key/<int:n>": alarm_calls.key,
        "/alarms/<attempt_id>/key/<int:n>/<newest_id>": alarm_calls.key,
        "/alarms/<attempt_id>/end": alarm_calls.end,
    }
    of_residents: dict[str, View] = {"/outgoing/<try_id>": outgoing.answered}
    of_who_waits: dict[str, View] = {
        "/conferences/<conversation_id>/music": conference.music,
        "/conferences/<conversation_id>/waiting": conference.waiting,
    }
    of_operators: dict[str, View] = {
        "/legs/<leg_id>": conference.answered,
        "/legs/<leg_id>/key/<int:n>": conference.key,
    }
    of_nobody: dict[str, View] = {  # status callbacks: a 503 is heard by nobody and shows up in the carrier's console
        "/status": calls.number_status,
        "/calls/<conversation_id>/status": calls.status,
        "/calls/<conversation_id>/recordings": voicemail.recorded,
        "/calls/<conversation_id>/recordings/<recording_id>": voicemail.call_recorded,
        "/outgoing/<try_id>/status": outgoing.status,
        "/told/<int:told_id>/text-status": text_status(residents.texts),
        "/words/<int:text_id>/text-status": word_status(residents.texts),
        "/alarms/<attempt_id>/status": alarm_calls.status,
        "/alarms/<attempt_id>/text-status": alarm_calls.text_status,
        "/legs/<leg_id>/status": conference.leg_status,
        "/conferences/<conversation_id>/events": conference.events,
    }
    faults: tuple[tuple[dict[str, View], Fault], ...] = (
        (of_callers, lambda: twiml(caller_fault)),
        (of_staff, lambda: twiml(staff_fault)),
        (of_residents, lambda: twiml(our_fault)),
        (of_operators, lambda: twiml(leg_fault)),
        (of_who_waits, lambda: twiml(in_peace)),
        (of_nobody, lambda: Response(status=503)),
    )
    for views, on_fault in faults:
        for rule, view in views.items():
            blueprint.add_url_rule(rule, endpoint=rule, view_func=_never_fails(view, on_fault), methods=["POST"])
    if relay_calls:
        seats = Seats(relay_calls)

        def relay(conversation_id: str) -> Response:
            """A session lasts as long as the caller is listened to. Without a free seat it ends at once: on with Gather."""
            if not seats.take():
                _log.warning("relay refused", reason="no free seat")
                return Response(status=503)
            try:
                socket = Server(request.environ, ping_interval=_PING_SECONDS, max_message_size=LARGEST_BODY)
                try:
                    RelaySession(hotline, log, conversation_id, socket).run()
                finally:
                    with contextlib.suppress(ConnectionClosed):
                        socket.close()
                return _Spent()
            finally:
                seats.leave()

        blueprint.add_url_rule("/relay/<conversation_id>", endpoint="relay", view_func=relay, websocket=True)
    return blueprint


class _Spent(Response):
    """What is left of a request whose connection became a WebSocket: gunicorn must write nothing into it."""

    def __call__(self, *_: object) -> NoReturn:
        raise StopIteration


def _never_fails(view: View, on_fault: Fault) -> View:
    @wraps(view)
    def answer(**path: object) -> Response:
        try:
            return view(**path)
        except Exception:  # noqa: BLE001 - the last door before a caller: logged with its traceback, answered with help
            _log.exception("webhook failed", path=request.path, call_sid=request.form.get("CallSid"))
            return on_fault()

    return answer
