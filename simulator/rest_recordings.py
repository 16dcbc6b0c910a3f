"""The REST API of recordings: list, fetch, media, start and stop on a live call, delete."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response

from simulator.calls import CallStatus
from simulator.network import Network
from simulator.recordings import Recording, sound
from simulator.rest_answers import page_json, rfc_date
from simulator.rest_requests import Refused, form, http_method, not_found, on_day, query, web_address

_CURRENT = "Twilio.CURRENT"
_STATUSES = frozenset({"stopped", "paused", "in-progress"})


def add_recordings(api: Blueprint, network: Network, account: str) -> None:
    """`account` is the path of the account, with its placeholder."""
    _add_archive(api, network, account)
    _add_live(api, network, account)


def _add_archive(api: Blueprint, network: Network, account: str) -> None:
    @api.get(f"{account}/Recordings.json")
    def list_recordings(account: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked = query("recording_filters")
        found = [r for r in _newest_first(network) if asked.get("CallSid", r.call_sid) == r.call_sid]
        found = [r for r in found if on_day(r.created, "DateCreated", asked)]
        return page_json("recordings", (recording_json(network, r) for r in found), len(found))

    @api.get(f"{account}/Recordings/<sid>.json")
    def fetch_recording(account: str, sid: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        return recording_json(network, _known(network, sid))

    @api.delete(f"{account}/Recordings/<sid>.json")
    def delete_recording(account: str, sid: str) -> tuple[str, int]:  # noqa: ARG001 - checked by the guard
        _known(network, sid)
        with network.lock:
            network.recordings.pop(sid, None)
            network.changed()
        return "", HTTPStatus.NO_CONTENT

    @api.get(f"{account}/Recordings/<name>")
    def media(account: str, name: str) -> Response:  # noqa: ARG001 - checked by the guard
        """WAV without an ending, as at Twilio; `.txt`, which Twilio has not, are the words."""
        sid, _, ending = name.partition(".")
        recording = _known(network, sid)
        fault = network.media_faults.popleft() if network.media_faults else ""
        if fault == "media-missing" or recording.status != "completed" or ending not in {"", "wav", "txt"}:
            raise not_found()
        if fault == "media-error":
            raise Refused(20500, "Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR)
        if ending == "txt":
            return Response(recording.words, mimetype="text/plain")
        return Response(sound(recording), mimetype="audio/x-wav")


def _add_live(api: Blueprint, network: Network, account: str) -> None:
    @api.get(f"{account}/Calls/<call_sid>/Recordings.json")
    def list_of_call(account: str, call_sid: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        found = [r for r in _newest_first(network) if r.call_sid == call_sid]
        return page_json("recordings", (recording_json(network, r) for r in found), len(found))

    @api.post(f"{account}/Calls/<call_sid>/Recordings.json")
    def start(account: str, call_sid: str) -> tuple[dict[str, Any], int]:  # noqa: ARG001 - checked by the guard
        asked = form("recording_parameters")
        call = network.calls.get(call_sid)
        if call is None:
            raise not_found()
        if call.status is not CallStatus.IN_PROGRESS:
            raise Refused(21220, "Requested resource is not eligible for recording")
        told = asked.get("RecordingStatusCallback")
        url = web_address(asked, "RecordingStatusCallback", 21609) if told else ""
        made = Recording(
            call_sid, "StartCallRecordingAPI", callback=(url, http_method(asked, "RecordingStatusCallbackMethod"))
        )
        network.start_recording(call, made)
        return recording_json(network, made), HTTPStatus.CREATED

    @api.post(f"{account}/Calls/<call_sid>/Recordings/<sid>.json")
    def change(account: str, call_sid: str, sid: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked = form("recording_update_parameters")
        made = network.running.get(call_sid)
        if made is None or sid not in {made.sid, _CURRENT}:
            raise not_found()
        if asked.get("Status") not in _STATUSES:
            raise Refused(20001, f"Invalid Status {asked.get('Status')}")
        if asked["Status"] == "stopped":
            network.stop_recording(network.calls[call_sid])
        return recording_json(network, made)


def recording_json(network: Network, recording: Recording) -> dict[str, Any]:
    account = network.config.account_sid
    uri = f"/2010-04-01/Accounts/{account}/Recordings/{recording.sid}"
    return {
        "sid": recording.sid,
        "account_sid": account,
        "api_version": "2010-04-01",
        "call_sid": recording.call_sid,
        "conference_sid": None,
        "date_created": rfc_date(recording.created),
        "date_updated": rfc_date(recording.updated),
        "start_time": rfc_date(recording.created),
        "duration": str(recording.seconds) if recording.status == "completed" else None,
        "price": None,
        "price_unit": "USD",
        "status": recording.status,
        "channels": 1,
        "source": recording.source,
        "error_code": None,
        "uri": f"{uri}.json",
        "encryption_details": None,
        "subresource_uris": {
            "add_on_results": f"{uri}/AddOnResults.json",
            "transcriptions": f"{uri}/Transcriptions.json",
        },
        "media_url": f"{network.base}{uri}",
    }


def _newest_first(network: Network) -> list[Recording]:
    with network.lock:
        return list(reversed(network.recordings.values()))


def _known(network: Network, sid: str) -> Recording:
    if sid not in network.recordings:
        raise not_found()
    return network.recordings[sid]
