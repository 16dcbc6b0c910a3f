"""Judges of what the product says to the carrier, by rules that are not ours: Twilio's TwiML grammar and OpenAPI file.

`assert_twiml(xml, ...)` and `JudgedClient` judge answers to webhooks; `JudgingHttpClient` judges REST requests and answers.
What neither file checks (see the README beside them) is asserted here.
"""

import json
import logging
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient
from lxml import etree
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from requests import PreparedRequest, Request, Session
from requests import Response as RequestsResponse
from requests.auth import HTTPBasicAuth
from twilio.http import HttpClient
from twilio.http.response import Response as TwilioResponse
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

XSD = Path(__file__).parent / "data" / "twiml-voice.xsd"
OPENAPI = Path(__file__).parent.parent.parent / "shared" / "twilio" / "twilio_api_v2010.strict.json"
REAL_API = "https://api.twilio.com"
LARGEST_ANSWER = 64 * 1024
MOST_DIALLED = 10
LONGEST_SAY = 4096
MOST_HINTS, LONGEST_HINT = 500, 100
#: What may stand behind the address of these attributes; everything behind any other is free.
ALLOWED_BEHIND = {
    "number_url": {"Play", "Say", "Gather", "Hangup"},
    "wait_url": {"Play", "Say", "Pause", "Hangup", "Redirect", "Leave", "Gather"},
    "queue_url": {"Play", "Say", "Pause", "Redirect"},
}
_MODELS_WITHOUT_CHINESE = ("phone_call", "experimental")


@lru_cache
def _grammar() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(XSD))


def assert_twiml(xml: str | bytes, *, behind: str = "", inline: bool = False) -> etree._Element:
    """The parsed document. `behind` names what fetched it ("number_url", "wait_url", "queue_url"); `inline`: sent as twiml=."""
    raw = xml.encode() if isinstance(xml, str) else xml
    assert len(raw) <= LARGEST_ANSWER, f"TwiML of {len(raw)} bytes"
    document = etree.fromstring(raw)
    grammar = _grammar()
    assert grammar.validate(document), f"{grammar.error_log.last_error}\n{raw.decode()}"
    if behind:
        foreign = {child.tag for child in document} - ALLOWED_BEHIND[behind]
        assert not foreign, f"{foreign} may not stand behind {behind}"
    for gather in document.iter("Gather"):
        _judge_gather(gather)
    for dial in document.iter("Dial"):
        assert len(dial) <= MOST_DIALLED, f"{len(dial)} numbers in one Dial"
    for say in document.iter("Say"):
        words = "".join(say.itertext())
        assert words.strip(), "an empty Say"
        assert len(words) <= LONGEST_SAY, f"a Say of {len(words)} characters"
    for element in document.iter():
        for name in ("action", "url", "waitUrl", "statusCallback"):
            address = element.get(name)
            assert address != "", f"empty {name} of {element.tag}"
            assert not (inline and address) or urlsplit(address).scheme, f"relative {name} in inline TwiML"
            assert not address or len(parse_qsl(urlsplit(address).query)) <= 1, f"state in the query: {address}"
    return document


def _judge_gather(gather: etree._Element) -> None:
    model = gather.get("speechModel", "")
    if model:
        assert gather.get("speechTimeout", "").isdigit(), "speechTimeout is an integer whenever speechModel is set"
    if "speech" in gather.get("input", "dtmf"):
        assert not model.startswith(_MODELS_WITHOUT_CHINESE), f"{model} knows no Chinese"
        assert gather.get("language") == "cmn-Hans-CN"
        assert gather.get("actionOnEmptyResult") == "true", "silence would be lost"
        assert gather.get("profanityFilter") == "false", "residents' words would be starred out"
    hints = [h for h in gather.get("hints", "").split(",") if h]
    assert len(hints) <= MOST_HINTS
    assert all(len(h) <= LONGEST_HINT for h in hints)


class JudgedClient:
    """Posts signed webhooks as the carrier does and judges every answer. Use `app.test_client()` for foul play."""

    def __init__(self, client: FlaskClient, base_url: str, auth_token: str) -> None:
        self.client = client
        self.base_url = base_url
        self._validator = RequestValidator(auth_token)

    def post(self, path: str, form: Mapping[str, Any] | None = None, **headers: str) -> TestResponse:
        """`path` as it goes over the wire (percent-encoded), or an absolute address below `base_url`."""
        path = path.removeprefix(self.base_url)
        data = {"AccountSid": "AC" + "0" * 32, "ApiVersion": "2010-04-01"} | dict(form or {})
        signed = {"X-Twilio-Signature": self._validator.compute_signature(self.base_url + path, data)}
        response = self.client.post(path, data=data, headers=signed | headers)
        self.judge(response)
        return response

    def speak(self, path: str, form: Mapping[str, Any] | None = None, **headers: str) -> etree._Element:
        """Posts; returns the TwiML document."""
        response = self.post(path, form, **headers)
        assert response.status_code == 200, response.status
        return etree.fromstring(response.data)

    def judge(self, response: TestResponse) -> None:
        assert not 300 <= response.status_code < 400, "a redirect loses the digits of a Gather"
        assert response.status_code != 500
        if response.status_code == 200:
            assert response.content_type == "text/xml; charset=utf-8"
            assert_twiml(response.data)


