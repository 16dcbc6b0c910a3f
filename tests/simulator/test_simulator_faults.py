"""The product does not answer, answers late, wrongly, or twice."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Response

from simulator.config import Config
from simulator.engine import APPLICATION_ERROR
from tests.simulator.desk import BUTLER, RESIDENT, Desk, Product, eventually, gather, running_desk, twiml

XSD = Path(__file__).parent.parent / "data" / "twiml-voice.xsd"
GOODBYE = twiml('<Say language="cmn-CN">再见</Say>')


def call_and_listen(desk: Desk) -> list[str]:
    desk.do(RESIDENT, "dial")
    desk.wait_phase(RESIDENT, "idle")
    return desk.heard(RESIDENT)


def violations(desk: Desk) -> list[str]:
    return [v["message"] for v in desk.http.get("/violations.json").json()]


def test_an_error_goes_to_the_fallback_with_its_code(product: Product, config: Config) -> None:
    product.answers["/voice"] = lambda: ("oops", 500)
    product.answers["/fallback"] = GOODBYE
    with running_desk(replace(config, voice_fallback_url=f"{product.base}/fallback")) as desk:
        assert "再见" in call_and_listen(desk)
    form = product.forms("/fallback")[0]
    assert form["ErrorCode"] == "11200"
    assert form["ErrorUrl"] == f"{product.base}/voice"
    assert len(product.forms("/voice")) == 1, "an error answer is not a connection failure and not retried"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (("<html>", 500), "11200"),
        (("<Response><Say>never closed</Response>", 200), "12100"),
        (("<Answer/>", 200), "12100"),
        ((f"<Response><Say>{'x' * 70_000}</Say></Response>", 200), "11750"),
    ],
)
def test_no_usable_answer_is_the_carriers_sentence(
    product: Product, desk: Desk, answer: tuple[str, int], code: str
) -> None:
    product.answers["/voice"] = lambda: answer
    assert APPLICATION_ERROR in call_and_listen(desk)
    assert violations(desk)[0].startswith(code)


def test_an_answer_that_is_not_xml_is_refused(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = lambda: Response("{}", mimetype="application/json")
    assert APPLICATION_ERROR in call_and_listen(desk)
    assert violations(desk)[0].startswith("12300")


def test_a_connection_failure_is_tried_once_more_with_the_same_token(
    product: Product, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first connection is refused because nothing listens yet; the product comes up before the second."""
    product.answers["/voice"] = GOODBYE
    tokens: list[str] = []
    with running_desk(config) as desk:
        webhooks = desk.network.webhooks
        send = webhooks._send

        def first_to_a_closed_port(request: object, deadline: float) -> object:
            tokens.append(request.token)  # type: ignore[attr-defined]
            address = request.url if len(tokens) > 1 else closed  # type: ignore[attr-defined]
            return send(replace(request, url=address), deadline)  # type: ignore[type-var]

        with socket.socket() as bound:  # bound but not listening: the system refuses the connection
            bound.bind(("127.0.0.1", 0))
            closed = f"http://127.0.0.1:{bound.getsockname()[1]}/voice"
            monkeypatch.setattr(webhooks, "_send", first_to_a_closed_port)
            assert "再见" in call_and_listen(desk)
    assert tokens[0] == tokens[1]
    assert product.requests[0].headers["I-Twilio-Idempotency-Token"] == tokens[0]


def test_nobody_listens_at_all(config: Config) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        gone = replace(config, voice_url=f"http://127.0.0.1:{bound.getsockname()[1]}/voice", status_url="")
        with running_desk(gone) as desk:
            assert APPLICATION_ERROR in call_and_listen(desk)
            assert violations(desk)[0].startswith("11205")


def test_fourteen_seconds_are_still_in_time(product: Product, desk: Desk) -> None:
    """In real seconds, against the real limit: the one slow test of this network."""
    assert desk.network.config.webhook_limit == 15.0

    def slow() -> str:
        time.sleep(14)
        return GOODBYE

    product.answers["/voice"] = slow
    desk.do(RESIDENT, "dial")
    eventually(lambda: desk.phone(RESIDENT)["phase"] == "idle", 20)
    assert "再见" in desk.heard(RESIDENT)


