"""A caller leaves a message: recorded by the carrier after the announcement, told to us by the verb and once more by the recording's
own callback, in any order; each alone is enough.
"""

from flask import Response, request

from dialogue.recordings import LeftMessage
from ivr.calls import twiml
from ivr.ports import AnswersTurns
from ivr.twiml import TwimlWriter

#: Longer than any recording the carrier makes.
_MOST_SECONDS = 24 * 60 * 60


class VoicemailWebhooks:
    """Each method answers one webhook; raises what the hotline raises."""

    def __init__(self, hotline: AnswersTurns, writer: TwimlWriter) -> None:
        self._hotline = hotline
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
