"""A resident's call over the carrier's ConversationRelay: it hears and speaks, we exchange text on a WebSocket.

The same dialogue as by Gather, with the same keys of turns, so that either can go on where the other stopped. Only listening
is done here: whatever else a reply wants (waiting, recording, good-bye), a fault, and the end of the session lead to the action
of <Connect>, which answers the last reply by TwiML (`CallWebhooks.relayed`). So no sentence is cut off by an ending session.
A session holds one thread of the web process for as long as the call listens.
"""

import json
import threading
from collections.abc import Mapping
from typing import Any, Protocol

import structlog
from simple_websocket import ConnectionClosed

from dialogue.conversation import Expect, Reply, Then, Turn
from ivr.ports import AnswersTurns, Log
from ivr.spoken import speakable, without_control
from ivr.twiml import most_keys

LONGEST_SPEECH = 1000
_LONGEST_DIGITS = 32
_SETUP_WITHIN_SECONDS = 10.0
#: Reported silence is the Gather's comfort; here it is measured: speaking (five characters a second), then thinking.
_SECONDS_PER_CHARACTER = 0.2
_SILENCE_SECONDS: Mapping[Expect, float] = {Expect.ADDRESS: 10.0, Expect.PHONE: 12.0, Expect.CARD: 14.0}
_USUAL_SILENCE_SECONDS = 8.0
_WITHIN_A_NUMBER_SECONDS = 4.0
#: Somebody who began to speak is listened to for so long, should the word of his end get lost.
_SPEAKING_SECONDS = 60.0
#: The relay sends an utterance in parts without telling which is the last one.
_AFTER_A_PART_SECONDS = 4.0
#: Why a session was left: # where one key is an answer; the action of <Connect> asks who it is (ivr.staff_calls).
SIGN_IN, SIGN_IN_KEY = "sign-in", "#"

log = structlog.get_logger()


class Socket(Protocol):
    """simple_websocket.Server. `receive` returns None after `timeout`; both raise ConnectionClosed."""

    def receive(self, timeout: float | None = None) -> str | bytes | None: ...
    def send(self, data: str) -> None: ...


class RelaySession:
    """`run` returns when the session is over, for whatever reason; it raises nothing but what the caller cannot have caused."""

    def __init__(self, hotline: AnswersTurns, log_book: Log, conversation_id: str, socket: Socket) -> None:
        self._hotline = hotline
        self._log = log_book
        self._conversation_id = conversation_id
        self._socket = socket
        self._reply = Reply(said=())
        self._words = ""
        self._digits = ""
        self._wait = 0.0

    def run(self) -> None:
        try:
            if not self._is_set_up():
                self._leave("setup")
                return
            self._speak(last_reply(self._log, self._conversation_id))
            while self._one_message():
                pass
        except ConnectionClosed:
            return  # hung up, or the relay is gone: the action goes on
        except Exception:
            log.exception("relay failed", conversation=self._conversation_id)
            self._leave_quietly("fault")

    def _is_set_up(self) -> bool:
        """The first message must be about the call that this conversation belongs to."""
        setup = _message(self._socket.receive(_SETUP_WITHIN_SECONDS))
        with self._log.read() as tx:
            conversation = tx.conversation(self._conversation_id)
        return setup.get("type") == "setup" and setup.get("callSid") == conversation.external_id

    def _one_message(self) -> bool:
        """False when the session was left."""
        raw = self._socket.receive(self._wait)
        if raw is None:  # silence, a number that ended without #, or words without their last part
            words = without_control(self._words).strip()
            return self._turn(text=words, digits="" if words else self._digits)
        message = _message(raw)
        match message.get("type"):
            case "prompt":
                return self._heard(message)
            case "dtmf":
                return self._pressed(str(message.get("digit", "")))
            case "interrupt":
                log.info("relay interrupted", after_ms=message.get("durationUntilInterruptMs"))
                self._wait = _USUAL_SILENCE_SECONDS
            case "error":
                log.error("relay error", description=str(message.get("description", ""))[:200])
                self._leave("error")
                return False
            case "info" if message.get("name") == "clientSpeaking":
                self._wait = _SPEAKING_SECONDS if message.get("value") == "on" else _USUAL_SILENCE_SECONDS
            case other:
                log.info("relay message passed over", kind=str(other)[:40])
        return True

    def _heard(self, message: Mapping[str, Any]) -> bool:
        """Parts of one utterance arrive one after the other; the last one makes the turn."""
        self._words = (self._words + str(message.get("voicePrompt") or ""))[:LONGEST_SPEECH]
        if message.get("last") is False:
            self._wait = _AFTER_A_PART_SECONDS
            return True
        return self._turn(text=without_control(self._words).strip())

    def _pressed(self, digit: str) -> bool:
        if digit not in set("0123456789*#"):
            return True
        most = 1 if self._reply.takes_one_key else most_keys(self._reply.expect) or _LONGEST_DIGITS
        if digit == SIGN_IN_KEY and most == 1:
            self._leave(SIGN_IN)
            return False
        if digit == "#":
            return self._turn(digits=self._digits)
        self._digits += digit
        if len(self._digits) >= most:
            return self._turn(digits=self._digits)
        self._wait = _WITHIN_A_NUMBER_SECONDS
        return True

    def _turn(self, *, text: str = "", digits: str = "") -> bool:
        key = f"turn-{self._reply.turn_number + 1}"
        reply = self._hotline.handle_turn(Turn(self._conversation_id, key, text=text, digits=digits))
        if reply.then is not Then.LISTEN:
            self._leave(reply.then.value)
            return False
        self._speak(reply)
        return True

    def _speak(self, reply: Reply) -> None:
        self._reply, self._words, self._digits = reply, "", ""
        length = 0
        for said in reply.said:
            words = speakable(said.voice)
            length += len(words)
            token = {"type": "text", "token": words, "last": True, "interruptible": said.interruptible}
            self._socket.send(json.dumps(token, ensure_ascii=False))
        thinks = _SILENCE_SECONDS.get(reply.expect, _USUAL_SILENCE_SECONDS)
        self._wait = length * _SECONDS_PER_CHARACTER + thinks

    def _leave(self, why: str) -> None:
        data = json.dumps({"reason": why, "turn": self._reply.turn_number})
        self._socket.send(json.dumps({"type": "end", "handoffData": data}))

    def _leave_quietly(self, why: str) -> None:
        try:
            self._leave(why)
        except ConnectionClosed:
            return  # the action goes on all the same


class Seats:
    """How many sessions may hold a thread of this process at once."""

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    def take(self) -> bool:
        return self._free.acquire(blocking=False)

    def leave(self) -> None:
        self._free.release()


def last_reply(log_book: Log, conversation_id: str) -> Reply:
    """What was answered last, or at the opening: said again, the call is where it was."""
    with log_book.read() as tx:
        stored = tx.last_reply(conversation_id)
    return Reply.from_json(stored) if stored is not None else Reply(said=())


def handed_off(data: str) -> Mapping[str, Any]:
    """`reason` and `turn` with which a session was left; empty if it ended by itself."""
    return _message(data)


def _message(raw: str | bytes | None) -> Mapping[str, Any]:
    """Empty for whatever is no JSON object."""
    try:
        message = json.loads(raw or "null")
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
