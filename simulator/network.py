"""The network itself: telephones, calls, texts, and everything that can be done with them.

One lock guards it all; every waiting is a condition on that lock, and no webhook is made while it is held.
"""

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, TypeVar

import structlog

from simulator.calls import (
    Call,
    Callback,
    CallOver,
    CallStatus,
    Diverted,
    Input,
    InputKind,
    Leg,
    Source,
)
from simulator.conferences import Rooms
from simulator.config import Config, words
from simulator.engine import Walk
from simulator.grammar import Grammar
from simulator.pace import Pace
from simulator.phones import ChatMessage, Phone, PhoneState, Text
from simulator.recordings import Recording
from simulator.webhooks import Webhooks

T = TypeVar("T")

_LOG = structlog.get_logger()
_VOICEMAIL_AFTER_SECONDS = 8.0
_VOICEMAIL_RECORDS_SECONDS = 60.0
_SETUP_SECONDS = 0.5
_KEPT = 2000
_CALLABLE = re.compile(r"\+\d{3,15}")
_UNREACHABLE_HANDSET = 30003  # Twilio's error code of an undelivered text


class Impossible(Exception):
    """The telephone cannot do that now; the message says why."""


class Network:
    """See the module. `close` ends every call."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.pace = Pace(config.speed, config.patience)
        self.webhooks = Webhooks({a.sid: a.token for a in config.accounts}, config.webhook_limit)
        self.grammar = Grammar(config.twiml_xsd)
        self.lock = threading.RLock()
        self.phones: dict[str, Phone] = {p.number: Phone(p.number, p.label, p.kind) for p in config.phones}
        self.calls: dict[str, Call] = {}
        self.texts: dict[str, Text] = {}
        self.rooms = Rooms(self)
        self.recordings: dict[str, Recording] = {}
        self.running: dict[str, Recording] = {}  # of live calls, by the call's sid
        self.media_faults: deque[str] = deque()
        self.violations: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self.faults: deque[str] = deque()
        self.rest_seconds = 0.0  # how long the REST API takes over a request, half of it before anything is done
        self.revision = 0
        self._watchers = threading.Condition(self.lock)
        self._next_slots: dict[str, float] = {}  # by account
        self._greeting: str = words()["voicemail_greeting"]

    def close(self) -> None:
        with self.lock:
            live = [call for call in self.calls.values() if not call.over]
        for call in live:
            self.hang_up(call)
        self.webhooks.close()

    # -- watching ----------------------------------------------------------------------------------------------

    def changed(self) -> None:
        with self.lock:
            self.revision += 1
            self._watchers.notify_all()

    def wait_for_change(self, after: int, seconds: float) -> int:
        """The revision, at once if it differs from `after`, at the latest after `seconds` real seconds."""
        with self.lock:
            self._watchers.wait_for(lambda: self.revision != after, seconds)
            return self.revision

    def violation(self, call: Call, url: str, message: str) -> None:
        _LOG.warning("violation", call=call.sid, url=url, violation=message)
        self.violations.append(
            {"at": datetime.now(UTC).isoformat(), "call_sid": call.sid, "url": url, "message": message}
        )
        self.changed()

    # -- what people do ----------------------------------------------------------------------------------------

    def phone(self, number: str) -> Phone:
        """The telephone of that number; any number that is used becomes one."""
        with self.lock:
            if number not in self.phones:
                self.phones[number] = Phone(number)
                self.changed()
            return self.phones[number]

    def dial(self, number: str, to: str, *, withheld: bool = False) -> Call:
        """A telephone calls the hotline. Raises Impossible."""
        if to not in self.config.hotline_numbers:
            raise Impossible(f"{to} is not a number of the hotline ({', '.join(self.config.hotline_numbers)})")
        if not _CALLABLE.fullmatch(number):
            raise Impossible(f"{number} is not E.164")
        with self.lock:
            phone = self.phone(number)
            if phone.call is not None:
                raise Impossible(f"{number} is in a call")
            status = (Callback(self.config.status_url),) if self.config.status_url else ()
            fallback = self.config.voice_fallback_url
            shown = self.config.withheld_as if withheld else number
            leg = Leg(number, "inbound", shown, to, callbacks=status, fallback=Source(fallback) if fallback else None)
            call = self._add(leg)
            phone.call = phone.last_call = call
            call.set_status(CallStatus.RINGING)
            call.event("dialing")
        self._start(self._incoming, call)
        return call

    def answer(self, number: str) -> Call:
        """Raises Impossible."""
        with self.lock:
            call = self._live(number)
            if call.phase != "ringing":
                raise Impossible(f"{number} does not ring")
            if not self.phone(number).can_answer:
                raise Impossible(f"{number} is set to {self.phone(number).state}")
            self.answered(call)
            return call

    def put_down(self, number: str) -> Call:
        """Hangs up; a ringing telephone declines. Raises Impossible."""
        call = self._live(number)
        if call.phase == "ringing":
            self.finish(call, CallStatus.BUSY)
        else:
            self.hang_up(call)
        return call

    def put_in(self, number: str, given: Input) -> bool | None:
        """Words or keys; as Call.take. Raises Impossible."""
        with self.lock:
            call = self._live(number)
            if not call.answered and not given.polite:
                raise Impossible(f"{number} is not connected")
            return call.take(given)

    def set_phone(self, number: str, *, state: str | None = None, label: str | None = None) -> Phone:
        """Raises Impossible."""
        with self.lock:
            phone = self.phone(number)
            if state is not None:
                try:
                    phone.state = PhoneState(state)
                except ValueError as exc:
                    raise Impossible(f"state must be one of {', '.join(PhoneState)}") from exc
            phone.label = phone.label if label is None else label
            self.changed()
            return phone

    def _live(self, number: str) -> Call:
        call = self.phones[number].call if number in self.phones else None
        if call is None:
            raise Impossible(f"{number} has no call")
        return call

    # -- what the product asks ---------------------------------------------------------------------------------

    def place(self, leg: Leg, source: Source, accepted: Callable[[Call], T]) -> T:
        """An outgoing call by the REST API. What `accepted` makes of it while it is still in the queue is returned."""
        call = self._add(leg)
        call.placed_with = source.url
        answer = accepted(call)
        self._start(self._outgoing, call, source)
        return answer

    def start_leg(self, leg: Leg, announcement: Source | None) -> Call:
        """A leg of <Dial>."""
        call = self._add(leg)
        self._start(self._outgoing, call, announcement)
        return call

    def send_text(self, text: Text) -> Text:
        with self.lock:
            self.texts[text.sid] = text
            self.phone(text.to)
            self.changed()
        threading.Thread(target=self._deliver, args=(text,), name=text.sid, daemon=True).start()
        return text

    def take_message(self, message: ChatMessage) -> None:
        """A chat robot's message is there at once."""
        with self.lock:
            self.phone(message.to).messages.append(message)
            self.changed()

    # -- the life of a call ------------------------------------------------------------------------------------

    def answered(self, call: Call) -> None:
        """Idempotent."""
        with self.lock:
            if call.answered or not call.set_status(CallStatus.IN_PROGRESS):
                return
            call.event("answered")
        self._tell(call, "answered")

    def hang_up(self, call: Call) -> None:
        """By whichever side."""
        self.finish(call, CallStatus.COMPLETED if call.answered else CallStatus.CANCELED)

    def finish(self, call: Call, status: CallStatus) -> None:
        """Idempotent: the first end counts."""
        with self.lock:
            in_queue = call.started is None
            if not call.set_status(status):
                return
            call.event(status.value)
            self.disconnect(call)
            self.rooms.forget(call)
            self.stop_recording(call)
            phone = self.phones.get(call.leg.number)
            if phone is not None and phone.call is call:
                phone.call = None
            self.changed()
        # As at Twilio: a call cancelled in the queue reports nothing.
        if not (in_queue and status is CallStatus.CANCELED):
            self._tell(call, "completed")

    def connect(self, one: Call, other: Call) -> None:
        with self.lock:
            one.bridge, other.bridge = other, one
            for call in (one, other):
                call.event("connected")
                call.wake()

    def disconnect(self, call: Call) -> None:
        with self.lock:
            partner, call.bridge = call.bridge, None
            if partner is not None:
                partner.bridge = None
                partner.wake()
                call.wake()

    def form(self, call: Call) -> dict[str, str]:
        """The parameters of every request about a call."""
        leg = call.leg
        form = {
            "CallSid": call.sid,
            "AccountSid": self.config.account_of(leg.from_).sid,
            "From": leg.from_,
            "To": leg.to,
            "Caller": leg.from_,
            "Called": leg.to,
            "CallStatus": call.status.value,
            "ApiVersion": "2010-04-01",
            "Direction": leg.direction,
        }
        return form | ({"ParentCallSid": leg.parent.sid} if leg.parent else {})

    def _add(self, leg: Leg) -> Call:
        with self.lock:
            call = Call(leg, self.lock, self.changed)
            self.calls[call.sid] = call
            if len(self.calls) > _KEPT:
                oldest = next((sid for sid, old in self.calls.items() if old.over), None)
                if oldest:
                    del self.calls[oldest]
            self.changed()
            return call

    def _start(self, run: Callable[..., None], call: Call, *more: Source | None) -> None:
        def guarded() -> None:
            try:
                run(call, *more)
            except CallOver:
                pass
            finally:
                # Whatever happens to the thread, its call does not stay open.
                self.hang_up(call)

        threading.Thread(target=guarded, name=call.sid, daemon=True).start()

    def _incoming(self, call: Call) -> None:
        Walk(self, call).run(Source(self.config.voice_url))

    def _outgoing(self, call: Call, source: Source | None) -> None:
        if call.leg.parent is None:
            self._wait_for_slot(call)
        self._ring(call)
        walk = Walk(self, call)
        if source is not None:
            walk.run(source, "number" if call.leg.parent else "call")
        if call.leg.parent is not None:
            call.ready = True
            call.wake()
            try:
                call.wait_until(lambda: False)
            except Diverted as diverted:
                call.left = True
                self.disconnect(call)
                call.event("redirected")
                walk.run(diverted.source)

    def _wait_for_slot(self, call: Call) -> None:
        if not self.config.calls_per_second:
            return
        with self.lock:
            now = time.monotonic()
            account = self.config.account_of(call.leg.from_).sid
            slot = max(now, self._next_slots.get(account, 0.0))
            self._next_slots[account] = slot + self.pace.machine(1 / self.config.calls_per_second)
            call.queue_ms = round((slot - now) * 1000)
        call.sleep(slot - now)

    def _ring(self, call: Call) -> None:
        """Until it is answered. Raises CallOver."""
        self._tell(call, "initiated")
        call.sleep(self.pace.machine(_SETUP_SECONDS))
        with self.lock:
            call.check()
            call.started = datetime.now(UTC)
            phone = self.phone(call.leg.number)
            taken = phone.call is not None or phone.state is PhoneState.BUSY
            off = phone.state is PhoneState.OFF
            phone.last_call = phone.last_call if phone.call else call
            if not taken and not off:
                phone.call = call
                call.set_status(CallStatus.RINGING)
                call.event("ringing")
        if taken or off:
            self.finish(call, CallStatus.BUSY if taken else CallStatus.FAILED)
            raise CallOver
        self._tell(call, "ringing")
        limit = call.leg.ring_seconds
        takes_messages = phone.state is PhoneState.VOICEMAIL and limit > _VOICEMAIL_AFTER_SECONDS
        rings = self.pace.person(_VOICEMAIL_AFTER_SECONDS if takes_messages else limit)
        if call.wait_until(lambda: call.answered, rings):
            return
        if not takes_messages:
            self.finish(call, CallStatus.NO_ANSWER)
            raise CallOver
        self.answered(call)
        threading.Thread(target=self._voicemail, args=(call,), name=f"voicemail {call.sid}", daemon=True).start()

    def _voicemail(self, call: Call) -> None:
        """Speaks its greeting whoever listens, records silently, hangs up by itself."""
        # Its words are recognised when they are over: by then somebody may be listening.
        _sleep_unless_over(call, self.pace.speech(self._greeting))
        if not call.over:
            call.take(Input(InputKind.SPEECH, self._greeting))
        _sleep_unless_over(call, self.pace.person(_VOICEMAIL_RECORDS_SECONDS))
        self.hang_up(call)

    def _tell(self, call: Call, event: str) -> None:
        """Status callbacks, in the background: they may overtake each other, as at Twilio; SequenceNumber tells."""
        now = datetime.now(UTC)
        with self.lock:
            form = self.form(call)
            targets = [c for c in call.callbacks if event in c.events]
            if event == "initiated":
                form["CallStatus"] = "initiated"
            if event == "completed":
                form |= {"CallDuration": str(call.seconds), "Duration": str(-(-call.seconds // 60))}
            form |= {
                "Timestamp": format_datetime(now),
                "CallbackSource": "call-progress-events",
                "SequenceNumber": str(call.sequence),
            }
            call.sequence += 1 if targets else 0
        for target in targets:
            self.webhooks.notify(target.url, target.method, form)

    # -- recordings --------------------------------------------------------------------------------------------

    @property
    def base(self) -> str:
        return f"http://{self.config.host}:{self.config.port}"

    def media_url(self, recording: Recording) -> str:
        return f"{self.base}/2010-04-01/Accounts/{self.config.account_sid}/Recordings/{recording.sid}"

    def start_recording(self, call: Call, made: Recording) -> None:
        """Whatever is said on the call from now on, by anybody; one at a time."""
        with self.lock:
            self.recordings[made.sid] = self.running[call.sid] = made
            call.recorded_from = len(call.lines)
            call.event("beep")

    def stop_recording(self, call: Call) -> None:
        with self.lock:
            made = self.running.pop(call.sid, None)
            if made is None:
                return
            said = [line.text for line in call.lines[call.recorded_from :] if line.kind == "say"]
            made.finish("".join(said))
            self.changed()
        self.tell_recording(call, made)

    def tell_recording(self, call: Call, made: Recording) -> None:
        """Its own status callback: in the background, perhaps before the action's answer, perhaps never."""
        address, method = made.callback
        if not address:
            return
        form = {
            "AccountSid": self.config.account_of(call.leg.from_).sid,
            "CallSid": call.sid,
            "RecordingSid": made.sid,
            "RecordingUrl": self.media_url(made),
            "RecordingStatus": made.status,
            "RecordingDuration": str(made.seconds),
            "RecordingChannels": "1",
            "RecordingSource": made.source,
            "RecordingStartTime": format_datetime(made.created),
            "ErrorCode": "0",
        }
        self.webhooks.notify(address, method, form)

    # -- texts -------------------------------------------------------------------------------------------------

    def _deliver(self, text: Text) -> None:
        for status in ("sent", "delivered"):
            time.sleep(self.pace.machine(_SETUP_SECONDS))
            with self.lock:
                phone = self.phone(text.to)
                text.status, text.updated = status, datetime.now(UTC)
                text.sent = text.sent or text.updated
                if status == "delivered" and phone.state is PhoneState.OFF:
                    text.status, text.error_code = "undelivered", _UNREACHABLE_HANDSET
                elif status == "delivered":
                    phone.texts.append(text)
                form = self._text_form(text)
                self.changed()
            if text.callback:
                self.webhooks.notify(text.callback, "POST", form)

    def _text_form(self, text: Text) -> dict[str, str]:
        form = {
            "MessageSid": text.sid,
            "SmsSid": text.sid,
            "AccountSid": self.config.account_of(text.from_).sid,
            "From": text.from_,
            "To": text.to,
            "MessageStatus": text.status,
            "SmsStatus": text.status,
            "ApiVersion": "2010-04-01",
        }
        return form | ({"ErrorCode": str(text.error_code)} if text.error_code else {})


def _sleep_unless_over(call: Call, seconds: float) -> None:
    """For somebody who is on the line without being its thread: diversions are not his business."""
    until = time.monotonic() + seconds
    while not call.over and time.monotonic() < until:
        time.sleep(0.05)
