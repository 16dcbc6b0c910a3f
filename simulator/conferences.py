"""Conferences: who is in, who hears whom, who hears music instead; and what is reported about it.

A participant's own thread stays in `take_part` until it is out; everybody else changes it under the network's lock and
cuts short what it plays.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING
from uuid import uuid4
from xml.etree import ElementTree as ET

from simulator.calls import Call, Callback, CutShort, Source

if TYPE_CHECKING:
    from simulator.engine import Walk
    from simulator.network import Network

_ENOUGH_TO_START = 2
_BETWEEN_PIECES_SECONDS = 0.2  # documents without a pause would otherwise be fetched as fast as the machine can


@dataclass
class Participant:
    """One call in a conference, or on its way there (not `joined`)."""

    call: Call
    label: str = ""
    muted: bool = False
    hold: bool = False
    coaches: str = ""  # sid of the only call that hears this one
    starts: bool = True
    ends: bool = False
    hold_music: Source | None = None
    wait_music: Source | None = None
    joined: bool = False
    out: bool = False
    playing: Source | None = None

    @property
    def there(self) -> bool:
        return self.joined and not self.out


@dataclass
class Room:
    """A conference. `status` runs init, in-progress, completed, in Twilio's words."""

    name: str
    sid: str = field(default_factory=lambda: "CF" + uuid4().hex)
    status: str = "init"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_because: str | None = None
    participants: dict[str, Participant] = field(default_factory=dict)  # by call sid
    callback: Callback | None = None  # of whoever was first
    sequence: int = 0

    @property
    def present(self) -> list[Participant]:
        return [p for p in self.participants.values() if p.there]

    def hears(self, speaker: Participant) -> list[Call]:
        """Who hears what `speaker` says now."""
        if speaker.muted or speaker.hold or self.status != "in-progress" or not speaker.there:
            return []
        others = [p for p in self.present if p is not speaker and not p.hold]
        return [p.call for p in others if not speaker.coaches or p.call.sid == speaker.coaches]

    def music_for(self, participant: Participant) -> Source | None:
        if participant.hold:
            return participant.hold_music
        return participant.wait_music if self.status == "init" else None


