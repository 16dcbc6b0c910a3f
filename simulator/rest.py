"""The REST API, as Twilio's 2010-04-01: calls, messages, and the faults that a drill has ordered."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, request

from simulator.calls import Call, Callback, CallStatus, Source
from simulator.faults import may_fail
from simulator.network import Network
from simulator.rest_answers import call_json, page_json, text_json
from simulator.rest_conferences import add_conferences
from simulator.rest_recordings import add_recordings
from simulator.rest_requests import (
    Refused,
    asks,
    call_matches,
    form,
    given_source,
    http_method,
    new_leg,
    new_text,
    not_found,
    query,
    text_matches,
    web_address,
)

_ACCOUNT = "/2010-04-01/Accounts/<account>"

T = TypeVar("T")


def rest_api(network: Network) -> Blueprint:
    """Everything behind basic authentication with the one account's sid and token."""
    api = Blueprint("rest", __name__)
    _guard(api, network)
    _calls(api, network)
    _messages(api, network)
    add_recordings(api, network, _ACCOUNT)
    add_conferences(api, network, _ACCOUNT)

    @api.route(f"{_ACCOUNT}/<path:_rest>", methods=["GET", "POST", "DELETE"])
    def nothing_here(account: str, _rest: str) -> Response:  # noqa: ARG001 - checked by the guard
        raise not_found()

    return api


def _guard(api: Blueprint, network: Network) -> None:

    @api.errorhandler(Refused)
    def refused(error: Refused) -> tuple[Response, int]:
        body = {
            "code": error.code,
            "message": error.message,
            "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
            "status": error.status.value,
        }
        return jsonify(body), error.status.value

    @api.before_request
    def authenticate() -> None:
        given = request.authorization
        known = (
            given is not None
            and given.type == "basic"
            and any(
                hmac.compare_digest(given.username or "", account.sid)
                and hmac.compare_digest(given.password or "", account.token)
                for account in network.config.accounts
            )
        )
        if given is None or not known:
            raise Refused(20003, "Authenticate", HTTPStatus.UNAUTHORIZED)
        if (request.view_args or {}).get("account") != given.username:
            raise not_found()


def _calls(api: Blueprint, network: Network) -> None:
    @api.post(f"{_ACCOUNT}/Calls.json")
    def create_call(account: str) -> tuple[dict[str, Any], int]:  # noqa: ARG001 - checked by the guard
        asked = form("call_parameters")
        leg, source = new_leg(network, asked), given_source(asked)
        if source is None:
            raise Refused(21205, "Url parameter is required")
        return may_fail(
            network, lambda: network.place(leg, source, lambda call: call_json(network, call))
        ), HTTPStatus.CREATED

    @api.get(f"{_ACCOUNT}/Calls.json")
    def list_calls(account: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked = query("call_filters")
        newest_first = reversed(list(network.calls.values()))
        matches = may_fail(
            network, lambda: [c for c in newest_first if asks(network, c.leg.from_) and call_matches(c, asked)]
        )
        return page_json("calls", (call_json(network, call) for call in matches), len(matches))

    @api.get(f"{_ACCOUNT}/Calls/<sid>.json")
    def fetch_call(account: str, sid: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        return may_fail(network, lambda: call_json(network, _found(network.calls, sid)))

    @api.post(f"{_ACCOUNT}/Calls/<sid>.json")
    def update_call(account: str, sid: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked = form("update_parameters")
        call = _found(network.calls, sid)
        may_fail(network, lambda: _update(network, call, asked))
        return call_json(network, call)

    @api.delete(f"{_ACCOUNT}/Calls/<sid>.json")
    def delete_call(account: str, sid: str) -> tuple[str, int]:  # noqa: ARG001 - checked by the guard
        if not _found(network.calls, sid).over:
            raise Refused(20009, "Cannot delete a call that is in progress", HTTPStatus.CONFLICT)
        with network.lock:
            network.calls.pop(sid, None)
        return "", HTTPStatus.NO_CONTENT


def _messages(api: Blueprint, network: Network) -> None:
    @api.post(f"{_ACCOUNT}/Messages.json")
    def create_message(account: str) -> tuple[dict[str, Any], int]:  # noqa: ARG001 - checked by the guard
        text = new_text(network, form("message_parameters"))
        answer = text_json(network, text)  # as accepted: it may be delivered before the answer is written
        may_fail(network, lambda: network.send_text(text))
        return answer, HTTPStatus.CREATED

    @api.get(f"{_ACCOUNT}/Messages.json")
    def list_messages(account: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        asked = query("message_filters")
        matches = [
            t for t in reversed(list(network.texts.values())) if asks(network, t.from_) and text_matches(t, asked)
        ]
        return page_json("messages", (text_json(network, text) for text in matches), len(matches))

    @api.get(f"{_ACCOUNT}/Messages/<sid>.json")
    def fetch_message(account: str, sid: str) -> dict[str, Any]:  # noqa: ARG001 - checked by the guard
        return text_json(network, _found(network.texts, sid))


def _found(table: Mapping[str, T], sid: str) -> T:
    if sid not in table:
        raise not_found()
    return table[sid]


def _update(network: Network, call: Call, asked: Mapping[str, str]) -> None:
    wanted, source = asked.get("Status"), given_source(asked)
    if wanted not in {None, "completed", "canceled"}:
        raise Refused(21218, f"Invalid status {wanted}: completed or canceled")
    if wanted and source:
        raise Refused(21219, "Status and Url or Twiml exclude each other")
    if wanted == "canceled" and call.answered:
        raise Refused(21220, "Call is in progress: it can be completed, not canceled")
    if asked.get("StatusCallback"):
        url = web_address(asked, "StatusCallback", 21609)
        call.callbacks = (Callback(url, http_method(asked, "StatusCallbackMethod")),)
    if asked.get("FallbackUrl"):
        call.fallback = Source(web_address(asked, "FallbackUrl", 21205), http_method(asked, "FallbackMethod"))
    if wanted:
        network.hang_up(call)
    if source is not None:
        if call.status is not CallStatus.IN_PROGRESS:
            raise Refused(21220, "Call is not in-progress. Cannot redirect.")
        call.divert(source)
