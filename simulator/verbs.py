"""The TwiML verbs. Each takes the walk and its element, and returns where to go next, or None for the next verb."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from uuid import uuid4
from xml.etree.ElementTree import Element

from simulator.calls import HOTLINE, NETWORK, Call, Callback, CallOver, CallStatus, Input, InputKind, Leg, Source
from simulator.conferences import take_part
from simulator.pace import SECONDS_PER_CHARACTER
from simulator.recordings import Recording
from simulator.webhooks import WebhookFailed

if TYPE_CHECKING:
    from simulator.engine import Walk
    from simulator.network import Network

_SOUND_SECONDS = 2.0
# Twilio plays loop="0" until the call ends; a thousand times is long enough for a call on a desk.
_ENDLESS = 1000
# "auto" stops at the first pause in speech.
_AUTO_SECONDS = 1.0
_DEFAULT_TIMEOUT = 5.0
_LONGEST_RECORDING = 3600.0
_DEFAULT_RING = 30.0
_DEFAULT_TIME_LIMIT = 14_400.0


class LeaveQueue(Exception):
    """<Leave>: out of the queue, on with the action of <Enqueue>."""


# -- speaking ----------------------------------------------------------------------------------------------------


def say(walk: "Walk", verb: Element) -> None:
    words = " ".join("".join(verb.itertext()).split())
    for _ in range(_times(verb)):
        if words and _speak(walk, "say", words, walk.pace.speech(words)):
            return


def play(walk: "Walk", verb: Element) -> None:
    address = (verb.text or "").strip()
    seconds = _SOUND_SECONDS
    if address:
        address = walk.there(address).url
        try:
            seconds = walk.network.webhooks.sound_seconds(address)
        except WebhookFailed as failed:  # as at Twilio: reported, and on with the next verb
            walk.violation(f"{failed.code}: {failed.reason}")
            return
    for _ in range(_times(verb)):
        if _speak(walk, "play", verb.get("digits") or address, walk.pace.machine(seconds)):
            return


def pause(walk: "Walk", verb: Element) -> None:
    walk.call.sleep(walk.pace.machine(_number(verb, "length", 1.0)), until_input=True)


def _speak(walk: "Walk", kind: str, text: str, seconds: float) -> bool:
    """True if the person at the telephone cut in."""
    call = walk.call
    if call.has_input():
        return True
    line = call.add_line(HOTLINE, kind, text)
    call.speaking = True
    try:
        line.cut = call.sleep(seconds, until_input=True)
    finally:
        call.speaking = False
        call.wake()
    return line.cut


# -- listening ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listening:
    kinds: frozenset[InputKind]
    timeout: float
    speech_timeout: float
    digits: int | None
    finish_on: str
    barge_in: bool
    tell_parts: tuple[str, str] | None  # address and method

    @classmethod
    def of(cls, verb: Element) -> "_Listening":
        names = verb.get("input", "dtmf").split()
        timeout = _number(verb, "timeout", _DEFAULT_TIMEOUT)
        kinds = {InputKind.SPEECH if name == "speech" else InputKind.DIGITS for name in names}
        return cls(
            kinds=frozenset(kinds),
            timeout=timeout,
            speech_timeout=_number(verb, "speechTimeout", _AUTO_SECONDS) if verb.get("speechTimeout") else timeout,
            digits=int(_number(verb, "numDigits", 0)) or None,
            finish_on=verb.get("finishOnKey", "#"),
            barge_in=verb.get("bargeIn", "true") != "false",
            tell_parts=(
                (verb.get("partialResultCallback", ""), verb.get("partialResultCallbackMethod", "POST"))
                if verb.get("partialResultCallback")
                else None
            ),
        )


def gather(walk: "Walk", verb: Element) -> Source | None:
    call, how = walk.call, _Listening.of(verb)
    call.listen(how.kinds, barge_in=how.barge_in)
    try:
        for prompt in verb:
            PROMPTS.get(prompt.tag, unsupported)(walk, prompt)
        first = call.next_input(walk.pace.person(how.timeout))
        result = _heard(walk, how, first) if first and first.kind is not InputKind.SILENCE else {}
    except CallOver:
        cut_off = [given.text for given in call.unread() if given.kind is InputKind.SPEECH]
        if cut_off:
            _tell_part(walk, how, cut_off)
        raise
    finally:
        if not call.over:
            call.listen(())
    if not result and verb.get("actionOnEmptyResult", "false") != "true":
        return None
    if not result and InputKind.DIGITS in how.kinds:
        result = {"Digits": ""}
    return walk.action(verb, result)


def _heard(walk: "Walk", how: _Listening, first: Input) -> dict[str, str]:
    """In "dtmf speech" the first one detected wins."""
    return _heard_words(walk, how, first) if first.kind is InputKind.SPEECH else _heard_keys(walk, how, first)


def _heard_words(walk: "Walk", how: _Listening, first: Input) -> dict[str, str]:
    words = [first.text]
    _tell_part(walk, how, words)
    # Words that follow within the silence limit belong to the same utterance.
    while more := walk.call.next_input(walk.pace.machine(how.speech_timeout), own_turn=False):
        if more.kind is InputKind.SPEECH:
            words.append(more.text)
            _tell_part(walk, how, words)
    # The confidence is not always there, as at Twilio.
    return {"SpeechResult": "".join(words)} | ({"Confidence": first.confidence} if first.confidence else {})


def _tell_part(walk: "Walk", how: _Listening, words: list[str]) -> None:
    """In the background, as status callbacks: it may come after the end of the call."""
    if how.tell_parts is None:
        return
    there = walk.there(*how.tell_parts)
    form = {
        "StableSpeechResult": "".join(words[:-1]),
        "UnstableSpeechResult": words[-1],
        "Stability": "0.8",
        "SequenceNumber": str(len(words) - 1),
    }
    walk.network.webhooks.notify(there.url, there.method, walk.form() | form)


def _heard_keys(walk: "Walk", how: _Listening, first: Input) -> dict[str, str]:
    pressed = ""
    given: Input | None = first
    while given is not None and given.kind is not InputKind.SILENCE:
        for key in given.text if given.kind is InputKind.DIGITS else "":
            if key in how.finish_on:
                if pressed:  # without a digit before it the key ends nothing
                    return {"Digits": pressed, "FinishedOnKey": key, "msg": "Gather End"}
                continue
            pressed += key
            if len(pressed) == how.digits:
                return {"Digits": pressed, "FinishedOnKey": "", "msg": "Gather End"}
        given = walk.call.next_input(walk.pace.person(how.timeout))
    return {"Digits": pressed, "FinishedOnKey": "", "msg": "Gather End"} if pressed else {}


def record(walk: "Walk", verb: Element) -> Source | None:
    """Ends by a key, by silence, by its longest length or by hanging up. Nothing said: as at Twilio, the next verb."""
    call = walk.call
    target = walk.there(verb.get("recordingStatusCallback", ""), verb.get("recordingStatusCallbackMethod", "POST"))
    callback = (target.url, target.method) if verb.get("recordingStatusCallback") else ("", "POST")
    made = Recording(call.sid, callback=callback)
    longest = _number(verb, "maxLength", _LONGEST_RECORDING)
    call.event("beep")
    call.listen((InputKind.SPEECH, InputKind.DIGITS))
    call.recording_message = True
    words: list[str] = []
    ended_by = ""
    try:
        ended_by = _listen_to_message(walk, verb, words, longest)
        call.listen(())
    except CallOver:
        if words:  # Twilio asks for the action even then; nobody hears the answer
            action = walk.action(verb, _recorded(walk, made, words, longest) | {"Digits": "hangup"})
            walk.network.webhooks.notify(action.url, action.method, walk.form() | dict(action.params))
        raise
    finally:
        call.recording_message = False
    call.event("recorded")
    return walk.action(verb, _recorded(walk, made, words, longest) | {"Digits": ended_by}) if words else None


def start(walk: "Walk", verb: Element) -> None:
    """Of what can be started, a recording: whatever is said on the call until its end."""
    for child in verb:
        if child.tag != "Recording":
            unsupported(walk, child)
            continue
        target = walk.there(
            child.get("recordingStatusCallback", ""), child.get("recordingStatusCallbackMethod", "POST")
        )
        told = (target.url, target.method) if child.get("recordingStatusCallback") else ("", "POST")
        walk.network.start_recording(walk.call, Recording(walk.call.sid, "StartCallRecordingAPI", callback=told))


def _listen_to_message(walk: "Walk", verb: Element, words: list[str], longest: float) -> str:
    """Collects into `words`; returns the key that ended it."""
    timeout = walk.pace.person(_number(verb, "timeout", _DEFAULT_TIMEOUT))
    while sum(map(len, words)) * SECONDS_PER_CHARACTER < longest and (given := walk.call.next_input(timeout)):
        if given.kind is InputKind.SILENCE:
            break
        if given.kind is InputKind.SPEECH:
            words.append(given.text)
            continue
        if ended_by := next((k for k in given.text if k in verb.get("finishOnKey", "1234567890*#")), ""):
            return ended_by
    return ""


def _recorded(walk: "Walk", made: Recording, words: list[str], longest: float) -> dict[str, str]:
    network = walk.network
    made.finish("".join(words), longest)
    with network.lock:
        network.recordings[made.sid] = made
        network.changed()
    network.tell_recording(walk.call, made)
    return {
        "RecordingSid": made.sid,
        "RecordingUrl": network.media_url(made),
        "RecordingDuration": str(made.seconds),
    }


# -- leaving -----------------------------------------------------------------------------------------------------


def redirect(walk: "Walk", verb: Element) -> Source:
    # A document that sends to itself without a word would otherwise spin as fast as the machine can.
    walk.call.sleep(0.01)
    return walk.there((verb.text or "").strip(), verb.get("method", "POST"))


def hangup(walk: "Walk", _verb: Element) -> NoReturn:
    walk.network.finish(walk.call, CallStatus.COMPLETED)
    raise CallOver


def reject(walk: "Walk", verb: Element) -> NoReturn:
    refused = CallStatus.BUSY if verb.get("reason") == "busy" else CallStatus.NO_ANSWER
    walk.network.finish(walk.call, CallStatus.COMPLETED if walk.call.answered else refused)
    raise CallOver


def leave(_walk: "Walk", _verb: Element) -> NoReturn:
    raise LeaveQueue


def enqueue(walk: "Walk", verb: Element) -> Source:
    """Only the waiting: its music and its end by <Leave>, by the REST API or by hanging up."""
    walk.call.event("queued")
    try:
        while verb.get("waitUrl"):
            walk.nested(walk.there(verb.get("waitUrl", ""), verb.get("waitUrlMethod", "POST")), "wait")
            walk.call.sleep(0.05)
        walk.call.wait_until(lambda: False)
    except LeaveQueue:
        pass
    return walk.action(verb, {"QueueResult": "leave", "QueueSid": "QU" + uuid4().hex, "QueueTime": "0"})


# -- another telephone -------------------------------------------------------------------------------------------


def dial(walk: "Walk", verb: Element) -> Source | None:
    conference = verb.find("Conference")
    if conference is not None:
        return take_part(walk, verb, conference)
    call, network = walk.call, walk.network
    legs = [network.start_leg(_leg(walk, verb, number), _whisper(walk, number)) for number in _numbers(verb)]
    call.event("dialing")
    partner: Call | None = None
    status = CallStatus.CANCELED
    try:
        partner = _first_to_answer(call, legs)
        status = CallStatus.COMPLETED if partner else _why_nobody(legs)
        if partner is None:
            call.event(status.value)
        else:
            _hang_up(network, [leg for leg in legs if leg is not partner])
            network.connect(call, partner)
            _talk(call, partner, walk.pace.person(_number(verb, "timeLimit", _DEFAULT_TIME_LIMIT)))
    except CallOver:
        if verb.get("action"):  # the caller hung up: Twilio still tells the action, nobody hears the answer
            action = walk.action(verb, _dial_result(status, partner))
            network.webhooks.notify(action.url, action.method, walk.form() | dict(action.params))
        raise
    finally:
        network.disconnect(call)
        _hang_up(network, legs)
    return walk.action(verb, _dial_result(status, partner)) if verb.get("action") else None


def _first_to_answer(call: Call, legs: list[Call]) -> Call | None:
    def connectable() -> list[Call]:
        return [leg for leg in legs if leg.ready and not leg.over]

    call.wait_until(lambda: bool(connectable()) or all(leg.over for leg in legs))
    return next(iter(connectable()), None)


def _talk(call: Call, partner: Call, seconds: float) -> None:
    call.wait_until(lambda: partner.over or call.bridge is not partner, seconds)
    call.event("disconnected")


def _why_nobody(legs: list[Call]) -> CallStatus:
    outcomes = {leg.status for leg in legs}
    if CallStatus.BUSY in outcomes:
        return CallStatus.BUSY
    # A leg that was answered but hung up in its announcement counts as nobody.
    if outcomes & {CallStatus.NO_ANSWER, CallStatus.COMPLETED, CallStatus.CANCELED}:
        return CallStatus.NO_ANSWER
    return CallStatus.FAILED


def _hang_up(network: "Network", legs: list[Call]) -> None:
    for leg in legs:
        if not leg.left:
            network.finish(leg, CallStatus.COMPLETED if leg.answered else CallStatus.CANCELED)


def _dial_result(status: CallStatus, best: Call | None) -> dict[str, str]:
    result = {"DialCallStatus": status.value, "DialBridged": "true" if best else "false"}
    if best is not None:
        result |= {"DialCallSid": best.sid, "DialCallDuration": str(best.seconds)}
    return result


def _numbers(verb: Element) -> list[Element]:
    """<Dial>+86…</Dial> and <Dial><Number>…</Number></Dial>."""
    numbers = verb.findall("Number")
    if not numbers and (verb.text or "").strip():
        plain = Element("Number")
        plain.text = verb.text
        numbers = [plain]
    return numbers


def _leg(walk: "Walk", verb: Element, number: Element) -> Leg:
    to = "".join(c for c in (number.text or "") if c.isdigit() or c == "+")
    callbacks: tuple[Callback, ...] = ()
    if number.get("statusCallback"):
        events = frozenset(number.get("statusCallbackEvent", "completed").split())
        target = walk.there(number.get("statusCallback", ""), number.get("statusCallbackMethod", "POST"))
        callbacks = (Callback(target.url, target.method, events),)
    return Leg(
        number=to,
        direction="outbound-dial",
        from_=verb.get("callerId")
        or (walk.call.leg.from_ if walk.call.leg.direction == "inbound" else walk.call.leg.to),
        to=to,
        parent=walk.call,
        callbacks=callbacks,
        ring_seconds=_number(verb, "timeout", _DEFAULT_RING),
    )


def _whisper(walk: "Walk", number: Element) -> Source | None:
    url = number.get("url")
    return walk.there(url, number.get("method", "POST")) if url else None


# -- the rest ----------------------------------------------------------------------------------------------------


def unsupported(walk: "Walk", verb: Element) -> None:
    walk.call.add_line(NETWORK, "unsupported", verb.tag)
    walk.violation(f"<{verb.tag}> is not supported by this network")


def _times(verb: Element) -> int:
    return int(_number(verb, "loop", 1)) or _ENDLESS


def _number(verb: Element, name: str, default: float) -> float:
    """An attribute as a number; "auto" and nonsense are the default, as at Twilio (which warns)."""
    try:
        return max(0.0, float(verb.get(name, default)))
    except ValueError:
        return default


Verb = Callable[["Walk", Element], Source | None]

PROMPTS: dict[str, Callable[["Walk", Element], None]] = {"Say": say, "Play": play, "Pause": pause}
VERBS: dict[str, Verb] = {
    "Say": say,
    "Play": play,
    "Pause": pause,
    "Gather": gather,
    "Record": record,
    "Start": start,
    "Redirect": redirect,
    "Hangup": hangup,
    "Reject": reject,
    "Leave": leave,
    "Enqueue": enqueue,
    "Dial": dial,
}
