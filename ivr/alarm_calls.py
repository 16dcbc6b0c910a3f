"""A member of staff is rung for an emergency: hears it, presses a key. Only key 1 is an acknowledgement: voicemail answers, too."""

from flask import Response, request

from dialogue.phone_number import as_said
from ivr.alarm_text import one_line, place_of, symptom_of
from ivr.calls import twiml
from ivr.ports import Book, Brief, TakesAlarms
from ivr.twiml import Sentence, TwimlWriter

TIMES = 3  # the question is asked three times, then the call hangs up: not acknowledged
#: Re-asking after wrong keys and "again" must end: a stuck key would hold the line while the ladder waits.
MOST_KEYS = 9
_LONGEST_SYMPTOM = 80  # of the resident's own words, in a spoken alarm


class AlarmWebhooks:
    """Each method answers one webhook of an attempt; raises what Alarms raises (NotFound, StoreBusy)."""

    def __init__(self, alarms: TakesAlarms, book: Book, writer: TwimlWriter) -> None:
        self._alarms = alarms
        self._book = book
        self._writer = writer

    def ring(self, attempt_id: str) -> Response:
        return self._ask(self._alarms.brief(attempt_id), n=1)

    def key(self, attempt_id: str, n: int) -> Response:
        digits = request.form.get("Digits", "")
        if digits == "1":
            return self._accepted(self._alarms.accept(attempt_id))
        if digits == "2":
            self._alarms.pass_on(attempt_id)
            return self._say("alarm.passed_on")
        if n >= MOST_KEYS:
            return self._say("alarm.nothing_pressed")
        brief = self._alarms.brief(attempt_id)
        return self._ask(brief, n=n + 1, first="" if digits == "3" else self._book.say("alarm.wrong_key").voice)

    def status(self, attempt_id: str) -> Response:
        """Status callbacks come out of order and more than once; SequenceNumber tells the order."""
        form = request.form
        sequence = form.get("SequenceNumber", "")
        self._alarms.call_event(
            attempt_id,
            status=form.get("CallStatus", ""),
            sequence=int(sequence) if sequence.isascii() and sequence.isdigit() else None,
            sid=form.get("CallSid", ""),
        )
        return Response(status=204)

    def text_status(self, attempt_id: str) -> Response:
        form = request.form
        status = form.get("MessageStatus") or form.get("SmsStatus", "")
        self._alarms.text_event(attempt_id, status=status, sid=form.get("MessageSid") or form.get("SmsSid", ""))
        return Response(status=204)

    def _ask(self, brief: Brief, *, n: int, first: str = "") -> Response:
        if not brief.still_open:
            return self._not_needed(brief)
        alarm = self._book.say(
            "alarm.call",
            name=brief.staff.name,
            place=one_line(self._place(brief)),
            symptom=one_line(symptom_of(self._book, brief.ticket))[:_LONGEST_SYMPTOM],
            phone=_phone(brief),
        ).voice
        return twiml(
            self._writer.keys(
                Sentence(first + alarm),
                action=f"/ivr/alarms/{brief.attempt.id}/key/{n}",
                times=TIMES,
                nothing_pressed=self._book.say("alarm.nothing_pressed").voice,
            )
        )

    def _accepted(self, brief: Brief) -> Response:
        if brief.accepted_by != brief.staff.name:  # somebody was faster, or the matter is over
            return self._not_needed(brief)
        return self._say(
            "alarm.accepted", ticket=brief.ticket.number, place=one_line(self._place(brief)), phone=_phone(brief)
        )

    def _not_needed(self, brief: Brief) -> Response:
        if brief.accepted_by:
            return self._say("alarm.taken", accepted_by=brief.accepted_by)
        return self._say("alarm.over")

    def _place(self, brief: Brief) -> str:
        return place_of(self._book, brief.ticket, brief.community_name, spoken=True)

    def _say(self, script: str, **params: object) -> Response:
        return twiml(self._writer.goodbye([Sentence(self._book.say(script, **params).voice)]))


def _phone(brief: Brief) -> str:
    number = brief.ticket.contact_phone
    return as_said(number) if number else ""
