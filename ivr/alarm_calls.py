"""A member of staff is rung for emergencies: hears one after the other, presses a key. Only keys acknowledge: voicemail answers, too.

Every webhook may come twice: which alarm is asked about is in its path, what is told next follows from what is decided,
and the first answer is kept for the second delivery, whatever alarm has joined the call meanwhile.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from flask import Response, request

from dialogue.phone_number import as_said
from ivr.alarm_text import one_line, place_of, symptom_of
from ivr.calls import twiml
from ivr.ports import Book, Brief, Log, TakesAlarms
from ivr.twiml import Sentence, TwimlWriter
from kernel.clock import Clock
from kernel.errors import StoreBusy

TIMES = 3  # the question is asked three times, then the call hangs up: not acknowledged
#: Re-asking after wrong keys and "again" must end: a stuck key would hold the line while the ladder waits.
MOST_KEYS = 9
_MOST_PLACES = 5  # read out after "all": the rest is on the work-order page
_LONGEST_SYMPTOM = 80  # of the resident's own words, in a spoken alarm


class AlarmWebhooks:
    """Each method answers one webhook of an attempt; raises what Alarms raises (NotFound, StoreBusy)."""

    def __init__(self, alarms: TakesAlarms, log: Log, book: Book, writer: TwimlWriter, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._alarms = alarms
        self._book = book
        self._writer = writer

    def ring(self, attempt_id: str) -> Response:
        return self._kept(lambda: self._ring(attempt_id))

    def key(self, attempt_id: str, n: int, newest_id: str = "") -> Response:
        """`newest_id` is in the path if the person was told of several alarms, of those up to this one."""
        return self._kept(lambda: self._key(attempt_id, n, newest_id))

    def end(self, attempt_id: str) -> Response:
        """Everything was told; an alarm that came in meanwhile is told before the call ends."""
        return self._kept(lambda: self._end(attempt_id))

    def _kept(self, answer: Callable[[], str]) -> Response:
        """The answer that this delivery, or the one before it, has worked out. Deciding twice is deciding once (Alarms)."""
        key = f"{request.form.get('CallSid', '')} {request.path} {request.form.get('Digits', '')}"
        with self._log.read() as tx:
            kept = tx.kept_answer(key)
        if kept is None:
            kept = answer()
            with suppress(StoreBusy), self._log.write() as tx:  # what was decided is told even if it cannot be kept
                kept = tx.keep_answer(key, kept, self._clock.now())
        return twiml(kept)

    def _ring(self, attempt_id: str) -> str:
        first = self._alarms.next_in_call(attempt_id)
        if first is not None:
            return self._ask(first, n=1)
        return self._writer.goodbye([self._not_needed(self._alarms.brief(attempt_id))])

    def _key(self, attempt_id: str, n: int, newest_id: str) -> str:
        digits = request.form.get("Digits", "")
        if digits == "1":
            return self._next(attempt_id, self._accepted(self._alarms.accept(attempt_id)))
        if digits == "9" and newest_id:
            return self._next(attempt_id, self._accepted_all(self._alarms.accept_all(attempt_id, newest_id)))
        if digits == "2":
            self._alarms.pass_on(attempt_id)
            return self._next(attempt_id, self._sentence("alarm.passed_on"))
        if n >= MOST_KEYS:
            return self._writer.goodbye([self._sentence("alarm.nothing_pressed")])
        brief = self._alarms.brief(attempt_id)
        if not brief.still_open:
            return self._next(attempt_id, self._not_needed(brief))
        return self._ask(brief, n=n + 1, first="" if digits == "3" else self._book.say("alarm.wrong_key").voice)

    def _end(self, attempt_id: str) -> str:
        late = self._alarms.hang_up(attempt_id)
        return self._writer.goodbye([]) if late is None else self._ask(late, n=1)

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

    def _next(self, attempt_id: str, said: Sentence) -> str:
        """The next alarm of this call, if there is one; otherwise the end asks once more."""
        following = self._alarms.next_in_call(attempt_id)
        if following is not None:
            return self._ask(following, n=1, before=[said])
        return self._writer.go_on([said], action=f"/ivr/alarms/{attempt_id}/end")

    def _ask(self, brief: Brief, *, n: int, first: str = "", before: Sequence[Sentence] = ()) -> str:
        facts: dict[str, object] = {
            "place": one_line(self._place(brief)),
            "symptom": one_line(symptom_of(self._book, brief.ticket))[:_LONGEST_SYMPTOM],
            "phone": _phone(brief),
        }
        if before:
            alarm = self._book.say("alarm.call_next", count=brief.to_tell, **facts).voice
        elif brief.to_tell > 1:
            alarm = self._book.say("alarm.call_several", name=brief.staff.name, count=brief.to_tell, **facts).voice
        else:
            alarm = self._book.say("alarm.call", name=brief.staff.name, **facts).voice
        heard = f"/{brief.newest_id}" if brief.to_tell > 1 else ""
        return self._writer.keys(
            Sentence(first + alarm),
            action=f"/ivr/alarms/{brief.attempt.id}/key/{n}{heard}",
            times=TIMES,
            nothing_pressed=self._book.say("alarm.nothing_pressed").voice,
            before=before,
        )

    def _accepted(self, brief: Brief) -> Sentence:
        if not brief.is_his:  # somebody was faster, or the matter is over
            return self._not_needed(brief)
        return self._sentence(
            "alarm.accepted", ticket=brief.ticket.number, place=one_line(self._place(brief)), phone=_phone(brief)
        )

    def _accepted_all(self, briefs: Sequence[Brief]) -> Sentence:
        if len(briefs) == 1:
            return self._accepted(briefs[0])
        places = list(dict.fromkeys(one_line(self._place(brief)) for brief in briefs))
        return self._sentence("alarm.accepted_all", count=len(briefs), places=places[:_MOST_PLACES])

    def _not_needed(self, brief: Brief) -> Sentence:
        if brief.is_his:
            return self._accepted(brief)
        if brief.accepted_by:
            return self._sentence("alarm.taken", accepted_by=brief.accepted_by)
        return self._sentence("alarm.over")

    def _place(self, brief: Brief) -> str:
        return place_of(self._book, brief.ticket, brief.community_name, spoken=True)

    def _sentence(self, script: str, **params: object) -> Sentence:
        return Sentence(self._book.say(script, **params).voice)


def _phone(brief: Brief) -> str:
    number = brief.ticket.contact_phone
    return as_said(number) if number else ""
