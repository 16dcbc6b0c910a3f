"""A resident's call, webhook by webhook: greeting, turns, waiting for and talking with a person, the end.

The state is in the path and in the database, so that a webhook delivered twice is answered with the same bytes.
Time: the carrier waits 15 s for an answer; nothing here waits for anything but the hotline (whose NLU budget is 2 s,
danger words none) and the database, which gives up with StoreBusy. Both must stay below 10 s together.

While a person has (or is to take) the floor, the call runs in a loop of short listenings over the conversation's log:
- each line of an operator (and of the bot, beyond `after`) is spoken once: it is marked with the step that spoke it,
  in a transaction, before the answer leaves. A repeated delivery of that step finds its own marks and says the same;
- a step with words never looks at the floor, the next one does: so the answer is fixed once its words are marked.
The loop picks up every new line by itself. A live call needs to be interrupted (calls.update to step 0) only to bring it
into the loop, when an operator takes over while the bot still listens; interrupting the loop cuts words off.
"""

from collections.abc import Sequence
from zlib import crc32

from flask import Response, request

from dialogue.conversation import Author, Channel, Floor, Message, Then, Turn
from ivr.numbers import caller_number
from ivr.ports import AnswersTurns, Book, Log, LogTx
from ivr.spoken import without_control
from ivr.twiml import ALL_SPOKEN, Sentence, TwimlWriter

#: Longer monologues are cut before anybody stores or understands them.
LONGEST_SPEECH = 1000
LONGEST_DIGITS = 32
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
#: Who waits in silence is spoken to at every such step of the loop (3-4 s each).
COMPANY_EVERY = 8
#: Operators' lines older than this many messages before `after` were spoken long ago.
_LOOK_BACK = 100
#: No call listens this often: 3 s each, and the carrier ends a call after 24 h.
_STEPS_OF_A_CALL = 100_000
#: The operator's end of a conversation: nothing is listened to after it.
_END = "handoff.ended"


def twiml(xml: str) -> Response:
    return Response(xml, content_type="text/xml; charset=utf-8")


