"""What we ask of the carrier, judged by its own description, and how its answers and failures are understood."""

import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
import requests
from requests import PreparedRequest
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response

from fulfillment.ticket import Attempt
from ivr.carrier import LIMIT_SECONDS, TwilioCarrier
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown
from tests.fakes import A_WINTER_DAY, FixedClock
from tests.ivr.conftest import ATTEMPT, BASE_URL, LINE
from tests.twilio_judges import JudgingHttpClient, answer_with, form_of, need_rest_judge

HOME = Path(__file__).resolve().parents[2]

ACCOUNT = "AC" + "0" * 32
SID = "CA" + "2" * 32
LOCAL = "http://127.0.0.1:8100"
BUTLER = "+8613900000012"
Answer = Callable[[PreparedRequest], Response]


@pytest.fixture(autouse=True)
def _judge() -> None:
    need_rest_judge()


def a_call(
    sid: str = SID, *, status: str = "queued", created: datetime | None = None, started: datetime | None = None
) -> dict[str, Any]:
    return {
        "sid": sid, "status": status, "to": BUTLER, "from": LINE.number, "account_sid": ACCOUNT,
        "date_created": format_datetime(created) if created else None,
        "start_time": format_datetime(started) if started else None,
    }  # fmt: skip


def calls(*found: dict[str, Any]) -> Response:
    page = {
        "calls": list(found),
        "page": 0,
        "page_size": 50,
        "next_page_uri": None,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json",
    }
    return answer_with(page)


def judged(answer: Answer, *, base_url: str = LOCAL) -> tuple[TwilioCarrier, JudgingHttpClient]:
    http = JudgingHttpClient(answer, base_url=base_url)
    return TwilioCarrier(
        LINE, account_sid=ACCOUNT, api_base_url=base_url + "/", clock=FixedClock(A_WINTER_DAY), http=lambda: http
    ), http


def test_an_alarm_call_names_its_attempt_in_every_address() -> None:
    carrier, http = judged(lambda _: answer_with(a_call(), 201))
    assert carrier.call(to=BUTLER, attempt_id=ATTEMPT, ring_seconds=22) == SID
    assert form_of(http.requests[0]) == {
        "To": [BUTLER],
        "From": [LINE.number],
        "Url": [f"{BASE_URL}/ivr/alarms/{ATTEMPT}"],
        "Method": ["POST"],
        "FallbackUrl": [f"{BASE_URL}/ivr/alarms/{ATTEMPT}"],
        "FallbackMethod": ["POST"],
        "StatusCallback": [f"{BASE_URL}/ivr/alarms/{ATTEMPT}/status"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "StatusCallbackMethod": ["POST"],
        "Timeout": ["22"],
        "TimeLimit": ["1800"],
    }


def test_a_call_to_a_resident_names_its_try_in_every_address() -> None:
    carrier, http = judged(lambda _: answer_with(a_call(), 201))
    assert carrier.call_resident(to=BUTLER, try_id=ATTEMPT, ring_seconds=20) == SID
    form = form_of(http.requests[0])
    answered = f"{BASE_URL}/ivr/outgoing/{ATTEMPT}"
    assert (form["Url"], form["FallbackUrl"], form["StatusCallback"]) == (
        [answered],
        [answered],
        [f"{answered}/status"],
    )
    assert form["Timeout"] == ["20"]


def test_a_text_names_its_attempt_too() -> None:
    sid = "SM" + "3" * 32
    carrier, http = judged(lambda _: answer_with({"sid": sid, "status": "queued"}, 201))
    assert carrier.text(to=BUTLER, body="【供暖急修】翠湖花园", attempt_id=ATTEMPT) == sid
    form = form_of(http.requests[0])
    assert form["Body"] == ["【供暖急修】翠湖花园"]
    assert form["StatusCallback"] == [f"{BASE_URL}/ivr/alarms/{ATTEMPT}/text-status"]


def test_a_text_about_an_incident_is_reported_to_who_was_told() -> None:
    sid = "SM" + "3" * 32
    carrier, http = judged(lambda _: answer_with({"sid": sid, "status": "queued"}, 201))
    assert carrier.told_text(to=BUTLER, body="【供暖通知】抢修", told_id=7) == sid
    assert form_of(http.requests[0])["StatusCallback"] == [f"{BASE_URL}/ivr/told/7/text-status"]


def test_a_text_about_a_ticket_is_reported_to_it() -> None:
    sid = "SM" + "3" * 32
    carrier, http = judged(lambda _: answer_with({"sid": sid, "status": "queued"}, 201))
    assert carrier.word_text(to=BUTLER, body="【供暖】已约定", text_id=9) == sid
    assert form_of(http.requests[0])["StatusCallback"] == [f"{BASE_URL}/ivr/words/9/text-status"]


def test_a_plain_text_asks_for_no_report() -> None:
    """The sentinel's: there may be no database to write one into."""
    sid = "SM" + "3" * 32
    carrier, http = judged(lambda _: answer_with({"sid": sid, "status": "queued"}, 201))
    assert carrier.plain_text(to=BUTLER, body="【供暖热线】数据库连不上") == sid
    assert set(form_of(http.requests[0])) == {"To", "From", "Body"}


def test_the_carriers_clock_is_asked_by_a_list_of_calls() -> None:
    carrier, http = judged(lambda _: with_date(calls(), A_WINTER_DAY))
    assert carrier.present() == A_WINTER_DAY
    assert http.requests[0].method == "GET"
    assert str(http.requests[0].url).endswith(f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?PageSize=1")
    silent, _ = judged(lambda _: calls())
    assert silent.present() is None


def with_date(response: Response, at: datetime) -> Response:
    response.headers = {**(response.headers or {}), "Date": format_datetime(at, usegmt=True)}
    return response


def test_a_live_call_is_interrupted() -> None:
    carrier, http = judged(lambda _: answer_with(a_call(status="in-progress")))
    carrier.fetch_turn(SID, "/ivr/calls/c0ffee/hold/7")
    assert form_of(http.requests[0]) == {"Url": [f"{BASE_URL}/ivr/calls/c0ffee/hold/7"], "Method": ["POST"]}
    assert str(http.requests[0].url).endswith(f"/Calls/{SID}.json")


def test_the_carriers_own_word_for_a_call() -> None:
    carrier, _ = judged(lambda _: answer_with(a_call(status="no-answer")))
    assert carrier.call_status(SID) == "no-answer"


def at(seconds: float) -> datetime:
    return A_WINTER_DAY + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ([], None),
        ([("CA" + "a" * 32, -120)], None),
        ([("CA" + "a" * 32, -120), ("CA" + "b" * 32, 1)], "CA" + "b" * 32),
        ([("CA" + "c" * 32, 60), ("CA" + "b" * 32, 1)], "CA" + "b" * 32),
        ([("CA" + "b" * 32, -3)], "CA" + "b" * 32),
        ([("CA" + "b" * 32, None)], "CA" + "b" * 32),
    ],
)
def test_a_call_is_found_by_number_and_time(known: list[tuple[str, float | None]], found: str | None) -> None:
    listed = [a_call(sid, created=None if when is None else at(when)) for sid, when in known]
    carrier, http = judged(lambda _: calls(*listed))
    attempt = Attempt(ATTEMPT, 7, 1, 4, "butler", BUTLER, "voice", A_WINTER_DAY)
    assert carrier.find_call(attempt) == found
    assert "To=%2B8613900000012" in str(http.requests[0].url)
    assert len(http.requests) == 1


