"""The telephone network behind fulfillment.ports.Carrier: the unmodified `twilio` client, with its errors translated.

Placing a call or a text is not idempotent. 429 and other 4xx say that nothing happened; after a time-out, a lost connection,
a 5xx or an answer nobody can read it may have happened: CarrierUnknown, and the caller asks `find_call` before repeating.
"""

import json
import threading
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import twilio.rest.api.v2010.account  # noqa: F401 - otherwise the first alarm after a restart waits 1.3 s for this import
from requests import RequestException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from fulfillment.ports import Rung
from ivr.line import PhoneLine
from ivr.within import TooLate, within
from kernel.clock import Clock
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown

LIMIT_SECONDS = 10
EVENTS = ["initiated", "ringing", "answered", "completed"]
#: The carrier's clock tells whole seconds, and the answer that told it was a moment on its way.
_CLOCK_SKEW = timedelta(seconds=5)
#: Nobody is told of alarms for longer; after that the call counts as over here too, and the person may be rung again.
LONGEST_CALL = timedelta(minutes=30)
_NEWEST = 50  # calls to one number: far more than fit into the minutes since an attempt
_TOO_MANY, _TIMEOUT = 429, 408


class TwilioCarrier:
    """Safe to share between threads. `http` makes the transport (for tests); the default waits LIMIT_SECONDS in all."""

    def __init__(
        self,
        line: PhoneLine,
        *,
        account_sid: str,
        api_base_url: str,
        clock: Clock,
        http: Callable[[], HttpClient] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self._limit = limit_seconds
        self._line = line
        self._clock = clock
        self._account_sid = account_sid
        self._api_base_url = api_base_url
        # requests applies the limit to connecting and to the answer separately: half of it each.
        self._http = http or (lambda: TwilioHttpClient(timeout=limit_seconds / 2))
        # One client per thread: TwilioHttpClient hands its answer through an attribute of itself, so that two threads
        # sharing one could receive each other's SID.
        self._of_thread = threading.local()

    def call(self, *, to: str, attempt_id: str, ring_seconds: int) -> str:
        alarm = self._line.url(f"/ivr/alarms/{attempt_id}")
        call = self._client.calls.create(
            to=to,
            from_=self._line.number,
            url=alarm,
            method="POST",
            fallback_url=alarm,  # once more the same: the number's own fallback is for residents
            fallback_method="POST",
            status_callback=f"{alarm}/status",
            status_callback_event=EVENTS,
            status_callback_method="POST",
            timeout=ring_seconds,
            time_limit=round(LONGEST_CALL.total_seconds()),
        )
        return sid_of(call.sid)

    def call_resident(self, *, to: str, try_id: str, ring_seconds: int) -> str:
        answered = self._line.url(f"/ivr/outgoing/{try_id}")
        call = self._client.calls.create(
            to=to,
            from_=self._line.number,
            url=answered,
            method="POST",
            fallback_url=answered,  # the number's own fallback speaks to who called us, not to whom we call
            fallback_method="POST",
            status_callback=f"{answered}/status",
            status_callback_event=EVENTS,
            status_callback_method="POST",
            timeout=ring_seconds,
        )
        return sid_of(call.sid)

    def text(self, *, to: str, body: str, attempt_id: str) -> str:
        return self._send(to, body, f"/ivr/alarms/{attempt_id}/text-status")

    def told_text(self, *, to: str, body: str, told_id: int) -> str:
        """To a resident, about an incident; what becomes of it is reported."""
        return self._send(to, body, f"/ivr/told/{told_id}/text-status")

    def word_text(self, *, to: str, body: str, text_id: int) -> str:
        """To a resident, about his ticket; what becomes of it is reported."""
        return self._send(to, body, f"/ivr/words/{text_id}/text-status")

    def _send(self, to: str, body: str, reports: str) -> str:
        """A text whose delivery is reported to this path."""
        message = self._client.messages.create(
            to=to, from_=self._line.number, body=body, status_callback=self._line.url(reports)
        )
        return sid_of(message.sid)

    def plain_text(self, *, to: str, body: str) -> str:
        """One that nobody waits to hear about: the sentinel may have no database to write a delivery report into."""
        return sid_of(self._client.messages.create(to=to, from_=self._line.number, body=body).sid)

    def present(self) -> datetime | None:
        """What time it is for the carrier, by a request that rings nobody; None if its answer does not say.

        Raises CarrierRefused for a wrong account or token, and whatever every request may raise.
        """
        calls = f"{self._client.api.base_url}/2010-04-01/Accounts/{self._account_sid}/Calls.json"
        answer = self._client.request("GET", calls, params={"PageSize": 1})
        return _date(answer.headers)

    def find_call(self, attempt: Rung, others: Collection[str] = ()) -> str | None:
        """By number, newest first, and by time on our side: their filter on StartTime would leave out a call that is
        still queued, and dialling beside it would ring the same person twice.
        """
        calls = self._client.calls.list(to=attempt.phone, limit=_NEWEST)
        since = attempt.started_at + self._of_thread.transport.ahead - _CLOCK_SKEW
        placed = [
            (c.date_created or c.start_time or attempt.started_at, c.sid)
            for c in calls
            if c.sid and c.sid not in others
        ]
        # The first one since the attempt: later ones belong to later attempts.
        return min(((at, sid) for at, sid in placed if at >= since), default=(since, None))[1]

    def call_status(self, sid: str) -> str:
        status = self._client.calls(sid).fetch().status
        if not status:
            msg = f"no status in the answer about {sid}"
            raise CarrierUnknown(msg)
        return str(status)

    def fetch_turn(self, call_sid: str, path: str) -> None:
        self._client.calls(call_sid).update(url=self._line.url(path), method="POST")

    @property
    def _client(self) -> Client:
        client: Client | None = getattr(self._of_thread, "client", None)
        if client is None:
            self._of_thread.transport = transport = TranslatingHttpClient(self._http, self._clock, self._limit)
            client = Client(
                self._account_sid,
                self._line.auth_token,
                http_client=transport,
                # TWILIO_EDGE and TWILIO_REGION of the machine would rewrite the address; an empty mapping would not do,
                # the client reads os.environ instead of it.
                environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""},
            )
            client.api.base_url = self._api_base_url.rstrip("/")
            self._of_thread.client = client
        return client


