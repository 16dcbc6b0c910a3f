"""How the REST API writes calls, messages and lists."""

from collections.abc import Iterable
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from flask import request

from simulator.calls import Call
from simulator.network import Network
from simulator.phones import Text
from simulator.rest_requests import Refused

_PAGE_SIZE, _PAGE_SIZE_MAX = 50, 1000
_TEXT_UNITS, _TEXT_UNITS_JOINED, _GSM_UNITS, _GSM_UNITS_JOINED = 70, 67, 160, 153


def page_json(name: str, rows: Iterable[dict[str, Any]], total: int) -> dict[str, Any]:
    try:
        size = min(_PAGE_SIZE_MAX, max(1, int(request.args.get("PageSize", _PAGE_SIZE))))
        page = max(0, int(request.args.get("Page", 0)))
    except ValueError as exc:
        raise Refused(20001, "PageSize and Page must be numbers") from exc
    shown = list(rows)[page * size : (page + 1) * size]

    def uri(number: int) -> str:
        kept = {k: v for k, v in request.args.items() if k not in {"Page", "PageToken", "PageSize"}}
        return f"{request.path}?{urlencode(kept | {'PageSize': size, 'Page': number})}"

    return {
        name: shown,
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(0, len(shown) - 1),
        "uri": uri(page),
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1) if (page + 1) * size < total else None,
        "previous_page_uri": uri(page - 1) if page else None,
    }


def call_json(network: Network, call: Call) -> dict[str, Any]:
    leg, sid = call.leg, network.config.account_of(call.leg.from_).sid
    uri = f"/2010-04-01/Accounts/{sid}/Calls/{call.sid}"
    with network.lock:
        return {
            "sid": call.sid,
            "account_sid": sid,
            "parent_call_sid": leg.parent.sid if leg.parent else None,
            "to": leg.to,
            "to_formatted": leg.to,
            "from": leg.from_,
            "from_formatted": leg.from_,
            "phone_number_sid": None,
            "status": call.status.value,
            "date_created": rfc_date(call.created),
            "date_updated": rfc_date(call.updated),
            "start_time": rfc_date(call.started),
            "end_time": rfc_date(call.ended),
            "duration": str(call.seconds) if call.over else None,
            "price": None,
            "price_unit": "USD",
            "direction": leg.direction,
            "answered_by": None,
            "api_version": "2010-04-01",
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": None,
            "queue_time": str(call.queue_ms),
            "trunk_sid": None,
            "uri": f"{uri}.json",
            "subresource_uris": {"recordings": f"{uri}/Recordings.json", "notifications": f"{uri}/Notifications.json"},
        }


def text_json(network: Network, text: Text) -> dict[str, Any]:
    sid = network.config.account_of(text.from_).sid
    uri = f"/2010-04-01/Accounts/{sid}/Messages/{text.sid}"
    with network.lock:
        return {
            "sid": text.sid,
            "account_sid": sid,
            "to": text.to,
            "from": text.from_,
            "body": text.body,
            "num_segments": str(_segments(text.body)),
            "num_media": "0",
            "direction": "outbound-api",
            "status": text.status,
            "date_created": rfc_date(text.created),
            "date_updated": rfc_date(text.updated),
            "date_sent": rfc_date(text.sent),
            "error_code": text.error_code,
            "error_message": None,
            "messaging_service_sid": None,
            "price": None,
            "price_unit": "USD",
            "api_version": "2010-04-01",
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
        }


def rfc_date(instant: datetime | None) -> str | None:
    return format_datetime(instant) if instant else None


def _segments(body: str) -> int:
    """Chinese goes as UCS-2: 70 units in one segment, 67 in each of several."""
    if body.isascii():
        alone, joined, units = _GSM_UNITS, _GSM_UNITS_JOINED, len(body)
    else:
        alone, joined, units = _TEXT_UNITS, _TEXT_UNITS_JOINED, len(body.encode("utf-16-le")) // 2
    return 1 if units <= alone else -(-units // joined)
