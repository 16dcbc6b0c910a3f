"""The Rasa server, asked over HTTP: a short wait, then a circuit breaker, so that a hanging server costs a few turns and not all."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import httpx
import structlog

from bot.understanding import Intent
from kernel.errors import NluUnavailable

#: Bytes; an answer with all intents ranked has about two thousand.
LONGEST_ANSWER = 64 * 1024
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Guess:
    """One intent and how sure the model is, 0..1."""

    intent: Intent
    confidence: float


@dataclass(frozen=True, slots=True)
class Breaker:
    """After `failures` in a row nobody is asked for `rest_seconds`; then one question at a time tries again."""

    failures: int = 3
    rest_seconds: float = 10.0


class RasaClient:
    """Thread-safe; connections stay open between turns. `close()` it, or use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        timeout: float,
        breaker: Breaker = Breaker(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = httpx.Client(
            base_url=base_url.rstrip("/"),
            timeout=httpx.Timeout(timeout),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=60),
            trust_env=False,  # loopback never goes through a proxy
        )
        self._timeout = timeout
        self._breaker = breaker
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._failed_in_a_row = 0
        self._closed_until: float | None = None
        self._probing = False

    def parse(self, text: str) -> tuple[Guess, ...]:
        """The model's guesses, likeliest first, never empty. Raises NluUnavailable."""
        self._enter()
        try:
            guesses = self._ask(text)
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as exc:
            self._leave(failed=True)
            raise NluUnavailable(f"{type(exc).__name__}: {exc}") from exc
        except BaseException:
            self._leave(failed=True)
            raise
        self._leave(failed=False)
        return guesses

    def is_ready(self) -> bool:
        """Asks the server whether it has a model loaded; for the health page and the start, never for a turn."""
        try:
            status = self._http.get("/status")
            return status.is_success and bool(status.json().get("model_id"))
        except (httpx.HTTPError, ValueError, AttributeError):
            return False

    @property
    def is_open(self) -> bool:
        """True while the circuit breaker keeps turns from asking (shown on the health page)."""
        with self._lock:
            return self._closed_until is not None

    def _ask(self, text: str) -> tuple[Guess, ...]:
        body = json.loads(self._whole_answer(text))
        ranking = body.get("intent_ranking") or [body["intent"]]
        guesses = tuple(Guess(Intent(row["name"]), float(row["confidence"])) for row in ranking)
        if not guesses or not all(0 <= g.confidence <= 1 for g in guesses):
            raise ValueError("no usable intent in the server's answer")
        return guesses

    def _whole_answer(self, text: str) -> bytes:
        """The timeout is for the answer as a whole: a server that drips bytes is a hanging one."""
        until = self._monotonic() + self._timeout
        received = b""
        with self._http.stream("POST", "/model/parse", json={"text": text}) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                received += chunk
                if self._monotonic() > until or len(received) > LONGEST_ANSWER:
                    raise httpx.ReadTimeout("the answer drips, or has no end")
        return received

    def _enter(self) -> None:
        with self._lock:
            if self._closed_until is None:
                return
            if self._probing or self._monotonic() < self._closed_until:
                raise NluUnavailable("the circuit is open after repeated failures")
            self._probing = True

    def _leave(self, *, failed: bool) -> None:
        with self._lock:
            self._probing = False
            if not failed:
                if self._closed_until is not None:
                    _log.info("nlu_back")
                self._failed_in_a_row, self._closed_until = 0, None
                return
            self._failed_in_a_row += 1
            if self._failed_in_a_row >= self._breaker.failures:
                self._closed_until = self._monotonic() + self._breaker.rest_seconds
                _log.warning("nlu_circuit_open", failures=self._failed_in_a_row)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
