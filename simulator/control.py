"""The control API: what people do at their telephones, for the page, the command line and tests. JSON both ways.

Every write needs `Content-Type: application/json`, which a foreign web page cannot send here without asking.
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, jsonify, request

from simulator.calls import Call, Input, InputKind
from simulator.config import words
from simulator.network import Impossible, Network
from simulator.phones import Phone
from simulator.webhooks import CallbackWeather

_LONGEST_WAIT_SECONDS = 25.0
_SHOWN_LINES, _SHOWN_TEXTS = 120, 20
_FAULTS = frozenset({"busy", "error", "lost", "hang", "late"})
_MEDIA_FAULTS = frozenset({"media-missing", "media-error"})
_KEYS = frozenset("0123456789*#")


def control_api(network: Network) -> Blueprint:
    api = Blueprint("control", __name__)

    @api.errorhandler(Impossible)
    def impossible(error: Impossible) -> tuple[Response, int]:
        return jsonify(error=str(error)), HTTPStatus.CONFLICT

    _telephones(api, network)
    _voices(api, network)
    _views(api, network)
    _drills(api, network)
    _weather(api, network)
    _records(api, network)
    return api


def _telephones(api: Blueprint, network: Network) -> None:
    @api.get("/api/phones/<number>")
    def phone(number: str) -> dict[str, Any]:
        if number not in network.phones:
            raise Impossible(f"no telephone {number}")
        with network.lock:
            return _phone_json(network.phones[number])

    @api.put("/api/phones/<number>")
    def set_phone(number: str) -> dict[str, Any]:
        body = _body()
        state, label = body.get("state"), body.get("label")
        return _phone_json(network.set_phone(number, state=state, label=label))

    @api.post("/api/phones/<number>/dial")
    def dial(number: str) -> tuple[dict[str, Any], int]:
        body = _body()
        to = str(body.get("to") or network.config.hotline_numbers[0])
        call = network.dial(number, to, withheld=bool(body.get("withheld")))
        return _call_json(call), HTTPStatus.CREATED

    @api.post("/api/phones/<number>/answer")
    def answer(number: str) -> dict[str, Any]:
        _body()
        return _call_json(network.answer(number))

    @api.post("/api/phones/<number>/hangup")
    def hang_up(number: str) -> dict[str, Any]:
        _body()
        return _call_json(network.put_down(number))


def _voices(api: Blueprint, network: Network) -> None:
    @api.post("/api/phones/<number>/say")
    def say(number: str) -> dict[str, Any]:
        """`polite`: when the other side has finished; else now, and `heard` says whether anybody listened."""
        body = _body()
        text = str(body.get("text", "")).strip()
        if not text:
            raise Impossible("nothing to say")
        given = Input(InputKind.SPEECH, text, bool(body.get("polite")), str(body.get("confidence", "0.91")))
        return {"heard": network.put_in(number, given)}

    @api.post("/api/phones/<number>/press")
    def press(number: str) -> dict[str, Any]:
        body = _body()
        keys = str(body.get("digits", ""))
        if not keys or set(keys) - _KEYS:
            raise Impossible(f"no such keys: {keys!r}")
        return {"heard": network.put_in(number, Input(InputKind.DIGITS, keys, bool(body.get("polite"))))}

    @api.post("/api/phones/<number>/silence")
    def stay_silent(number: str) -> dict[str, Any]:
        """The next time somebody listens, that listening runs out at once."""
        _body()
        return {"heard": network.put_in(number, Input(InputKind.SILENCE, "", polite=True))}


def _views(api: Blueprint, network: Network) -> None:
    @api.get("/api/desk")
    def desk() -> dict[str, Any]:
        """The whole desk, as soon as it differs from revision `after`, at the latest after `wait` seconds."""
        revision = _wait(network)
        with network.lock:
            return {
                "revision": revision,
                "speed": network.config.speed,
                "hotline": list(network.config.hotline_numbers),
                "violations": len(network.violations),
                "phones": [_phone_json(phone) for phone in network.phones.values()],
            }

    @api.get("/api/words")
    def texts_of_this_network() -> dict[str, Any]:
        return words()

    @api.get("/api/calls/<sid>")
    def call(sid: str) -> dict[str, Any]:
        """A call and its transcript after line `lines_after`; waits as /api/desk does."""
        if sid not in network.calls:
            raise Impossible(f"no call {sid}")
        revision = _wait(network)
        return _call_json(network.calls[sid], _integer("lines_after")) | {"revision": revision}

    @api.get("/api/calls")
    def calls() -> list[dict[str, Any]]:
        number = _number_asked()
        found = [c for c in list(network.calls.values()) if number in {None, c.leg.number}]
        return [_call_json(c) for c in found[-_SHOWN_LINES:]]

    @api.get("/api/texts")
    def texts() -> list[dict[str, Any]]:
        number = _number_asked()
        with network.lock:
            return [_text_json(t) for t in network.texts.values() if number in {None, t.to}]


def _drills(api: Blueprint, network: Network) -> None:
    @api.post("/api/faults")
    def order_faults() -> dict[str, Any]:
        """The next `count` REST requests fail: busy (429), error (500, not done), lost (500, done), hang (no answer), late (14 s);
        the next requests for the sound of a recording: media-missing (404: not made yet), media-error (500).
        """
        body = _body()
        fault, count = str(body.get("fault", "")), body.get("count", 1)
        if fault not in _FAULTS | _MEDIA_FAULTS or not isinstance(count, int) or not 0 < count <= 1000:  # noqa: PLR2004 - a drill, not a siege
            raise Impossible(f"fault must be one of {', '.join(sorted(_FAULTS | _MEDIA_FAULTS))}, count 1 to 1000")
        if fault in _MEDIA_FAULTS:
            network.media_faults.extend([fault] * count)
            return {"faults": list(network.media_faults)}
        network.faults.extend([fault] * count)
        return {"faults": list(network.faults)}

    @api.delete("/api/faults")
    def mend() -> dict[str, Any]:
        network.faults.clear()
        return {"faults": []}

    @api.get("/violations.json")
    def violations() -> list[dict[str, Any]]:
        return list(network.violations)

    @api.delete("/violations.json")
    def forget_violations() -> tuple[str, int]:
        network.violations.clear()
        network.changed()
        return "", HTTPStatus.NO_CONTENT


def _records(api: Blueprint, network: Network) -> None:
    @api.get("/api/record")
    def record() -> dict[str, Any]:
        """Every call and text with its instants, without the words; `ringing=1`: only calls that ring right now."""
        revision = _wait(network)
        ringing = request.args.get("ringing", type=bool)
        with network.lock:
            calls = [_record_json(c) for c in network.calls.values() if not ringing or c.phase == "ringing"]
            texts = [] if ringing else [_text_json(t) for t in network.texts.values()]
        return {"revision": revision, "calls": calls, "texts": texts}


def _weather(api: Blueprint, network: Network) -> None:
    @api.put("/api/latency")
    def set_latency() -> dict[str, Any]:
        """How long every REST request takes from now on, half of it before and half after it is done."""
        seconds = _body().get("seconds")
        if not isinstance(seconds, int | float) or not 0 <= seconds <= 60:  # noqa: PLR2004 - longer is `hang`
            raise Impossible("seconds must be 0 to 60")
        network.rest_seconds = float(seconds)
        return {"seconds": seconds}

    @api.put("/api/callbacks")
    def set_weather() -> dict[str, Any]:
        """From now on; {} mends everything."""
        body = _body()
        try:
            network.webhooks.weather = CallbackWeather(**body)
        except (TypeError, ValueError) as exc:
            raise Impossible(str(exc)) from exc
        return body


def _body() -> dict[str, Any]:
    body = request.get_json()
    if not isinstance(body, dict):
        raise Impossible("the body must be a JSON object")
    return body


def _wait(network: Network) -> int:
    seconds = min(_LONGEST_WAIT_SECONDS, max(0.0, request.args.get("wait", 0.0, type=float)))
    return network.wait_for_change(_integer("after", -1), seconds)


def _number_asked() -> str | None:
    """A plus sign that was not written %2B arrives as a space."""
    number = request.args.get("number")
    return number and number.replace(" ", "+")


def _integer(name: str, default: int = 0) -> int:
    return request.args.get(name, default, type=int)


def _phone_json(phone: Phone) -> dict[str, Any]:
    shown = phone.call or phone.last_call
    return {
        "number": phone.number,
        "label": phone.label,
        "kind": phone.kind,
        "state": phone.state.value,
        "phase": phone.call.phase if phone.call else "idle",
        "call": _call_json(shown, max(0, len(shown.lines) - _SHOWN_LINES)) if shown else None,
        "texts": [_text_json(text) for text in phone.texts[-_SHOWN_TEXTS:]],
        "messages": [_text_json(message) for message in phone.messages[-_SHOWN_TEXTS:]],
    }


def _call_json(call: Call, lines_after: int = 0) -> dict[str, Any]:
    leg = call.leg
    return {
        "sid": call.sid,
        "number": leg.number,
        "direction": leg.direction,
        "from": leg.from_,
        "to": leg.to,
        "other": leg.to if leg.direction == "inbound" else leg.from_,
        "status": call.status.value,
        "phase": call.phase,
        "speaking": call.speaking,
        "recording": call.recording_message,
        "listening": sorted(kind.value for kind in call.listening_for),
        "bridged": call.bridge.leg.number if call.bridge else None,
        "audience": [other.leg.number for other in call.audience()] if call.audience else None,
        "created": call.created.isoformat(),
        "lines": call.lines_after(lines_after),
    }


def _record_json(call: Call) -> dict[str, Any]:
    """`events`: when each happened first; `pressed`: keys that somebody heard."""
    events: dict[str, str] = {}
    for line in call.lines:
        if line.kind == "event":
            events.setdefault(line.text, (call.created + timedelta(seconds=line.at)).isoformat())
    return {
        "sid": call.sid,
        "number": call.leg.number,
        "direction": call.leg.direction,
        "parent": call.leg.parent.sid if call.leg.parent else None,
        "status": call.status.value,
        "placed_with": call.placed_with,
        "created": call.created.isoformat(),
        "events": events,
        "pressed": [line.text for line in call.lines if line.kind == "press" and line.heard],
    }


def _text_json(text: Any) -> dict[str, Any]:
    return {
        "sid": text.sid,
        "from": text.from_,
        "to": text.to,
        "body": text.body,
        "status": text.status,
        "at": text.created.isoformat(),
    }