def spoken(document: etree._Element) -> list[str]:
    """All words of a document, in order."""
    return ["".join(say.itertext()) for say in document.iter("Say")]


def action_of(document: etree._Element) -> str:
    """Where the document leads to: the only Gather's action, or the Redirect."""
    gather = document.find("Gather")
    if gather is not None:
        return str(gather.get("action"))
    redirect = document.find("Redirect")
    assert redirect is not None, etree.tostring(document)
    return str(redirect.text)


@lru_cache
def _rest_api() -> tuple[OpenAPI, dict[str, Any]]:
    if not OPENAPI.exists():
        message = f"{OPENAPI} is not here: REST requests cannot be judged"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    description = json.loads(OPENAPI.read_text(encoding="utf-8"))
    return OpenAPI.from_dict(description), description


def need_rest_judge() -> None:
    """Skips the test with a reason where Twilio's file is absent; fails it in CI."""
    _rest_api()


class JudgingHttpClient(HttpClient):
    """A transport for the unmodified `twilio` client: judges each request, has it answered, judges the answer.

    `answer` gets the request as it would go over the wire. `base_url` is what the client was pointed at; judged as the real one.
    """

    def __init__(self, answer: Callable[[PreparedRequest], TwilioResponse], *, base_url: str = REAL_API) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False)
        self._answer = answer
        self._base_url = base_url
        self.requests: list[PreparedRequest] = []

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_kwargs: Any,
    ) -> TwilioResponse:
        assert uri.startswith(self._base_url + "/"), f"{uri} is not below {self._base_url}"
        request = Request(
            method, REAL_API + uri.removeprefix(self._base_url), params=params, data=data, headers=headers,
            auth=HTTPBasicAuth(*auth) if auth else None,
        )  # fmt: skip
        prepared = Session().prepare_request(request)
        self.requests.append(prepared)
        judge_request(prepared)
        answer = self._answer(prepared)
        if answer.status_code < 400:
            judge_answer(prepared, answer)
        return answer


def judge_request(request: PreparedRequest) -> None:
    """Raises what openapi-core raises, or AssertionError for a form or query key the description does not know."""
    api, description = _rest_api()
    api.validate_request(RequestsOpenAPIRequest(request))
    operation, template = _operation(request, description)
    known = {p["name"] for p in operation.get("parameters", [])}
    for name, _ in parse_qsl(urlsplit(request.url or "").query):
        assert name in known, f"{template}: unknown query key {name}"
    if request.method == "POST":
        schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
        for name, _ in parse_qsl(str(request.body or "")):
            assert name in schema["properties"], f"{template}: unknown form key {name}"


def judge_answer(request: PreparedRequest, answer: TwilioResponse) -> None:
    api, _ = _rest_api()
    response = RequestsResponse()
    response.status_code = answer.status_code
    response._content = answer.text.encode()
    response.headers["Content-Type"] = "application/json"
    response.request = request
    api.validate_response(RequestsOpenAPIRequest(request), RequestsOpenAPIResponse(response))


def _operation(request: PreparedRequest, description: dict[str, Any]) -> tuple[dict[str, Any], str]:
    wanted = urlsplit(request.url or "").path.split("/")
    for template, item in description["paths"].items():
        parts = template.split("/")
        if len(parts) == len(wanted) and all(
            p == w or (p.startswith("{") and w.endswith(p.partition("}")[2]))
            for p, w in zip(parts, wanted, strict=True)
        ):
            operation = item.get((request.method or "").lower())
            if operation:
                shared = item.get("parameters", [])
                return {**operation, "parameters": [*shared, *operation.get("parameters", [])]}, template
    msg = f"no operation {request.method} {request.url}"
    raise AssertionError(msg)


def form_of(request: PreparedRequest) -> dict[str, list[str]]:
    """A request's form, every value a list."""
    form: dict[str, list[str]] = {}
    for name, value in parse_qsl(str(request.body or "")):
        form.setdefault(name, []).append(value)
    return form


def answer_with(
    payload: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> TwilioResponse:
    return TwilioResponse(status, json.dumps(payload), headers or {})
