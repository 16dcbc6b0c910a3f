"""A resident's call, webhook by webhook: greeting, turns, waiting for and talking with a person, the end.

The state is in the path and in the database, so that a webhook delivered twice is answered with the same bytes.
Time: the carrier waits 15 s for an answer; nothing here waits for anything but the hotline (whose NLU budget is 2 s,
danger words none) and the database, which gives up with StoreBusy. Both must stay below 10 s together.

While a person has (or is to take) the floor, the call runs in a loop of short listenings over the conversation's log:
- each line of an operator (and of the bot, beyond `after`) is spoken once: it is marked with the step that spoke it;
- what a step answers is kept in the same transaction, an empty step's answer, too: of two deliveries the carrier uses
  either, and a line that came between them would be marked by an answer nobody hears. Price: one short write a step;
- no step's path is ever used for another step: each entry into the loop counts from a number of its own.
The loop picks up every new line by itself. A live call is interrupted (calls.update to step 0) only to bring it into the
loop, when an operator takes over while the bot still listens, or music plays; interrupting the loop cuts words off.
Who waits for a person hears music, a piece a step, into which he may speak or press a key; every few steps the hotline is
told of the silence, so that it can say how the line moves.
"""

from collections.abc import Sequence
from datetime import timedelta

from flask import Response, request

from dialogue.conversation import Author, Channel, Conversation, Floor, Message, Reply, Then, Turn
from dialogue.recordings import CALL_RECORDED
from ivr.numbers import caller_number
from ivr.ports import AnswersTurns, Book, Conferences, Log, LogTx
from ivr.relay import last_reply
from ivr.sounds import HOLD_MUSIC_LASTS
from ivr.spoken import without_control
from ivr.twiml import ALL_SPOKEN, Sentence, TwimlWriter
from kernel.clock import Clock

#: Longer monologues are cut before anybody stores or understands them.
LONGEST_SPEECH = 1000
LONGEST_DIGITS = 32
ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
#: Operators' lines older than this many messages before `after` were spoken long ago.
_LOOK_BACK = 100
#: More than a loop ever counts to (3 s each, and the carrier ends a call after 24 h). An interruption's steps begin at a
#: multiple of it, another one for each line that was interrupted for.
AFTER_AN_INTERRUPTION = 50_000
#: Steps beyond all of these: for who leads a call back into the loop.
BESIDE_THE_LOOP = 10_000_000_000
#: The operator's end of a conversation: nothing is listened to after it.
_END = "handoff.ended"


def twiml(xml: str) -> Response:
    return Response(xml, content_type="text/xml; charset=utf-8")


