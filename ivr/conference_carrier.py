"""Conferences at the telephone network, behind dialogue.ports.ConferenceCarrier."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from dialogue.leg import Leg, LegMode
from ivr.carrier import EVENTS, TwilioCarrier, sid_of
from kernel.errors import CarrierUnknown

#: What the carrier reports about a conference; "speaker" and "announcement" would be many and mean nothing here.
CONFERENCE_EVENTS = ["start", "end", "join", "leave", "mute", "hold", "modify"]
_NEWEST = 20


def events_path(conversation_id: str) -> str:
    return f"/ivr/conferences/{conversation_id}/events"


def music_path(conversation_id: str) -> str:
    return f"/ivr/conferences/{conversation_id}/music"


def waiting_path(conversation_id: str) -> str:
    """What somebody hears who is in the conference before the caller."""
    return f"/ivr/conferences/{conversation_id}/waiting"


@dataclass(frozen=True, slots=True)
class _Dialled:
    """As fulfillment.ports.Rung."""

    phone: str
    started_at: datetime


class TwilioConferences(TwilioCarrier):
    """A participant's label is its leg's id: so it is found again when the answer to its creation was lost."""

    def ring_leg(self, leg: Leg, *, coached: str) -> tuple[str, str]:
        if leg.asks_for_key:
            return self._ring_person(leg), ""
        to = f"{leg.address}?leg={leg.id}" if leg.address.startswith("client:") else leg.address
        whispers = {"call_sid_to_coach": coached} if leg.wanted is LegMode.WHISPER else {}
        participant = self._client.conferences(leg.conference).participants.create(
            from_=self._line.number,
            to=to,
            label=leg.id,
            timeout=self._line.ring_seconds,
            # With early media a participant would be in the conference while the telephone still rings.
            early_media=False,
            beep="false",
            start_conference_on_enter=True,
            end_conference_on_exit=False,
            muted=leg.wanted is LegMode.LISTEN,
            coaching=leg.wanted is LegMode.WHISPER,
            wait_url=self._line.url(waiting_path(leg.conversation_id)),
            status_callback=self._line.url(f"/ivr/legs/{leg.id}/status"),
            status_callback_event=EVENTS,
            conference_status_callback=self._line.url(events_path(leg.conversation_id)),
            conference_status_callback_event=CONFERENCE_EVENTS,
            **whispers,
        )
        return sid_of(participant.call_sid), participant.conference_sid or ""

    def _ring_person(self, leg: Leg) -> str:
        """A call of its own: a participant would be in the conference when his voicemail has answered."""
        answered = self._line.url(f"/ivr/legs/{leg.id}")
        call = self._client.calls.create(
            from_=self._line.number,
            to=leg.address,
            url=answered,
            method="POST",
            fallback_url=answered,  # the number's own fallback is for residents
            fallback_method="POST",
            status_callback=f"{answered}/status",
            status_callback_event=EVENTS,
            status_callback_method="POST",
            timeout=self._line.ring_seconds,
        )
        return sid_of(call.sid)

    def find_leg(self, leg: Leg, others: Collection[str] = ()) -> tuple[str, str] | None:
        for conference in self._client.conferences.list(friendly_name=leg.conference, limit=_NEWEST):
            for participant in conference.participants.list(limit=_NEWEST):
                if participant.label == leg.id and participant.call_sid:
                    return participant.call_sid, conference.sid or ""
        if leg.asks_for_key and not leg.call_sid:
            sid = self.find_call(_Dialled(leg.address, leg.started_at), others)
            return (sid, "") if sid else None
        return None

    def set_leg(self, leg: Leg, *, coached: str) -> None:
        if not leg.conference_sid:
            msg = f"leg {leg.id}: the conference is not known yet"
            raise CarrierUnknown(msg)
        participant = self._client.conferences(leg.conference_sid).participants(leg.call_sid)
        if leg.wanted is LegMode.HOLD:
            participant.update(hold=True, hold_url=self._line.url(music_path(leg.conversation_id)), hold_method="POST")
        elif leg.wanted is LegMode.WHISPER:
            participant.update(hold=False, muted=False, coaching=True, call_sid_to_coach=coached)
        else:
            participant.update(hold=False, muted=leg.wanted is LegMode.LISTEN, coaching=False)

    def hang_up(self, call_sid: str) -> None:
        self._client.calls(call_sid).update(status="completed")
