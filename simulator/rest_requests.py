"""How the REST API reads requests, and which of them it refuses, with Twilio's error codes."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus

import yaml
from flask import request

from simulator.calls import Call, Callback, Leg, Source
from simulator.config import HERE
from simulator.network import Network
from simulator.phones import Text

_E164 = re.compile(r"\+\d{3,15}")
#: A browser, with parameters for its page behind the question mark.
_BROWSER = re.compile(r"(client:\w{1,120})(\?.*)?", re.ASCII)
_TIMEOUT_DEFAULT, _TIMEOUT_MAX = 60, 600
_BODY_MAX = 1600
_EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})


class Refused(Exception):
    """An error answer: Twilio's code, its sentence and the HTTP status."""

    def __init__(self, code: int, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


@cache
def _known(name: str) -> frozenset[str]:
    return frozenset(yaml.safe_load((HERE / "parameters.yml").read_text(encoding="utf-8"))[name])


def form(kind: str) -> dict[str, str]:
    """The form of this request; `kind` names the list in parameters.yml."""
    _refuse_unknown(request.form, _known(kind))
    return request.form.to_dict()


def query(kind: str) -> dict[str, str]:
    _refuse_unknown(request.args, _known(kind))
    return request.args.to_dict()


def _refuse_unknown(given: Iterable[str], allowed: frozenset[str]) -> None:
    unknown = sorted(set(given) - allowed)
    if unknown:
        raise Refused(20001, f"Unknown parameters: {', '.join(unknown)}")


def new_leg(network: Network, form: Mapping[str, str]) -> Leg:
    """Of the account that asks."""
    to, from_ = form.get("To", ""), form.get("From", "")
    if not to:
        raise Refused(21201, "No 'To' number is specified")
    if not from_:
        raise Refused(21213, "Caller phone number is required: 'From'")
    browser = _BROWSER.fullmatch(to)
    if not browser and not _E164.fullmatch(to):
        raise Refused(21211, f"The phone number you are attempting to call, {to}, is not valid.")
    to = browser[1] if browser else to
    if from_ not in _own_numbers(network):
        raise Refused(21210, f"The source phone number provided, {from_}, is not yet verified for your account.")
    events = frozenset(request.form.getlist("StatusCallbackEvent")) or frozenset({"completed"})
    if events - _EVENTS:
        raise Refused(21626, f"Invalid StatusCallbackEvent: {', '.join(sorted(events - _EVENTS))}")
    callbacks: tuple[Callback, ...] = ()
    if form.get("StatusCallback"):
        url = web_address(form, "StatusCallback", 21609)
        callbacks = (Callback(url, http_method(form, "StatusCallbackMethod"), events),)
    fallback = form.get("FallbackUrl")
    return Leg(
        number=to,
        direction="outbound-api",
        from_=from_,
        to=to,
        callbacks=callbacks,
        fallback=Source(web_address(form, "FallbackUrl", 21205), http_method(form, "FallbackMethod"))
        if fallback
        else None,
        ring_seconds=_ring_seconds(form) * network.config.timeout_scale,
        record=dict(form),
    )


def asks(network: Network, number: str) -> bool:
    """Whether it is a matter of the account that asks: accounts do not see each other's calls and texts."""
    return bool(network.config.account_of(number).sid == (request.view_args or {})["account"])


def _own_numbers(network: Network) -> tuple[str, ...]:
    account = (request.view_args or {})["account"]
    return next(a.numbers for a in network.config.accounts if a.sid == account)


def given_source(form: Mapping[str, str]) -> Source | None:
    if form.get("Twiml"):
        return Source(twiml=form["Twiml"])
    if form.get("Url"):
        return Source(url=web_address(form, "Url", 21205), method=http_method(form, "Method"))
    return None


def web_address(form: Mapping[str, str], name: str, code: int) -> str:
    if not form[name].startswith(("http://", "https://")):
        raise Refused(code, f"{name} is not a valid URL: {form[name]}")
    return form[name]


def given_yes(form: Mapping[str, str], name: str, *, default: bool) -> bool:
    """A boolean of the form. Twilio reads anything but true as false; this network refuses what is neither."""
    if name not in form:
        return default
    if form[name].lower() not in {"true", "false"}:
        raise Refused(20001, f"{name} must be true or false, not {form[name]}")
    return form[name].lower() == "true"


def http_method(form: Mapping[str, str], name: str) -> str:
    method = form.get(name, "POST").upper()
    if method not in {"GET", "POST"}:
        raise Refused(21403, f"{name} must be GET or POST")
    return method


def _ring_seconds(form: Mapping[str, str]) -> int:
    raw = form.get("Timeout", str(_TIMEOUT_DEFAULT))
    if not raw.isdigit() or not 0 < int(raw) <= _TIMEOUT_MAX:
        raise Refused(21220, f"Invalid Timeout {raw}: 1 to {_TIMEOUT_MAX} seconds")
    return int(raw)


def new_text(network: Network, form: Mapping[str, str]) -> Text:
    to, from_, body = form.get("To", ""), form.get("From", ""), form.get("Body", "")
    if not to:
        raise Refused(21604, "A 'To' phone number is required.")
    if not _E164.fullmatch(to):
        raise Refused(21211, f"The 'To' number {to} is not a valid phone number.")
    if not from_:
        raise Refused(21603, "A 'From' phone number is required.")
    if from_ not in _own_numbers(network):
        raise Refused(21606, f"The From phone number {from_} is not a valid, SMS-capable inbound phone number.")
    if not body:
        raise Refused(21602, "Message body is required.")
    if len(body) > _BODY_MAX:
        raise Refused(21617, f"The concatenated message body exceeds the {_BODY_MAX} character limit.")
    callback = web_address(form, "StatusCallback", 21609) if form.get("StatusCallback") else ""
    return Text(to=to, from_=from_, body=body, callback=callback)


def not_found() -> Refused:
    return Refused(20404, f"The requested resource {request.path} was not found", HTTPStatus.NOT_FOUND)


def call_matches(call: Call, query: Mapping[str, str]) -> bool:
    leg = call.leg
    return (
        query.get("To", leg.to) == leg.to
        and query.get("From", leg.from_) == leg.from_
        and query.get("Status", call.status) == call.status
        and query.get("ParentCallSid", "") == (leg.parent.sid if leg.parent and "ParentCallSid" in query else "")
        # A call that has not been dialled yet counts from when it was asked for.
        and _within(call.started or call.created, "StartTime", query)
        and _within(call.ended, "EndTime", query)
    )


def text_matches(text: Text, query: Mapping[str, str]) -> bool:
    return (
        query.get("To", text.to) == text.to
        and query.get("From", text.from_) == text.from_
        and _within(text.sent or text.created, "DateSent", query)
    )


def on_day(instant: datetime, name: str, query: Mapping[str, str]) -> bool:
    return _within(instant, name, query)


def _within(instant: datetime | None, name: str, query: Mapping[str, str]) -> bool:
    """`name` is that day (UTC), `name<` on or before, `name>` on or after."""
    day, before, after = query.get(name), query.get(f"{name}<"), query.get(f"{name}>")
    if instant is None:
        return not (day or before or after)
    return (
        (not day or _instant(day).date() == instant.date())
        and (not before or instant <= _instant(before))
        and (not after or instant.replace(microsecond=0) >= _instant(after).replace(microsecond=0))
    )


def _instant(raw: str) -> datetime:
    try:
        parsed = datetime.fromisoformat(raw)
    except ValueError as exc:
        raise Refused(20001, f"not a date: {raw}") from exc
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
