"""The REST API of conferences and their participants."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from xml.etree import ElementTree as ET

from flask import Blueprint, request

from simulator.calls import Source
from simulator.conferences import Participant, Room
from simulator.faults import may_fail
from simulator.network import Network
from simulator.rest_answers import page_json, rfc_date
from simulator.rest_requests import Refused, form, given_yes, http_method, new_leg, not_found, query, web_address


def add_conferences(api: Blueprint, network: Network, account_path: str) -> None:
    _add_rooms(api, network, f"{account_path}/Conferences")
    _add_participants(api, network, f"{account_path}/Conferences/<conference>/Participants")


def _add_rooms(api: Blueprint, network: Network, path: str) -> None:
    @api.get(f"{path}.json")
    def list_conferences(account: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked = query("conference_filters")
        found = [
            room
            for room in reversed(list(network.rooms.by_sid.values()))
            if asked.get("FriendlyName", room.name) == room.name and asked.get("Status", room.status) == room.status
        ]
        rooms = may_fail(network, lambda: found)
        return page_json("conferences", (_room_json(network, room) for room in rooms), len(rooms))

    @api.get(f"{path}/<sid>.json")
    def fetch_conference(account: str, sid: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        return _room_json(network, _room(network, sid))

    @api.post(f"{path}/<sid>.json")
    def update_conference(account: str, sid: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked = form("conference_update_parameters")
        room = _room(network, sid)
        if asked.get("Status") not in {None, "completed"}:
            raise Refused(20001, f"Invalid status {asked['Status']}: completed")
        if asked.get("Status"):
            may_fail(network, lambda: network.rooms.end(room))
        return _room_json(network, room)


def _add_participants(api: Blueprint, network: Network, path: str) -> None:
    @api.post(f"{path}.json")
    def create_participant(account: str, conference: str) -> tuple[dict[str, Any], int]:  # noqa: ARG001 - checked by the guard
        asked = form("participant_parameters")
        return may_fail(network, lambda: _ring(network, conference, asked)), HTTPStatus.CREATED

    @api.get(f"{path}.json")
    def list_participants(account: str, conference: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked, room = query("participant_filters"), _room(network, conference)

        def fits(p: Participant) -> bool:
            flags = {"Muted": p.muted, "Hold": p.hold, "Coaching": bool(p.coaches)}
            return all(asked.get(name, str(is_so).lower()) == str(is_so).lower() for name, is_so in flags.items())

        found = may_fail(network, lambda: [p for p in room.participants.values() if fits(p)])
        return page_json("participants", (_participant_json(network, room, p) for p in found), len(found))

    @api.get(f"{path}/<call>.json")
    def fetch_participant(account: str, conference: str, call: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        room = _room(network, conference)
        return _participant_json(network, room, _participant(room, call))

    @api.post(f"{path}/<call>.json")
    def update_participant(account: str, conference: str, call: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked = form("participant_update_parameters")
        room = _room(network, conference)
        participant = _participant(room, call)
        if not participant.joined:
            raise not_found()
        may_fail(network, lambda: network.rooms.change(room, participant, lambda p: _apply(room, p, asked)))
        return _participant_json(network, room, participant)

    @api.delete(f"{path}/<call>.json")
    def remove_participant(account: str, conference: str, call: str) -> tuple[str, int]:  # noqa: ARG001 - checked by the guard
        room = _room(network, conference)
        participant = _participant(room, call)

        def put_out(p: Participant) -> None:
            p.out = True

        may_fail(network, lambda: network.rooms.change(room, participant, put_out))
        return "", HTTPStatus.NO_CONTENT


def _ring(network: Network, conference: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """The call of a participant is an outgoing call whose document puts it into the conference."""
    leg = new_leg(network, asked)
    coaching = given_yes(asked, "Coaching", default="CallSidToCoach" in asked)
    if coaching and not asked.get("CallSidToCoach"):
        raise Refused(20001, "CallSidToCoach is required when Coaching is true")
    room = network.rooms.named(conference)
    response = ET.Element("Response")
    noun = ET.SubElement(ET.SubElement(response, "Dial"), "Conference")
    noun.text = room.name
    attributes = {
        "participantLabel": asked.get("Label", ""),
        "muted": str(given_yes(asked, "Muted", default=False)).lower(),
        "coach": asked["CallSidToCoach"] if coaching else "",
        "startConferenceOnEnter": asked.get("StartConferenceOnEnter", "true").lower(),
        "endConferenceOnExit": asked.get("EndConferenceOnExit", "false").lower(),
        "waitUrl": web_address(asked, "WaitUrl", 21205) if asked.get("WaitUrl") else "",
        "waitMethod": http_method(asked, "WaitMethod"),
    }
    if asked.get("ConferenceStatusCallback"):
        attributes |= {
            "statusCallback": web_address(asked, "ConferenceStatusCallback", 21609),
            "statusCallbackMethod": http_method(asked, "ConferenceStatusCallbackMethod"),
            "statusCallbackEvent": " ".join(request.form.getlist("ConferenceStatusCallbackEvent") or ["start", "end"]),
        }
    for name, value in attributes.items():
        if value:
            noun.set(name, value)
    document = Source(twiml=ET.tostring(response, encoding="unicode"))
    return network.place(
        leg,
        document,
        lambda call: _participant_json(network, room, network.rooms.expect(room, call, asked.get("Label", ""))),
    )


def _apply(room: Room, participant: Participant, asked: Mapping[str, str]) -> None:
    participant.muted = given_yes(asked, "Muted", default=participant.muted)
    participant.hold = given_yes(asked, "Hold", default=participant.hold)
    if asked.get("HoldUrl"):
        participant.hold_music = Source(
            url=web_address(asked, "HoldUrl", 21205), method=http_method(asked, "HoldMethod")
        )
    if "Coaching" in asked or "CallSidToCoach" in asked:
        whom = asked.get("CallSidToCoach", participant.coaches)
        coaching = given_yes(asked, "Coaching", default=bool(whom))
        if coaching and whom not in room.participants:
            raise Refused(16025, "CallSidToCoach is not in this conference")
        participant.coaches = whom if coaching else ""
    if "EndConferenceOnExit" in asked:
        participant.ends = given_yes(asked, "EndConferenceOnExit", default=False)


def _room(network: Network, sid: str) -> Room:
    if sid not in network.rooms.by_sid:
        raise not_found()
    return network.rooms.by_sid[sid]


def _participant(room: Room, call: str) -> Participant:
    """By call sid or label; only of a conference that goes on, as at Twilio."""
    for sid, participant in room.participants.items():
        if call in (sid, participant.label) and room.status != "completed":
            return participant
    raise not_found()


def _room_json(network: Network, room: Room) -> dict[str, Any]:
    account = network.config.account_sid
    uri = f"/2010-04-01/Accounts/{account}/Conferences/{room.sid}"
    return {
        "sid": room.sid,
        "account_sid": account,
        "friendly_name": room.name,
        "status": room.status,
        "date_created": rfc_date(room.created),
        "date_updated": rfc_date(room.updated),
        "api_version": "2010-04-01",
        "region": "us1",
        "uri": f"{uri}.json",
        "subresource_uris": {"participants": f"{uri}/Participants.json"},
        "call_sid_ending_conference": None,
    } | ({"reason_conference_ended": room.ended_because} if room.ended_because else {})


def _participant_json(network: Network, room: Room, participant: Participant) -> dict[str, Any]:
    account, call = network.config.account_sid, participant.call
    return {
        "account_sid": account,
        "call_sid": call.sid,
        "label": participant.label or None,
        "call_sid_to_coach": participant.coaches or None,
        "coaching": bool(participant.coaches),
        "conference_sid": room.sid,
        "date_created": rfc_date(call.created),
        "date_updated": rfc_date(call.updated),
        "end_conference_on_exit": participant.ends,
        "muted": participant.muted,
        "hold": participant.hold,
        "start_conference_on_enter": participant.starts,
        "status": "connected" if participant.joined else "ringing" if call.status == "ringing" else "queued",
        "queue_time": str(call.queue_ms),
        "uri": f"/2010-04-01/Accounts/{account}/Conferences/{room.sid}/Participants/{call.sid}.json",
    }