class TranslatingHttpClient(HttpClient):  # type: ignore[misc]  # the library is untyped
    """The door where foreign errors enter: raises CarrierBusy, CarrierRefused, CarrierUnknown, each with its cause."""

    def __init__(self, make: Callable[[], HttpClient], clock: Clock, limit_seconds: float) -> None:
        self._make = make
        self._inner = make()
        super().__init__(self._inner.logger, is_async=False, timeout=self._inner.timeout)
        self._clock = clock
        self._limit = limit_seconds
        #: How far the carrier's clock is ahead of ours, by its last answer that told the time.
        self.ahead = timedelta(0)

    def request(self, method: str, uri: str, *args: Any, **kwargs: Any) -> Response:
        what = f"{method} {PurePosixPath(urlsplit(uri).path).name}"
        try:
            response = within(self._limit, partial(self._inner.request, method, uri, *args, **kwargs), name="carrier")
        except TooLate as exc:
            self._inner = self._make()  # the other one may still hand over its late answer through itself
            raise CarrierUnknown(f"{what}: no answer in {self._limit:.0f} s") from exc
        except (RequestException, OSError) as exc:
            msg = f"{what}: {type(exc).__name__}"
            raise CarrierUnknown(msg) from exc
        status = response.status_code
        theirs = _date(response.headers)
        if theirs is not None:
            self.ahead = theirs - self._clock.now()
        body = _json(response.text)
        if status == _TOO_MANY:
            raise CarrierBusy(f"{what}: 429", _retry_after(response.headers))
        if 400 <= status < 500 and status != _TIMEOUT:  # noqa: PLR2004 - the 4xx class
            raise CarrierRefused(f"{what}: {status} {body.get('message', '')}", _code(body))
        if not 200 <= status < 300 or not body:  # noqa: PLR2004 - whatever is not a readable success
            raise CarrierUnknown(f"{what}: {status}, {len(response.text)} characters")
        return response


def _json(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _date(headers: Mapping[str, str] | None) -> datetime | None:
    """Aware, to the second; None if the answer does not say."""
    try:
        theirs = parsedate_to_datetime((headers or {})["Date"])
    except (KeyError, ValueError):
        return None
    return theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)


def _code(body: Mapping[str, Any]) -> int | None:
    code = body.get("code")
    return code if isinstance(code, int) else None


def _retry_after(headers: Mapping[str, str] | None) -> float:
    try:
        return max(0.0, float((headers or {}).get("Retry-After", "1")))
    except ValueError:  # an HTTP date: the carrier does not send one
        return 1.0


def sid_of(sid: str | None) -> str:
    if not sid:
        msg = "no SID in the answer"
        raise CarrierUnknown(msg)
    return sid
