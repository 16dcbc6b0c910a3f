"""Replies as TwiML. Pure and deterministic: the same reply gives the same bytes, so a repeated webhook hears the same.

What must be heard (safety instructions) stands outside the Gather, where it cannot be talked over. The state is in the
action's path: a query could be re-sorted after signing. Every action is absolute, every Gather reports silence, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from twilio.twiml.voice_response import Gather, VoiceResponse

from dialogue.conversation import Expect, Reply, Then
from fulfillment.waiting import QueueRules
from ivr.line import PhoneLine
from ivr.ports import Book
from ivr.sounds import HOLD_MUSIC
from ivr.spoken import speakable

SAY_LANGUAGE = "cmn-CN"
LISTEN_LANGUAGE = "cmn-Hans-CN"
#: The carrier's limits are 500 phrases of 100 characters; the answer as a whole has 64 kB, so hints get a share of it.
MOST_HINTS, LONGEST_HINT, ALL_HINTS = 500, 100, 3000
#: Together with the longest answer's markup this stays below 64 kB of UTF-8; the rest of a monologue is not spoken.
ALL_SPOKEN = 6000
#: One key is enough, or a number that ends with #. Seconds: silence before speech, silence that ends it.
#: No speechModel is named: phone_call and experimental_* know no Chinese, so speechTimeout may be any number.
_LISTENING: dict[Expect, dict[str, Any]] = {
    Expect.ANYTHING: {"num_digits": 1, "timeout": 6, "speech_timeout": 2},
    Expect.MENU: {"num_digits": 1, "timeout": 8, "speech_timeout": 1},
    Expect.YES_NO: {"num_digits": 1, "timeout": 6, "speech_timeout": 1},
    Expect.ADDRESS: {"finish_on_key": "#", "timeout": 8, "speech_timeout": 2},
    # Of a building, a unit, a room: # ends it, and # alone says that there is none.
    Expect.NUMBER: {"finish_on_key": "#", "num_digits": 6, "timeout": 8, "speech_timeout": 1},
    Expect.CARD: {"finish_on_key": "#", "num_digits": 20, "timeout": 12, "speech_timeout": 3},
    # 12 digits: area code of four with a number of eight; a mobile number ends with # or after the pause.
    Expect.PHONE: {"finish_on_key": "#", "num_digits": 12, "timeout": 10, "speech_timeout": 3},
}


def most_keys(expect: Expect) -> int | None:
    """How many keys end an answer before its #; None: no number of them does."""
    most: int | None = _LISTENING[expect].get("num_digits")
    return most