class CallWebhooks:
    """Each method answers one webhook; raises what the hotline and the store raise."""

    def __init__(  # noqa: PLR0913 - its parts, each named once by build_ivr
        self,
        hotline: AnswersTurns,
        conferences: Conferences,
        log: Log,
        book: Book,
        writer: TwimlWriter,
        clock: Clock,
        *,
        announce_every: timedelta,
        relays: bool,
    ) -> None:
        """`relays`: the carrier's ConversationRelay hears and speaks wherever the caller is listened to from the beginning."""
        self._relays = relays
        self._clock = clock
        self._hotline = hotline
        self._conferences = conferences
        self._log = log
        self._book = book
        self._writer = writer
        #: Steps of the loop, each as long as its piece of music.
        self._told_every = max(1, round(announce_every / HOLD_MUSIC_LASTS))

    def incoming(self) -> Response:
        conversation, reply = self._hotline.open(
            Channel.PHONE, request.form["CallSid"], caller_number(request.form.get("From", ""))
        )
        return self._at(conversation.id, reply)

    def resumed(self) -> Response:
        """A call that was with the staff's menus for a while goes on where it was; one that never began begins."""
        with self._log.read() as tx:
            known = tx.conversation_by_external_id(Channel.PHONE, request.form["CallSid"])
        return self.incoming() if known is None else self._at(known.id, last_reply(self._log, known.id))

    def _at(self, conversation_id: str, reply: Reply) -> Response:
        """What the relay is to speak goes over its socket (`RelaySession` begins with the last reply)."""
        if self._relays and reply.then is Then.LISTEN:
            return twiml(self._writer.relay(conversation_id))
        return twiml(self._writer.reply(conversation_id, reply))

    def relayed(self, conversation_id: str) -> Response:
        """The session is over, on purpose or by a failure: the last answer by TwiML, and from here on by Gather."""
        if request.form.get("CallStatus") in ENDED:
            return twiml(self._writer.goodbye([]))
        return twiml(self._writer.reply(conversation_id, last_reply(self._log, conversation_id)))

    def turn(self, conversation_id: str, n: int) -> Response:
        return twiml(
            self._writer.reply(conversation_id, self._hotline.handle_turn(heard(conversation_id, f"turn-{n}")))
        )

    def partial(self, conversation_id: str, n: int) -> Response:
        """What the recogniser has heard so far; nobody waits for the answer. What it is sure of, then what it may change."""
        words = "".join(request.form.get(name, "") for name in ("StableSpeechResult", "UnstableSpeechResult"))
        words = without_control(words[:LONGEST_SPEECH]).strip()
        part = request.form.get("SequenceNumber", "")
        if words and part.isdecimal():
            self._hotline.half_heard(Turn(conversation_id, f"turn-{n}", text=words), int(part))
        return Response(status=204)

    def hold(self, conversation_id: str, after: int, step: int = 0) -> Response:
        """Step 0 is for who interrupts a call to bring it into the loop; the loop itself counts from 1."""
        turn = heard(conversation_id, f"hold-{after}-{step}")
        said_something = bool(turn.text or turn.digits)
        reply = self._hotline.handle_turn(turn) if said_something or self._is_told_now(turn, step) else None
        key = f"{conversation_id} hold {after} {step}"
        with self._log.write() as tx:
            conversation = tx.conversation(conversation_id, for_update=True)  # one delivery after the other
            answer = tx.kept_answer(key)
            if answer is None:
                news = _spoken_now(tx, conversation_id, after, mark=f"{after}.{step}")
                answer = self._hold_answer(tx, conversation, reply, news, after=after, step=step)
                tx.keep_answer(key, answer, self._clock.now())
        return twiml(answer)

    def _hold_answer(
        self,
        tx: LogTx,
        conversation: Conversation,
        reply: Reply | None,
        news: Sequence[Message],
        *,
        after: int,
        step: int,
    ) -> str:
        floor, said = conversation.floor, [_sentence(m) for m in news]
        if (reply and reply.then is Then.HANG_UP) or any(m.data.get("script") == _END for m in news):
            return self._writer.goodbye(said)
        if reply and reply.then is Then.RECORD:
            return self._writer.record(conversation.id, said, n=reply.turn_number)
        if reply and reply.then is Then.LISTEN:
            next_turn = reply.turn_number + 1
            return self._writer.listen(conversation.id, said, turn=next_turn, expect=reply.expect)
        if news or floor in (Floor.QUEUE, Floor.OPERATOR):
            music = floor is Floor.QUEUE or (floor is Floor.OPERATOR and _somebody_is_rung(tx, conversation.id))
            return self._go_round(conversation.id, news, after=after, step=step, music=music)
        if floor is Floor.ENDED:
            return self._writer.goodbye([Sentence(self._book.say("phone.goodbye").voice)])
        return self._writer.listen(conversation.id, [], turn=tx.turn_count(conversation.id) + 1)

    def _go_round(self, conversation_id: str, news: Sequence[Message], *, after: int, step: int, music: bool) -> str:
        """The loop's next step; before it the caller is asked about a recording that these lines announce."""
        said = [_sentence(m) for m in news]
        spoken_to = max([after, *(m.seq for m in news)])
        if step == 0:  # the loop that was interrupted may have used the first steps, another interruption others
            step = AFTER_AN_INTERRUPTION * (after + 1)
        recording_id = next((str(m.data["recording"]) for m in news if m.data.get("script") == CALL_RECORDED), "")
        if recording_id:
            return self._writer.ask_consent(
                conversation_id, said, recording_id=recording_id, after=spoken_to, step=step + 1
            )
        return self._writer.hold(conversation_id, said, after=spoken_to, step=step + 1, music=music)

    def status(self, conversation_id: str) -> Response:
        """The call's own status callback."""
        if request.form.get("CallStatus") in ENDED:
            self._gone(conversation_id)
        return Response(status=204)

    def number_status(self) -> Response:
        """The number's status callback: knows the call's SID only. A call that never reached us has no conversation."""
        if request.form.get("CallStatus") in ENDED:
            with self._log.read() as tx:
                conversation = tx.conversation_by_external_id(Channel.PHONE, request.form.get("CallSid", ""))
            if conversation:
                self._gone(conversation.id)
        return Response(status=204)

    def _gone(self, conversation_id: str) -> None:
        """Twice is the same as once. Were it lost after the first, the watch over each leg would find the call ended."""
        self._hotline.hang_up(conversation_id)
        self._conferences.caller_is_gone(conversation_id)

    def _is_told_now(self, turn: Turn, step: int) -> bool:
        """Who waits in silence is told how the line moves, once in a while. A repeated step finds that it was."""
        if not step or step % self._told_every:
            return False
        with self._log.read() as tx:
            waits = tx.conversation(turn.conversation_id).floor is Floor.QUEUE
            return waits or tx.stored_reply(turn.conversation_id, turn.key) is not None


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


def _somebody_is_rung(tx: LogTx, conversation_id: str) -> bool:
    """A telephone rings for the caller, who would otherwise listen to nothing until it is answered."""
    return any(leg.staying and not leg.joined for leg in tx.legs(conversation_id))


def _spoken_now(tx: LogTx, conversation_id: str, after: int, *, mark: str) -> Sequence[Message]:
    """What nobody has spoken yet, in order; marked as spoken."""
    lines = tx.messages(conversation_id, after=max(0, after - _LOOK_BACK))
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
        tx.set_message_data(conversation_id, message.seq, {**message.data, "spoken": mark})
    return fitting


def _sentence(message: Message) -> Sentence:
    voice = message.data.get("voice", message.text) if message.author is Author.BOT else message.text
    return Sentence(str(voice), interruptible=message.data.get("interruptible", True) is not False)