class CallWebhooks:
    """Each method answers one webhook; raises what the hotline and the store raise."""

    def __init__(self, hotline: AnswersTurns, log: Log, book: Book, writer: TwimlWriter) -> None:
        self._hotline = hotline
        self._log = log
        self._book = book
        self._writer = writer

    def incoming(self) -> Response:
        conversation, reply = self._hotline.open(
            Channel.PHONE, request.form["CallSid"], caller_number(request.form.get("From", ""))
        )
        return twiml(self._writer.reply(conversation.id, reply))

    def turn(self, conversation_id: str, n: int) -> Response:
        return twiml(
            self._writer.reply(conversation_id, self._hotline.handle_turn(heard(conversation_id, f"turn-{n}")))
        )

    def hold(self, conversation_id: str, after: int, step: int = 0) -> Response:
        """Step 0 is for who interrupts a call to bring it into the loop; the loop itself counts from 1."""
        turn = heard(conversation_id, f"hold-{after}-{step}")
        reply = self._hotline.handle_turn(turn) if turn.text or turn.digits else None
        floor, news = self._news(conversation_id, after, mark=f"{after}.{step}")
        said = [_sentence(m) for m in news]
        if (reply and reply.then is Then.HANG_UP) or any(m.data.get("script") == _END for m in news):
            return twiml(self._writer.goodbye(said))
        if reply and reply.then is Then.LISTEN:
            next_turn = reply.turn_number + 1
            return twiml(self._writer.listen(conversation_id, said, turn=next_turn, expect=reply.expect))
        if news or floor in (Floor.QUEUE, Floor.OPERATOR):
            if floor is Floor.QUEUE and not news and step and step % COMPANY_EVERY == 0:
                said = [Sentence(self._book.say("handoff.still_waiting").voice)]
            spoken_to = max([after, *(m.seq for m in news)])
            return twiml(self._writer.hold(conversation_id, said, after=spoken_to, step=step + 1))
        if floor is Floor.ENDED:
            return twiml(self._writer.goodbye([Sentence(self._book.say("phone.goodbye").voice)]))
        with self._log.read() as tx:
            next_turn = tx.turn_count(conversation_id) + 1
        return twiml(self._writer.listen(conversation_id, [], turn=next_turn))

    def status(self, conversation_id: str) -> Response:
        """The call's own status callback."""
        if request.form.get("CallStatus") in ENDED:
            self._hotline.hang_up(conversation_id)
        return Response(status=204)

    def number_status(self) -> Response:
        """The number's status callback: knows the call's SID only. A call that never reached us has no conversation."""
        if request.form.get("CallStatus") in ENDED:
            with self._log.read() as tx:
                conversation = tx.conversation_by_external_id(Channel.PHONE, request.form.get("CallSid", ""))
            if conversation:
                self._hotline.hang_up(conversation.id)
        return Response(status=204)

    def dial(self, conversation_id: str, operator_id: int, phone: str = "") -> Response:
        """Connects the caller with the operator's telephone, or with the one in the path (E.164)."""
        if not phone:
            with self._log.read() as tx:
                phone = tx.operator(operator_id).phone
        to = caller_number(phone)
        if not to:
            return self._back_to_hold(conversation_id, "phone.connect_failed")
        said = [Sentence(self._book.say("phone.connecting").voice)]
        return twiml(self._writer.dial(said, to=to, action=f"/ivr/calls/{conversation_id}/dialed"))

    def dialed(self, conversation_id: str) -> Response:
        """The operator's telephone hung up, or never answered; the caller is still there and stays with the operator."""
        connected = request.form.get("DialCallStatus") in ("completed", "answered")
        return self._back_to_hold(conversation_id, "phone.connect_ended" if connected else "phone.connect_failed")

    def _news(self, conversation_id: str, after: int, *, mark: str) -> tuple[Floor, Sequence[Message]]:
        """What this step says, in order; marked as spoken before it is returned."""
        with self._log.read() as tx:
            floor = tx.conversation(conversation_id).floor
            repeated, waiting = _sort(tx, conversation_id, after, mark)
        if repeated or not waiting:  # the common case writes nothing
            return floor, repeated
        with self._log.write() as tx:
            tx.conversation(conversation_id)
            repeated, waiting = _sort(tx, conversation_id, after, mark)
            for message in waiting:
                tx.set_message_data(conversation_id, message.seq, {**message.data, "spoken": mark})
        return floor, repeated or waiting

    def _back_to_hold(self, conversation_id: str, script: str) -> Response:
        with self._log.read() as tx:
            newest = tx.conversation(conversation_id).last_seq
            lines = tx.messages(conversation_id, after=max(0, newest - _LOOK_BACK))
        # The bot is silent while a telephone is connected: its last line stays the same for a repeated delivery.
        after = max((m.seq for m in lines if m.author is Author.BOT), default=0)
        said = [Sentence(self._book.say(script).voice)]
        # A step the loop has not used, and the same one for a repeated delivery.
        step = crc32(request.form.get("DialCallSid", "").encode()) + _STEPS_OF_A_CALL
        return twiml(self._writer.wait(conversation_id, said, after=after, step=step))


def heard(conversation_id: str, key: str) -> Turn:
    """The turn in this webhook's form. Keys win over words: the carrier reports whichever came first, never both."""
    digits = "".join(c for c in request.form.get("Digits", "") if c in "0123456789*#")[:LONGEST_DIGITS]
    words = request.form.get("SpeechResult", "")[:LONGEST_SPEECH]
    text = "" if digits else without_control(words).strip()
    return Turn(conversation_id, key, text=text, digits=digits, confidence=_confidence() if text else None)


def _confidence() -> float | None:
    try:
        value = float(request.form["Confidence"])
    except (KeyError, ValueError):  # it is not always there
        return None
    return value if 0 <= value <= 1 else None


def _sort(tx: LogTx, conversation_id: str, after: int, mark: str) -> tuple[Sequence[Message], Sequence[Message]]:
    """The lines that this very step has already spoken, and those that nobody has spoken yet."""
    lines = tx.messages(conversation_id, after=max(0, after - _LOOK_BACK))
    repeated = [m for m in lines if m.data.get("spoken") == mark]
    unspoken = [
        m
        for m in lines
        if "spoken" not in m.data and (m.author is Author.OPERATOR or (m.author is Author.BOT and m.seq > after))
    ]
    budget = ALL_SPOKEN
    fitting: list[Message] = []
    for message in unspoken:  # an operator's torrent is spread over several answers; the first line always goes
        budget -= len(message.text)
        if fitting and budget < 0:
            break
        fitting.append(message)
    return repeated, fitting


def _sentence(message: Message) -> Sentence:
    voice = message.data.get("voice", message.text) if message.author is Author.BOT else message.text
    return Sentence(str(voice), interruptible=message.data.get("interruptible", True) is not False)