#: While waiting for, or talking with, a person: how long one listening lasts before the log is read again.
_HOLD_LISTENING: dict[str, Any] = {"num_digits": 1, "timeout": 3, "speech_timeout": 1}
#: Behind music there is hardly any silence to be listened to: the music itself may be talked into.
_MUSIC_LISTENING: dict[str, Any] = _HOLD_LISTENING | {"timeout": 1}


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words for the caller; those that are not interruptible are spoken to their end."""

    text: str
    interruptible: bool = True


class TwimlWriter:
    """Knows the line's voice and the hints for speech recognition. Immutable."""

    def __init__(self, line: PhoneLine, book: Book, rules: QueueRules, *, place_names: Sequence[str]) -> None:
        """`place_names`: communities and their aliases, most frequent first; they help to recognise addresses."""
        self._line = line
        self._rules = rules
        self._book = book
        self._hints: Mapping[Expect, str] = {
            Expect.ANYTHING: _hints(book.word("phone.hints_matters").split(",")),
            Expect.MENU: _hints(book.word("phone.hints_matters").split(",")),
            Expect.YES_NO: _hints(book.word("phone.hints_yes_no").split(",")),
            Expect.ADDRESS: _hints(place_names),
            Expect.CARD: "",
            Expect.NUMBER: "",
            Expect.PHONE: "",
        }

    def reply(self, conversation_id: str, reply: Reply) -> str:
        """The answer to an incoming call or a turn."""
        said = [Sentence(s.voice, interruptible=s.interruptible) for s in reply.said]
        if reply.then is Then.HANG_UP:
            return self.goodbye(said)
        if reply.then is Then.WAIT:
            # Listening while it speaks: the ways out of the line may be chosen at once.
            return self._gather(said, _hold(conversation_id, reply.last_seq, 1), _MUSIC_LISTENING)
        if reply.then is Then.RECORD:
            return self.record(conversation_id, said, n=reply.turn_number)
        turn, one_key = reply.turn_number + 1, reply.takes_one_key
        return self.listen(conversation_id, said, turn=turn, expect=reply.expect, one_key=one_key)

    def listen(
        self,
        conversation_id: str,
        said: Sequence[Sentence],
        *,
        turn: int,
        expect: Expect = Expect.ANYTHING,
        one_key: bool = False,
    ) -> str:
        """Speaks and listens; whatever is heard, silence included, goes to this turn. `one_key`: the first key is the answer."""
        options = dict(_LISTENING[expect])
        if one_key:
            options |= {"num_digits": 1, "finish_on_key": ""}
        if self._hints[expect]:
            options["hints"] = self._hints[expect]
        action = f"/ivr/calls/{conversation_id}/turns/{turn}"
        if expect is Expect.ANYTHING:  # a matter is told: should he hang up in the middle, what was said is there
            options |= {
                "partial_result_callback": self._line.url(f"{action}/partial"),
                "partial_result_callback_method": "POST",
            }
        return self._gather(said, action, options)

    def hold(
        self, conversation_id: str, said: Sequence[Sentence], *, after: int, step: int, music: bool = False
    ) -> str:
        """Speaks what is new and listens for a moment; then the log is read again from `after` on. With music whoever
        waits for a person hears a piece of it, and may speak or press a key all the time.
        """
        action = _hold(conversation_id, after, step)
        return self._gather(said, action, _MUSIC_LISTENING if music else _HOLD_LISTENING, music=music)

    def ask_consent(
        self, conversation_id: str, said: Sequence[Sentence], *, recording_id: str, after: int, step: int
    ) -> str:
        """The announcement of a recording, to its end, then a moment for a no."""
        response = VoiceResponse()
        self._say(response, said)
        response.gather(
            input="dtmf",
            action=self._line.url(f"/ivr/calls/{conversation_id}/consent/{recording_id}/{after}/{step}"),
            method="POST",
            num_digits=1,
            finish_on_key="",
            timeout=2,
            action_on_empty_result=True,
        )
        return _xml(response)

    def start_recording(self, conversation_id: str, *, recording_id: str, after: int, step: int) -> str:
        """From now on the call is recorded, whoever talks in it; back into the loop."""
        response = VoiceResponse()
        response.start().recording(
            recording_status_callback=self._line.url(f"/ivr/calls/{conversation_id}/recordings/{recording_id}"),
            recording_status_callback_event="completed",
            recording_status_callback_method="POST",
        )
        response.redirect(self._line.url(_hold(conversation_id, after, step)), method="POST")
        return _xml(response)

    def record(self, conversation_id: str, said: Sequence[Sentence], *, n: int) -> str:
        """The announcement to its end, then a message: until a key, silence, its longest length, or the caller hangs up.
        Nothing said: the carrier goes on with the next verb, which leads to the same place.
        """
        action = self._line.url(f"/ivr/calls/{conversation_id}/messages/{n}")
        response = VoiceResponse()
        self._say(response, said)
        response.record(
            action=action,
            method="POST",
            max_length=round(self._rules.longest_message.total_seconds()),
            timeout=round(self._rules.silence_ends_message.total_seconds()),
            finish_on_key="#*",
            play_beep=True,
            trim="trim-silence",
            recording_status_callback=self._line.url(f"/ivr/calls/{conversation_id}/recordings"),
            recording_status_callback_event="completed",
            recording_status_callback_method="POST",
        )
        response.redirect(action, method="POST")
        return _xml(response)

    def relay(self, conversation_id: str) -> str:
        """Hands hearing and speaking to the carrier's ConversationRelay; when that ends or fails, the action goes on."""
        response = VoiceResponse()
        connect = response.connect(action=self._line.url(f"/ivr/calls/{conversation_id}/relayed"), method="POST")
        connect.conversation_relay(
            url=self._line.socket_url(f"/ivr/relay/{conversation_id}"),
            tts_language=SAY_LANGUAGE,
            tts_provider="Amazon",
            voice=self._line.voice.removeprefix("Polly."),
            transcription_language=LISTEN_LANGUAGE,
            transcription_provider="Google",
            dtmf_detection=True,
            profanity_filter=False,
            events="speaker-events",  # or a long story would be taken for silence
            hints=self._hints[Expect.ANYTHING],
        )
        return _xml(response)

    def goodbye(self, said: Sequence[Sentence]) -> str:
        response = VoiceResponse()
        self._say(response, said)
        response.hangup()
        return _xml(response)

    def wait(self, conversation_id: str, said: Sequence[Sentence], *, after: int, step: int) -> str:
        """Speaks to the end and enters the hold loop at once."""
        response = VoiceResponse()
        self._say(response, said)
        response.redirect(self._line.url(_hold(conversation_id, after, step)), method="POST")
        return _xml(response)

    def dial(self, said: Sequence[Sentence], *, to: str, action: str) -> str:
        """Connects the caller with a telephone; what became of it goes to `action`, a path."""
        response = VoiceResponse()
        self._say(response, said)
        dial = response.dial(
            action=self._line.url(action),
            method="POST",
            caller_id=self._line.number,
            timeout=self._line.ring_seconds,
            answer_on_bridge=True,
        )
        dial.number(to)
        return _xml(response)

    def pause(self) -> str:
        """A minute of silence."""
        response = VoiceResponse()
        response.pause(length=60)
        return _xml(response)

    def fault(self, tries: int) -> str:
        """When this product failed: what to do about a leak, and the duty phone. Needs nothing but memory."""
        said = self._book.say("phone.fault" if tries == 1 else "phone.fault_again").voice
        return self.dial(
            [Sentence(said, interruptible=False)], to=self._line.duty_phone, action=f"/ivr/fallback/{tries}/dialed"
        )

    def static_fault(self) -> str:
        """The same for a host that has only files: asks nobody what became of the dialling, so what follows is right in any case."""
        response = VoiceResponse()
        self._say(response, [Sentence(self._book.say("phone.fault").voice, interruptible=False)])
        response.dial(caller_id=self._line.number, timeout=self._line.ring_seconds).number(self._line.duty_phone)
        self._say(response, [Sentence(self._book.say("phone.fault_dialled").voice, interruptible=False)])
        response.hangup()
        return _xml(response)

    def keys(
        self, said: Sentence, *, action: str, times: int, nothing_pressed: str, before: Sequence[Sentence] = ()
    ) -> str:
        """Asks for one key, `times` times in the same document (it needs us no more), then hangs up. What is said `before`
        ends first: a key that was pressed twice must not answer the next question.
        """
        response = VoiceResponse()
        self._say(response, before)
        for _ in range(times):
            gather = response.gather(
                input="dtmf", action=self._line.url(action), method="POST", num_digits=1, finish_on_key="", timeout=5
            )
            self._say(gather, [said])
        self._say(response, [Sentence(nothing_pressed)])
        response.hangup()
        return _xml(response)

    def go_on(self, said: Sequence[Sentence], *, action: str) -> str:
        """Speaks to the end and asks `action` what comes next."""
        response = VoiceResponse()
        self._say(response, said)
        response.redirect(self._line.url(action), method="POST")
        return _xml(response)

    def ask_staff(self, said: Sequence[Sentence], *, action: str, digits: int, hints: Sequence[str]) -> str:
        """Asks a member of staff: one key (`digits` = 1) or a word, or (0) a number that ends with #. Silence is reported."""
        if digits:
            return self._gather(
                said, action, {"num_digits": digits, "timeout": 6, "speech_timeout": 1, "hints": _hints(hints)}
            )
        response = VoiceResponse()
        gather = response.gather(
            input="dtmf", action=self._line.url(action), method="POST", finish_on_key="#", timeout=8,
            action_on_empty_result=True,
        )  # fmt: skip
        self._say(gather, said)
        return _xml(response)

    def ask_staff_number(self, said: Sentence, *, action: str) -> str:
        """Keys that end with #; words are heard as well, of whoever has pressed # by mistake."""
        return self._gather([said], action, {"finish_on_key": "#", "timeout": 8, "speech_timeout": 2})

    def say_and_go(self, said: Sequence[Sentence], path: str) -> str:
        """Speaks to the end and goes on elsewhere."""
        response = VoiceResponse()
        self._say(response, said)
        response.redirect(self._line.url(path), method="POST")
        return _xml(response)

    def _gather(self, said: Sequence[Sentence], action: str, options: Mapping[str, Any], *, music: bool = False) -> str:
        response = VoiceResponse()
        must_hear = max((i + 1 for i, s in enumerate(said) if not s.interruptible), default=0)
        left = self._say(response, said[:must_hear])
        gather = response.gather(
            input="dtmf speech",
            action=self._line.url(action),
            method="POST",
            language=LISTEN_LANGUAGE,
            action_on_empty_result=True,
            profanity_filter=False,
            **({"finish_on_key": ""} | dict(options)),
        )
        self._say(gather, said[must_hear:], left)
        if music:
            gather.play(self._line.url(HOLD_MUSIC))
        return _xml(response)

    def _say(self, where: VoiceResponse | Gather, said: Iterable[Sentence], left: int = ALL_SPOKEN) -> int:
        """Returns how many characters may still be spoken in this answer."""
        for sentence in said:
            text = speakable(sentence.text)[:left]
            if text:
                where.say(text, voice=self._line.voice, language=SAY_LANGUAGE)
                left -= len(text)
        return left


def _hold(conversation_id: str, after: int, step: int) -> str:
    return f"/ivr/calls/{conversation_id}/hold/{after}/{step}"


def _hints(phrases: Iterable[str]) -> str:
    kept: list[str] = []
    length = 0
    for phrase in phrases:
        hint = phrase.replace(",", " ").strip()[:LONGEST_HINT]
        if hint and length + len(hint) < ALL_HINTS and len(kept) < MOST_HINTS:
            kept.append(hint)
            length += len(hint) + 1
    return ",".join(dict.fromkeys(kept))


def _xml(response: VoiceResponse) -> str:
    return cast(str, response.to_xml())  # the library has no types for it
