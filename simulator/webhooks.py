"""Requests to the product, as Twilio makes them: form-encoded, signed, 15 seconds, one retry."""

import base64
import hmac
import io
import random
import threading
import time
import wave
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import httpx
import structlog

_LOG = structlog.get_logger()
_MAX_REDIRECTS = 5
_LATEST_CALLBACK_SECONDS = 60.0
_MAX_BYTES = 64 * 1024
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
_FOREIGN_SOUND_SECONDS = 2.0
_XML_TYPES = ("text/xml", "application/xml", "text/html")


class WebhookFailed(Exception):
    """No usable answer. `code` is Twilio's error code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    """`url` is where the answer came from after redirects: the base of relative addresses in it."""

    body: bytes
    url: str
    content_type: str


@dataclass(frozen=True)
class _Request:
    url: str
    method: str
    params: Mapping[str, str]
    token: str


class CallbackWeather:
    """What becomes of status callbacks on their way: shares that get lost or come twice, each up to so many seconds late."""

    def __init__(self, *, lost: float = 0.0, doubled: float = 0.0, late_seconds: float = 0.0, seed: int = 0) -> None:
        if not (0 <= lost <= 1 and 0 <= doubled <= 1 and 0 <= late_seconds <= _LATEST_CALLBACK_SECONDS):
            raise ValueError(f"lost and doubled are shares, late_seconds at most {_LATEST_CALLBACK_SECONDS}")
        self._lost, self._doubled, self._late = lost, doubled, late_seconds
        self._random = random.Random(seed)

    def deliveries(self) -> list[float]:
        """After how many seconds the next callback arrives: never, once or twice."""
        if self._random.random() < self._lost:
            return []
        times = 2 if self._random.random() < self._doubled else 1
        return [self._random.uniform(0, self._late) for _ in range(times)]


def signature(auth_token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature, written after Twilio's description and not with its library, which judges it in the tests."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(auth_token.encode(), signed.encode(), "sha1")).decode()


class Webhooks:
    """The network's side of every webhook. `fetch` waits for TwiML, `notify` reports and does not wait."""

    def __init__(self, tokens: Mapping[str, str], limit_seconds: float) -> None:
        """`tokens`: by account; each request is signed with that of the account that it is about."""
        self._tokens = tokens
        self._first_token = next(iter(tokens.values()))
        self._limit = limit_seconds
        self._closed = False
        self._closing = threading.Lock()
        # No kept connections: a stale one would look like a connection failure and be retried.
        # trust_env off: a proxy of this machine must not stand between two of its processes.
        self._client = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), trust_env=False)
        self.weather = CallbackWeather()
        self._sounds: dict[str, float] = {}
        self._background = ThreadPoolExecutor(max_workers=16, thread_name_prefix="callback")

    def close(self) -> None:
        """No more status callbacks; a request that is under way ends by itself."""
        with self._closing:  # a call that ends right now must not hand in work after the shutdown
            self._closed = True
        self._background.shutdown(wait=False, cancel_futures=True)

    def fetch(self, url: str, method: str, params: Mapping[str, str], *, repeat: bool = False) -> list[Answer]:
        """TwiML. With `repeat` the same request is made twice and both answers are returned. Raises WebhookFailed."""
        token = str(uuid4())
        answers = [self._fetch(_Request(url, method, params, token)) for _ in range(2 if repeat else 1)]
        for answer in answers:
            if not answer.content_type.lower().startswith(_XML_TYPES):
                raise WebhookFailed(12300, f"invalid Content-Type {answer.content_type!r}")
        return answers

    def sound_seconds(self, url: str) -> float:
        """How long the sound behind a <Play> lasts; fetched once, as by Twilio, which keeps it. Raises WebhookFailed.

        Nothing is fetched from another machine: such a sound counts as two seconds long.
        """
        if urlsplit(url).hostname not in _THIS_MACHINE:
            return _FOREIGN_SOUND_SECONDS
        if url not in self._sounds:
            try:
                answer = self._client.get(url, timeout=self._limit)
            except httpx.HTTPError as exc:
                raise WebhookFailed(11205, f"connection failure: {url}: {exc}") from exc
            if answer.is_error or not answer.headers.get("content-type", "").startswith("audio/"):
                raise WebhookFailed(12300, f"no sound: {answer.status_code} {answer.headers.get('content-type')} {url}")
            self._sounds[url] = _wav_seconds(answer.content)
        return self._sounds[url]

    def notify(self, url: str, method: str, params: Mapping[str, str]) -> None:
        """A status callback: in the background, its answer is ignored, a failure is logged."""
        request = _Request(url, method, dict(params), str(uuid4()))
        for seconds in self.weather.deliveries():
            if seconds:
                late = threading.Timer(seconds, self._submit, (request,))
                late.daemon = True
                late.start()
            else:
                self._submit(request)

    def _submit(self, request: _Request) -> None:
        with self._closing:
            if not self._closed:
                self._background.submit(self._notify, request)

    def _notify(self, request: _Request) -> None:
        try:
            self._fetch(request)
        except WebhookFailed as exc:
            _LOG.warning("status callback failed", url=request.url, code=exc.code, reason=exc.reason)

    def _fetch(self, request: _Request) -> Answer:
        deadline = time.monotonic() + self._limit
        for _ in range(_MAX_REDIRECTS):
            response, body = self._send_with_retry(request, deadline)
            if response.has_redirect_location:
                # As at Twilio: followed by GET, and the form (the digits) is lost.
                url = urljoin(request.url, response.headers["location"])
                request = _Request(url, "GET", {}, request.token)
                continue
            if response.is_error:
                raise WebhookFailed(11200, f"HTTP {response.status_code} from {request.url}")
            return Answer(body, request.url, response.headers.get("content-type", ""))
        raise WebhookFailed(11200, f"too many redirects from {request.url}")

    def _send_with_retry(self, request: _Request, deadline: float) -> tuple[httpx.Response, bytes]:
        try:
            try:
                return self._send(request, deadline)
            except httpx.ConnectError:
                # Twilio's default: one retry, on connection failure only.
                return self._send(request, deadline)
        except httpx.TimeoutException as exc:
            raise WebhookFailed(11200, f"no answer within {self._limit:g} s from {request.url}") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise WebhookFailed(11205, f"connection failure: {request.url}: {exc}") from exc

    def _send(self, request: _Request, deadline: float) -> tuple[httpx.Response, bytes]:
        url = httpx.URL(request.url)
        form: Mapping[str, str] = request.params
        if request.method == "GET":
            url, form = url.copy_merge_params(request.params) if form else url, {}
        # A redirect that loses the form loses the account, too.
        token = self._tokens.get(form.get("AccountSid", ""), self._first_token)
        headers = {
            "X-Twilio-Signature": signature(token, str(url), form),
            "I-Twilio-Idempotency-Token": request.token,
            "User-Agent": "TwilioProxy/1.1 (simulated)",
            "Accept": "*/*",
        }
        left = max(0.001, deadline - time.monotonic())
        outgoing = self._client.build_request(
            request.method, url, headers=headers, data=dict(form) or None, timeout=httpx.Timeout(left)
        )
        response = self._client.send(outgoing, stream=True)
        try:
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise WebhookFailed(11750, f"answer over 64 kB from {request.url}")
                # httpx limits each wait, not their sum: a dripping answer must not outlive the limit.
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("dripping answer", request=outgoing)
            return response, body
        finally:
            response.close()


def _wav_seconds(sound: bytes) -> float:
    try:
        with wave.open(io.BytesIO(sound)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError):  # another kind of sound: how long is not worth a decoder
        return _FOREIGN_SOUND_SECONDS
