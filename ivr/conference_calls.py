"""The webhooks of conferences: the caller's way in and out, what is heard while waiting, and what the carrier reports."""

from zlib import crc32

import structlog
from flask import Response, request
from twilio.twiml.voice_response import VoiceResponse

from dialogue.conference import Participant
from dialogue.leg import Leg, LegMode, LegRole
from ivr.calls import BESIDE_THE_LOOP, twiml
from ivr.conference_carrier import CONFERENCE_EVENTS, events_path, music_path, waiting_path
from ivr.line import PhoneLine
from ivr.ports import Book, Conferences, Log
from ivr.sounds import HOLD_MUSIC
from ivr.spoken import speakable
from ivr.twiml import SAY_LANGUAGE, Sentence, TwimlWriter

_PAUSE_SECONDS = 12
_PIECES = 3  # of music, between two sentences to somebody on hold
#: How often an operator is asked for his key, and how many wrong ones he may press: the caller waits.
_TIMES, _MOST_KEYS = 2, 3
_NO_CONTENT = 204
_PARTICIPANT = "participant-"
_log = structlog.get_logger()


class ConferenceWebhooks:
    """Each method answers one webhook; raises what the conferences and the store raise (NotFound, StoreBusy)."""

    def __init__(self, conferences: Conferences, log: Log, book: Book, writer: TwimlWriter, line: PhoneLine) -> None:
        self._conferences = conferences
        self._log = log
        self._book = book
        self._writer = writer
        self._line = line

    # --- the caller

    def enter(self, conversation_id: str, leg_id: str) -> Response:
        """The call goes into the conference; when that is over for it, however it came about, it asks `left`."""
        leg = self._leg(leg_id)
        response = VoiceResponse()
        dial = response.dial(
            action=self._line.url(f"/ivr/calls/{conversation_id}/conference/{leg_id}/left"), method="POST"
        )
        dial.conference(
            leg.conference,
            participant_label=leg.id,
            beep="false",
            start_conference_on_enter=True,
            end_conference_on_exit=True,  # nobody stays behind a caller who hangs up
            wait_url=self._line.url(waiting_path(conversation_id)),
            wait_method="POST",
            status_callback=self._line.url(events_path(conversation_id)),
            status_callback_method="POST",
            status_callback_event=" ".join(CONFERENCE_EVENTS),
        )
        return twiml(str(response))

    def left(self, conversation_id: str, leg_id: str) -> Response:
        """The conference ended under the caller, who is still there: back into the hold loop, never into silence."""
        leg = self._leg(leg_id)
        self._conferences.is_over(leg_id, "left")
        step = BESIDE_THE_LOOP + crc32(leg_id.encode())
        return twiml(self._writer.wait(conversation_id, [], after=leg.heard_seq, step=step))

    # --- an operator's telephone

    def answered(self, leg_id: str) -> Response:
        """By him, or by his voicemail: only a key tells. The caller hears music meanwhile."""
        return twiml(self._ask(self._leg(leg_id), n=1))

    def key(self, leg_id: str, n: int) -> Response:
        """1: into the conference; when that is over, so is the call."""
        leg = self._leg(leg_id)
        if request.form.get("Digits", "") != "1" or not leg.staying:
            return twiml(self._ask(leg, n=n + 1))
        response = VoiceResponse()
        response.dial().conference(
            leg.conference,
            participant_label=leg.id,
            beep="false",
            muted=leg.wanted is not LegMode.TALK,  # who whispers is led to his ear once he is in
            start_conference_on_enter=True,
            end_conference_on_exit=False,
            wait_url=self._line.url(waiting_path(leg.conversation_id)),
            wait_method="POST",
            status_callback=self._line.url(events_path(leg.conversation_id)),
            status_callback_method="POST",
            status_callback_event=" ".join(CONFERENCE_EVENTS),
        )
        return twiml(str(response))

    def _ask(self, leg: Leg, *, n: int) -> str:
        not_connected = self._book.say("phone.operator_not_connected").voice
        if n > _MOST_KEYS or not leg.staying:
            return self._writer.goodbye([Sentence(not_connected)])
        return self._writer.keys(
            Sentence(self._book.say("phone.operator_asked").voice),
            action=f"/ivr/legs/{leg.id}/key/{n}",
            times=_TIMES,
            nothing_pressed=not_connected,
        )

    # --- what is heard while waiting

    def music(self, conversation_id: str) -> Response:
        """On hold: told not to hang up, then music, again and again."""
        response = self._told("phone.on_hold")
        response.play(self._line.url(HOLD_MUSIC), loop=_PIECES)
        response.redirect(self._line.url(music_path(conversation_id)), method="POST")
        return twiml(str(response))

    def waiting(self, conversation_id: str) -> Response:
        """For the moment between answering and the caller's coming in."""
        response = self._told("phone.operator_waits")
        response.pause(length=_PAUSE_SECONDS)
        response.redirect(self._line.url(waiting_path(conversation_id)), method="POST")
        return twiml(str(response))

    # --- reports

    def leg_status(self, leg_id: str) -> Response:
        form = request.form
        self._conferences.told_of_call(leg_id, status=form.get("CallStatus", ""), call_sid=form.get("CallSid", ""))
        return Response(status=_NO_CONTENT)

    def events(self, conversation_id: str) -> Response:
        """Reports come out of order and more than once; each names its leg by label, an old one by its call."""
        form = request.form
        event, conference_sid = form.get("StatusCallbackEvent", ""), form.get("ConferenceSid", "")
        if event == "conference-end":
            self._conferences.conference_is_over(conversation_id, conference_sid)
        elif event.startswith(_PARTICIPANT):
            leg = self._reported(conversation_id)
            if leg is None:  # a leg of nobody: a participant somebody added by hand
                _log.warning("conference event about no leg", conversation=conversation_id, what=event)
                return Response(status=_NO_CONTENT)
            report = Participant(
                event=event.removeprefix(_PARTICIPANT),
                call_sid=form.get("CallSid", ""),
                conference_sid=conference_sid,
                sequence=_sequence(),
                mode=_mode(),
            )
            self._conferences.told_of_participant(leg.id, report)
        return Response(status=_NO_CONTENT)

    def _reported(self, conversation_id: str) -> Leg | None:
        label, call_sid = request.form.get("ParticipantLabel", ""), request.form.get("CallSid", "")
        with self._log.read() as tx:
            legs = tx.legs(conversation_id)
        named = [leg for leg in legs if leg.id == label]
        by_call = [leg for leg in legs if call_sid and leg.call_sid == call_sid and leg.role is not LegRole.CALLER]
        return next(iter(named or by_call), None)

    def _leg(self, leg_id: str) -> Leg:
        with self._log.read() as tx:
            return tx.leg(leg_id)

    def _told(self, script: str) -> VoiceResponse:
        response = VoiceResponse()
        response.say(speakable(self._book.say(script).voice), voice=self._line.voice, language=SAY_LANGUAGE)
        return response


def _sequence() -> int:
    raw = request.form.get("SequenceNumber", "")
    return int(raw) if raw.isascii() and raw.isdigit() else 0


def _mode() -> LegMode:
    def yes(name: str) -> bool:
        return request.form.get(name, "") == "true"

    if yes("Hold"):
        return LegMode.HOLD
    if yes("Coaching"):
        return LegMode.WHISPER
    return LegMode.LISTEN if yes("Muted") else LegMode.TALK
