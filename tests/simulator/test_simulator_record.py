"""What the network writes down for whoever counts, and what it does to status callbacks on order."""

import time

import pytest
from twilio.rest import Client

from tests.simulator.desk import BUTLER, HOTLINE, Desk, Product, eventually, twiml


def place(product: Product, twilio: Client) -> str:
    product.answers["/alarm"] = twiml("<Hangup/>")
    call = twilio.calls.create(
        to=BUTLER,
        from_=HOTLINE,
        url=f"{product.base}/alarm",
        status_callback=f"{product.base}/told",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
    )
    return str(call.sid)


def ended(desk: Desk) -> bool:
    return all(call["status"] == "completed" for call in desk.http.get("/api/record").json()["calls"])


def test_the_record_holds_every_call_with_its_purpose_and_instants(
    product: Product, desk: Desk, twilio: Client
) -> None:
    sid = place(product, twilio)
    desk.wait_phase(BUTLER, "ringing")
    assert [c["sid"] for c in desk.http.get("/api/record", params={"ringing": 1}).json()["calls"]] == [sid]
    desk.do(BUTLER, "answer")
    eventually(lambda: ended(desk))
    record = desk.http.get("/api/record").json()
    assert desk.http.get("/api/record", params={"ringing": 1}).json()["calls"] == []
    (call,) = record["calls"]
    assert (call["number"], call["direction"], call["placed_with"]) == (BUTLER, "outbound-api", f"{product.base}/alarm")
    instants = [call["created"], call["events"]["ringing"], call["events"]["answered"], call["events"]["completed"]]
    assert instants == sorted(instants)


@pytest.mark.parametrize(("weather", "copies"), [({}, 1), ({"lost": 1}, 0), ({"doubled": 1}, 2)])
def test_callbacks_get_lost_or_come_twice(
    product: Product, desk: Desk, twilio: Client, weather: dict[str, float], copies: int
) -> None:
    desk.http.put("/api/callbacks", json=weather | {"late_seconds": 0.2}).raise_for_status()
    place(product, twilio)
    desk.wait_phase(BUTLER, "ringing")
    desk.do(BUTLER, "answer")
    eventually(lambda: ended(desk))
    if copies:
        eventually(lambda: len(product.forms("/told")) == 4 * copies)
    time.sleep(0.3)  # any more would have come by now
    told = [form["SequenceNumber"] for form in product.forms("/told")]
    assert sorted(told) == sorted([str(n) for n in range(4)] * copies)


@pytest.mark.parametrize("weather", [{"lost": 2}, {"late_seconds": -1}, {"rain": 1}])
def test_impossible_weather_is_refused(desk: Desk, weather: dict[str, float]) -> None:
    assert desk.http.put("/api/callbacks", json=weather).status_code == 409


def test_every_request_takes_its_time_on_order(desk: Desk, twilio: Client) -> None:
    desk.http.put("/api/latency", json={"seconds": 0.4}).raise_for_status()
    began = time.monotonic()
    assert twilio.calls.list(limit=1) == []
    assert time.monotonic() - began >= 0.4
    assert desk.http.put("/api/latency", json={"seconds": -1}).status_code == 409


def test_ordered_faults_can_be_mended(desk: Desk, twilio: Client) -> None:
    desk.http.post("/api/faults", json={"fault": "error", "count": 3}).raise_for_status()
    desk.http.request("DELETE", "/api/faults", json={}).raise_for_status()
    assert twilio.calls.list(limit=1) == []
