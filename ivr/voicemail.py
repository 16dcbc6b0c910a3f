"""What is recorded, always after its announcement. A caller leaves a message: recorded by the carrier after the announcement, told to us by the verb and once more by the recording's
own callback, in any order; each alone is enough.
"""

from flask import Response, request

from dialogue.recordings import LeftMessage
from ivr.calls import twiml
from ivr.ports import AnswersTurns, RecordsCalls
from ivr.twiml import TwimlWriter

#: Longer than any recording the carrier makes.
_NO = "*"
_MOST_SECONDS = 24 * 60 * 60


class VoicemailWebhooks:
    """Each method answers one webhook; raises what the hotline raises."""

    def __init__(self, hotline: AnswersTurns, recordings: RecordsCalls, writer: TwimlWriter) -> None:
        self._hotline = hotline
        self._recordings = recordings
        self._writer = writer

    def left(self, conversation_id: str, n: int) -> Response:
        """The message is over. Reached without a recording as well: nothing was said."""
        message = _message(pressed=request.form.get("Digits", ""))
        reply = self._hotline.message_left(conversation_id, _key(message, n), message)
        return twiml(self._writer.reply(conversation_id, reply))

    def recorded(self, conversation_id: str) -> Response:
        """The recording's own callback: what a lost answer, or a call that was led elsewhere, would have lost."""
        message = _message()
        if request.form.get("RecordingStatus", "completed") == "completed" and message.is_spoken:
            self._hotline.message_left(conversation_id, _key(message, 0), message)
        return Response(status=204)

    def consent(self, conversation_id: str, recording_id: str, after: int, step: int) -> Response:
        """The caller has heard that the call is recorded, and did or did not say no."""
        place = {"after": after, "step": step}
        if request.form.get("Digits") == _NO:
            self._recordings.refused(recording_id)
            return twiml(self._writer.wait(conversation_id, [], **place))
        return twiml(self._writer.start_recording(conversation_id, recording_id=recording_id, **place))

    def call_recorded(self, conversation_id: str, recording_id: str) -> Response:  # noqa: ARG002 - the path says whose it is
        message = _message()
        if request.form.get("RecordingStatus", "completed") == "completed" and message.is_spoken:
            self._recordings.made(recording_id, message.sid, message.seconds)
        return Response(status=204)


def _key(message: LeftMessage, n: int) -> str:
    """The same for both reports of a recording: whichever comes first is answered, the other hears the same."""
    return f"message-{message.sid}" if message.is_spoken else f"message-{n}"


def _message(pressed: str = "") -> LeftMessage:
    form = request.form
    seconds = form.get("RecordingDuration", "")
    return LeftMessage(
        sid=form.get("RecordingSid", ""),
        seconds=min(int(seconds), _MOST_SECONDS) if seconds.isascii() and seconds.isdigit() else 0,
        pressed=pressed,
    )