class Rooms:
    """All conferences of the network; every method takes the network's lock."""

    def __init__(self, network: "Network") -> None:
        self._network = network
        self.by_sid: dict[str, Room] = {}

    def named(self, name: str) -> Room:
        """The conference of that name (or sid) that is not over; a new one if there is none."""
        with self._network.lock:
            for room in self.by_sid.values():
                if room.status != "completed" and name in (room.name, room.sid):
                    return room
            room = Room(name)
            self.by_sid[room.sid] = room
            return room

    def expect(self, room: Room, call: Call, label: str) -> Participant:
        """Somebody who is being rung; listed from now on."""
        with self._network.lock:
            return room.participants.setdefault(call.sid, Participant(call, label))

    def enter(self, walk: "Walk", noun: ET.Element) -> tuple[Room, Participant]:
        call = walk.call
        with self._network.lock:
            room = self.named((noun.text or "").strip())
            me = room.participants.setdefault(call.sid, Participant(call))
            me.label = noun.get("participantLabel", me.label)
            me.muted = noun.get("muted") == "true"
            me.coaches = noun.get("coach", "")
            me.starts = noun.get("startConferenceOnEnter", "true") == "true"
            me.ends = noun.get("endConferenceOnExit") == "true"
            if noun.get("waitUrl"):
                me.wait_music = walk.there(noun.get("waitUrl", ""), noun.get("waitMethod", "POST"))
            if room.callback is None and noun.get("statusCallback"):
                events = frozenset(noun.get("statusCallbackEvent", "start end").split())
                target = walk.there(noun.get("statusCallback", ""), noun.get("statusCallbackMethod", "POST"))
                room.callback = Callback(target.url, target.method, events)
            me.joined = True
            call.audience = lambda: room.hears(me)
            call.event("conference")
            self._tell(room, "join", "participant-join", me)
            if room.status == "init" and len(room.present) >= _ENOUGH_TO_START and any(p.starts for p in room.present):
                room.status = "in-progress"
                self._tell(room, "start", "conference-start")
            self._changed(room)
            return room, me

    def leave(self, room: Room, me: Participant) -> None:
        with self._network.lock:
            if room.participants.pop(me.call.sid, None) is None:
                return
            was_in, me.out = me.joined, True
            me.call.audience = None
            if was_in:
                self._tell(room, "leave", "participant-leave", me)
            if me.ends and was_in:
                self._end(room, "participant-with-end-conference-on-exit-left")
            elif not room.participants:
                self._end(room, "last-participant-left")
            self._changed(room)

    def forget(self, call: Call) -> None:
        """A call that is over: also one that was rung for a conference and never answered."""
        with self._network.lock:
            for room in list(self.by_sid.values()):
                if call.sid in room.participants:
                    self.leave(room, room.participants[call.sid])

    def end(self, room: Room) -> None:
        with self._network.lock:
            self._end(room, "conference-ended-via-api")

    def change(self, room: Room, participant: Participant, act: Callable[[Participant], None]) -> None:
        """Applies `act` and reports what it changed."""
        with self._network.lock:
            before = (participant.muted, participant.hold, participant.coaches)
            act(participant)
            muted, hold, coaches = before
            if participant.muted != muted:
                self._tell(room, "mute", f"participant-{'mute' if participant.muted else 'unmute'}", participant)
            if participant.hold != hold:
                participant.call.event("held" if participant.hold else "unheld")
                self._tell(room, "hold", f"participant-{'hold' if participant.hold else 'unhold'}", participant)
            if participant.coaches != coaches:
                self._tell(room, "modify", "participant-modify", participant)
            self._changed(room)

    def _end(self, room: Room, reason: str) -> None:
        if room.status == "completed":
            return
        began = room.status == "in-progress"
        room.status, room.ended_because = "completed", reason
        for participant in room.participants.values():
            participant.out = participant.joined
        if began:
            self._tell(room, "end", "conference-end", reason=reason)
        self._changed(room)

    def _changed(self, room: Room) -> None:
        """Everybody in it looks again; music that is not to be heard any more stops."""
        room.updated = datetime.now(UTC)
        for participant in room.participants.values():
            if participant.playing is not None and participant.playing is not room.music_for(participant):
                participant.call.cut_short()
            participant.call.wake()

    def _tell(self, room: Room, event: str, name: str, who: Participant | None = None, reason: str = "") -> None:
        """In the background: reports may overtake each other, as at Twilio; SequenceNumber tells."""
        room.sequence += 1
        callback = room.callback
        if callback is None or event not in callback.events:
            return
        form = {
            "ConferenceSid": room.sid,
            "FriendlyName": room.name,
            "AccountSid": self._network.config.account_sid,
            "Timestamp": format_datetime(datetime.now(UTC)),
            "StatusCallbackEvent": name,
            "SequenceNumber": str(room.sequence),
        }
        if who is not None:
            form |= {
                "CallSid": who.call.sid,
                "Muted": str(who.muted).lower(),
                "Hold": str(who.hold).lower(),
                "Coaching": str(bool(who.coaches)).lower(),
                "StartConferenceOnEnter": str(who.starts).lower(),
                "EndConferenceOnExit": str(who.ends).lower(),
            }
            form |= {"ParticipantLabel": who.label} if who.label else {}
        if reason:
            form["ReasonConferenceEnded"] = reason
        self._network.webhooks.notify(callback.url, callback.method, form)


def take_part(walk: "Walk", dial: ET.Element, noun: ET.Element) -> Source | None:
    """<Dial><Conference>: until the call hangs up, is sent elsewhere, is removed, or the conference ends."""
    call, rooms = walk.call, walk.network.rooms
    room, me = rooms.enter(walk, noun)
    try:
        while not me.out:
            try:
                _listen_or_play(walk, room, me)
            except CutShort:
                continue
    finally:
        rooms.leave(room, me)
    call.event("left_conference")
    return walk.action(dial, {"DialCallStatus": "answered"}) if dial.get("action") else None


def _listen_or_play(walk: "Walk", room: Room, me: Participant) -> None:
    me.playing = room.music_for(me)
    if me.playing is None:
        walk.call.wait_until(lambda: me.out or room.music_for(me) is not None)
        return
    try:
        walk.nested(me.playing, "wait")
        walk.call.sleep(_BETWEEN_PIECES_SECONDS)
    finally:
        me.playing = None
