"""A resident's telephone that we ring: what is said when it is picked up, and what the carrier tells of it."""

from collections.abc import Callable
from typing import Protocol

from flask import Response, request

from dialogue.conversation import Conversation, Reply
from ivr.calls import ENDED, twiml
from ivr.twiml import TwimlWriter


class SpeaksWithResidents(Protocol):
    """dialogue.our_calls.OurCalls. Raises NotFound for a try nobody knows."""

    def answered(self, try_id: str, call_sid: str) -> tuple[Conversation, Reply]: ...
    def hang_up(self, call_sid: str) -> None: ...


class TakesCallEvents(Protocol):
    """fulfillment.calling.ResidentCalls."""

    def call_event(self, try_id: str, *, status: str, sid: str) -> None: ...


class TakesTextReports(Protocol):
    """fulfillment.text_reports.TextReports. Raises NotFound for a message nobody promised."""

    def told_event(self, told_id: int, *, status: str, sid: str) -> None: ...
    def word_event(self, text_id: int, *, status: str) -> None: ...


def text_status(reports: TakesTextReports) -> Callable[[int], Response]:
    """Answers the delivery reports of texts about incidents."""

    def told_status(told_id: int) -> Response:
        sid = request.form.get("MessageSid") or request.form.get("SmsSid", "")
        reports.told_event(told_id, status=_message_status(), sid=sid)
        return Response(status=204)

    return told_status


def word_status(reports: TakesTextReports) -> Callable[[int], Response]:
    """Answers the delivery reports of texts about a ticket."""

    def status_of_word(text_id: int) -> Response:
        reports.word_event(text_id, status=_message_status())
        return Response(status=204)

    return status_of_word


def _message_status() -> str:
    return request.form.get("MessageStatus") or request.form.get("SmsStatus", "")


class OutgoingWebhooks:
    """Each method answers one webhook of a try. The turns that follow are those of any call (ivr.calls)."""

    def __init__(self, residents: SpeaksWithResidents, events: TakesCallEvents, writer: TwimlWriter) -> None:
        self._residents = residents
        self._events = events
        self._writer = writer

    def answered(self, try_id: str) -> Response:
        conversation, reply = self._residents.answered(try_id, request.form["CallSid"])
        return twiml(self._writer.reply(conversation.id, reply))

    def status(self, try_id: str) -> Response:
        """Status callbacks come out of order and more than once. What was said is closed before the try is judged."""
        status, sid = request.form.get("CallStatus", ""), request.form.get("CallSid", "")
        if status in ENDED:
            self._residents.hang_up(sid)
        self._events.call_event(try_id, status=status, sid=sid)
        return Response(status=204)
