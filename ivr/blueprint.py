"""The telephone's blueprint: every webhook, guarded, and none that ends in an error page or in silence.

The lead of a caller: `/ivr/calls` is the number's voice webhook, `/ivr/fallback` its fallback, `/ivr/status` its status
callback. CSRF protection must leave this blueprint out: the carrier's signature stands in its place.
"""

from collections.abc import Callable, Sequence
from functools import wraps

import structlog
from flask import Blueprint, Response, request

from ivr.alarm_calls import AlarmWebhooks
from ivr.calls import CallWebhooks, twiml
from ivr.line import PhoneLine
from ivr.ports import AnswersTurns, Book, Log, TakesAlarms
from ivr.signature import PREFIX, SignatureGuard
from ivr.twiml import Sentence, TwimlWriter

#: How often the duty phone is dialled before a caller is asked to call again.
MOST_FAULT_CALLS = 3
_log = structlog.get_logger()
View = Callable[..., Response]
Fault = Callable[[], Response]


def build_ivr(
    *,
    hotline: AnswersTurns,
    alarms: TakesAlarms,
    log: Log,
    book: Book,
    line: PhoneLine,
    place_names: Sequence[str] = (),
) -> Blueprint:
    """`place_names` (communities and aliases, most frequent first) help speech recognition with addresses."""
    writer = TwimlWriter(line, book, place_names=place_names)
    calls = CallWebhooks(hotline, log, book, writer)
    alarm_calls = AlarmWebhooks(alarms, book, writer)
    blueprint = Blueprint("ivr", __name__, url_prefix=PREFIX)
    blueprint.before_app_request(SignatureGuard(line).refuse_unsigned)

    # Rendered now: when it is needed, nothing but memory may be left. Leak instruction first, then the duty phone.
    caller_fault, unanswered = writer.fault(1), book.say("phone.fault_unanswered").voice
    staff_fault = writer.goodbye([Sentence(book.say("alarm.fault").voice)])  # not acknowledged: the ladder goes on

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
        "/calls": calls.incoming,
        "/calls/<conversation_id>/turns/<int:n>": calls.turn,
        "/calls/<conversation_id>/hold/<int:after>": calls.hold,
        "/calls/<conversation_id>/hold/<int:after>/<int:step>": calls.hold,
        "/calls/<conversation_id>/dial/<int:operator_id>": calls.dial,
        "/calls/<conversation_id>/dial/<int:operator_id>/<phone>": calls.dial,
        "/calls/<conversation_id>/dialed": calls.dialed,
        "/fallback": fallback,
        "/fallback/<int:tries>/dialed": fault_dialed,
    }
    of_staff: dict[str, View] = {
        "/alarms/<attempt_id>": alarm_calls.ring,
        "/alarms/<attempt_id>/key/<int:n>": alarm_calls.key,
    }
    of_nobody: dict[str, View] = {  # status callbacks: a 503 is heard by nobody and shows up in the carrier's console
        "/status": calls.number_status,
        "/calls/<conversation_id>/status": calls.status,
        "/alarms/<attempt_id>/status": alarm_calls.status,
        "/alarms/<attempt_id>/text-status": alarm_calls.text_status,
    }
    faults: tuple[tuple[dict[str, View], Fault], ...] = (
        (of_callers, lambda: twiml(caller_fault)),
        (of_staff, lambda: twiml(staff_fault)),
        (of_nobody, lambda: Response(status=503)),
    )
    for views, on_fault in faults:
        for rule, view in views.items():
            blueprint.add_url_rule(rule, endpoint=rule, view_func=_never_fails(view, on_fault), methods=["POST"])
    return blueprint


def _never_fails(view: View, on_fault: Fault) -> View:
    @wraps(view)
    def answer(**path: object) -> Response:
        try:
            return view(**path)
        except Exception:  # noqa: BLE001 - the last door before a caller: logged with its traceback, answered with help
            _log.exception("webhook failed", path=request.path, call_sid=request.form.get("CallSid"))
            return on_fault()

    return answer
