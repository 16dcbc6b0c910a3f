"""Only the carrier may speak to /ivr, on every route, whatever stands between it and us."""

import json
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator

from ivr.signature import SignatureGuard
from tests.ivr.conftest import BASE_URL, CALL_SID, LINE, RESIDENT, TOKEN
from tests.twilio_judges import JudgedClient

FORM = {"CallSid": CALL_SID, "From": RESIDENT}


def sign(url: str, form: dict[str, Any] | None = None, token: str = TOKEN) -> dict[str, str]:
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form or {})}


def every_path(app: Flask) -> list[str]:
    """One path for each rule below /ivr."""
    values = {"conversation_id": "c0ffee", "attempt_id": "a" * 32, "phone": "+8613900000099"}
    with app.test_request_context():
        return [
            app.url_map.bind("").build(r.endpoint, {name: values.get(name, 1) for name in r.arguments})
            for r in app.url_map.iter_rules()
            if r.rule.startswith("/ivr")
        ]


def test_there_are_routes_to_guard(app: Flask) -> None:
    assert len(every_path(app)) >= 15


@pytest.mark.parametrize(
    "headers", [{}, {"X-Twilio-Signature": ""}, {"X-Twilio-Signature": "wrong"}, {"X-Twilio-Signature": "签名"}]
)
def test_no_route_answers_without_a_right_signature(app: Flask, stranger: FlaskClient, headers: dict[str, str]) -> None:
    headers = {k: v.encode().decode("latin-1") for k, v in headers.items()}
    for path in every_path(app):
        assert stranger.post(path, data=FORM, headers=headers).status_code == 403, path


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_no_route_answers_another_method(app: Flask, stranger: FlaskClient, method: str) -> None:
    for path in every_path(app):
        form = "application/x-www-form-urlencoded"
        response = stranger.open(path, method=method, headers=sign(BASE_URL + path), content_type=form)
        assert response.status_code == 403, path


def test_a_path_that_does_not_exist_tells_a_stranger_nothing(stranger: FlaskClient, carrier: JudgedClient) -> None:
    assert stranger.post("/ivr/nothing", data=FORM).status_code == 403
    assert carrier.post("/ivr/nothing", FORM).status_code == 404


def test_the_account_of_emergencies_signs_calls_about_alarms_and_nothing_else() -> None:
    line = replace(LINE, emergency_account="AC" + "e" * 32, emergency_token="another-token-0123456789")
    app = Flask(__name__)
    app.before_request(SignatureGuard(line).refuse_unsigned)
    post = app.test_client().post
    alarm, call = f"/ivr/alarms/{'a' * 32}", "/ivr/calls"
    for path, token, status in [
        (alarm, line.emergency_token, 404),
        (alarm, TOKEN, 404),  # placed before the account was configured
        (alarm, "a-strangers-token", 403),
        (call, line.emergency_token, 403),
        (call, TOKEN, 404),
    ]:
        assert post(path, data=FORM, headers=sign(BASE_URL + path, FORM, token)).status_code == status, path


def test_who_rings_back_the_number_of_emergencies_is_let_in_by_its_own_account_only() -> None:
    line = replace(LINE, emergency_account="AC" + "e" * 32, emergency_token="another-token-0123456789")
    app = Flask(__name__)
    app.before_request(SignatureGuard(line).refuse_unsigned)
    post = app.test_client().post
    returned = FORM | {"AccountSid": line.emergency_account}
    for path in ("/ivr/calls", "/ivr/calls/c0ffee/turns/2", "/ivr/staff/1/menu/1", "/ivr/fallback", "/ivr/status"):
        for form, token, status in [
            (returned, line.emergency_token, 404),
            (returned, "a-strangers-token", 403),
            (FORM, line.emergency_token, 403),
            (FORM | {"AccountSid": "AC" + "0" * 32}, line.emergency_token, 403),
        ]:
            assert post(path, data=form, headers=sign(BASE_URL + path, form, token)).status_code == status, path
    for path in ("/ivr/outgoing/1", "/ivr/callsomething", "/ivr/legs/1/status"):
        signed = sign(BASE_URL + path, returned, line.emergency_token)
        assert post(path, data=returned, headers=signed).status_code == 403, path


def test_other_rooms_are_not_guarded(stranger: FlaskClient) -> None:
    assert stranger.get("/chat").status_code == 404


def test_a_json_body_is_refused_before_the_validator_sees_it(stranger: FlaskClient) -> None:
    body = json.dumps(FORM)
    headers = sign(f"{BASE_URL}/ivr/calls") | {"Content-Type": "application/json"}
    assert stranger.post("/ivr/calls", data=body, headers=headers).status_code == 403


def test_a_changed_form_is_refused(stranger: FlaskClient) -> None:
    headers = sign(f"{BASE_URL}/ivr/calls", FORM)
    assert stranger.post("/ivr/calls", data=FORM | {"From": "+8613800000000"}, headers=headers).status_code == 403


def test_a_signature_for_another_address_or_token_is_refused(stranger: FlaskClient) -> None:
    for headers in (
        sign(f"{BASE_URL}/ivr/status", FORM),
        sign("https://evil.example/ivr/calls", FORM),
        sign(f"{BASE_URL}/ivr/calls", FORM, token="another-token"),
    ):
        assert stranger.post("/ivr/calls", data=FORM, headers=headers).status_code == 403


def test_the_host_of_the_request_does_not_matter_behind_a_proxy(stranger: FlaskClient) -> None:
    """A TLS proxy forwards plain HTTP with its own Host; a stranger may send any Host and X-Forwarded-*."""
    headers = sign(f"{BASE_URL}/ivr/calls", FORM) | {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"}
    response = stranger.post("/ivr/calls", base_url="http://10.0.0.7:8000", data=FORM, headers=headers)
    assert response.status_code == 200
    forged = sign("https://evil.example/ivr/calls", FORM)
    response = stranger.post("/ivr/calls", base_url="https://evil.example", data=FORM, headers=forged)
    assert response.status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/ivr/calls?%E5%9F%8E%E5%B8%82=%E9%98%B3%E6%B3%89",  # 城市=阳泉
        "/ivr/calls?q=a%20b+c%2F&empty=",
        "/ivr/%63alls",
    ],
)
def test_the_signature_covers_path_and_query_as_they_came_over_the_wire(carrier: JudgedClient, path: str) -> None:
    assert carrier.post(path, FORM).status_code == 200


def test_a_chinese_path_is_judged_as_it_was_signed(carrier: JudgedClient) -> None:
    """No such conversation, so the answer is the fault's: but it was let in."""
    assert carrier.post("/ivr/calls/%E5%AF%B9%E8%AF%9D/turns/1", FORM).status_code == 200


def test_repeated_form_keys_are_signed_as_a_set(stranger: FlaskClient) -> None:
    headers = sign(f"{BASE_URL}/ivr/calls", FORM)
    body = "CallSid=" + CALL_SID + "&From=%2B8613812345678&From=%2B8613812345678"
    response = stranger.post("/ivr/calls", data=body, content_type="application/x-www-form-urlencoded", headers=headers)
    assert response.status_code == 200


def test_a_giant_body_is_refused_unread(stranger: FlaskClient) -> None:
    form = FORM | {"SpeechResult": "水" * 200_000}
    assert stranger.post("/ivr/calls", data=form, headers=sign(f"{BASE_URL}/ivr/calls", form)).status_code == 413