def test_a_call_of_another_alarm_is_not_taken_for_this_one() -> None:
    listed = [a_call("CA" + "b" * 32, created=at(2)), a_call("CA" + "a" * 32, created=at(-1))]
    carrier, _ = judged(lambda _: calls(*listed))
    attempt = Attempt(ATTEMPT, 7, 1, 4, "butler", BUTLER, "voice", A_WINTER_DAY)
    assert carrier.find_call(attempt, {"CA" + "a" * 32}) == "CA" + "b" * 32
    assert carrier.find_call(attempt, {"CA" + "a" * 32, "CA" + "b" * 32}) is None


@pytest.mark.parametrize("ahead", [-60, 60])
def test_a_carrier_whose_clock_is_another(ahead: int) -> None:
    """Its list is dated by its own clock: an earlier call must not pass for this one, nor this one for an earlier."""
    theirs = A_WINTER_DAY + timedelta(seconds=ahead)
    earlier, this = a_call("CA" + "b" * 32, created=theirs - timedelta(seconds=30)), a_call(SID, created=theirs)
    attempt = Attempt(ATTEMPT, 7, 1, 4, "butler", BUTLER, "voice", A_WINTER_DAY)
    carrier, _ = judged(lambda _: with_date(calls(this, earlier), theirs))
    assert carrier.find_call(attempt) == SID
    carrier, _ = judged(lambda _: with_date(calls(earlier), theirs))
    assert carrier.find_call(attempt) is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (answer_with({"code": 20429, "message": "Too Many Requests"}, 429, {"Retry-After": "7"}), CarrierBusy),
        (answer_with({"code": 21211, "message": "Invalid 'To'"}, 400), CarrierRefused),
        (answer_with({"code": 20003, "message": "Authenticate"}, 401), CarrierRefused),
        (Response(404, "<html>not here</html>", {}), CarrierRefused),
        (answer_with({"message": "later"}, 408), CarrierUnknown),
        (answer_with({"message": "oops"}, 500), CarrierUnknown),
        (Response(503, "", {}), CarrierUnknown),
        (Response(307, "", {"Location": "http://elsewhere"}), CarrierUnknown),
        (Response(201, "<html>a proxy says hello</html>", {}), CarrierUnknown),
        (Response(201, "[]", {}), CarrierUnknown),
        (answer_with({"sid": None}, 201), CarrierUnknown),
    ],
)
def test_errors_are_translated(answer: Response, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        unjudged(lambda: answer).call(to=BUTLER, attempt_id=ATTEMPT, ring_seconds=22)
    if isinstance(raised.value, CarrierBusy):
        assert raised.value.retry_after_seconds == 7
    if isinstance(raised.value, CarrierRefused) and answer.status_code == 400:
        assert raised.value.code == 21211
    assert BUTLER not in str(raised.value)


@pytest.mark.parametrize(
    "failure",
    [requests.ConnectTimeout(), requests.ReadTimeout(), requests.ConnectionError("reset"), OSError("broken pipe")],
)
def test_whoever_does_not_answer_may_have_done_it(failure: Exception) -> None:
    def fail() -> Response:
        raise failure

    with pytest.raises(CarrierUnknown) as raised:
        unjudged(fail).call(to=BUTLER, attempt_id=ATTEMPT, ring_seconds=22)
    assert raised.value.__cause__ is failure


def test_a_carrier_on_this_machine_is_reached_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")
    carrier, http = judged(lambda _: answer_with(a_call(), 201))
    carrier.call(to=BUTLER, attempt_id=ATTEMPT, ring_seconds=22)  # the judge refuses any other address
    assert len(http.requests) == 1


def test_the_default_transport_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting and waiting for the answer are limited separately, so each has half."""
    limits: list[float] = []

    def request(self: TwilioHttpClient, *_args: Any, **_kwargs: Any) -> Response:
        limits.append(self.timeout)
        raise requests.ReadTimeout

    monkeypatch.setattr(TwilioHttpClient, "request", request)
    with pytest.raises(CarrierUnknown):
        TwilioCarrier(LINE, account_sid=ACCOUNT, api_base_url=LOCAL, clock=FixedClock()).call_status(SID)
    assert limits == [LIMIT_SECONDS / 2]


def test_an_answer_that_drips_is_given_up_and_its_transport_with_it() -> None:
    """Each byte is on time for `requests`, the whole of them never."""
    made: list[HttpClient] = []
    dripping = Event()

    def drip() -> Response:
        dripping.wait(10)
        return answer_with(a_call(), 201)

    def transport() -> HttpClient:
        made.append(_Bare(drip if not made else lambda: answer_with(a_call())))
        return made[-1]

    carrier = TwilioCarrier(
        LINE, account_sid=ACCOUNT, api_base_url=LOCAL, clock=FixedClock(), http=transport, limit_seconds=0.05
    )
    with pytest.raises(CarrierUnknown, match="no answer"):
        carrier.call(to=BUTLER, attempt_id=ATTEMPT, ring_seconds=22)
    assert carrier.call_status(SID) == "queued"
    assert len(made) == 2
    dripping.set()


def test_each_thread_has_a_transport_of_its_own() -> None:
    """TwilioHttpClient passes its answer through an attribute: shared, two lanes could swap their SIDs."""
    made: list[HttpClient] = []
    both = Barrier(2)

    def transport() -> HttpClient:
        made.append(JudgingHttpClient(lambda _: answer_with(a_call())))
        return made[-1]

    carrier = TwilioCarrier(
        LINE, account_sid=ACCOUNT, api_base_url="https://api.twilio.com", clock=FixedClock(), http=transport
    )

    def ask() -> str:
        both.wait(timeout=5)
        return carrier.call_status(SID)

    with ThreadPoolExecutor(2) as pool:
        assert {f.result() for f in [pool.submit(ask), pool.submit(ask)]} == {"queued"}
    assert len(made) == 2


class _Bare(HttpClient):  # type: ignore[misc]  # the library is untyped
    """Answers anything with one answer; for answers no judge would let through."""

    def __init__(self, answer: Callable[[], Response]) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False)
        self._answer = answer

    def request(self, *_args: Any, **_kwargs: Any) -> Response:
        return self._answer()


def unjudged(answer: Callable[[], Response]) -> TwilioCarrier:
    return TwilioCarrier(LINE, account_sid=ACCOUNT, api_base_url=LOCAL, clock=FixedClock(), http=lambda: _Bare(answer))


def test_what_the_client_imports_at_its_first_call_is_there_before() -> None:
    """1.3 s of the first ring after a restart, and as long between "is he still needed?" and the call (a drill)."""
    program = (
        "import sys, ivr.carrier; from twilio.rest import Client; before = set(sys.modules);"
        "client = Client('AC' + '0' * 32, 'x'); client.calls; client.messages; client.calls('CA' + '0' * 32);"
        "print(sorted(m for m in set(sys.modules) - before if m.startswith('twilio.rest.api')))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=HOME, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