def test_over_the_limit_is_no_answer_and_not_retried(product: Product, config: Config) -> None:
    release = threading.Event()

    def hang() -> str:
        release.wait(5)
        return GOODBYE

    product.answers["/voice"] = hang
    with running_desk(replace(config, webhook_limit=0.5)) as desk:
        assert APPLICATION_ERROR in call_and_listen(desk)
    release.set()
    assert len(product.forms("/voice")) == 1


def test_a_dripping_answer_does_not_outlive_the_limit(product: Product, config: Config) -> None:
    def drip() -> Response:
        def body() -> Iterator[bytes]:
            yield b"<Response>"
            for _ in range(30):
                time.sleep(0.1)
                yield b" "
            yield b"</Response>"

        return Response(body(), mimetype="text/xml")

    product.answers["/voice"] = drip
    with running_desk(replace(config, webhook_limit=0.5)) as desk:
        began = time.monotonic()
        assert APPLICATION_ERROR in call_and_listen(desk)
        assert time.monotonic() - began < 2


def test_a_redirect_answer_loses_the_form(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = lambda: Response(status=302, headers={"Location": "/moved"})
    product.answers["/moved"] = GOODBYE
    assert "再见" in call_and_listen(desk)
    moved = next(seen for seen in product.requests if seen.path == "/moved")
    assert (moved.method, moved.form) == ("GET", {})


def test_what_breaks_the_grammar_is_listed(product: Product, config: Config) -> None:
    product.answers["/voice"] = twiml('<Gather input="voice" speechModel="phone_call"><Dial>+861</Dial></Gather>')
    with running_desk(replace(config, twiml_xsd=XSD)) as desk:
        desk.do(RESIDENT, "dial")
        desk.wait_phase(RESIDENT, "idle")
        found = " ".join(violations(desk))
        assert desk.http.get("/api/desk").json()["violations"] >= 3
        desk.http.delete("/violations.json")
        assert violations(desk) == []
    assert "'voice'" in found
    assert "Dial" in found
    assert "speechTimeout must be an integer" in found


def test_a_correct_document_is_not_listed(product: Product, config: Config) -> None:
    product.answers["/voice"] = twiml(gather("请讲", timeout="1", speechTimeout="auto") + "<Hangup/>")
    with running_desk(replace(config, twiml_xsd=XSD)) as desk:
        call_and_listen(desk)
        assert violations(desk) == []


def test_a_repeated_webhook_must_be_answered_identically(product: Product, config: Config) -> None:
    product.answers["/voice"] = lambda: twiml(f"<Say>{len(product.forms('/voice'))}</Say>")
    with running_desk(replace(config, repeat_webhooks=True)) as desk:
        call_and_listen(desk)
        assert "answered differently" in violations(desk)[0]
    tokens = {s.headers["I-Twilio-Idempotency-Token"] for s in product.requests if s.path == "/voice"}
    assert len(tokens) == 1


def test_an_endless_redirect_does_not_spin(product: Product, desk: Desk) -> None:
    product.answers["/voice"] = twiml("<Redirect>/voice</Redirect>")
    desk.do(RESIDENT, "dial")
    time.sleep(0.5)
    desk.do(RESIDENT, "hangup")
    assert 1 < len(product.forms("/voice")) <= 50


def test_the_network_ends_in_the_middle_of_calls_without_a_stray_error(product: Product, config: Config) -> None:
    """Pytest fails a test in which a thread dies; ten times, since it is a race."""
    product.answers["/voice"] = twiml(f'<Dial action="/dialed"><Number statusCallback="/leg">{BUTLER}</Number></Dial>')
    for _ in range(10):
        with running_desk(config) as desk:
            desk.do(RESIDENT, "dial")
            desk.wait_phase(BUTLER, "ringing")
            desk.do(BUTLER, "answer")
